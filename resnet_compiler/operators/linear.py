"""Layers with weights that multiply: convolution and linear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from resnet_compiler.operators.attributes import Pair, attribute
from resnet_compiler.operators.base import (
    Argument,
    OnnxBuilder,
    Operator,
    ShapeError,
    Tensor,
    TorchModule,
    compact,
    need_feature_map,
    show,
)
from resnet_compiler.shapes import Shape, element_count, window_size


@dataclass(frozen=True)
class Conv(Operator):
    """2-D convolution (cross-correlation), as `torch.nn.Conv2d` and ONNX `Conv` define it."""

    word: ClassVar[str] = "conv"
    weighted: ClassVar[bool] = True

    out: int = attribute("count", "output channels")
    kernel: Pair = attribute("pair", "window size")
    stride: Pair = attribute("pair", "step of the window", (1, 1))
    padding: Pair | None = attribute(
        "pair",
        "zeros around the input; half the window by default, so that stride 1 keeps the size",
        None,
        0,
    )
    dilation: Pair = attribute("pair", "distance between the window's taps", (1, 1))
    groups: int = attribute("count", "groups of channels convolved apart from each other", 1)
    bias: bool = attribute(
        "flag", "whether a learned number is added to each output channel", False
    )
    standardized: bool = attribute(
        "flag", "whether each filter is brought to mean 0 and variance 1 (Qiao et al. 2019)", False
    )
    eps: float = attribute(
        "number", "added to a filter's variance when it is standardized", 1e-6, minimum=0
    )

    @property
    def pad(self) -> Pair:
        """The padding in force: as given, or half the window."""
        if self.padding is not None:
            return self.padding
        height, width = (d * (k - 1) // 2 for k, d in zip(self.kernel, self.dilation, strict=True))
        return height, width

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, *sizes = need_feature_map(self.word, inputs[0])
        if channels % self.groups:
            raise ShapeError(
                f"{self.groups} groups do not divide the {channels} input channels", "groups"
            )
        if self.out % self.groups:
            raise ShapeError(
                f"{self.groups} groups do not divide the {self.out} output channels", "groups"
            )
        height, width = (
            window_size(size, kernel, stride, padding, dilation)
            for size, kernel, stride, padding, dilation in zip(
                sizes, self.kernel, self.stride, self.pad, self.dilation, strict=True
            )
        )
        return (self.out, height, width)

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        weight = Tensor("weight", (self.out, channels // self.groups, *self.kernel), "he")
        return (weight, Tensor("bias", (self.out,), "constant")) if self.bias else (weight,)

    def macs(self, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int:
        per_output = inputs[0][0] // self.groups * self.kernel[0] * self.kernel[1]
        return element_count(output) * per_output

    def window(self) -> tuple[Pair, Pair]:
        height, width = (d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation, strict=True))
        return (height, width), self.stride

    def inference_value(self, name: str, value: Any) -> Any:
        if not self.standardized or name != "weight":
            return value
        filters = value.reshape(value.shape[0], -1).astype("float64")
        mean, variance = filters.mean(1, keepdims=True), filters.var(1, keepdims=True)
        standard = (filters - mean) / (variance + self.eps) ** 0.5
        return standard.reshape(value.shape).astype("float32")

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return TorchModule(
            "StdConv2d" if self.standardized else "nn.Conv2d",
            (
                Argument("in_channels", inputs[0][0], positional=True),
                Argument("out_channels", self.out, positional=True),
                Argument("kernel_size", compact(self.kernel), positional=True),
                Argument("stride", compact(self.stride), 1, positional=True),
                Argument("padding", compact(self.pad), 0, positional=True),
                Argument("dilation", compact(self.dilation), 1),
                Argument("groups", self.groups, 1),
                Argument("bias", self.bias, True),
                *((Argument("eps", self.eps, 1e-6),) if self.standardized else ()),
            ),
            makes_tensor=True,
            support="std_conv" if self.standardized else None,
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        tensors = [builder.parameter("weight")]
        if self.bias:
            tensors.append(builder.parameter("bias"))
        return builder.node(
            "Conv",
            [*inputs, *tensors],
            kernel_shape=list(self.kernel),
            strides=list(self.stride),
            pads=[*self.pad, *self.pad],
            dilations=list(self.dilation),
            group=self.groups,
        )


@dataclass(frozen=True)
class Conv1d(Operator):
    """1-D convolution over (channels, length), half-padded, as `torch.nn.Conv1d`: attention across channels uses it."""

    word: ClassVar[str] = "conv1d"
    weighted: ClassVar[bool] = True

    out: int = attribute("count", "output channels")
    kernel: int = attribute("count", "window length, odd")
    bias: bool = attribute("flag", "whether a learned number is added to each channel", False)

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        if len(inputs[0]) != 2 or any(not isinstance(dim, int) for dim in inputs[0]):
            raise ShapeError(
                f"`conv1d` needs channels × length, but its input is {show(inputs[0])}"
            )
        if self.kernel % 2 == 0:
            raise ShapeError("the window must be odd, so that the length stays", "kernel")
        return (self.out, inputs[0][1])

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        channels = inputs[0][0]
        assert isinstance(channels, int)
        weight = Tensor("weight", (self.out, channels, self.kernel), "uniform")
        return (weight, Tensor("bias", (self.out,), "constant")) if self.bias else (weight,)

    def macs(self, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int:
        return element_count(output) * inputs[0][0] * self.kernel

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        arguments = (
            Argument("in_channels", inputs[0][0], positional=True),
            Argument("out_channels", self.out, positional=True),
            Argument("kernel_size", self.kernel, positional=True),
            Argument("padding", self.kernel // 2, 0),
            Argument("bias", self.bias, True),
        )
        return TorchModule("nn.Conv1d", arguments, makes_tensor=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        tensors = [builder.parameter("weight")]
        if self.bias:
            tensors.append(builder.parameter("bias"))
        pad = self.kernel // 2
        return builder.node(
            "Conv", [*inputs, *tensors], kernel_shape=[self.kernel], pads=[pad, pad]
        )


@dataclass(frozen=True)
class Linear(Operator):
    """Fully connected layer, as `torch.nn.Linear`. An input with several dimensions is flattened first."""

    word: ClassVar[str] = "linear"
    weighted: ClassVar[bool] = True

    out: int = attribute("count", "output features")
    bias: bool = attribute("flag", "whether a learned number is added to each output", True)

    def _features(self, shape: Shape) -> int:
        if any(not isinstance(dim, int) for dim in shape):
            raise ShapeError(
                f"`linear` needs a fixed number of inputs, but {show(shape)} changes with the image",
                help="pool first (`global_avg_pool`), or use a `conv` with `kernel: 1`",
            )
        return math.prod(dim for dim in shape if isinstance(dim, int))

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        self._features(inputs[0])
        return (self.out,)

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        weight = Tensor("weight", (self.out, self._features(inputs[0])), "uniform")
        return (weight, Tensor("bias", (self.out,), "constant")) if self.bias else (weight,)

    def macs(self, inputs: Sequence[tuple[int, ...]], output: tuple[int, ...]) -> int:
        return element_count(inputs[0]) * self.out

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return TorchModule(
            "nn.Linear",
            (
                Argument("in_features", self._features(inputs[0]), positional=True),
                Argument("out_features", self.out, positional=True),
                Argument("bias", self.bias, True),
            ),
            makes_tensor=True,
            input_format="{}.flatten(1)" if len(inputs[0]) > 1 else "{}",
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        value = inputs[0]
        if len(shapes[0]) > 1:
            value = builder.node("Flatten", [value], "flatten", axis=1)
        tensors = [builder.parameter("weight")]
        if self.bias:
            tensors.append(builder.parameter("bias"))
        return builder.node("Gemm", [value, *tensors], transB=1)
