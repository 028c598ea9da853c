"""A network trained on real digits: how often its best class is the same after export, on images it has never seen."""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
import pytest
from support.agreement import agreement, classes, exported
from support.digits import HELD_OUT, trained


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, ...]:
    return trained().write(tmp_path_factory.mktemp("digits"))


def test_the_network_has_learnt_something(files: tuple[pathlib.Path, ...]) -> None:
    assert len(trained().held_out) == HELD_OUT == 500
    assert (classes(exported(files)) == trained().answers).mean() > 0.96


def test_folding_changes_no_class(files: tuple[pathlib.Path, ...]) -> None:
    assert agreement(files, "--no-fold") == 1


@pytest.mark.parametrize(
    ("options", "least"),
    [
        (["--precision", "float16"], 0.999),
        (["--precision", "bfloat16", "--opset", "22"], 0.995),
        (["--precision", "int8"], 0.99),
        (["--precision", "int8", "--int8-for", "tensorrt"], 0.99),
        (["--precision", "int8", "--calibration-method", "percentile"], 0.99),
        (["--precision", "int8", "--calibration-method", "entropy"], 0.99),
        (["--precision", "int8", "--keep-float", "first", "--keep-float", "last"], 0.99),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else None,
)
def test_the_best_class_stays(
    files: tuple[pathlib.Path, ...], options: list[str], least: float
) -> None:
    more = ["--calibration", str(files[2])] if "int8" in options else []
    assert agreement(files, *options, *more) >= least


def test_an_add_in_another_scale_is_what_ruins_a_network(files: tuple[pathlib.Path, ...]) -> None:
    """The comparison sees what it is for: the shortcuts' scales made a tenth, and the classes change."""
    model = exported(files, "--precision", "int8", "--calibration", str(files[2]))
    for tensor in model.graph.initializer:
        if tensor.name in ("relu.scale", "layer1.0.act2.scale", "layer2.0.act2.scale"):
            value = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(value / np.float32(10), tensor.name))
    assert (classes(model) == classes(exported(files))).mean() < 0.9
