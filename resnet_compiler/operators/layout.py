"""Operators that move elements without computing: reshape, shuffle, subsample, pad."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from resnet_compiler.operators.attributes import Pair, attribute
from resnet_compiler.operators.base import (
    Argument,
    OnnxBuilder,
    Operator,
    ShapeError,
    TorchExpression,
    TorchForm,
    TorchModule,
    need_feature_map,
    show,
)
from resnet_compiler.shapes import Shape, window_size


@dataclass(frozen=True)
class Subsample(Operator):
    """Every stride-th row and column, from the first: a 1×1 window with a stride, and no weights."""

    word: ClassVar[str] = "subsample"

    stride: Pair = attribute("pair", "distance between the rows and columns kept")

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, *sizes = need_feature_map(self.word, inputs[0])
        height, width = (
            window_size(size, 1, s, 0) for size, s in zip(sizes, self.stride, strict=True)
        )
        return (channels, height, width)

    def window(self) -> tuple[Pair, Pair]:
        return (1, 1), self.stride

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return self.stride == (1, 1)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        height, width = self.stride
        arguments = (Argument("stride_height", height), Argument("stride_width", width))
        template = "{0}[:, :, ::{stride_height}, ::{stride_width}]"
        return TorchExpression(template, arguments, operands="atom")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node(
            "Slice",
            [
                *inputs,
                builder.integers("starts", (0, 0)),
                builder.integers("ends", (2**31 - 1, 2**31 - 1)),
                builder.integers("axes", (2, 3)),
                builder.integers("steps", self.stride),
            ],
        )


@dataclass(frozen=True)
class Pad(Operator):
    """Zeros around the image (`border`), or as further channels behind the given ones (`channels`)."""

    word: ClassVar[str] = "pad"

    border: Pair = attribute("pair", "rows and columns of zeros on each side", (0, 0), 0)
    channels: int | None = attribute("count", "channels there are after padding", None)

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, *sizes = need_feature_map(self.word, inputs[0])
        if self.channels is not None and self.channels < channels:
            raise ShapeError(
                f"padding adds channels, but {self.channels} are fewer than the {channels} there are",
                "channels",
            )
        height, width = (
            window_size(size, 1, 1, border) for size, border in zip(sizes, self.border, strict=True)
        )
        return (self.channels or channels, height, width)

    def _amounts(self, shape: Shape) -> tuple[int, int, int]:
        channels, _, _ = need_feature_map(self.word, shape)
        return (self.channels or channels) - channels, *self.border

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return not any(self._amounts(inputs[0]))

    def torch_form(self, inputs: Sequence[Shape]) -> TorchForm:
        extra, height, width = self._amounts(inputs[0])
        if not extra:
            size = height if height == width else (width, width, height, height)
            arguments = (Argument("padding", size, positional=True),)
            return TorchModule("nn.ZeroPad2d", arguments, stateless=True, makes_tensor=True)
        if not any(self.border):
            template = "F.pad({0}, (0, 0, 0, 0, 0, {extra_channels}))"
            return TorchExpression(
                template, (Argument("extra_channels", extra),), makes_tensor=True
            )
        names = {"border_width": width, "border_height": height, "extra_channels": extra}
        template = (
            "F.pad({0}, ({border_width}, {border_width}, {border_height}, {border_height}, "
            "0, {extra_channels}))"
        )
        given = tuple(Argument(name, value) for name, value in names.items())
        return TorchExpression(template, given, makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        extra, height, width = self._amounts(shapes[0])
        pads = (0, 0, height, width, 0, extra, height, width)
        # ONNX Runtime (1.31) fuses a Pad with zeros into a following MaxPool, which then pads with minus infinity: wrong
        # where a window holds only negative numbers. It leaves negative zero alone, which is zero all the same.
        zero = builder.number("zero", -0.0)
        return builder.node("Pad", [*inputs, builder.integers("pads", pads), zero], mode="constant")


@dataclass(frozen=True)
class Reshape(Operator):
    """The same elements in other dimensions, the batch apart: `to: [1, -1]` makes (C, 1, 1) a row, `to: -1` a vector."""

    word: ClassVar[str] = "reshape"

    to: tuple[int, ...] = attribute("dims", "the new dimensions; -1 is what is left")

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        if any(not isinstance(dim, int) for dim in inputs[0]):
            raise ShapeError(
                f"{show(inputs[0])} changes with the image and cannot be laid out anew",
                help="pool first (`global_avg_pool`)",
            )
        total = math.prod(dim for dim in inputs[0] if isinstance(dim, int))
        known = math.prod(dim for dim in self.to if dim != -1)
        if total % known or (-1 not in self.to and known != total):
            raise ShapeError(f"{show(inputs[0])} cannot become {list(self.to)}", "to")
        return tuple(total // known if dim == -1 else dim for dim in self.to)

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return self.infer(inputs) == inputs[0]

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        flat = "{0}.flatten(1)" if len(inputs[0]) > 1 else "{0}"
        if len(self.to) == 1:
            return TorchExpression(flat, operands="atom")
        names = [f"dim{index}" for index in range(len(self.to))]
        arguments = tuple(Argument(n, dim) for n, dim in zip(names, self.to, strict=True))
        dims = ", ".join(f"{{{name}}}" for name in names)
        return TorchExpression(f"{flat}.unflatten(1, ({dims}))", arguments, operands="atom")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        dims = [dim for dim in self.infer(shapes) if isinstance(dim, int)]
        return builder.node("Reshape", [*inputs, builder.integers("to", (0, *dims))])


@dataclass(frozen=True)
class Shuffle(Operator):
    """Channels dealt out between groups, as `torch.nn.ChannelShuffle` (Zhang et al., ShuffleNet, 2017)."""

    word: ClassVar[str] = "shuffle"

    groups: int = attribute("count", "groups the channels came in")

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {channels} channels", "groups")
        return inputs[0]

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return self.groups in (1, inputs[0][0])

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        arguments = (Argument("groups", self.groups, positional=True),)
        return TorchModule("nn.ChannelShuffle", arguments, stateless=True, makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        channels, _, _ = need_feature_map(self.word, shapes[0])
        # the pixels are one dimension on the way, so that height and width may be anything
        shape = builder.shape(inputs[0], shapes[0])
        split = builder.integers("split_shape", (0, self.groups, channels // self.groups, -1))
        grouped = builder.node("Reshape", [*inputs, split], "grouped")
        dealt = builder.node("Transpose", [grouped], "dealt", perm=[0, 2, 1, 3])
        return builder.node("Reshape", [dealt, shape])
