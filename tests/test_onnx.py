"""The ONNX models: names, dynamic dimensions, every opset, metadata, determinism."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from support import peers
from support.specs import compile_text

import resnet_compiler
from resnet_compiler import Graph, Measures, __version__, weights
from resnet_compiler.emit.onnx import OPSETS, emit_onnx

GATED = """\
name: gated
input: {channels: 8, height: 16, width: 24}
stages: [{s: {block: gated, depth: 2}}]
head: [{norm: {group_norm: {groups: 2}}}, {pool: {reduce: {by: max}}}]
blocks:
  gated:
    layers:
      - second: {part: {index: 1, of: 2}, from: input}
      - act: hard_swish
      - wide: {pad: {channels: 8}}
      - drop: dropout
      - sum: {add: {}, from: [drop, input, input]}
      - pool: {global_avg_pool: {}, from: sum}
      - gain: {parameter: {channels: 8}}
      - gained: {mul: {}, from: [pool, gain]}
      - std: {conv: {out: 8, kernel: 1, standardized: true}}
      - norm: layer_norm
      - gate: gelu
      - scale: {mul: {}, from: [sum, gate]}
"""
HALVES = """\
name: halves
input: {channels: 4, height: 16, width: 16}
stages: [{s: {block: halves, depth: 1}}]
blocks:
  halves:
    residual: [{conv: {conv: {out: 4, kernel: 2, stride: 2, padding: 0}}}]
    shortcut: [{pool: {max_pool: {kernel: 2, ceil_mode: true}}}]
