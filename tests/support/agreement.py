"""How often the best class is the same after export, on digits that the network has not seen."""

from __future__ import annotations

import pathlib
from typing import Any

import onnx
from typer.testing import CliRunner

from resnet_compiler.cli import app
from resnet_compiler.emulate import in_float32
from support import peers
from support.digits import trained

MEAN = ("--preprocess", "--mean", "0.5", "--std", "0.5")


def exported(files: tuple[pathlib.Path, ...], *options: str) -> onnx.ModelProto:
    """What `resnetc export` writes of a spec and its weights."""
    spec, weights, _ = files
    path = spec.with_name("model.onnx")
    command = ["export", str(spec), "--weights", str(weights), "-o", str(path), *MEAN, *options]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return onnx.load(path)


def classes(model: onnx.ModelProto) -> Any:
    """The best class of each image."""
    return peers.onnx_session(model).run(None, {"input": trained().held_out})[0].argmax(1)


def agreement(files: tuple[pathlib.Path, ...], *options: str) -> float:
    """The share of images whose best class is that of float32."""
    model = exported(files, *options)
    runnable = in_float32(model) if "bfloat16" in options else model
    return float((classes(runnable) == classes(exported(files))).mean())
