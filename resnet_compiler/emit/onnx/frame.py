"""What stands before and behind the network: images made ready, and its output turned into what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx.builder import LayerBuilder
from resnet_compiler.emit.onnx.fold import Folded
from resnet_compiler.emit.onnx.precision import FLOAT32, FLOAT_TYPES, FloatType
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.interface import INDICES, OUTPUT, VALUES, Interface, Pair
from resnet_compiler.settle import Settled

if TYPE_CHECKING:
    import onnx

UINT8, INT64 = 2, 7
"""Numbers of types in ONNX."""
SLASH = "/"
"""Stands in the names of the frame's nodes, and in no layer's."""
DIMENSIONS = ("batch", "height", "width")
IMAGE_DIMENSIONS = ("batch", "image_height", "image_width")


@dataclass(frozen=True, slots=True)
class Output:
    """A value that the model puts out: its public name, its present one, the number of its type, its node, and a word on it."""

    name: str
    value: str
    type: int
    node: str
    doc: str = ""


def border_type(interface: Interface) -> FloatType:
    """The type of float inputs and outputs."""
    return FLOAT32 if interface.float_io else FLOAT_TYPES[interface.precision]


# --- before the network ----------------------------------------------------------------------------------------------


def input_info(settled: Settled, channels: int) -> onnx.ValueInfoProto:
    """The model's input, as its users see it."""
    from onnx import helper

    given = settled.interface.preprocess
    of_any_size = given is not None and given.changes_size
    batch, *size = IMAGE_DIMENSIONS if of_any_size else DIMENSIONS
    dimensions: list[str | int] = [settled.batch or batch, channels, *size]
    if settled.size is not None and not of_any_size:
        dimensions[2:] = settled.size
    if given is not None and given.layout == "nhwc":
        dimensions.append(dimensions.pop(1))
    kind, doc = border_type(settled.interface).number, ""
    if given is not None:
        kind = UINT8 if given.input_type == "uint8" else FLOAT32.number
        doc = f"images, {given.layout.upper()}"
    return helper.make_tensor_value_info(INPUT, kind, dimensions, doc)


def prologue(builder: LayerBuilder, settled: Settled, channels: int, left: Folded | None) -> str:
    """The nodes from the input to what the network takes in, in the network's type; returns that value's name.

    ``left`` says what of the normalisation is not in the weights.
    """
    network = FLOAT_TYPES[settled.interface.precision]
    given = settled.interface.preprocess
    builder.enter(INPUT, FLOAT32, SLASH)
    if given is None or left is None:
        builder.types[INPUT] = border_type(settled.interface)
        return _typed(builder, INPUT, network)
    value, size = INPUT, None
    if given.input_type == "float32":
        builder.types[value] = FLOAT32
    if given.layout == "nhwc":
        value = _step(builder, "Transpose", [value], "nchw", perm=[0, 3, 1, 2])
    if given.resize is not None:
        value, size = _resized(builder, _typed(builder, value, FLOAT32), given.resize)
    if given.crop:
        assert settled.size is not None
        value = _cropped(builder, value, size or _size_of(builder, value), settled.size, channels)
    for op_type, numbers, name in (("Sub", left.shift, "mean"), ("Mul", left.factor, "std")):
        if numbers is not None:
            constant = builder.numbers(f"{name}.value", numbers, (channels, 1, 1))
            value = _step(builder, op_type, [_typed(builder, value, FLOAT32), constant], name)
    return _typed(builder, value, network)


def _step(
    builder: LayerBuilder, op_type: str, inputs: list[str], name: str, **attributes: object
) -> str:
    """A node whose value has the type of the first one it reads."""
    made = builder.node(op_type, inputs, name, **attributes)
    if inputs[0] in builder.types:
        builder.types[made] = builder.types[inputs[0]]
    return made


def _typed(builder: LayerBuilder, value: str, to: FloatType) -> str:
    """A value in a float type; pixels have none yet."""
    if builder.types.get(value) == to:
        return value
    made = builder.node("Cast", [value], to.name, to=to.number)
    builder.types[made] = to
    return made


