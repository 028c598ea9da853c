"""Pooling over windows and over the whole feature map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from resnet_compiler.operators.attributes import Pair, attribute
from resnet_compiler.operators.base import (
    Argument,
    OnnxBuilder,
    Operator,
    ShapeError,
    TorchModule,
    compact,
    need_feature_map,
)
from resnet_compiler.shapes import Dim, Shape, window_size


@dataclass(frozen=True)
class WindowPool(Operator):
    """What maximum and average pooling share: a window that slides over height and width."""

    kernel: Pair = attribute("pair", "window size")
    stride: Pair | None = attribute("pair", "step of the window; the window size by default", None)
    padding: Pair = attribute("pair", "border around the input", (0, 0), 0)
    ceil_mode: bool = attribute("flag", "round the output size up instead of down", False)

    @property
    def step(self) -> Pair:
        """The stride in force: as given, or the window size."""
        return self.stride or self.kernel

    @property
    def spread(self) -> Pair:
        """Distance between the window's taps."""
        return (1, 1)

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, *sizes = need_feature_map(self.word, inputs[0])
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ShapeError("the padding is more than half the window", "padding")
        height, width = (
            window_size(size, kernel, stride, padding, dilation, self.ceil_mode)
            for size, kernel, stride, padding, dilation in zip(
                sizes, self.kernel, self.step, self.padding, self.spread, strict=True
            )
        )
        return (channels, height, width)

    def window(self) -> tuple[Pair, Pair]:
        height, width = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.spread, strict=True))
        return (height, width), self.step

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return (self.kernel, self.step, self.padding) == ((1, 1), (1, 1), (0, 0))

    def _torch(self, callee: str, *more: Argument) -> TorchModule:
        arguments = (
            Argument("kernel_size", compact(self.kernel), positional=True),
            Argument("stride", compact(self.step), compact(self.kernel), positional=True),
            Argument("padding", compact(self.padding), 0, positional=True),
            *more,
            Argument("ceil_mode", self.ceil_mode, False),
        )
        return TorchModule(callee, arguments, stateless=True, makes_tensor=True)

    def _onnx(
        self,
        builder: OnnxBuilder,
        op_type: str,
        inputs: Sequence[str],
        shapes: Sequence[Shape],
        **more: Any,
    ) -> str:
        """One node; or, of a fixed size that the shape inference of onnx (1.23), which ONNX Runtime has too, gets wrong, as
        many as it takes to say the same in another way.

        The inference keeps a last window that starts in the padding. Without rounding up there is no such window, and the
        others are the same. Where the other axis must be rounded up all the same, each axis has a node of its own: maxima
        and means over a window are those over its rows, then over its columns.
        """
        rounded = self._rounded_axes(builder.fixed(shapes[0]))
        if rounded[0] == rounded[1]:
            return self._pooled(builder, op_type, inputs, "", (True, True), rounded[0], **more)
        rows = self._pooled(builder, op_type, inputs, "rows", (True, False), rounded[0], **more)
        return self._pooled(builder, op_type, [rows], "", (False, True), rounded[1], **more)

    def _rounded_axes(self, shape: Sequence[int] | None) -> tuple[bool, bool]:
        """Whether to ask for rounding up, along height and width: where it is asked for in the spec, but for sizes that
        onnx would infer wrongly. An axis on which both roundings give the same follows the other one."""
        asked = self.ceil_mode, self.ceil_mode
        if not self.ceil_mode or shape is None:
            return asked
        down, true, wrong = (
            [
                rule(size, kernel, stride, padding, dilation)
                for size, kernel, stride, padding, dilation in zip(
                    shape[1:], self.kernel, self.step, self.padding, self.spread, strict=True
                )
            ]
            for rule in (window_size, _rounded_up, _kept_in_padding)
        )
        if true == wrong:
            return asked
        if true == down:
            return False, False
        return true[0] != down[0], true[1] != down[1]

    def _pooled(
        self,
        builder: OnnxBuilder,
        op_type: str,
        inputs: Sequence[str],
        suffix: str,
        axes: tuple[bool, bool],
        rounds_up: bool,
        **more: Any,
    ) -> str:
        """A node over the axes that are chosen; along another one the window is one pixel."""

        def chosen(pair: Pair, other: int = 1) -> list[int]:
            return [given if chosen else other for given, chosen in zip(pair, axes, strict=True)]

        return builder.node(
            op_type,
            inputs,
            suffix,
            kernel_shape=chosen(self.kernel),
            strides=chosen(self.step),
            pads=chosen(self.padding, 0) * 2,
            ceil_mode=int(rounds_up),
            **{key: chosen(v) if key == "dilations" else v for key, v in more.items()},
        )


