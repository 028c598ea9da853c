"""`resnetc check --weights`: exit codes, what goes together, and what is imported for it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from support.weight_files import NET, net, value
from typer.testing import CliRunner, Result

from resnet_compiler.checkpoints import save_safetensors
from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE, WRONG

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pathlib.Path("net.yaml").write_text(NET)
    save_safetensors(net(), value, pathlib.Path("weights"))


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("net.yaml --weights weights", FINE, ""),
        ("net.yaml --weights weights --num-classes 10", FINE, ""),
        ("net.yaml --weights weights --num-classes 3", FINE, "warning[RC0514]"),
        ("net.yaml --weights net.yaml", WRONG, "error[RC0510]"),
        ("net.yaml --weights missing", WRONG, "error[RC0510]"),
        ("resnet18 --weights weights", WRONG, "error[RC0512]"),
        ("net.yaml resnet18 --weights weights", MISUSE, "one spec"),
        ("net.yaml --num-classes 3", MISUSE, "--weights"),
        ("net.yaml --weights weights --num-classes 0", MISUSE, "num-classes"),
    ],
)
def test_what_it_says_and_how_it_ends(arguments: str, code: int, said: str) -> None:
    result = check(*arguments.split())
    assert result.exit_code == code
    assert said in re.sub(r"\x1b\[[0-9;]*m", "", result.stderr)
    assert ("ok" in result.stdout) == (code == FINE)
    if not said:
        assert result.stderr == ""


def test_a_wrong_spec_is_told_before_its_weights() -> None:
    pathlib.Path("net.yaml").write_text(NET.replace("depth: 1", "depth: 0"))
    result = check("net.yaml", "--weights", "missing")
    assert result.exit_code == WRONG and "RC0510" not in result.stderr


def test_findings_are_in_the_json() -> None:
    found = json.loads(
        check("net.yaml", "--weights", "weights", "--num-classes", "3", "--json").stdout
    )
    assert found["valid"] and [each["code"] for each in found["diagnostics"]] == ["RC0514"]


def test_safetensors_need_neither_torch_nor_onnx() -> None:
    code = (
        "import sys\nfrom resnet_compiler.cli import main\ntry: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(*sorted({'torch', 'onnx', 'onnxruntime', 'numpy'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "check", "net.yaml", "--weights", "weights"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "numpy"


def test_the_document_tells_the_truth() -> None:
    text = (ROOT / "docs" / "weights.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.S)
    pathlib.Path("weights").unlink()
    namespace: dict[str, object] = {}
    exec(example, namespace)
    values = namespace["values"]
    assert isinstance(values, dict) and {str(each.dtype) for each in values.values()} == {
        "float32",
        "int64",
    }
    from resnet_compiler.checkpoints.archive import LONGEST_DIRECTORY, LONGEST_PICKLE
    from resnet_compiler.checkpoints.mapped import LONGEST_HEADER
    from resnet_compiler.checkpoints.pickled import OLDEST_TORCH, WRAPPINGS

    sizes = [each // 2**20 for each in (LONGEST_HEADER, LONGEST_DIRECTORY, LONGEST_PICKLE)]
    limits = "Headers go to {} MiB, an archive's directory to {} MiB, its pickle to {} MiB"
    assert limits.format(*sizes) in text
    assert f"torch {OLDEST_TORCH[0]}.{OLDEST_TORCH[1]} or newer" in text
    assert all(f"`{word}`" in text for word in WRAPPINGS)
