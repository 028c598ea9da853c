"""Running variances that no norm can divide by are refused, with tensor and channel, by all that read weights."""

from __future__ import annotations

import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler import codes, weights
from resnet_compiler.checkpoints import check_weights, open_checkpoint
from resnet_compiler.checkpoints.stored import Stored
from resnet_compiler.checkpoints.variances import refuse_variances
from resnet_compiler.cli import app
from resnet_compiler.console import WRONG
from resnet_compiler.diagnostics import SpecError

TINY = pathlib.Path(__file__).parent / "cases" / "weights" / "tiny.yaml"
NAME = "layer2.0.bn2.running_var"


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(TINY, tmp_path / "tiny.yaml")
    return tmp_path


def state(**changes: Any) -> dict[str, Any]:
    graph = resnet_compiler.compile(str(TINY))
    found = {name: weights.tried(name, tensor, 0) for name, tensor in weights.tensors(graph)}
    return found | changes


def with_variance(value: float, channel: int = 5) -> dict[str, Any]:
    variances = state()[NAME].copy()
    variances[channel] = value
    return state(**{NAME: variances})


@pytest.mark.parametrize("value", [-0.5, float("nan"), float("inf"), -1e-5])
@pytest.mark.parametrize(
    "command",
    [
        "check tiny.yaml --weights w.safetensors",
        "check tiny.yaml --weights w.safetensors --json",
        "export tiny.yaml --weights w.safetensors -o out.onnx",
        "export tiny.yaml --weights w.safetensors -o out.onnx --no-verify",
        "export tiny.yaml --weights w.safetensors -o out.onnx --no-verify --no-fold",
    ],
)
def test_it_is_refused_with_tensor_and_channel(
    command: str, value: float, folder: pathlib.Path
) -> None:
    safetensors.numpy.save_file(with_variance(value), folder / "w.safetensors")
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == WRONG, result.output
    assert "RC0516" in result.output and f"{NAME}[5]" in result.output
    assert not (folder / "out.onnx").exists()


def test_a_pytorch_checkpoint_is_looked_at_too(folder: pathlib.Path) -> None:
    import torch

    torch.save({k: torch.from_numpy(v) for k, v in with_variance(-1).items()}, folder / "w.pt")
    (found,) = check_weights(folder / "w.pt", resnet_compiler.compile("tiny.yaml"))
    assert (found.code, found.severity) == (codes.NEGATIVE_VARIANCE, "error")


def test_several_tensors_are_all_named(folder: pathlib.Path) -> None:
    changed = with_variance(-2.0, 3)
    changed["bn1.running_var"] = -np.ones(8, np.float32)
    safetensors.numpy.save_file(changed, folder / "w.safetensors")
    graph = resnet_compiler.compile("tiny.yaml")
    (found,) = check_weights(folder / "w.safetensors", graph)
    assert "2 tensors hold" in found.summary
    assert "bn1.running_var[0] is -1, with eps 1e-05, and 7 other channels" in found.notes[0]
    assert f"{NAME}[3] is -2, with eps 1e-05" in found.notes[0]


def test_layers_that_no_output_reads_are_not_looked_at(folder: pathlib.Path) -> None:
    safetensors.numpy.save_file(with_variance(-1), folder / "w.safetensors")
    options = "export tiny.yaml --weights w.safetensors -o out.onnx --no-verify --features layer1"
    result = CliRunner().invoke(app, options.split())
    assert result.exit_code == 0, result.output


@settings(max_examples=50, deadline=None)
@given(st.floats(width=32), st.integers(0, 15))
def test_it_is_refused_just_where_a_norm_gives_no_number(value: float, channel: int) -> None:
    """What is taken gives finite numbers; what is refused, a root of nothing, or of what is not there."""
    graph = resnet_compiler.compile(str(TINY))
    changed = with_variance(value, channel)
    stored = {k: Stored(v.shape, "F32", lambda v=v: v) for k, v in changed.items()}  # type: ignore[misc]
    with np.errstate(all="ignore"):
        root = np.sqrt(np.float32(value) + np.float32(1e-5))
    works = bool(np.isfinite(root) and root > 0)
    try:
        refuse_variances(TINY, graph, stored)
    except SpecError as failure:
        assert not works and f"{NAME}[{channel}]" in failure.diagnostics[0].notes[0]
    else:
        assert works


def test_a_variance_that_is_rounding_below_zero_is_taken(folder: pathlib.Path) -> None:
    safetensors.numpy.save_file(with_variance(-5e-6), folder / "w.safetensors")
    graph = resnet_compiler.compile("tiny.yaml")
    with open_checkpoint(folder / "w.safetensors", graph) as checkpoint:
        assert checkpoint.findings == ()
