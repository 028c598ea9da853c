"""What the constructors of PyTorch's modules mean: the operation, its tensors and what they begin with.

Signatures, defaults, tensors and their first values are those of PyTorch's documentation (torch.nn, 2.6). The classes
that emitted source brings along stand here too; `helpers` makes sure that they are the ones that are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from resnet_compiler.emit.pytorch.read_back.signatures import (
    REQUIRED,
    Arguments,
    Known,
    Layer,
    Reader,
    Signature,
    pair,
)
from resnet_compiler.emit.pytorch.read_back.steps import (
    COUNTER,
    TORCH,
    Owned,
    Steps,
    UnreadableError,
)


def _whole(callee: str, **values: Any) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise UnreadableError(f"{callee} is given {name}={value!r}")


# --- weights ----------------------------------------------------------------------------------------------------------

_CONV: Signature = (
    ("in_channels", REQUIRED),
    ("out_channels", REQUIRED),
    ("kernel_size", REQUIRED),
    ("stride", 1),
    ("padding", 0),
    ("dilation", 1),
    ("groups", 1),
)
_CONV_TAIL: Signature = (
    ("bias", True),
    ("padding_mode", "zeros"),
    ("device", None),
    ("dtype", None),
)


def _window(value: Any, count: int) -> tuple[Any, ...]:
    found = (value,) * count if isinstance(value, int) else value
    if not isinstance(found, tuple) or len(found) != count:
        raise UnreadableError(f"{value!r} is no window over {count} dimensions")
    return found


def _conv_tensors(a: Arguments, dimensions: int, bias: bool) -> tuple[Owned, ...]:
    _whole("convolution", in_channels=a["in_channels"], out_channels=a["out_channels"])
    _whole("convolution", groups=a["groups"])
    if a["in_channels"] % a["groups"] or a["out_channels"] % a["groups"]:
        raise UnreadableError(f"groups={a['groups']} do not divide the channels")
    kernel = _window(a["kernel_size"], dimensions)
    weight = Owned("weight", (a["out_channels"], a["in_channels"] // a["groups"], *kernel))
    return (weight, Owned("bias", (a["out_channels"],))) if bias else (weight,)


def _conv_attributes(a: Arguments) -> dict[str, Any]:
    return {
        "in_channels": a["in_channels"],
        "out": a["out_channels"],
        "kernel": pair(a["kernel_size"]),
        "stride": pair(a["stride"]),
        "padding": pair(a["padding"]),
        "dilation": pair(a["dilation"]),
        "groups": a["groups"],
    }


def _conv(steps: Steps, a: Arguments) -> Layer:
    tensors = _conv_tensors(a, 2, a["bias"])
    step = steps(
        "conv",
        tensors,
        **_conv_attributes(a),
        bias=a["bias"],
        standardized="eps" in a,
        eps=a.get("eps"),
        padding_mode=a.get("padding_mode", "zeros"),
        dtype=a.get("dtype"),
    )
    return Layer(step, (TORCH,) * len(tensors))


def _fused(steps: Steps, a: Arguments) -> Layer:
    step = steps(
        "fused conv",
        _conv_tensors(a, 2, True),
        **_conv_attributes(a),
        norm=a["norm"],
        norm_eps=a["norm_eps"],
        filter_eps=a["filter_eps"],
        relu=a["relu"],
        overwrites=a["overwrites"],
    )
    return Layer(step, (TORCH, TORCH))


def _conv1d(steps: Steps, a: Arguments) -> Layer:
    tensors = _conv_tensors(a, 1, a["bias"])
    step = steps(
        "conv1d",
        tensors,
        in_channels=a["in_channels"],
        out=a["out_channels"],
        kernel=a["kernel_size"],
        stride=a["stride"],
        padding=a["padding"],
        dilation=a["dilation"],
        groups=a["groups"],
        bias=a["bias"],
        padding_mode=a["padding_mode"],
        dtype=a["dtype"],
    )
    return Layer(step, (TORCH,) * len(tensors))


def _linear(steps: Steps, a: Arguments) -> Layer:
    _whole("nn.Linear", in_features=a["in_features"], out_features=a["out_features"])
    weight = Owned("weight", (a["out_features"], a["in_features"]))
    tensors = (weight, Owned("bias", (a["out_features"],))) if a["bias"] else (weight,)
    step = steps(
        "linear",
        tensors,
        in_features=a["in_features"],
        out=a["out_features"],
        bias=a["bias"],
        dtype=a["dtype"],
    )
    return Layer(step, (TORCH,) * len(tensors))


# --- norms ------------------------------------------------------------------------------------------------------------


def _affine(channels: Any) -> tuple[Owned, Owned]:
    _whole("norm", channels=channels)
    return Owned("weight", (channels,)), Owned("bias", (channels,))


def _batch_norm(steps: Steps, a: Arguments) -> Layer:
    channels = a["num_features"]
    tensors = (
        *_affine(channels),
        Owned("running_mean", (channels,), trainable=False),
        Owned("running_var", (channels,), trainable=False),
        Owned("num_batches_tracked", (), trainable=False),
    )
    step = steps(
        "batch_norm",
        tensors,
        channels=channels,
        eps=a["eps"],
        momentum=a["momentum"],
        affine=a["affine"],
        track_running_stats=a["track_running_stats"],
        dtype=a["dtype"],
    )
    return Layer(step, (1.0, 0.0, 0.0, 1.0, COUNTER))


def _group_norm(steps: Steps, a: Arguments) -> Layer:
    step = steps(
        "group_norm",
        _affine(a["num_channels"]),
        groups=a["num_groups"],
        channels=a["num_channels"],
        eps=a["eps"],
        affine=a["affine"],
        dtype=a["dtype"],
    )
    return Layer(step, (1.0, 0.0))


def _layer_norm(steps: Steps, a: Arguments) -> Layer:
    channels = a["num_channels"]
    step = steps("layer_norm", _affine(channels), channels=channels, eps=a["eps"])
    return Layer(step, (1.0, 0.0))


# --- what has no tensors ------------------------------------------------------------------------------------------------


def _max_pool(steps: Steps, a: Arguments) -> Layer:
    stride = a["kernel_size"] if a["stride"] is None else a["stride"]
    return Layer(
        steps(
            "max_pool",
            kernel=pair(a["kernel_size"]),
            stride=pair(stride),
            padding=pair(a["padding"]),
            dilation=pair(a["dilation"]),
            ceil_mode=a["ceil_mode"],
            return_indices=a["return_indices"],
        )
    )


def _avg_pool(steps: Steps, a: Arguments) -> Layer:
    stride = a["kernel_size"] if a["stride"] is None else a["stride"]
    return Layer(
        steps(
            "avg_pool",
            kernel=pair(a["kernel_size"]),
            stride=pair(stride),
            padding=pair(a["padding"]),
            ceil_mode=a["ceil_mode"],
            count_padding=a["count_include_pad"],
            divisor_override=a["divisor_override"],
        )
    )


def _global_pool(steps: Steps, a: Arguments) -> Layer:
    if pair(a["output_size"]) == (1, 1):
        return Layer(steps("global_avg_pool"))
    return Layer(steps("adaptive average pool", size=a["output_size"]))


def _zero_pad(steps: Steps, a: Arguments) -> Layer:
    sides = a["padding"]
    sides = (sides,) * 4 if isinstance(sides, int) else sides
    return Layer(steps("pad", sides=(*sides, 0, 0), mode="constant", value=0))


def _group_statistic(steps: Steps, a: Arguments) -> Layer:
    return Layer(steps("reduce", by=a["by"], over="groups", groups=a["groups"]))


def _dropout(steps: Steps, a: Arguments) -> Layer:
    return Layer(steps("dropout", is_random=True, rate=a["p"]), overwrites=a["inplace"])


def _drop_path(steps: Steps, a: Arguments) -> Layer:
    return Layer(steps("drop_path", is_random=True, rate=a["rate"]))


def _plain(operator: str, **renamed: str) -> Reader:
    """A layer whose constructor's arguments are its attributes, under other names where ``renamed`` says so."""

    def read(steps: Steps, a: Arguments) -> Layer:
        given = {renamed.get(name, name): value for name, value in a.items() if name != "inplace"}
        return Layer(steps(operator, **given), overwrites=a.get("inplace", False))

    return read


