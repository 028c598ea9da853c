"""What each operator of the graph means, in steps: one row an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from resnet_compiler.emit.pytorch.read_back.steps import Owned, Step, Steps
from resnet_compiler.operators import (
    activation,
    arithmetic,
    fused,
    joining,
    layout,
    linear,
    normalization,
    pooling,
)
from resnet_compiler.operators.base import Operator
from resnet_compiler.shapes import Shape

Source = int
"""What a step reads: an input of the layer by its place, or, below zero, the result of an earlier step: -1 is the first."""

Made = list[tuple[Step, tuple[Source, ...]]]
Row = Callable[[Steps, Any, Sequence[Shape], tuple[Owned, ...]], Made]


def _one(step: Step, count: int = 1) -> Made:
    return [(step, tuple(range(count)))]


def _conv_attributes(o: linear.Conv, shapes: Sequence[Shape]) -> dict[str, Any]:
    return {
        "in_channels": shapes[0][0],
        "out": o.out,
        "kernel": o.kernel,
        "stride": o.stride,
        "padding": o.pad,
        "dilation": o.dilation,
        "groups": o.groups,
    }


def _conv(s: Steps, o: linear.Conv, shapes: Sequence[Shape], tensors: tuple[Owned, ...]) -> Made:
    return _one(
        s(
            "conv",
            tensors,
            **_conv_attributes(o, shapes),
            bias=o.bias,
            standardized=o.standardized,
            eps=o.eps if o.standardized else None,
            padding_mode="zeros",
            dtype=None,
        )
    )


def _fused(
    s: Steps, o: fused.FusedConv, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    step = s(
        "fused conv",
        tensors,
        **_conv_attributes(o, shapes),
        norm=o.norm or None,
        norm_eps=o.norm_eps,
        filter_eps=o.filter_eps,
        relu=o.has_relu,
        overwrites=isinstance(o, fused.FusedConvAdd) and o.overwrites,
    )
    return _one(step, len(shapes))


def _conv1d(
    s: Steps, o: linear.Conv1d, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    return _one(
        s(
            "conv1d",
            tensors,
            in_channels=shapes[0][0],
            out=o.out,
            kernel=o.kernel,
            stride=1,
            padding=o.kernel // 2,
            dilation=1,
            groups=1,
            bias=o.bias,
            padding_mode="zeros",
            dtype=None,
        )
    )


def _linear(
    s: Steps, o: linear.Linear, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    features = tensors[0].shape[1]
    step = s("linear", tensors, in_features=features, out=o.out, bias=o.bias, dtype=None)
    if len(shapes[0]) == 1:
        return _one(step)
    return [(s("flatten", first=1, last=-1), (0,)), (step, (-1,))]


def _batch_norm(
    s: Steps, o: normalization.BatchNorm, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    return _one(
        s(
            "batch_norm",
            tensors,
            channels=shapes[0][0],
            eps=o.eps,
            momentum=o.momentum,
            affine=True,
            track_running_stats=True,
            dtype=None,
        )
    )


def _group_norm(
    s: Steps, o: normalization.GroupNorm, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    return _one(
        s(
            "group_norm",
            tensors,
            groups=o.groups,
            channels=shapes[0][0],
            eps=o.eps,
            affine=True,
            dtype=None,
        )
    )


def _layer_norm(
    s: Steps, o: normalization.LayerNorm, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    return _one(s("layer_norm", tensors, channels=shapes[0][0], eps=o.eps))


def _max_pool(s: Steps, o: pooling.MaxPool, *_: Any) -> Made:
    return _one(
        s(
            "max_pool",
            kernel=o.kernel,
            stride=o.step,
            padding=o.padding,
            dilation=o.dilation,
            ceil_mode=o.ceil_mode,
            return_indices=False,
        )
    )


def _avg_pool(s: Steps, o: pooling.AvgPool, *_: Any) -> Made:
    return _one(
        s(
            "avg_pool",
            kernel=o.kernel,
            stride=o.step,
            padding=o.padding,
            ceil_mode=o.ceil_mode,
            count_padding=o.count_padding,
            divisor_override=None,
        )
    )


def _blur_pool(s: Steps, o: pooling.BlurPool, shapes: Sequence[Shape], *_: Any) -> Made:
    return _one(s("blur_pool", channels=shapes[0][0], stride=o.stride))


_DIMS = {"space": (2, 3), "channels": (1,), "height": (2,), "width": (3,)}


def _reduce(s: Steps, o: arithmetic.Reduce, *_: Any) -> Made:
    if o.over == "groups":
        return _one(s("reduce", by=o.by, over="groups", groups=o.groups))
    correction = 0 if o.by == "variance" else None
    dims = _DIMS[o.over]
    return _one(s("reduce", by=o.by, over=dims, keepdim=True, correction=correction))


def _add(s: Steps, o: joining.Add, shapes: Sequence[Shape], *_: Any) -> Made:
    made: Made = [(s("add"), (0, 1))]
    for number in range(2, len(shapes)):
        made.append((s("add"), (-len(made), number)))
    return made


def _binary(operator: str) -> Row:
    return lambda s, *_: _one(s(operator), 2)


def _concat(s: Steps, o: joining.Concat, shapes: Sequence[Shape], *_: Any) -> Made:
    return _one(s("concat", dim=1), len(shapes))


def _part(s: Steps, o: joining.Part, shapes: Sequence[Shape], *_: Any) -> Made:
    if o.index is not None:
        return _one(s("part", index=o.index, of=o.of, dim=1))
    stop = shapes[0][0] if o.stop is None else o.stop
    return _one(s("part", start=o.start, stop=stop, dim=1))


def _parameter(
    s: Steps, o: arithmetic.Parameter, shapes: Sequence[Shape], tensors: tuple[Owned, ...]
) -> Made:
    return [(s("parameter", tensors), ()), (s("view", index=(":", None, None)), (-1,))]


def _scale(s: Steps, o: arithmetic.Scale, *_: Any) -> Made:
    made: Made = []
    if o.factor != 1:
        made.append((s("scale", factor=o.factor), (0,)))
    if o.offset != 0:
        made.append((s("shift by a constant", offset=o.offset), (-1 if made else 0,)))
    return made


def _softmax(s: Steps, o: arithmetic.Softmax, *_: Any) -> Made:
    if o.over == "channels":
        return _one(s("softmax", dim=1))
    return [
        (s("flatten", first=2, last=-1), (0,)),
        (s("softmax", dim=2), (-1,)),
        (s("view as"), (-2, 0)),
    ]


def _reshape(s: Steps, o: layout.Reshape, shapes: Sequence[Shape], *_: Any) -> Made:
    made: Made = [(s("flatten", first=1, last=-1), (0,))] if len(shapes[0]) > 1 else []
    if len(o.to) > 1:
        made.append((s("unflatten", dim=1, sizes=tuple(o.to)), (-1 if made else 0,)))
    return made


def _pad(s: Steps, o: layout.Pad, shapes: Sequence[Shape], *_: Any) -> Made:
    channels, (height, width) = shapes[0][0], o.border
    extra = 0 if o.channels is None else o.channels - int(str(channels))
    sides = (width, width, height, height, 0, extra)
    return _one(s("pad", sides=sides, mode="constant", value=0))


def _attributes(operator: str, *names: str, is_random: bool = False) -> Row:
    """A step with the attributes of these names and no tensors."""
    return lambda s, o, *_: _one(
        s(operator, is_random=is_random, **{name: getattr(o, name) for name in names})
    )


TABLE: Mapping[type[Operator], Row] = MappingProxyType(
    {
        linear.Conv: _conv,
        linear.Conv1d: _conv1d,
        linear.Linear: _linear,
        fused.FusedConv: _fused,
        fused.FusedConvAdd: _fused,
        normalization.BatchNorm: _batch_norm,
        normalization.GroupNorm: _group_norm,
        normalization.LayerNorm: _layer_norm,
        activation.Relu: _attributes("relu"),
        activation.LeakyRelu: _attributes("leaky_relu", "slope"),
        activation.Silu: _attributes("silu"),
        activation.HardSwish: _attributes("hard_swish"),
        activation.Gelu: lambda s, *_: _one(s("gelu", approximate="none")),
        activation.Sigmoid: _attributes("sigmoid"),
        activation.HardSigmoid: _attributes("hard_sigmoid"),
        activation.Dropout: _attributes("dropout", "rate", is_random=True),
        activation.DropPath: _attributes("drop_path", "rate", is_random=True),
        pooling.MaxPool: _max_pool,
        pooling.AvgPool: _avg_pool,
        pooling.BlurPool: _blur_pool,
        pooling.GlobalAvgPool: _attributes("global_avg_pool"),
        arithmetic.Softmax: _softmax,
        arithmetic.Reduce: _reduce,
        arithmetic.Parameter: _parameter,
        arithmetic.Power: _attributes("power", "exponent"),
        arithmetic.Scale: _scale,
        joining.Add: _add,
        joining.Mul: _binary("mul"),
        joining.Shift: _binary("add"),
        joining.Maximum: _binary("maximum"),
        joining.Concat: _concat,
        joining.Part: _part,
        layout.Reshape: _reshape,
        layout.Shuffle: _attributes("shuffle", "groups"),
        layout.Subsample: _attributes("subsample", "stride"),
        layout.Pad: _pad,
    }
)
"""What every operator means; a new operator gets its row here, or the test of this table fails."""
