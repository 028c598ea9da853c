"""What must stand before the network: images made ready as the interface asks, and what of it went into the weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from resnet_compiler.emit.onnx.read_back.numbers import FLOAT32, NAMES
from resnet_compiler.emit.onnx.read_back.patterns import (
    Element,
    Floats,
    Input,
    Integers,
    Nothing,
    node,
)
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.interface import Interface, Pair, Preprocess
from resnet_compiler.operators.linear import Conv
from resnet_compiler.settle import Settled

IMAGES = Input(0)
NUMBERS = {name: number for number, name in NAMES.items()}


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How ``x * factor - shift * factor`` is shared out: what nodes before the network do, and what is in convolutions.

    ``convolutions`` have their weights scaled; with ``in_bias`` they hold the shift too, in a bias.
    """

    shift: tuple[float, ...] | None = None
    factor: tuple[float, ...] | None = None
    convolutions: frozenset[str] = frozenset()
    in_bias: bool = False


def normalisation(graph: Graph, given: Preprocess | None, nodes: Collection[str]) -> Normalisation:
    """What must be done where. ``(x * scale - mean) / std`` is ``(x - mean / scale) * (scale / std)``.

    Convolutions that read the images take the factor in, and the shift where nothing is padded: zeros around the image
    are added behind the shift. Where anything else reads the images, nodes do all of it.
    """
    if given is None:
        return Normalisation()
    shift = tuple(mean / given.scale for mean in given.mean)
    factor = tuple(given.scale / std for std in given.std)
    shifts, scales = any(shift), any(each != 1 for each in factor)
    if not (shifts or scales):
        return Normalisation()
    readers = [node for node in graph if INPUT in node.inputs and node.name in nodes]
    if not readers or not all(isinstance(each.operator, Conv) for each in readers):
        return Normalisation(shift if shifts else None, factor if scales else None)
    pads = [each.operator.pad for each in readers if isinstance(each.operator, Conv)]
    is_padded = any(any(pad) for pad in pads)
    names = frozenset(each.name for each in readers)
    if shifts and is_padded:
        return Normalisation(shift, None, names)
    return Normalisation(None, None, names, shifts)


def expected_input(interface: Interface) -> tuple[int, str]:
    """The number of the input's type, and its layout."""
    given = interface.preprocess
    if given is None:
        return FLOAT32 if interface.float_io else NUMBERS[interface.precision], "nchw"
    return 2 if given.input_type == "uint8" else FLOAT32, given.layout


def network_input(graph: Graph, settled: Settled, left: Normalisation) -> Element:
    """The pattern of the value that the network reads."""
    interface = settled.interface
    given, network = interface.preprocess, NUMBERS[interface.precision]
    kind, layout = expected_input(interface)
    value: Element = IMAGES

    def typed(value: Element, kind: int, to: int) -> tuple[Element, int]:
        return (value if kind == to else node("Cast", value, to=to)), to

    if layout == "nhwc":
        value = node("Transpose", value, perm=(0, 3, 1, 2))
    if given is not None:
        size: Element | None = None
        if given.resize is not None:
            value, kind = typed(value, kind, FLOAT32)
            value, size = _resized(value, given.resize, settled.opset)
        if given.crop and settled.size is not None:
            channels = graph.concrete(INPUT)[0]
            value = _cropped(value, size or _size(value), settled.size, channels)
        for op, numbers in (("Sub", left.shift), ("Mul", left.factor)):
            if numbers is not None:
                value, kind = typed(value, kind, FLOAT32)
                value = node(op, value, Floats(numbers, dims=(len(numbers), 1, 1)))
    return typed(value, kind, network)[0]


def _size(value: Element) -> Element:
    """Height and width of images."""
    return node("Slice", node("Shape", value), Integers((2,)), Integers((4,)))


def _resized(value: Element, length: int, opset: int) -> tuple[Element, Element]:
    """Images whose shorter side has this length, by linear interpolation; and their height and width.

    From opset 18 on, the two axes alone are named, weights outside the image left out, and antialiasing is asked for.
    Before, the new size is given with the batch and the channels as they are.
    """
    size = _size(value)
    shorter = node("ReduceMin", size, keepdims=1)
    target = node("Div", node("Mul", size, Integers((length,))), shorter)
    if opset >= 18:
        how = {"antialias": 1, "exclude_outside": 1, "axes": (2, 3), "mode": "linear"}
        return node("Resize", value, Nothing(), Nothing(), target, **how), target
    outer = node("Slice", node("Shape", value), Integers((0,)), Integers((2,)))
    sizes = node("Concat", outer, target, axis=0)
    return node("Resize", value, Nothing(), Nothing(), sizes, mode="linear"), target


def _cropped(value: Element, size: Element, to: Pair, channels: int) -> Element:
    """The centre of images; what is left over is halved, a half rounded to even; then the size is fixed."""
    two = Integers((2,))
    extra = node("Sub", size, Integers(to))
    odd = node("Mod", node("Div", extra, two), two)
    start = node("Div", node("Add", extra, odd), two)
    end = node("Add", start, Integers(to))
    cut = node("Slice", value, start, end, Integers((2, 3)))
    return node("Reshape", cut, Integers((0, channels, *to)))
