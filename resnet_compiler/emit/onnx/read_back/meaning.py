"""What a graph's operators mean: what must be read back for each, with all attributes and the tensors' dimensions.

Written from what the operators are documented to compute and from the specification of ONNX; how an operator writes
itself as ONNX is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from resnet_compiler.operators import (
    activation,
    arithmetic,
    joining,
    layout,
    linear,
    normalization,
    pooling,
)
from resnet_compiler.operators.base import Operator
from resnet_compiler.operators.fused import FusedConv, FusedConvAdd
from resnet_compiler.shapes import Shape, shape_at

Sizes = Mapping[str, int]
TO_THE_END = 2**31 - 1
"""Where a slice ends that takes all."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a node must be read back as: the operator's name in the table of forms, its attributes, and the dimensions
    of its tensors. ``inputs`` are positions of the node's inputs; None: all in order."""

    operator: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    inputs: tuple[int, ...] | None = None


def expected(
    operator: Operator, shapes: Sequence[Shape], sizes: Sizes | None = None
) -> Expected | None:
    """What an operator on inputs of these shapes must be; None: nothing, since its value is its input's (or, of a
    `parameter`, its tensor's). ``sizes`` are the input's where they are fixed.

    Raises:
        KeyError: an operator that the table lacks.
    """
    if isinstance(operator, pooling.MaxPool):
        return _max_pool(operator, shapes, sizes)
    if isinstance(operator, pooling.AvgPool):
        return _avg_pool(operator, shapes, sizes)
    return _MEANINGS[type(operator)](operator, shapes)


def tensors_of(operator: Operator, shapes: Sequence[Shape]) -> Mapping[str, tuple[int, ...]]:
    """The dimensions of an operator's tensors in ONNX, by their names under the layer's."""
    if isinstance(operator, arithmetic.Parameter):
        return {"": (operator.channels, 1, 1)}
    found = expected(operator, shapes)
    return found.tensors if found is not None else {}


def _plain(name: str) -> Callable[[Any, Sequence[Shape]], Expected]:
    return lambda operator, shapes: Expected(name)


def _nothing(operator: Any, shapes: Sequence[Shape]) -> None:
    return None


