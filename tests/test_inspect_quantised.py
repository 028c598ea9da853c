"""`resnetc inspect` on int8 models of our own making: counted as before quantisation, told as int8."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler import Graph
from resnet_compiler.api import fold
from resnet_compiler.cli import app
from resnet_compiler.inspect.inspection import Inspection
from resnet_compiler.inspect.process import Inspector
from resnet_compiler.quantize.placement import Scheme, Target, place

pytest.importorskip("onnxruntime")
from resnet_compiler.quantize.calibration import Range, calibrate

TARGETS: tuple[Target, ...] = ("onnxruntime", "tensorrt")


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


@pytest.fixture(scope="module")
def graph() -> Graph:
    return resnet_compiler.compile("cifar/resnet20_b")


@pytest.fixture(scope="module")
def folded(graph: Graph) -> onnx.ModelProto:
    return resnet_compiler.build_onnx(fold(graph))


@pytest.fixture(scope="module")
def ranges(folded: onnx.ModelProto) -> dict[str, Range]:
    random = np.random.default_rng(0)
    return calibrate(
        folded, [{"input": random.standard_normal((1, 3, 32, 32), np.float32)} for _ in range(2)]
    )


def look(made: onnx.ModelProto, folder: pathlib.Path, inspector: Inspector) -> Inspection:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return inspector.inspect(str(path))


@pytest.mark.parametrize("target", TARGETS)
def test_figures_are_those_before_quantisation(
    target: Target,
    graph: Graph,
    folded: onnx.ModelProto,
    ranges: dict[str, Range],
    inspector: Inspector,
    tmp_path: pathlib.Path,
) -> None:
    """Scales and zero points are no parameters; projections and adds are found through the pairs."""
    before = look(folded, tmp_path, inspector)
    found = look(place(folded, ranges, Scheme(target)), tmp_path, inspector)
    assert found.valid and not found.diagnostics
    assert found.operators["DequantizeLinear"] > 20 and not before.operators.get("DequantizeLinear")
    assert found.parameter_count == before.parameter_count
    assert (found.weighted_layers, found.layers_aside) == (20, 2)
    assert found.macs == before.macs == resnet_compiler.Measures(graph).macs
    assert found.precision.word == "int8 (QDQ)" and found.precision.layers == {"int8": 22}
    assert {add.sides for add in found.residual_adds} == {"exact"} and len(found.residual_adds) == 9
    assert sum(add.projection for add in found.residual_adds) == 2
    assert all(add.quantised == (target == "onnxruntime") for add in found.residual_adds)


@pytest.mark.parametrize("target", TARGETS)
def test_weights_are_int8_and_biases_as_the_target_has_them(
    target: Target,
    folded: onnx.ModelProto,
    ranges: dict[str, Range],
    inspector: Inspector,
    tmp_path: pathlib.Path,
) -> None:
    weights = sum(int(np.prod(t.dims)) for t in folded.graph.initializer if len(t.dims) > 1)
    biases = sum(
        int(np.prod(t.dims))
        for t in folded.graph.initializer
        if len(t.dims) == 1 and t.data_type == 1
    )
    found = look(place(folded, ranges, Scheme(target)), tmp_path, inspector)
    kind = {"onnxruntime": "int32", "tensorrt": "float32"}[target]
    counts = {name: (each.count, each.bytes) for name, each in found.parameters.items()}
    assert counts == {"int8": (weights, weights), kind: (biases, 4 * biases)}


def test_layers_in_float_make_it_mixed(
    folded: onnx.ModelProto, ranges: dict[str, Range], inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    first = next(each.name for each in folded.graph.node if each.op_type == "Conv")
    found = look(place(folded, ranges, Scheme(in_float=frozenset({first}))), tmp_path, inspector)
    assert found.precision.word == "mixed: int8, float32 (QDQ)"
    assert found.precision.layers == {"int8": 21, "float32": 1}
    assert found.weighted_layers == 20


def test_the_command_says_so(
    folded: onnx.ModelProto,
    ranges: dict[str, Range],
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(place(folded, ranges).SerializeToString())
    text = CliRunner().invoke(app, ["inspect", str(path)])
    assert text.exit_code == 0, text.output
    assert "9: all exact, 9 on quantised values, 2 with a projection" in text.stdout
    assert "20, not counting 2 in shortcuts and gates" in text.stdout
    (found,) = [json.loads(CliRunner().invoke(app, ["inspect", str(path), "--json"]).stdout)]
    assert found["quantisation"] == ["QDQ"] and found["precision_of_layers"] == {"int8": 22}
