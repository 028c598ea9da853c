"""Arithmetic that norms, gates and activations are built of: learned tensors, statistics, powers, scales, softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from resnet_compiler.operators.attributes import attribute
from resnet_compiler.operators.base import (
    Argument,
    Binding,
    HalfPrecision,
    OnnxBuilder,
    Operator,
    ShapeError,
    Tensor,
    TorchExpression,
    TorchForm,
    TorchModule,
    TorchParameter,
    need_feature_map,
)
from resnet_compiler.shapes import Shape


@dataclass(frozen=True)
class Parameter(Operator):
    """A learned vector that is no layer of its own: one number per channel (a gain, a threshold), or one for all."""

    word: ClassVar[str] = "parameter"
    arity: ClassVar[int | None] = 0

    channels: int = attribute("count", "how many numbers: the channels it is for, or 1")
    fill: float = attribute("number", "what they begin with", 1.0)

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        return (self.channels, 1, 1)

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        return (Tensor("", (self.channels,), "constant", self.fill),)

    def onnx_dims(self, tensor: Tensor) -> tuple[int, ...]:
        return (*tensor.shape, 1, 1)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchParameter:
        return TorchParameter((self.channels,), self.fill, "[:, None, None]")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.parameter("")


_AXES = {
    "space": (2, 3),
    "channels": (1,),
    "groups": (2,),
    "height": (2,),
    "width": (3,),
}


@dataclass(frozen=True)
class Reduce(Operator):
    """One number for many: the mean, greatest, variance or sum over the image, one axis of it, the channels or groups of them.

    Over "space": (C, H, W) to (C, 1, 1). Over "height": to (C, 1, W). Over "channels": to (1, H, W). Over "groups": over the image and the channels
    of a group together, the same for each channel of it, to (C, 1, 1). The variance is the biased one.
    """

    word: ClassVar[str] = "reduce"

    by: str = attribute("word", "what is taken", "mean", words=("mean", "max", "variance", "sum"))
    over: str = attribute(
        "word", "over what", "space", words=("space", "channels", "groups", "height", "width")
    )
    groups: int = attribute("count", "groups of channels, with `over: groups`", 1)

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "float32" if self.by in ("variance", "sum") else "as its inputs"

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = need_feature_map(self.word, inputs[0])
        shapes: dict[str, Shape] = {
            "channels": (1, height, width),
            "height": (channels, 1, width),
            "width": (channels, height, 1),
        }
        if self.over in shapes:
            return shapes[self.over]
        if self.over == "groups" and channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {channels} channels", "groups")
        return (channels, 1, 1)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchForm:
        if self.over == "groups":
            arguments = (
                Argument("groups", self.groups, positional=True),
                Argument("by", self.by, positional=True),
            )
            return TorchModule(
                "GroupStatistic", arguments, makes_tensor=True, support="group_statistic"
            )
        dims = {"space": "(2, 3)", "channels": "1", "height": "2", "width": "3"}[self.over]
        calls = {
            "mean": "mean({}, ",
            "max": "amax({}, ",
            "variance": "var({}, correction=0, ",
            "sum": "sum({}, ",
        }
        text = "{0}." + calls[self.by].format(dims) + "keepdim=True)"
        is_new = self.by != "max"  # the gradient of a maximum needs its output
        return TorchExpression(text, operands="atom", makes_tensor=is_new)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        channels = shapes[0][0]
        assert isinstance(channels, int)
        value = inputs[0]
        axes = _AXES[self.over]
        if self.over == "groups":
            grouped = builder.integers("grouped_shape", (0, self.groups, -1))
            value = builder.node("Reshape", [value, grouped], "grouped")
        last = "statistic" if self.over == "groups" else ""
        if self.by == "mean":
            result = builder.reduce_mean([value], last, axes)
        elif self.by == "max":
            result = builder.reduce_max([value], last, axes)
        elif self.by == "sum":
            result = builder.node("ReduceSum", [value, builder.integers("axes", axes)], last)
        else:
            mean = builder.reduce_mean([value], "mean", axes)
            centred = builder.node("Sub", [value, mean], "centred")
            square = builder.node("Mul", [centred, centred], "square")
            result = builder.reduce_mean([square], last, axes)
        if self.over != "groups":
            return result
        if channels > self.groups:
            width = builder.integers("widths", (1, 1, channels // self.groups))
            result = builder.node("Expand", [result, width], "wide")
        return builder.node("Reshape", [result, builder.integers("shape", (0, channels, 1, 1))])


@dataclass(frozen=True)
class Power(Operator):
    """x to a constant power: 2 squares, 0.5 is the square root, -0.5 its inverse, -1 the inverse."""

    word: ClassVar[str] = "power"
    pointwise: ClassVar[bool] = True

    exponent: float = attribute("number", "the power")

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return self.exponent == 1

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "float32"

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        known = {
            2.0: "{0}.square()",
            0.5: "{0}.sqrt()",
            -0.5: "{0}.rsqrt()",
            -1.0: "{0}.reciprocal()",
        }
        if self.exponent in known:
            is_new = self.exponent == 2.0  # the gradient of the others needs their output
            return TorchExpression(known[self.exponent], operands="atom", makes_tensor=is_new)
        arguments = (Argument("exponent", self.exponent),)
        return TorchExpression("{0}.pow({exponent})", arguments, operands="atom", makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        match self.exponent:
            case 2.0:
                return builder.node("Mul", [*inputs, *inputs])
            case 0.5:
                return builder.node("Sqrt", inputs)
            case -0.5:
                return builder.node("Reciprocal", [builder.node("Sqrt", inputs, "root")])
            case -1.0:
                return builder.node("Reciprocal", inputs)
        return builder.node("Pow", [*inputs, builder.number("exponent", self.exponent)])


@dataclass(frozen=True)
class Scale(Operator):
    """factor × x + offset, with two constants."""

    word: ClassVar[str] = "scale"
    pointwise: ClassVar[bool] = True

    factor: float = attribute("number", "what it is multiplied by", 1.0)
    offset: float = attribute("number", "what is added", 0.0)

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return (self.factor, self.offset) == (1, 0)

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "as its inputs"

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        factor, offset = self.factor, self.offset
        if factor == -1:
            text = "{offset} - {0}" if offset else "-{0}"
        else:
            product = "{0} * {factor}" if factor != 1 else "{0}"
            sign, offset = ("-", -offset) if offset < 0 else ("+", offset)
            text = f"{product} {sign} {{offset}}" if offset else product
        names = {"factor": factor, "offset": offset}
        given = tuple(
            Argument(name, value) for name, value in names.items() if f"{{{name}}}" in text
        )
        binds: Binding = (
            "atom" if text == "{0}" else "product" if text == "{0} * {factor}" else "sum"
        )
        operands: Binding = "atom" if factor == -1 else "product"
        return TorchExpression(text, given, binds, operands, makes_tensor=text != "{0}")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        value = inputs[0]
        if self.factor != 1:
            factor = builder.number("factor", self.factor)
            value = builder.node("Mul", [value, factor], "scaled" if self.offset else "")
        if self.offset:
            value = builder.node("Add", [value, builder.number("offset", self.offset)])
        return value


@dataclass(frozen=True)
class Softmax(Operator):
    """exp(x) over its sum along the channels (the first dimension but the batch), or along the pixels of each channel."""

    word: ClassVar[str] = "softmax"

    over: str = attribute("word", "along what", "channels", words=("channels", "space"))

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        if self.over == "space":
            need_feature_map(self.word, inputs[0])
        return inputs[0]

    def torch_form(self, inputs: Sequence[Shape]) -> TorchForm:
        if self.over == "space":
            return TorchExpression("{0}.flatten(2).softmax(2).view_as({0})", operands="atom")
        return TorchModule("nn.Softmax", (Argument("dim", 1),), stateless=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        if self.over == "channels":
            return builder.node("Softmax", inputs, axis=1)
        shape = builder.shape(inputs[0], shapes[0])
        pixels = builder.integers("pixels_shape", (0, 0, -1))
        flat = builder.node("Reshape", [*inputs, pixels], "flat")
        return builder.node("Reshape", [builder.node("Softmax", [flat], "soft", axis=2), shape])