def _size_of(builder: LayerBuilder, value: str) -> str:
    """Height and width of images, as a vector."""
    bounds = [builder.integers("from", [2]), builder.integers("to", [4])]
    return builder.node("Slice", [builder.node("Shape", [value], "shape"), *bounds], "size")


def _resized(builder: LayerBuilder, value: str, length: int) -> tuple[str, str]:
    """Images whose shorter side has this length, and their size. The longer one is rounded down, as torchvision does."""
    size = _size_of(builder, value)
    shorter = builder.node("ReduceMin", [size], "shorter", keepdims=1)
    scaled = builder.node("Mul", [size, builder.integers("resize", [length])], "scaled")
    target = builder.node("Div", [scaled, shorter], "resized_size")
    if builder.opset >= 18:
        # weights outside the image are left out and the rest scaled up, as Pillow does
        how = {"antialias": 1, "exclude_outside": 1, "axes": [2, 3]}
        sizes = target
    else:
        bounds = [builder.integers("first", [0]), builder.integers("second", [2])]
        outer = builder.node("Slice", [f"{INPUT}/shape", *bounds], "outer")
        how, sizes = {}, builder.node("Concat", [outer, target], "sizes", axis=0)
    return _step(builder, "Resize", [value, "", "", sizes], "resized", mode="linear", **how), target


def _cropped(builder: LayerBuilder, value: str, size: str, to: Pair, channels: int) -> str:
    """The centre of images. What is left over is halved, a half rounded to even, as torchvision does.

    The reshaping changes nothing: it makes the size known, and a smaller image an error.
    """
    wanted, two = builder.integers("crop", to), builder.integers("half", [2])
    extra = builder.node("Sub", [size, wanted], "extra")
    odd = builder.node("Mod", [builder.node("Div", [extra, two], "floor"), two], "odd")
    start = builder.node("Div", [builder.node("Add", [extra, odd], "even"), two], "start")
    end = builder.node("Add", [start, wanted], "end")
    cut = _step(builder, "Slice", [value, start, end, builder.integers("axes", [2, 3])], "cut")
    return _step(
        builder, "Reshape", [cut, builder.integers("cropped.shape", [0, channels, *to])], "cropped"
    )


# --- behind the network ----------------------------------------------------------------------------------------------


def epilogue(
    builder: LayerBuilder, settled: Settled, graph: Graph, values: Mapping[str, str]
) -> list[Output]:
    """The nodes from the network's values to the outputs; features first, from the largest map to the smallest."""
    border = border_type(settled.interface)
    outputs = []
    for each in settled.features:
        value = builder.cast(values[each.node], border)
        doc = f"stride {_strides(each.strides)}" if each.strides else ""
        outputs.append(Output(each.name, value, border.number, each.node, doc))
    if settled.interface.has_head:
        outputs += _head(builder, settled.interface, values[graph.output], graph.output)
    return outputs


def _head(builder: LayerBuilder, interface: Interface, value: str, node: str) -> list[Output]:
    border = border_type(interface)
    builder.enter(OUTPUT, FLOAT32, SLASH)
    if interface.softmax or interface.top_k is not None:
        value = builder.cast(value, FLOAT32)
    doc = ""
    if interface.softmax:
        value, doc = _step(builder, "Softmax", [value], "softmax", axis=1), "probabilities"
    if interface.top_k is None:
        return [Output(OUTPUT, builder.cast(value, border), border.number, node, doc)]
    k = builder.integers("k", [interface.top_k])
    values = builder.node("TopK", [value, k], "top_k", axis=1)
    indices = f"{values}.indices"
    builder.nodes[-1].output.append(indices)
    builder.types[values] = FLOAT32
    doc = f"the greatest {interface.top_k}, in order"
    return [
        Output(VALUES, builder.cast(values, border), border.number, node, doc),
        Output(INDICES, indices, INT64, node, "their classes"),
    ]


def _strides(strides: Pair) -> str:
    return str(strides[0]) if strides[0] == strides[1] else f"{strides[0]} × {strides[1]}"
