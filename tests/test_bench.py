"""`resnetc bench`: a row for each precision and batch, and what is missing where nothing can be run."""

from __future__ import annotations

import json
import pathlib

import onnxruntime
import pytest
from support.architectures import ARCHITECTURES
from typer.testing import CliRunner, Result

from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(ARCHITECTURES["basic"])


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "net.yaml", "--runs", "2", *arguments])


def test_every_precision_and_batch_has_a_row() -> None:
    result = bench("--json", "--batch", "1", "--batch", "3")
    assert result.exit_code == FINE, result.output
    speeds = json.loads(result.stdout)["speeds"]
    asked = [(p, b) for p in ("float32", "float16", "bfloat16", "int8") for b in (1, 3)]
    assert [(each["precision"], each["batch"]) for each in speeds] == asked
    for each in speeds:
        if each["precision"] == "bfloat16":
            assert each["images_per_second"] is None and "Conv" in each["refused"]
        else:
            assert each["images_per_second"] * each["milliseconds"] == pytest.approx(
                1e3 * each["batch"]
            )


def test_as_text() -> None:
    lines = bench("--precision", "float32", "--batch", "2").stdout.splitlines()
    assert lines[0] == "probe at 48 × 32, cpu, medians of 2 runs"
    assert lines[2].split()[:2] == ["float32", "2"] and len(lines) == 3


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is one"
)
def test_what_is_missing_is_told() -> None:
    for provider in ("cuda", "tensorrt"):
        result = bench("--provider", provider)
        assert (result.exit_code, result.stdout) == (MISUSE, "")
        assert "nothing was run: this onnxruntime" in result.stderr
        assert "onnxruntime-gpu" in result.stderr
