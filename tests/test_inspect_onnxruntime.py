"""`resnetc inspect` on files that ONNX Runtime saved: its own operators are known, or what they hold is said to be unknown."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.inspected import LEVELS, figures, our_int8, saved_at, timm_model, wrong_figures
from support.inspection import look
from support.onnx_files import model, node, tensor, value
from typer.testing import CliRunner

from resnet_compiler.cli import app
from resnet_compiler.inspect.process import Inspector

MICROSOFT, NCHWC = "com.microsoft", "com.microsoft.nchwc"
IMAGE, Y = value("x", [1, 3, 8, 8]), value("y")


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- whole models ---


@pytest.mark.parametrize(
    "make",
    [
        our_int8("cifar/resnet20_b", "onnxruntime"),
        timm_model("test_resnet", size=32),
        timm_model("test_vit", size=32, img_size=32),
        timm_model("test_efficientnet", size=32),
    ],
    ids=["int8", "ResNet", "ViT", "EfficientNet"],
)
def test_a_saved_model_has_the_figures_of_the_export(
    make: Callable[[pathlib.Path], None], folder: pathlib.Path, inspector: Inspector
) -> None:
    pytest.importorskip("onnxruntime")
    path = folder / "source.onnx"
    make(path)
    source = figures(inspector.inspect(str(path)))
    assert None not in source.values()
    for level in LEVELS:
        found = inspector.inspect(str(saved_at(level, path)))
        assert not wrong_figures(source, found), level
        assert found.weighted_layers == source["weighted layers"], level


# --- convolutions in blocks of channels ---


def blocked(values: np.ndarray[Any, Any], block: int) -> np.ndarray[Any, Any]:
    """A weight filled up and laid out as MLAS has it: OIHWBo."""
    outputs = -(-values.shape[0] // block) * block
    filled = np.zeros((outputs, *values.shape[1:]), np.float32)
    filled[: values.shape[0]] = values
    parts = filled.reshape(outputs // block, block, *values.shape[1:])
    return np.ascontiguousarray(np.moveaxis(parts, 1, -1)).reshape(filled.shape)


def test_a_norm_in_blocks_looks_like_a_convolution(inspector: Inspector) -> None:
    """A depthwise convolution of one pixel may be either, so it is not said how much it multiplies."""
    nodes = [
        node("Conv", "x w b", "a", domain=NCHWC, group=16, kernel_shape=[1, 1]),
        node("ReorderOutput", "a", "y", domain=NCHWC, channels=16),
    ]
    image = value("x", [1, 16, 8, 8])
    found = look(model(nodes, [image], [Y], [tensor("w", 16, 1, 1, 1), tensor("b", 16)]), inspector)
    assert found.parameters is not None and found.parameters["float32"].count == 32
    assert (found.weighted_layers, found.macs) == (None, None)
    (told,) = found.diagnostics
    assert "is a batch norm or a depthwise convolution" in told.summary


@pytest.mark.parametrize("block", [8, 16])
@pytest.mark.parametrize(
    ("channels", "told", "wanted"),
    [
        (16, False, 16),  # the last channel is not zero: nothing is filled up
        (13, True, 13),  # ReorderOutput says how many there are
        (13, False, None),  # nothing says so
    ],
)
def test_channels_of_blocks(
    block: int, channels: int, told: bool, wanted: int | None, inspector: Inspector
) -> None:
    weight = np.random.default_rng(0).standard_normal((channels, 3, 3, 3)).astype(np.float32)
    more = {"channels": channels} if told else {}
    nodes = [
        node("Conv", "x w b", "a", domain=NCHWC, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("MaxPool", "a", "c", domain=NCHWC, kernel_shape=[2, 2], strides=[2, 2]),
        node("ReorderOutput", "c", "y", domain=NCHWC, **more),
    ]
    stored = [numpy_helper.from_array(blocked(weight, block), "w"), tensor("b", 16)]
    found = look(model(nodes, [IMAGE], [Y], stored), inspector)
    assert found.weighted_layers == 1
    if wanted is None:
        assert (found.parameter_count, found.macs) == (None, None)
        assert "blocks of channels" in found.diagnostics[0].summary
    else:
        assert found.parameter_count == wanted * 27 + wanted
        assert found.macs == wanted * 27 * 64 and not found.diagnostics
        assert (found.outputs[0].shape or ())[2:] == (4, 4)


def test_a_convolution_in_blocks(inspector: Inspector) -> None:
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    nodes = [node("Conv", "x w b", "y", domain=NCHWC, **attributes)]
    found = look(model(nodes, [IMAGE], [Y], [tensor("w", 4, 3, 3, 3), tensor("b", 4)]), inspector)
    assert (found.parameter_count, found.weighted_layers, found.macs) == (112, 1, 6912)
    assert found.operators == {"com.microsoft.nchwc.Conv": 1} and not found.diagnostics


# --- fused operators ---


def fused(kind: str, inputs: str, *stored: onnx.TensorProto, **more: Any) -> onnx.ModelProto:
    """A convolution, and a node that reads what it makes as `a` and the image as `x`."""
    domain = more.pop("domain", MICROSOFT)
    nodes = [node("Conv", "x v", "a"), node(kind, inputs, "y", domain=domain, **more)]
    return model(nodes, [IMAGE], [Y], [tensor("v", 3, 3, 1, 1), *stored])


@pytest.mark.parametrize(
    ("made", "parameters", "macs", "layers", "adds"),
    [
        (fused("FusedConv", "a w b x", tensor("w", 3, 3, 1, 1), tensor("b", 3)), 12, 576, 2, 1),
        (fused("FusedConv", "a w b", tensor("w", 3, 3, 1, 1), tensor("b", 3)), 12, 576, 2, 0),
        (fused("Conv", "a w  x", tensor("w", 3, 3, 1, 1), domain=NCHWC), 9, 576, 2, 0),
        (fused("SkipLayerNormalization", "a x g b", tensor("g", 8), tensor("b", 8)), 16, 0, 1, 1),
        (fused("SkipSimplifiedLayerNormalization", "a x g", tensor("g", 8)), 8, 0, 1, 1),
        (fused("SkipGroupNorm", "a g b x", tensor("g", 3), tensor("b", 3)), 6, 0, 1, 1),
        (fused("GroupNorm", "a g b", tensor("g", 3), tensor("b", 3)), 6, 0, 1, 0),
        (fused("BiasGelu", "a b", tensor("b", 8)), 8, 0, 1, 0),
        (fused("FastGelu", "a"), 0, 0, 1, 0),
        (fused("BiasAdd", "a b x", tensor("b", 8)), 8, 0, 1, 1),
        (fused("FusedMatMul", "a w", tensor("w", 5, 8), transB=1), 40, 3 * 8 * 5 * 8, 2, 0),
        (fused("FusedMatMul", "a x", transA=1), 0, 3 * 8 * 8 * 8, 1, 0),
        (fused("QuickGelu", "a"), 0, 0, 1, 0),
    ],
)  # fmt: skip
def test_fused_operators(
    made: onnx.ModelProto, parameters: int, macs: int, layers: int, adds: int, inspector: Inspector
) -> None:
    """Beside the first convolution, of 9 parameters and 576 MACs."""
    found = look(made, inspector)
    assert found.parameter_count == 9 + parameters
    assert (found.macs, found.weighted_layers) == (576 + macs, layers)
    assert len(found.residual_adds) == adds and not found.diagnostics
    assert len(found.layers) == 2 == sum(found.operators.values())
    assert sum(layer.parameters for layer in found.layers) == 9 + parameters


@pytest.mark.parametrize("channels_last", [0, 1])
def test_a_quantised_convolution(channels_last: int, inspector: Inspector) -> None:
    stored = [
        *(numpy_helper.from_array(np.array(0.1, np.float32), "s"), tensor("w", 4, 3, 3, 3, of="int8")),
        *(numpy_helper.from_array(np.array(1, np.uint8), "z"), tensor("b", 4, of="int32")),
        numpy_helper.from_array(np.array(0, np.int8), "i"),
    ]  # fmt: skip
    attributes = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "channels_last": channels_last}
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("QLinearConv", "q s z w s i s z b", "r", domain=MICROSOFT, **attributes),
        node("DequantizeLinear", "r s z", "y"),
    ]
    image = value("x", [1, 8, 8, 3] if channels_last else [1, 3, 8, 8])
    found = look(model(nodes, [image], [Y], stored), inspector)
    assert (found.parameter_count, found.weighted_layers, found.macs) == (112, 1, 6912)
    assert found.precision.word == "int8 (QLinear)" and not found.diagnostics


# --- what is not known ---


@pytest.mark.parametrize(
    ("kind", "domain"),
    [
        *[("MatMulNBits", MICROSOFT), ("DynamicQuantizeLSTM", MICROSOFT), ("Foo", "com.acme")],
        *[("Attention", MICROSOFT), ("Conv", "com.ms.internal.nhwc")],
    ],
)
def test_unknown_operators_with_numbers(kind: str, domain: str, inspector: Inspector) -> None:
    made = fused(kind, "a w", tensor("w", 8, 8), domain=domain)
    made.opset_import.append(helper.make_opsetid(domain, 1))
    found = look(made, inspector)
    assert (found.parameter_count, found.macs, found.weighted_layers) == (None, None, None)
    assert found.valid and [each.code.id for each in found.diagnostics] == ["RC0543"]
    assert f"`{domain}.{kind}`" in found.diagnostics[0].summary


def test_what_is_unknown_is_null() -> None:
    made = fused("Foo", "a w", tensor("w", 8, 8), domain="com.acme")
    pathlib.Path("model.onnx").write_bytes(made.SerializeToString())
    result = CliRunner().invoke(app, ["inspect", "model.onnx", "--json"])
    said = json.loads(result.stdout)
    figures = ("parameters", "parameter_bytes", "parameters_by_type", "macs", "weighted_layers")
    assert [said[each] for each in (*figures, "residual_adds")] == [None] * 6
    text = CliRunner().invoke(app, ["inspect", "model.onnx"])
    assert (text.exit_code, text.stdout.count("unknown: see the warnings")) == (0, 4)


def test_an_unknown_operator_without_numbers_may_multiply(inspector: Inspector) -> None:
    made = fused("Foo", "a", domain="com.acme")
    made.opset_import.append(helper.make_opsetid("com.acme", 1))
    found = look(made, inspector)
    assert (found.parameter_count, found.weighted_layers, found.macs) == (9, 1, None)
    assert len(found.diagnostics) == 1


def test_attention_of_onnx_is_not_counted(inspector: Inspector) -> None:
    inputs = [value(name, [1, 2, 4, 8]) for name in "qkv"]
    found = look(model([node("Attention", "q k v", "y")], inputs, [Y], opset=23), inspector)
    assert (found.parameter_count, found.macs) == (0, None)
    assert "`Attention`" in found.diagnostics[0].summary


@pytest.mark.parametrize("kind", ["Conv", "Relu"])
def test_bodies_that_hold_or_multiply(kind: str, inspector: Inspector) -> None:
    stored = [tensor("w", 3, 3, 1, 1)] if kind == "Conv" else []
    nodes = [node(kind, "x w" if stored else "x", "z")]
    body = helper.make_graph(nodes, "body", [], [value("z")], stored)
    choice = node("If", "c", "y", then_branch=body, else_branch=body)
    condition = numpy_helper.from_array(np.array(True), "c")
    found = look(model([choice], [IMAGE], [Y], [condition]), inspector)
    wanted = (None, None) if stored else (0, 0)
    assert (found.parameter_count, found.macs) == wanted
    assert bool(found.diagnostics) == bool(stored)


def test_integers_scaled_by_hand(inspector: Inspector) -> None:
    """Which of the numbers on the way into a weight are the weight, nobody says."""
    nodes = [
        node("Cast", "w", "f", to=TensorProto.FLOAT),
        node("Mul", "f s", "g"),
        node("Conv", "x g", "y"),
    ]
    stored = [tensor("w", 4, 3, 1, 1, of="int8"), tensor("s", 4, 1, 1, 1)]
    found = look(model(nodes, [IMAGE], [Y], stored), inspector)
    assert found.parameter_count is None and "`w` holds integers" in found.diagnostics[0].summary
    assert (found.macs, found.weighted_layers) == (4 * 3 * 64, 1)
