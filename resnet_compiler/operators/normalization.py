"""Normalisations with running or per-sample statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from resnet_compiler.operators.base import (
    Argument,
    OnnxBuilder,
    Operator,
    ShapeError,
    Tensor,
    TorchModule,
    attribute,
    need_feature_map,
)
from resnet_compiler.shapes import Shape


@dataclass(frozen=True)
class BatchNorm(Operator):
    """Batch normalisation (Ioffe & Szegedy 2015), as `torch.nn.BatchNorm2d`; at inference an affine map per channel."""

    word: ClassVar[str] = "batch_norm"

    eps: float = attribute("number", "added to the variance", 1e-5)
    momentum: float = attribute(
        "number", "weight of the newest batch in the running statistics", 0.1
    )

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        need_feature_map(self.word, inputs[0])
        return inputs[0]

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        return (
            Tensor("weight", (channels,), "ones"),
            Tensor("bias", (channels,), "zeros"),
            Tensor("running_mean", (channels,), "zeros", trainable=False),
            Tensor("running_var", (channels,), "ones", trainable=False),
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
    eps: float = attribute("number", "added to the variance", 1e-5)

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        if channels % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {channels} channels", "groups")
        return inputs[0]

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        channels, _, _ = need_feature_map(self.word, inputs[0])
        return (Tensor("weight", (channels,), "ones"), Tensor("bias", (channels,), "zeros"))

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
        # GroupNormalization changed its meaning between opsets 18 and 21; InstanceNormalization over the groups, laid
        # out as (N, groups, rest), is the same at every opset.
        channels = shapes[0][0]
        assert isinstance(channels, int)
        shape = builder.node("Shape", inputs, "shape")
        grouped = builder.node(
            "Reshape", [*inputs, builder.integers("grouped_shape", (0, self.groups, -1))], "grouped"
        )
        unit = [
            builder.node(
                "ConstantOfShape",
                [builder.integers("group_count", (self.groups,))],
                name,
                value=float(fill),
            )
            for name, fill in (("unit_scale", 1), ("unit_shift", 0))
        ]
        normal = builder.node("InstanceNormalization", [grouped, *unit], "normal", epsilon=self.eps)
        restored = builder.node("Reshape", [normal, shape], "restored")
        per_channel = builder.integers("per_channel", (channels, 1, 1))
        scale = builder.node("Reshape", [builder.parameter("weight"), per_channel], "scale")
        shift = builder.node("Reshape", [builder.parameter("bias"), per_channel], "shift")
        return builder.node("Add", [builder.node("Mul", [restored, scale], "scaled"), shift])
