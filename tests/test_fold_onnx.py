"""The ONNX of folded networks: as few nodes as any simplifier leaves, named after their layers."""

from __future__ import annotations

import pathlib
from collections import Counter
from functools import cache

import numpy as np
import onnx
import pytest
from support import peers
from support.folding import onnx_of
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler import Folded, api, weights
from resnet_compiler.cli import app
from resnet_compiler.emit.onnx import check_onnx

SIMPLIFIED = {
    "imagenet/resnet18": 49,
    "imagenet/resnet50": 122,
    "cifar/preact_resnet164": 440,
    "timm/resnetv2_50": 139,
    "timm/seresnet18": 97,
    "timm/resnetv2_50x1_bit": 368,
}
"""How many nodes the folded model has, and a simplifier leaves."""


@cache
def folded_of(name: str) -> Folded:
    return resnet_compiler.fold(resnet_compiler.compile(name))


@cache
def model_of(name: str) -> onnx.ModelProto:
    """With weights that nothing can be left out of: a scale of 1, as norms begin with, could be."""
    return onnx_of(folded_of(name), lambda full, tensor: weights.tried(full, tensor, 0))


def operators_of(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def test_resnet50_has_122_nodes() -> None:
    assert operators_of(model_of("imagenet/resnet50")) == {
        "Conv": 53,
        "Relu": 49,
        "Add": 16,
        "MaxPool": 1,
        "GlobalAveragePool": 1,
        "Flatten": 1,
        "Gemm": 1,
    }


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_how_many_nodes_there_are(name: str) -> None:
    assert len(model_of(name).graph.node) == SIMPLIFIED[name]


@pytest.mark.parametrize("name", SIMPLIFIED)
def test_a_simplifier_finds_nothing_left_to_do(name: str) -> None:
    onnxslim = pytest.importorskip("onnxslim")
    simplified = onnxslim.slim(onnx.ModelProto.FromString(model_of(name).SerializeToString()))
    assert operators_of(simplified) == operators_of(model_of(name))


def test_a_simplifier_does_find_something_where_norms_are_not_folded() -> None:
    onnxslim = pytest.importorskip("onnxslim")
    model = resnet_compiler.build_onnx(resnet_compiler.compile("cifar/resnet20"))
    before, after = operators_of(model), operators_of(onnxslim.slim(model))
    assert before - after == {"BatchNormalization": 19}


@pytest.mark.parametrize("name", ["imagenet/resnet18", "timm/resnetv2_50x1_bit", "timm/seresnet18"])
def test_everything_is_named_after_a_layer_and_nothing_is_dead(name: str) -> None:
    graph, model = folded_of(name).graph, model_of(name).graph
    layers = {node.name for node in graph}
    assert layers <= {node.name for node in model.node}
    initializers = [tensor.name for tensor in model.initializer]
    values = [output for node in model.node for output in node.output]
    assert len({*initializers, *values}) == len(initializers) + len(values)
    for each in (*initializers, *(node.name for node in model.node)):
        assert any(each == layer or each.startswith(f"{layer}.") for layer in layers), each
    read = {each for node in model.node for each in node.input}
    assert read == ({*values, *initializers} - {"output"}) | {"input"}
    for node in model.node:
        if node.op_type == "Conv":
            tensors = [f"{node.name}.weight", f"{node.name}.bias"]
            assert list(node.input)[1:] in (tensors, tensors[:1])


@pytest.mark.parametrize("opset", [13, 18, 22])
@pytest.mark.parametrize("name", ["cifar/resnet20", "timm/resnetv2_50x1_bit"])
def test_every_opset_gives_the_same_results(name: str, opset: int) -> None:
    folded = folded_of(name)
    image = np.random.default_rng(0).standard_normal((2, 3, 65, 48), np.float32)
    model = resnet_compiler.build_onnx(folded, opset=opset)
    unfolded = resnet_compiler.build_onnx(resnet_compiler.compile(name))
    found, wanted = (peers.run_onnx(each, image) for each in (model, unfolded))
    assert wanted.std() > 0
    assert peers.relative_difference(found, wanted) <= 1e-4


def test_the_weights_are_derived_from_the_initial_ones() -> None:
    folded = folded_of("cifar/resnet20")
    value = folded.derive(lambda name, tensor: weights.initial(name, tensor, 7))
    model = resnet_compiler.build_onnx(folded, seed=7)
    stored = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer}
    for name, tensor in weights.tensors(folded.graph):
        assert np.array_equal(stored[name], value(name, tensor)), name
    assert resnet_compiler.emit_onnx(folded, seed=7) == resnet_compiler.emit_onnx(folded, seed=7)
    assert resnet_compiler.emit_onnx(folded, seed=7) != resnet_compiler.emit_onnx(folded, seed=8)


def test_weights_beside_the_model(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folded = folded_of("timm/resnetv2_50x1_bit")
    inside = resnet_compiler.build_onnx(folded)
    monkeypatch.setattr(api, "LARGEST_SINGLE_FILE", 0)
    for file, content in api.onnx_files(folded, "model.onnx").items():
        (tmp_path / file).write_bytes(b"".join(content))
    beside = onnx.load(tmp_path / "model.onnx")
    check_onnx(beside)
    for a, b in zip(inside.graph.initializer, beside.graph.initializer, strict=True):
        assert (a.name, list(a.dims)) == (b.name, list(b.dims))
        assert np.array_equal(onnx.numpy_helper.to_array(a), onnx.numpy_helper.to_array(b)), a.name


def test_build_writes_it_where_fold_is_asked_for(tmp_path: pathlib.Path) -> None:
    def built(*options: str) -> tuple[str, bytes]:
        result = CliRunner().invoke(app, ["build", "cifar/resnet20", "-o", str(tmp_path), *options])
        assert result.exit_code == 0, result.output
        made = tmp_path / "resnet20"
        return (made / "model.py").read_text("utf-8"), (made / "model.onnx").read_bytes()

    graph, folded = resnet_compiler.compile("cifar/resnet20"), folded_of("cifar/resnet20")
    plain = (resnet_compiler.emit_pytorch(graph), resnet_compiler.emit_onnx(graph, seed=3))
    wanted = (resnet_compiler.emit_pytorch(folded), resnet_compiler.emit_onnx(folded, seed=3))
    assert built("--seed", "3") == built("--no-fold", "--seed", "3") == plain
    assert built("--fold", "--seed", "3") == wanted
    assert "BatchNorm" in plain[0] and "BatchNorm" not in wanted[0]
