"""A convolution with what follows it, for inference: norm, residual add and ReLU in one operator. No spec names it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from resnet_compiler.operators.base import Argument, OnnxBuilder, Tensor, TorchModule
from resnet_compiler.operators.linear import Conv
from resnet_compiler.shapes import Dim, Shape


@dataclass(frozen=True)
class FusedConv(Conv):
    """ReLU(conv(x) + bias): (C, H, W) → (out, H', W'), with a bias always.

    ``norm`` is the batch norm whose values are in the weights, by its name as seen from beside the convolution
    (`bn1`, or `../bn1` from one container further in); "" for none. ``filter_eps`` is what a standardised filter's
    variance was increased by; None for filters that are as they are.
    """

    has_relu: bool = False
    norm: str = ""
    norm_eps: float = 1e-5
    filter_eps: float | None = None

    @classmethod
    def attributes(cls) -> Mapping[str, dataclasses.Field[Any]]:
        return Conv.attributes()

    def tensors(self, inputs: Sequence[Shape]) -> tuple[Tensor, ...]:
        weight, *_ = super().tensors(inputs)
        return (weight, Tensor("bias", (self.out,), "constant"))

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        plain = super().torch_form(inputs[:1])
        return TorchModule(
            "FusedConv2d",
            (
                *(each for each in plain.arguments if each.name not in ("bias", "eps")),
                Argument("norm", self.norm or None, None),
                Argument("norm_eps", self.norm_eps, 1e-5),
                Argument("filter_eps", self.filter_eps, None),
                Argument("relu", self.has_relu, False),
            ),
            makes_tensor=True,
            support="fused_conv",
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        tensors = [builder.parameter("weight"), builder.parameter("bias")]
        is_last = len(inputs) == 1 and not self.has_relu
        value = builder.node(
            "Conv",
            [inputs[0], *tensors],
            "" if is_last else "conv",
            kernel_shape=list(self.kernel),
            strides=list(self.stride),
            pads=[*self.pad, *self.pad],
            dilations=list(self.dilation),
            group=self.groups,
        )
        if len(inputs) == 2:
            value = builder.node("Add", [value, inputs[1]], "sum" if self.has_relu else "")
        return builder.node("Relu", [value]) if self.has_relu else value


@dataclass(frozen=True)
class FusedConvAdd(FusedConv):
    """ReLU(conv(x) + bias + other): `other` has the shape that the convolution gives, as a residual add demands.

    ``overwrites``: nothing else reads `other` any more, so that the sum may be put in its place.
    """

    arity: ClassVar[int | None] = 2

    overwrites: bool = False

    def must_agree(self, inputs: Sequence[Shape]) -> list[tuple[int, Dim, Dim]]:
        own, other = self.sides(inputs)
        if len(own) != len(other):
            return [(0, len(own), len(other))]
        return [(position, dim, other[position]) for position, dim in enumerate(own)]

    def sides(self, inputs: Sequence[Shape]) -> tuple[Shape, ...]:
        return (self.infer(inputs[:1]), *inputs[1:])

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        form = super().torch_form(inputs)
        overwrites = Argument("overwrites", self.overwrites, False)
        return dataclasses.replace(form, arguments=(*form.arguments, overwrites))