def _conv(operator: linear.Conv, shapes: Sequence[Shape]) -> Expected:
    channels = _count(shapes[0][0])
    weight = (operator.out, channels // operator.groups, *operator.kernel)
    is_fused = isinstance(operator, FusedConv)
    name = "conv"
    if isinstance(operator, FusedConv):
        name += ", add" if isinstance(operator, FusedConvAdd) else ""
        name += ", relu" if operator.has_relu else ""
    half = tuple(d * (k - 1) // 2 for k, d in zip(operator.kernel, operator.dilation, strict=True))
    pads = operator.padding if operator.padding is not None else half
    return Expected(
        name,
        {
            "kernel_shape": operator.kernel,
            "strides": operator.stride,
            "pads": (*pads, *pads),
            "dilations": operator.dilation,
            "group": operator.groups,
        },
        {"weight": weight} | ({"bias": (operator.out,)} if operator.bias or is_fused else {}),
    )


def _conv1d(operator: linear.Conv1d, shapes: Sequence[Shape]) -> Expected:
    half = operator.kernel // 2
    return Expected(
        "conv",
        {
            "kernel_shape": (operator.kernel,),
            "strides": (1,),
            "pads": (half, half),
            "dilations": (1,),
            "group": 1,
        },
        {"weight": (operator.out, _count(shapes[0][0]), operator.kernel)}
        | ({"bias": (operator.out,)} if operator.bias else {}),
    )


def _linear(operator: linear.Linear, shapes: Sequence[Shape]) -> Expected:
    shape = shapes[0]
    weight = (operator.out, prod(map(_count, shape)))
    tensors: dict[str, tuple[int, ...]] = {"weight": weight}
    if operator.bias:
        tensors["bias"] = (operator.out,)
    return Expected("linear of all" if len(shape) > 1 else "linear", {}, tensors)


def _batch_norm(operator: normalization.BatchNorm, shapes: Sequence[Shape]) -> Expected:
    vector = (_count(shapes[0][0]),)
    # ONNX weighs the old statistics, the graph the newest batch
    attributes = {"eps": operator.eps, "momentum": 1 - operator.momentum}
    slots = ("weight", "bias", "running_mean", "running_var")
    return Expected("batch_norm", attributes, dict.fromkeys(slots, vector))


def _group_norm(operator: normalization.GroupNorm, shapes: Sequence[Shape]) -> Expected:
    channels, groups = _count(shapes[0][0]), operator.groups
    return Expected(
        "group_norm",
        {
            "eps": operator.eps,
            "grouped": (0, groups, -1, 0),
            "restored": (0, channels, -1, 0),
            "unit scale": (1.0,) * groups,
            "unit scale dims": (groups,),
            "unit shift": (0.0,) * groups,
            "unit shift dims": (groups,),
        },
        dict.fromkeys(("weight", "bias"), (channels, 1, 1)),
    )


def _layer_norm(operator: normalization.LayerNorm, shapes: Sequence[Shape]) -> Expected:
    vector = (_count(shapes[0][0]),)
    return Expected("layer_norm", {"eps": operator.eps}, {"weight": vector, "bias": vector})


def _leaky_relu(operator: activation.LeakyRelu, shapes: Sequence[Shape]) -> Expected:
    return Expected("leaky_relu", {"slope": operator.slope})


def _max_pool(operator: pooling.MaxPool, shapes: Sequence[Shape], sizes: Sizes | None) -> Expected:
    return _pool("max_pool", operator, operator.dilation, shapes[0], sizes, {})


def _avg_pool(operator: pooling.AvgPool, shapes: Sequence[Shape], sizes: Sizes | None) -> Expected:
    counted = {"count_include_pad": int(operator.count_padding)}
    return _pool("avg_pool", operator, (1, 1), shapes[0], sizes, counted)


def _pool(
    name: str,
    operator: pooling.WindowPool,
    dilation: tuple[int, int],
    shape: Shape,
    sizes: Sizes | None,
    more: Mapping[str, int],
) -> Expected:
    """A pooling. With a fixed size that ONNX's inference would get wrong, rounding up is not asked for along an axis whose
    last window starts in the padding: rounded down, the windows there are the ones that are meant."""
    strides = operator.stride or operator.kernel
    axes = list(zip(operator.kernel, strides, operator.padding, dilation, strict=True))
    up = [operator.ceil_mode] * 2
    if operator.ceil_mode and (sizes is not None or all(isinstance(d, int) for d in shape)):
        drops, overhangs = [], []
        for size, (kernel, stride, pad, spread) in zip(
            shape_at(shape, dict(sizes or {}))[1:], axes, strict=True
        ):
            rest = size + 2 * pad - spread * (kernel - 1) - 1
            last = -(-rest // stride)  # the last window, and where it starts
            drops.append(last * stride >= size + pad)
            overhangs.append(rest % stride != 0 and not drops[-1])
        if any(drops):
            up = overhangs
    if up[0] == up[1]:
        return Expected(name, _window(axes, up[0], "") | dict(more))
    none = (1, 1, 0, 1)
    rows = _window([axes[0], none], up[0], "rows ") | {f"rows {k}": v for k, v in more.items()}
    columns = _window([none, axes[1]], up[1], "") | dict(more)
    return Expected(f"{name} by rows and columns", rows | columns)


def _window(axes: Sequence[tuple[int, ...]], rounds_up: bool, prefix: str) -> dict[str, Any]:
    kernel, strides, pads, dilations = zip(*axes, strict=True)
    found = {
        "kernel_shape": kernel,
        "strides": strides,
        "pads": (*pads, *pads),
        "dilations": dilations,
        "ceil_mode": int(rounds_up),
    }
    return {f"{prefix}{key}": value for key, value in found.items()}


def _blur_pool(operator: pooling.BlurPool, shapes: Sequence[Shape]) -> Expected:
    channels = _count(shapes[0][0])
    row = (0.25, 0.5, 0.25)
    return Expected(
        "blur_pool",
        {
            "kernel_shape": (3, 3),
            "strides": operator.stride,
            "pads": (0, 0, 0, 0),
            "dilations": (1, 1),
            "group": channels,
            "filter": tuple(a * b for a in row for b in row) * channels,
            "filter dims": (channels, 1, 3, 3),
        },
    )


def _softmax(operator: arithmetic.Softmax, shapes: Sequence[Shape]) -> Expected:
    as_input = {"shape": "its input's"} if operator.over == "space" else {}
    return Expected(f"softmax over {operator.over}", as_input)


def _reduce(operator: arithmetic.Reduce, shapes: Sequence[Shape]) -> Expected:
    axes = {"space": (2, 3), "channels": (1,), "height": (2,), "width": (3,)}
    if operator.over != "groups":
        return Expected(operator.by, {"axes": axes[operator.over]})
    channels, groups = _count(shapes[0][0]), operator.groups
    attributes = {"grouped": (0, groups, -1), "restored": (0, channels, 1, 1)}
    if channels > groups:
        attributes["widths"] = (1, 1, channels // groups)
    return Expected(f"{operator.by} over groups", attributes)


def _power(operator: arithmetic.Power, shapes: Sequence[Shape]) -> Expected:
    named = {0.5: "square root", -0.5: "inverse square root", -1.0: "inverse"}
    if operator.exponent == 2:
        return Expected("mul", inputs=(0, 0))
    if operator.exponent in named:
        return Expected(named[operator.exponent])
    return Expected("power", {"exponent": operator.exponent})


def _scale(operator: arithmetic.Scale, shapes: Sequence[Shape]) -> Expected | None:
    attributes: dict[str, Any] = {}
    if operator.factor != 1:
        attributes |= {"factor": operator.factor}
    if operator.offset != 0:
        attributes |= {"offset": operator.offset}
    return Expected("scale", attributes) if attributes else None


def _part(operator: joining.Part, shapes: Sequence[Shape]) -> Expected:
    channels = _count(shapes[0][0])
    if operator.index is None:
        start, stop = operator.start, channels if operator.stop is None else operator.stop
    else:
        each = channels // operator.of
        start, stop = operator.index * each, operator.index * each + each
    return Expected("part", {"starts": (start,), "ends": (stop,), "axes": (1,)})


def _subsample(operator: layout.Subsample, shapes: Sequence[Shape]) -> Expected:
    ends = (TO_THE_END, TO_THE_END)
    return Expected(
        "subsample",
        {"starts": (0, 0), "ends": ends, "axes": (2, 3), "steps": operator.stride},
    )


def _pad(operator: layout.Pad, shapes: Sequence[Shape]) -> Expected:
    channels = _count(shapes[0][0])
    more = (operator.channels or channels) - channels
    return Expected("pad", {"pads": (0, 0, *operator.border, 0, more, *operator.border)})


def _reshape(operator: layout.Reshape, shapes: Sequence[Shape]) -> Expected:
    known = prod(dim for dim in operator.to if dim != -1)
    rest = prod(map(_count, shapes[0])) // known
    return Expected("reshape", {"to": (0, *(rest if dim == -1 else dim for dim in operator.to))})


def _shuffle(operator: layout.Shuffle, shapes: Sequence[Shape]) -> Expected:
    each = _count(shapes[0][0]) // operator.groups
    return Expected("shuffle", {"split": (0, operator.groups, each, -1), "shape": "its input's"})


def _count(dim: object) -> int:
    """A dimension that is a number, as the shape rules of these operators demand."""
    assert isinstance(dim, int)
    return dim


_MEANINGS: Mapping[type[Operator], Callable[[Any, Sequence[Shape]], Expected | None]] = {
    linear.Conv: _conv,
    FusedConv: _conv,
    FusedConvAdd: _conv,
    linear.Conv1d: _conv1d,
    linear.Linear: _linear,
    normalization.BatchNorm: _batch_norm,
    normalization.GroupNorm: _group_norm,
    normalization.LayerNorm: _layer_norm,
    activation.Relu: _plain("relu"),
    activation.LeakyRelu: _leaky_relu,
    activation.Silu: _plain("silu"),
    activation.HardSwish: _plain("hard_swish"),
    activation.Gelu: _plain("gelu"),
    activation.Sigmoid: _plain("sigmoid"),
    activation.HardSigmoid: _plain("hard_sigmoid"),
    activation.Dropout: _nothing,
    activation.DropPath: _nothing,
    arithmetic.Softmax: _softmax,
    arithmetic.Reduce: _reduce,
    arithmetic.Parameter: _nothing,
    arithmetic.Power: _power,
    arithmetic.Scale: _scale,
    pooling.BlurPool: _blur_pool,
    pooling.GlobalAvgPool: _plain("global_avg_pool"),
    joining.Add: _plain("sum"),
    joining.Mul: _plain("mul"),
    joining.Shift: _plain("sum"),
    joining.Maximum: _plain("maximum"),
    joining.Concat: _plain("concat"),
    joining.Part: _part,
    layout.Reshape: _reshape,
    layout.Shuffle: _shuffle,
    layout.Subsample: _subsample,
    layout.Pad: _pad,
}