_INPLACE: Signature = (("inplace", False),)
_DTYPE: Signature = (("device", None), ("dtype", None))
_POOL: Signature = (("kernel_size", REQUIRED), ("stride", None), ("padding", 0))
CONV_BASES = ("torch.nn.Conv2d",)

MODULES: Mapping[str, Known] = MappingProxyType(
    {
        "torch.nn.Conv2d": Known((*_CONV, *_CONV_TAIL), _conv),
        "StdConv2d": Known((*_CONV, ("bias", True), ("eps", 1e-6)), _conv, CONV_BASES),
        "FusedConv2d": Known(
            (
                *_CONV,
                ("norm", None),
                ("norm_eps", 1e-5),
                ("filter_eps", None),
                ("relu", False),
                ("overwrites", False),
            ),
            _fused,
            CONV_BASES,
        ),
        "torch.nn.Conv1d": Known((*_CONV, *_CONV_TAIL), _conv1d),
        "torch.nn.Linear": Known(
            (("in_features", REQUIRED), ("out_features", REQUIRED), ("bias", True), *_DTYPE),
            _linear,
        ),
        "torch.nn.BatchNorm2d": Known(
            (
                ("num_features", REQUIRED),
                ("eps", 1e-5),
                ("momentum", 0.1),
                ("affine", True),
                ("track_running_stats", True),
                *_DTYPE,
            ),
            _batch_norm,
        ),
        "torch.nn.GroupNorm": Known(
            (
                ("num_groups", REQUIRED),
                ("num_channels", REQUIRED),
                ("eps", 1e-5),
                ("affine", True),
                *_DTYPE,
            ),
            _group_norm,
        ),
        "LayerNorm2d": Known(
            (("num_channels", REQUIRED), ("eps", 1e-6)), _layer_norm, ("torch.nn.LayerNorm",)
        ),
        "torch.nn.ReLU": Known(_INPLACE, _plain("relu")),
        "torch.nn.LeakyReLU": Known(
            (("negative_slope", 0.01), *_INPLACE), _plain("leaky_relu", negative_slope="slope")
        ),
        "torch.nn.SiLU": Known(_INPLACE, _plain("silu")),
        "torch.nn.Hardswish": Known(_INPLACE, _plain("hard_swish")),
        "torch.nn.Hardsigmoid": Known(_INPLACE, _plain("hard_sigmoid")),
        "torch.nn.Sigmoid": Known((), _plain("sigmoid")),
        "torch.nn.GELU": Known((("approximate", "none"),), _plain("gelu")),
        "torch.nn.Softmax": Known((("dim", None),), _plain("softmax")),
        "torch.nn.Dropout": Known((("p", 0.5), *_INPLACE), _dropout),
        "DropPath": Known((("rate", REQUIRED),), _drop_path),
        "torch.nn.MaxPool2d": Known(
            (*_POOL, ("dilation", 1), ("return_indices", False), ("ceil_mode", False)), _max_pool
        ),
        "torch.nn.AvgPool2d": Known(
            (*_POOL, ("ceil_mode", False), ("count_include_pad", True), ("divisor_override", None)),
            _avg_pool,
        ),
        "torch.nn.AdaptiveAvgPool2d": Known((("output_size", REQUIRED),), _global_pool),
        "BlurPool2d": Known(
            (("channels", REQUIRED), ("stride", 2)),
            lambda steps, a: Layer(
                steps("blur_pool", channels=a["channels"], stride=pair(a["stride"]))
            ),
        ),
        "torch.nn.ZeroPad2d": Known((("padding", REQUIRED),), _zero_pad),
        "torch.nn.ChannelShuffle": Known((("groups", REQUIRED),), _plain("shuffle")),
        "GroupStatistic": Known((("groups", REQUIRED), ("by", REQUIRED)), _group_statistic),
    }
)
"""Every class that emitted source constructs layers of, by its full name; those without a dot come from templates."""
