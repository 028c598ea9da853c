"""Half precision: how numbers are rounded, what stays in float32, the order of nodes, and files of weights."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import numpy as np
import onnx
import pytest
from support import peers
from support.architectures import architecture, images, tried
from support.specs import compile_layers
from test_operators import CASES, image_of, value

import resnet_compiler
from resnet_compiler import Interface, InterfaceError, Preprocess, weights
from resnet_compiler.api import onnx_files
from resnet_compiler.emit.onnx import weight_bytes
from resnet_compiler.emit.onnx.precision import BFLOAT16, FLOAT16, FLOAT32, FLOAT_TYPES
from resnet_compiler.emulate import in_float32

HALVES = {"float16": 22, "bfloat16": 22}
ONNX_TYPES = {"float32": 1, "float16": 10, "bfloat16": 16}
NARROWEST = {"float16": 2e-2, "bfloat16": 8e-2}


def build(graph: Any, precision: Any, opset: int = 22, **options: Any) -> onnx.ModelProto:
    asked = Interface(precision=precision, **options)
    return resnet_compiler.build_onnx(graph, opset=opset, interface=asked, weights=value)


# --- numbers ---


def test_numbers_are_rounded_to_the_nearest_and_ties_to_even() -> None:
    import torch

    random = np.random.default_rng(0)
    bits = random.integers(0, 2**32, 200_000, dtype=np.uint32)
    ties = bits & 0xFFFF0000 | 0x8000
    values = np.concatenate([bits, ties, ties + 1, ties - 1]).view(np.float32)
    for kind, theirs in ((FLOAT16, torch.float16), (BFLOAT16, torch.bfloat16)):
        kept = values[np.isnan(values) | (np.abs(values) <= kind.greatest)]
        expected = torch.from_numpy(kept).to(theirs).to(torch.float32).numpy()
        assert np.array_equal(kind.rounded(kept), expected, equal_nan=True)
        small = np.float32([0, -0.0, 1e-45, 6e-8, -1e-30, kind.greatest, -kind.greatest])
        expected = torch.from_numpy(small).to(theirs).to(torch.float32).numpy()
        assert np.array_equal(kind.rounded(small), expected)
        assert np.array_equal(np.signbit(kind.rounded(small)), np.signbit(expected))


@pytest.mark.parametrize("kind", [FLOAT32, FLOAT16, BFLOAT16], ids=lambda each: each.name)
def test_a_number_too_large_is_refused_by_name(kind: Any) -> None:
    values = np.float32([[1, -math.inf], [2, 3]])
    if kind is FLOAT32:
        assert np.array_equal(kind.rounded(values), values)
        return
    with pytest.raises(InterfaceError, match=f"fc.weight holds inf, and {kind.name} ends at"):
        kind.encode(values, "fc.weight")


def test_weights_and_constants_past_the_end_of_float16_are_refused() -> None:
    def large(name: str, tensor: weights.Tensor) -> Any:
        return tried(name, tensor) * (70_000 if name == "layer2.1.bn1.running_var" else 1)

    asked, graph = Interface(precision="float16"), architecture("basic")
    said = r"layer2\.1\.bn1\.running_var holds \d+, and float16 ends at 65504; use bfloat16"
    with pytest.raises(InterfaceError, match=said):
        resnet_compiler.build_onnx(graph, interface=asked, weights=large)
    for way in ("always", "never"):
        files = onnx_files(graph, "m", interface=asked, weights=large, external_data=way)  # type: ignore[arg-type]
        with pytest.raises(InterfaceError, match=said):
            for content in files.values():
                b"".join(content)
    with pytest.raises(InterfaceError, match=r"stage\.0\.op\.factor holds 100000"):
        build(compile_layers("op: {scale: {factor: -100000}}"), "float16")


# --- what stays in float32 ---


def types_of(model: onnx.ModelProto) -> dict[str, int]:
    typed = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*typed.input, *typed.value_info, *typed.output)
    return {each.name: each.type.tensor_type.elem_type for each in values}


@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("word", CASES)
def test_every_operator_is_there_in_half_precision(word: str, precision: str) -> None:
    for case in (CASES[word][0], CASES[word][-1]):
        graph = compile_layers(*case)
        theirs = peers.run_onnx(resnet_compiler.build_onnx(graph, weights=value), image_of((11, 9)))
        for opset in (13, 17, 22) if precision == "float16" else (22,):
            model = build(graph, precision, opset, float_io=True)
            onnx.checker.check_model(model, full_check=True)
            runs = [in_float32(model)] + [model] * (precision == "float16")
            for each in runs:
                found = peers.run_onnx(each, image_of((11, 9)))
                assert peers.relative_difference(found, theirs) <= NARROWEST[precision]


@pytest.mark.parametrize("layer", ["group_norm: {groups: 2}", "layer_norm: {}", "gelu: {}"])
def test_norms_and_what_cancels_are_computed_in_float32(layer: str) -> None:
    model = build(compile_layers(f"op: {{{layer}}}", "after: relu"), "bfloat16")
    types, tensors = types_of(model), {t.name: t.data_type for t in model.graph.initializer}
    inside = {types[n.output[0]] for n in model.graph.node if n.name.startswith("stage.0.op.")}
    assert ONNX_TYPES["float32"] in inside and inside.isdisjoint({ONNX_TYPES["float16"]})
    half = [name for name in types if types[name] == ONNX_TYPES["bfloat16"]]
    assert half == ["input", "stage.0.op.bfloat16", "output"]
    assert ONNX_TYPES["bfloat16"] not in tensors.values()


@pytest.mark.parametrize(
    "layer",
    ["layer_norm: {}", "reduce: {by: variance}", "reduce: {by: sum}", "power: {exponent: 2}"],
)
def test_statistics_and_squares_do_not_overflow(layer: str) -> None:
    """At 600, squares are past the end of float16; and so is the sum over an image."""
    graph = compile_layers(
        "large: {scale: {factor: 600}}", f"op: {{{layer}}}", "small: {scale: {factor: 0.0001}}"
    )
    image = np.abs(image_of((11, 9)))
    theirs = peers.run_onnx(resnet_compiler.build_onnx(graph, weights=value), image)
    found = peers.run_onnx(in_float32(build(graph, "float16", float_io=True)), image)
    assert peers.relative_difference(found, theirs) <= 5e-3


def test_layers_in_float32_hand_it_on_without_a_detour() -> None:
    graph = compile_layers(
        "square: {power: {exponent: 2}}",
        "mean: reduce",
        "steady: {scale: {offset: 0.001}}",
        "inverse: {power: {exponent: -0.5}}",
        "normal: {mul: {}, from: [input, inverse]}",
        "twice: {add: {}, from: [normal, normal]}",
    )
    model = build(graph, "float16")
    casts = [node.output[0] for node in model.graph.node if node.op_type == "Cast"]
    assert casts == ["input.float32", "stage.0.inverse.float16"]
    types = types_of(model)
    assert types["stage.0.mean"] == types["stage.0.steady"] == ONNX_TYPES["float32"]
    assert types["stage.0.normal"] == types["output"] == ONNX_TYPES["float16"]


@pytest.mark.parametrize("float_io", [False, True])
@pytest.mark.parametrize("precision", HALVES)
@pytest.mark.parametrize("kind", ["basic", "squeeze-and-excite", "weight-standardised"])
def test_the_border_and_the_order_of_nodes(kind: str, precision: str, float_io: bool) -> None:
    features = ("stem", "layer1", "layer2")
    model = build(
        architecture(kind), precision, float_io=float_io, features=features, with_head=True
    )
    border = ONNX_TYPES["float32" if float_io else precision]
    ends = [*model.graph.input, *model.graph.output]
    assert {each.type.tensor_type.elem_type for each in ends} == {border}
    known = {"input", *(tensor.name for tensor in model.graph.initializer)}
    for node in model.graph.node:
        assert known.issuperset(node.input), f"{node.name} comes before what it reads"
        known.update(node.output)
    outputs = [name for node in model.graph.node for name in node.output]
    assert len(set(outputs)) == len(outputs)
    read = {name for node in model.graph.node for name in node.input}
    assert read | {each.name for each in model.graph.output} == known


# --- weights ---


@pytest.mark.parametrize("precision", FLOAT_TYPES)
@pytest.mark.parametrize("kind", ["basic", "weight-standardised"])
def test_weights_are_the_same_inside_and_beside(
    kind: str, precision: str, tmp_path: pathlib.Path
) -> None:
    # normalised in the first convolution, which for one of them takes a bias
    given = Preprocess(layout="nchw", input_type="float32")
    asked = Interface(precision=precision, size=(64, 40), preprocess=given, float_io=True)  # type: ignore[arg-type]
    graph = architecture(kind)
    paths = []
    for way in ("never", "always"):
        (tmp_path / way).mkdir()
        files = onnx_files(
            graph,
            "m.onnx",
            opset=22,
            interface=asked,
            weights=tried,
            external_data=way,  # type: ignore[arg-type]
        )
        for name, content in files.items():
            (tmp_path / way / name).write_bytes(b"".join(content))
        paths.append(tmp_path / way / "m.onnx")
    inside, beside = (onnx.load(path) for path in paths)
    built = resnet_compiler.build_onnx(graph, opset=22, interface=asked, weights=tried)
    assert built.SerializeToString(deterministic=True) == paths[0].read_bytes()
    held = [onnx.numpy_helper.to_array(t).tobytes() for t in inside.graph.initializer]
    assert held == [onnx.numpy_helper.to_array(t).tobytes() for t in beside.graph.initializer]
    size = weight_bytes(graph, 22, asked)
    full = weight_bytes(graph)
    assert size < paths[1].with_suffix(".onnx.data").stat().st_size
    assert full <= size <= full + 32 if precision == "float32" else full / 2 <= size < 0.55 * full
    if precision != "bfloat16":
        image = images(1, 3, 64, 40)
        sessions = [peers.onnx_session(path.as_posix()) for path in paths]
        assert np.array_equal(*(each.run(None, {"input": image})[0] for each in sessions))


def test_the_metadata_tells_the_precision() -> None:
    for precision in FLOAT_TYPES:
        model = build(architecture("basic"), precision)
        assert {e.key: e.value for e in model.metadata_props}["precision"] == precision
