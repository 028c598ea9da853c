"""What the ONNX specification says of the operators that may be emitted: how many inputs, which attributes, what defaults.

Written from the operator documents of the default domain, opsets 13 to 22
(https://onnx.ai/onnx/operators), not from what the emitter writes: an attribute that is left out has the value that a
runtime gives it, and an attribute that an opset does not know is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resnet_compiler.emit.onnx.read_back.numbers import single

REQUIRED = object()
"""An attribute without a default."""
PER_AXIS = object()
"""Ones (or zeros, for pads) for each spatial axis: as many as the window has."""


@dataclass(frozen=True, slots=True)
class OpSpec:
    """One operator.

    Attributes:
        inputs: the least and the greatest number of inputs.
        defaults: every attribute, with its default.
        since: the opset that brought an attribute, where that is later than 13.
        axes_input: the opset from which on `axes` is the second input and no attribute; None: always an attribute.
        outputs: the number of outputs.
    """

    inputs: tuple[int, int]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    since: Mapping[str, int] = field(default_factory=dict)
    axes_input: int | None = None
    outputs: int = 1


MANY = 2**31

_WINDOW = {"auto_pad": "NOTSET", "kernel_shape": REQUIRED, "pads": PER_AXIS, "strides": PER_AXIS}
_REDUCE = {"axes": (), "keepdims": 1, "noop_with_empty_axes": 0}
_REDUCE_SINCE = {"noop_with_empty_axes": 18}

OPERATORS: Mapping[str, OpSpec] = {
    "Add": OpSpec((2, 2)),
    "AveragePool": OpSpec(
        (1, 1),
        _WINDOW | {"ceil_mode": 0, "count_include_pad": 0, "dilations": PER_AXIS},
        {"dilations": 19},
    ),
    "BatchNormalization": OpSpec(
        (5, 5), {"epsilon": 1e-5, "momentum": 0.9, "training_mode": 0}, {"training_mode": 14}
    ),
    "Cast": OpSpec((1, 1), {"to": REQUIRED, "saturate": 1}, {"saturate": 19}),
    "Concat": OpSpec((1, MANY), {"axis": REQUIRED}),
    "Conv": OpSpec((2, 3), _WINDOW | {"dilations": PER_AXIS, "group": 1}),
    "DequantizeLinear": OpSpec((2, 3), {"axis": 1, "block_size": 0}, {"block_size": 21}),
    "Div": OpSpec((2, 2)),
    "Erf": OpSpec((1, 1)),
    "Expand": OpSpec((2, 2)),
    "Flatten": OpSpec((1, 1), {"axis": 1}),
    "Gemm": OpSpec((2, 3), {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 0}),
    "GlobalAveragePool": OpSpec((1, 1)),
    "HardSigmoid": OpSpec((1, 1), {"alpha": 0.2, "beta": 0.5}),
    "Identity": OpSpec((1, 1)),
    "InstanceNormalization": OpSpec((3, 3), {"epsilon": 1e-5}),
    "LeakyRelu": OpSpec((1, 1), {"alpha": 0.01}),
    "Max": OpSpec((1, MANY)),
    "MaxPool": OpSpec(
        (1, 1), _WINDOW | {"ceil_mode": 0, "dilations": PER_AXIS, "storage_order": 0}
    ),
    "Mod": OpSpec((2, 2), {"fmod": 0}),
    "Mul": OpSpec((2, 2)),
    "Pad": OpSpec((2, 4), {"mode": "constant"}),
    "Pow": OpSpec((2, 2)),
    "QuantizeLinear": OpSpec(
        (2, 3),
        {"axis": 1, "saturate": 1, "block_size": 0, "output_dtype": 0},
        {"saturate": 19, "block_size": 21, "output_dtype": 21},
    ),
    "Reciprocal": OpSpec((1, 1)),
    "ReduceMax": OpSpec((1, 2), _REDUCE, _REDUCE_SINCE, 18),
    "ReduceMean": OpSpec((1, 2), _REDUCE, _REDUCE_SINCE, 18),
    "ReduceMin": OpSpec((1, 2), _REDUCE, _REDUCE_SINCE, 18),
    "ReduceSum": OpSpec((1, 2), _REDUCE, {}, 13),
    "Relu": OpSpec((1, 1)),
    "Reshape": OpSpec((2, 2), {"allowzero": 0}, {"allowzero": 14}),
    "Resize": OpSpec(
        (1, 4),
        {
            "antialias": 0,
            "axes": (),
            "coordinate_transformation_mode": "half_pixel",
            "cubic_coeff_a": -0.75,
            "exclude_outside": 0,
            "extrapolation_value": 0.0,
            "keep_aspect_ratio_policy": "stretch",
            "mode": "nearest",
            "nearest_mode": "round_prefer_floor",
        },
        {"antialias": 18, "axes": 18, "keep_aspect_ratio_policy": 18},
    ),
    "Shape": OpSpec((1, 1), {"start": 0, "end": None}, {"start": 15, "end": 15}),
    "Sigmoid": OpSpec((1, 1)),
    "Slice": OpSpec((3, 5)),
    "Softmax": OpSpec((1, 1), {"axis": -1}),
    "Sqrt": OpSpec((1, 1)),
    "Sub": OpSpec((2, 2)),
    "TopK": OpSpec((2, 2), {"axis": -1, "largest": 1, "sorted": 1}, outputs=2),
    "Transpose": OpSpec((1, 1), {"perm": ()}),
}
"""The operators by their ONNX names."""


def complete(op_type: str, given: Mapping[str, Any], opset: int) -> dict[str, Any]:
    """The attributes in force: those given, and the defaults of the others.

    Raises:
        ValueError: the opset does not know an attribute, or one that it needs is missing; the message says which.
    """
    known = OPERATORS[op_type]
    for name in given:
        is_known = name in known.defaults and opset >= known.since.get(name, 0)
        if not is_known or (name == "axes" and opset >= (known.axes_input or MANY)):
            raise ValueError(f"`{name}`, which {op_type} does not have at opset {opset}")
    found: dict[str, Any] = {}
    for name, default in known.defaults.items():
        value = given.get(name, default)
        if value is REQUIRED:
            raise ValueError(f"no `{name}`, which {op_type} needs")
        if value is PER_AXIS:
            axes = len(found["kernel_shape"])
            value = (0,) * (2 * axes) if name == "pads" else (1,) * axes
        found[name] = single(value) if isinstance(value, float) else value
    return found