"""
MULTIPLES = HALVES.replace(
    "height: 16, width: 16", "height: {multiple_of: 2}, width: {multiple_of: 4}"
)
TEXTS = {"gated": GATED, "halves": HALVES, "multiples": MULTIPLES}
NAMES = ("imagenet/resnet18", "cifar/plain20", "cifar/resnet20", "cifar/preact_resnet164", *TEXTS)


@cache
def graph_of(name: str) -> Graph:
    return compile_text(TEXTS[name]) if name in TEXTS else resnet_compiler.compile(name)


@cache
def model_of(name: str) -> onnx.ModelProto:
    return resnet_compiler.build_onnx(graph_of(name))


def dimensions(value: onnx.ValueInfoProto) -> list[str | int]:
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize(
    ("name", "input_dimensions", "output_dimensions"),
    [
        ("imagenet/resnet18", ["batch", 3, "height", "width"], ["batch", 1000]),
        ("cifar/resnet20", ["batch", 3, "height", "width"], ["batch", 10]),
        ("gated", ["batch", 8, "height", "width"], ["batch", 8, 1, 1]),
        ("halves", ["batch", 4, 16, 16], ["batch", 4, 8, 8]),
        ("multiples", ["batch", 4, "height", "width"], ["batch", 4, "height_out", "width_out"]),
    ],
)
def test_sizes_are_dynamic_where_the_proof_allows(
    name: str, input_dimensions: list[str | int], output_dimensions: list[str | int]
) -> None:
    graph = model_of(name).graph
    assert [value.name for value in graph.input] == ["input"]
    assert [value.name for value in graph.output] == ["output"]
    assert dimensions(graph.input[0]) == input_dimensions
    assert dimensions(graph.output[0]) == output_dimensions


@pytest.mark.parametrize("name", NAMES)
def test_the_full_check_with_strict_shape_inference_passes(name: str) -> None:
    data = model_of(name).SerializeToString()
    onnx.checker.check_model(data, full_check=True)
    model = onnx.load_model_from_string(data)
    bare = onnx.ModelProto.FromString(data)
    bare.graph.output[0].type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True)
    found, declared = (dimensions(each.graph.output[0]) for each in (inferred, model))
    known = [(a, b) for a, b in zip(found, declared, strict=True) if isinstance(b, int)]
    assert all(a == b for a, b in known) and known


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_named_after_a_layer_and_nothing_is_dead(name: str) -> None:
    graph, model = graph_of(name), model_of(name).graph
    layers = {node.name for node in graph}

    def belongs(full: str) -> bool:
        return any(full == layer or full.startswith(f"{layer}.") for layer in layers)

    nodes = [node.name for node in model.node]
    initializers = [tensor.name for tensor in model.initializer]
    values = [name for node in model.node for name in node.output]
    assert all(belongs(full) for full in (*nodes, *initializers))
    for listed in (nodes, [*values, *initializers, "input"]):
        assert len(set(listed)) == len(listed)
    without = {node.name for node in graph if node.operator.word in ("dropout", "parameter")}
    assert layers - without <= set(nodes)

    read = {name for node in model.node for name in node.input}
    assert read == ({*values, *initializers} - {"output"}) | {"input"}
    trained = {
        full for full, tensor in weights.tensors(graph) if tensor.initialisation != "counter"
    }
    assert trained <= set(initializers)


@pytest.mark.parametrize("name", NAMES)
def test_the_model_runs_for_several_batches_and_sizes(name: str) -> None:
    graph, session = graph_of(name), peers.onnx_session(model_of(name))
    steps = [extent.multiple_of for extent in graph.extents]
    random = np.random.default_rng(0)
    for more in (0, 1, 3) if graph.any_size else (0,):
        size = [e.declared // 4 * 4 + more * s for e, s in zip(graph.extents, steps, strict=True)]
        images = random.standard_normal((3, graph.input_shape[0], *size), np.float32)
        together = session.run(None, {"input": images})[0]
        alone = [session.run(None, {"input": image[None]})[0] for image in images]
        assert together.std() > 0
        assert peers.relative_difference(np.concatenate(alone), together) <= 1e-5


@cache
def tried_weights(name: str) -> dict[str, Any]:
    return {
        full: weights.tried(full, tensor, 0) for full, tensor in weights.tensors(graph_of(name))
    }


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("name", ["imagenet/resnet18", "cifar/resnet20", "gated"])
def test_every_opset_gives_the_same_results(name: str, opset: int) -> None:
    graph, values = graph_of(name), tried_weights(name)

    def output(at: int) -> Any:
        model = emit_onnx(graph, lambda full, _: values[full], __version__, at)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", at)]
        onnx.checker.check_model(model, full_check=True)
        return peers.run_onnx(model, image)

    random = np.random.default_rng(0)
    image = random.standard_normal((2, graph.input_shape[0], 65, 48), np.float32)
    assert peers.relative_difference(output(opset), output(18)) <= 1e-5


@pytest.mark.parametrize("opset", [12, 23])
def test_other_opsets_are_refused(opset: int) -> None:
    with pytest.raises(ValueError, match=f"opset {opset} is not one of 13 to 22"):
        resnet_compiler.build_onnx(graph_of("halves"), opset=opset)


def test_the_metadata_says_what_the_model_is_of() -> None:
    graph, model = graph_of("imagenet/resnet18"), model_of("imagenet/resnet18")
    assert {each.key: each.value for each in model.metadata_props} == {
        "name": "resnet18",
        "title": "ResNet-18",
        "version": __version__,
        "spec": "specs/imagenet/resnet18.yaml",
        "spec_sha256": graph.identity.sha256,
        "weighted_layers": "18",
        "parameters": "11689512",
        "macs": str(Measures(graph).macs),
        "macs_at": "224 x 224",
        "precision": "float32",
    }
    assert len(graph.identity.sha256) == 64
    assert (model.producer_name, model.producer_version) == ("resnetc", __version__)
    assert model.graph.name == "resnet18"


def test_the_bytes_depend_on_the_seed_alone() -> None:
    first = resnet_compiler.emit_onnx(resnet_compiler.compile("cifar/resnet20"), seed=7)
    again = resnet_compiler.emit_onnx(resnet_compiler.compile("cifar/resnet20"), seed=7)
    assert first == again
    assert first != resnet_compiler.emit_onnx(graph_of("cifar/resnet20"), seed=8)


def test_a_weight_depends_on_its_name_and_the_seed() -> None:
    tensor = weights.Tensor("weight", (64, 32, 3, 3), "he")
    a = weights.initial("a.weight", tensor, 0)
    assert np.array_equal(a, weights.initial("a.weight", tensor, 0))
    others = [weights.initial("a.weight", tensor, 1), weights.initial("b.weight", tensor, 0)]
    for other in others:
        assert abs(np.corrcoef(a.ravel(), other.ravel())[0, 1]) < 0.03


def test_initial_weights_have_the_published_distributions() -> None:
    tensors = dict(weights.tensors(graph_of("imagenet/resnet18")))
    values = {name: weights.initial(name, tensor, 0) for name, tensor in tensors.items()}
    assert all(values[name].shape == tensor.shape for name, tensor in tensors.items())
    for name, value in values.items():
        if value.ndim == 4:
            fan_out = value.shape[0] * value.shape[2] * value.shape[3]
            assert value.std() == pytest.approx((2 / fan_out) ** 0.5, rel=0.03), name
            assert abs(value.mean()) < 0.03 * value.std()
    linear = values["fc.weight"]
    assert 0.999 / 512**0.5 < np.abs(linear).max() <= 1 / 512**0.5
    assert abs(linear.mean()) < 1e-3
    assert set(values["bn1.weight"]) == set(values["bn1.running_var"]) == {1}
    assert set(values["bn1.bias"]) == set(values["bn1.running_mean"]) == {0}
