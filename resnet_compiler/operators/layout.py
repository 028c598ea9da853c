"""Operators that move elements without computing: flatten, subsample, zero-padded channels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from resnet_compiler.operators.base import (
    Argument,
    OnnxBuilder,
    Operator,
    Pair,
    ShapeError,
    TorchExpression,
    attribute,
    need_feature_map,
    show,
)
from resnet_compiler.shapes import Shape, window_size


@dataclass(frozen=True)
class Flatten(Operator):
    """All dimensions but the batch become one: (C, 1, 1) to (C,)."""

    word: ClassVar[str] = "flatten"

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        if any(not isinstance(dim, int) for dim in inputs[0]):
            raise ShapeError(
                f"{show(inputs[0])} changes with the image and cannot become a vector of fixed length",
                help="pool first (`global_avg_pool`)",
            )
        return (math.prod(dim for dim in inputs[0] if isinstance(dim, int)),)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        return TorchExpression("{0}.flatten(1)", operands="atom")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node("Flatten", inputs, axis=1)


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
class PadChannels(Operator):
    """Channels of zeros behind the given ones, up to `out` of them (shortcut A of He et al. 2015)."""

    word: ClassVar[str] = "pad_channels"

    out: int = attribute("count", "channels after padding")

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, height, width = need_feature_map(self.word, inputs[0])
        if self.out < channels:
            raise ShapeError(
                f"padding adds channels, but {self.out} are fewer than the {channels} there are",
                "out",
            )
        return (self.out, height, width)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchExpression:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        arguments = (Argument("extra_channels", self.out - channels),)
        template = "F.pad({0}, (0, 0, 0, 0, 0, {extra_channels}))"
        return TorchExpression(template, arguments, makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        channels, _, _ = need_feature_map(self.word, shapes[0])
        pads = (0, 0, 0, 0, 0, self.out - channels, 0, 0)
        return builder.node("Pad", [*inputs, builder.integers("pads", pads)], mode="constant")
