"""Normalisations with running or per-sample statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from resnet_compiler.operators.attributes import attribute
from resnet_compiler.operators.base import (
    Argument,
    HalfPrecision,
    OnnxBuilder,
    Operator,
    ShapeError,
    Tensor,
    TorchModule,
    need_feature_map,
)
from resnet_compiler.shapes import Shape


@dataclass(frozen=True)
class BatchNorm(Operator):
    """Batch normalisation (Ioffe & Szegedy 2015), as `torch.nn.BatchNorm2d`; at inference an affine map per channel."""

    word: ClassVar[str] = "batch_norm"
    pointwise: ClassVar[bool] = True

    eps: float = attribute("number", "added to the variance", 1e-5, minimum=0)
    momentum: float = attribute(
        "number", "weight of the newest batch in the running statistics", 0.1
    )
    zero_init: bool = attribute("flag", "whether the scale begins at zero", False)

    @property
    def starts_at_zero(self) -> bool:
        return self.zero_init

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        need_feature_map(self.word, inputs[0])
        return inputs[0]

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        return (
            *_scale_and_shift(self.word, inputs[0], self.zero_init),
            Tensor("running_mean", (channels,), "constant", trainable=False),
            Tensor("running_var", (channels,), "constant", 1.0, trainable=False),
            Tensor("num_batches_tracked", (), "counter", trainable=False),
        )

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return TorchModule(
            "nn.BatchNorm2d",
            (
                Argument("num_features", inputs[0][0], positional=True),
                Argument("eps", self.eps, 1e-5),
                Argument("momentum", self.momentum, 0.1),
            ),
            makes_tensor=True,
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        names = ("weight", "bias", "running_mean", "running_var")
        return builder.node(
            "BatchNormalization",
            [*inputs, *(builder.parameter(name) for name in names)],
            epsilon=self.eps,
            momentum=1 - self.momentum,  # ONNX weighs the old statistics, PyTorch the new ones
        )


@dataclass(frozen=True)
class GroupNorm(Operator):
    """Group normalisation (Wu & He 2018), as `torch.nn.GroupNorm`: statistics per sample and group of channels."""

    word: ClassVar[str] = "group_norm"

    groups: int = attribute("count", "groups of channels that share statistics", 32)
    eps: float = attribute("number", "added to the variance", 1e-5, minimum=0)
    zero_init: bool = attribute("flag", "whether the scale begins at zero", False)

    @property
    def starts_at_zero(self) -> bool:
        return self.zero_init

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "float32"

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {channels} channels", "groups")
        return inputs[0]

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        return _scale_and_shift(self.word, inputs[0], self.zero_init)

    def onnx_dims(self, tensor: Tensor) -> tuple[int, ...]:
        return (*tensor.shape, 1, 1)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return TorchModule(
            "nn.GroupNorm",
            (
                Argument("num_groups", self.groups, positional=True),
                Argument("num_channels", inputs[0][0], positional=True),
                Argument("eps", self.eps, 1e-5),
            ),
            makes_tensor=True,
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        # GroupNormalization changed its meaning between opsets 18 and 21; InstanceNormalization over the groups is the
        # same at every opset. Laid out as (N, groups, channels of one × H, W), -1 can be told from the rest both ways.
        channels = shapes[0][0]
        assert isinstance(channels, int)
        grouped = builder.integers("grouped_shape", (0, self.groups, -1, 0))
        restored = builder.integers("restored_shape", (0, channels, -1, 0))
        unit = [
            builder.numbers(name, [fill] * self.groups, (self.groups,))
            for name, fill in (("unit_scale", 1.0), ("unit_shift", 0.0))
        ]
        value = builder.node("Reshape", [*inputs, grouped], "grouped")
        value = builder.node("InstanceNormalization", [value, *unit], "normal", epsilon=self.eps)
        value = builder.node("Reshape", [value, restored], "restored")
        value = builder.node("Mul", [value, builder.parameter("weight")], "scaled")
        return builder.node("Add", [value, builder.parameter("bias")])


@dataclass(frozen=True)
class LayerNorm(Operator):
    """Layer normalisation (Ba et al. 2016) over the channels of each pixel, as ConvNeXt has it."""

    word: ClassVar[str] = "layer_norm"

    eps: float = attribute("number", "added to the variance", 1e-6, minimum=0)
    zero_init: bool = attribute("flag", "whether the scale begins at zero", False)

    @property
    def starts_at_zero(self) -> bool:
        return self.zero_init

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "float32"

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        need_feature_map(self.word, inputs[0])
        return inputs[0]

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        return _scale_and_shift(self.word, inputs[0], self.zero_init)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        arguments = (
            Argument("num_channels", inputs[0][0], positional=True),
            Argument("eps", self.eps, 1e-6),
        )
        return TorchModule("LayerNorm2d", arguments, makes_tensor=True, support="layer_norm")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        # LayerNormalization exists from opset 17 on; these nodes are the same at every opset
        last = builder.node("Transpose", inputs, "channels_last", perm=[0, 2, 3, 1])
        mean = builder.reduce_mean([last], "mean", [3])
        centred = builder.node("Sub", [last, mean], "centred")
        square = builder.node("Mul", [centred, centred], "square")
        variance = builder.reduce_mean([square], "variance", [3])
        shifted = builder.node("Add", [variance, builder.number("eps", self.eps)], "shifted")
        normal = builder.node(
            "Div", [centred, builder.node("Sqrt", [shifted], "deviation")], "normal"
        )
        scaled = builder.node("Mul", [normal, builder.parameter("weight")], "scaled")
        biased = builder.node("Add", [scaled, builder.parameter("bias")], "biased")
        return builder.node("Transpose", [biased], perm=[0, 3, 1, 2])


def _scale_and_shift(word: str, shape: Shape, zero_init: bool) -> tuple[Tensor, ...]:
    """The learned affine map per channel that norms end with."""
    channels, _, _ = need_feature_map(word, shape)
    return (
        Tensor("weight", (channels,), "constant", 0.0 if zero_init else 1.0),
        Tensor("bias", (channels,), "constant"),
    )