def _rounded_up(size: int, kernel: int, stride: int, padding: int, dilation: int) -> Dim:
    return window_size(size, kernel, stride, padding, dilation, ceil_mode=True)


def _kept_in_padding(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """The size as onnx infers it, which drops no window."""
    return -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1


@dataclass(frozen=True)
class MaxPool(WindowPool):
    """The greatest element of each window, as `torch.nn.MaxPool2d` and ONNX `MaxPool`."""

    word: ClassVar[str] = "max_pool"

    dilation: Pair = attribute("pair", "distance between the window's taps", (1, 1))

    @property
    def spread(self) -> Pair:
        return self.dilation

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return self._torch("nn.MaxPool2d", Argument("dilation", compact(self.dilation), 1))

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return self._onnx(builder, "MaxPool", inputs, shapes, dilations=self.dilation)


@dataclass(frozen=True)
class AvgPool(WindowPool):
    """The mean of each window, as `torch.nn.AvgPool2d` and ONNX `AveragePool`."""

    word: ClassVar[str] = "avg_pool"

    count_padding: bool = attribute("flag", "whether the border's zeros count in the mean", True)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return self._torch("nn.AvgPool2d", Argument("count_include_pad", self.count_padding, True))

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        counted = int(self.count_padding)
        return self._onnx(builder, "AveragePool", inputs, shapes, count_include_pad=counted)


@dataclass(frozen=True)
class GlobalAvgPool(Operator):
    """The mean of each channel over the whole feature map: (C, H, W) to (C, 1, 1)."""

    word: ClassVar[str] = "global_avg_pool"

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        return (channels, 1, 1)

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return inputs[0][1:] == (1, 1)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        output_size = (Argument("output_size", 1, positional=True),)
        return TorchModule("nn.AdaptiveAvgPool2d", output_size, stateless=True, makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node("GlobalAveragePool", inputs)


@dataclass(frozen=True)
class BlurPool(Operator):
    """A fixed 3×3 binomial blur with a stride, edges reflected (Zhang, "Making Convolutional Networks Shift-Invariant
    Again", 2019). It has no weights."""

    word: ClassVar[str] = "blur_pool"

    stride: Pair = attribute("pair", "step of the window", (2, 2))

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, *sizes = need_feature_map(self.word, inputs[0])
        height, width = (
            window_size(size, 3, stride, 1) for size, stride in zip(sizes, self.stride, strict=True)
        )
        return (channels, height, width)

    def least_size(self) -> int:
        return 2  # an edge can be reflected only where there is a second pixel

    def window(self) -> tuple[Pair, Pair]:
        return (3, 3), self.stride

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        arguments = (
            Argument("channels", inputs[0][0], positional=True),
            Argument("stride", compact(self.stride), 2, positional=True),
        )
        return TorchModule("BlurPool2d", arguments, makes_tensor=True, support="blur_pool")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        channels, _, _ = need_feature_map(self.word, shapes[0])
        pads = builder.integers("pads", (0, 0, 1, 1, 0, 0, 1, 1))
        padded = builder.node("Pad", [*inputs, pads], "reflected", mode="reflect")
        window = [a * b / 16 for a in (1, 2, 1) for b in (1, 2, 1)]
        weight = builder.numbers("filter", window * channels, (channels, 1, 3, 3))
        return builder.node("Conv", [padded, weight], strides=list(self.stride), group=channels)
