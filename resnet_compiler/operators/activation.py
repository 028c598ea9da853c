"""Pointwise functions."""

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
    TorchModule,
    need_feature_map,
)
from resnet_compiler.shapes import Shape


@dataclass(frozen=True)
class Activation(Operator):
    """A function of each element: one module in PyTorch, one node in ONNX. Subclasses that need more say so."""

    torch_class: ClassVar[str]
    onnx_type: ClassVar[str]
    pointwise: ClassVar[bool] = True
    takes_inplace: ClassVar[bool] = True

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return TorchModule(
            f"nn.{self.torch_class}", stateless=True, can_overwrite=self.takes_inplace
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node(self.onnx_type, inputs)


@dataclass(frozen=True)
class Relu(Activation):
    """max(x, 0)."""

    word: ClassVar[str] = "relu"
    torch_class: ClassVar[str] = "ReLU"
    onnx_type: ClassVar[str] = "Relu"


@dataclass(frozen=True)
class LeakyRelu(Activation):
    """x where x is positive, slope × x elsewhere."""

    word: ClassVar[str] = "leaky_relu"

    slope: float = attribute("number", "factor for negative values", 0.01)

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        arguments = (Argument("negative_slope", self.slope, 0.01),)
        return TorchModule("nn.LeakyReLU", arguments, stateless=True, can_overwrite=True)

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node("LeakyRelu", inputs, alpha=self.slope)


@dataclass(frozen=True)
class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    word: ClassVar[str] = "sigmoid"
    torch_class: ClassVar[str] = "Sigmoid"
    onnx_type: ClassVar[str] = "Sigmoid"
    takes_inplace: ClassVar[bool] = False


@dataclass(frozen=True)
class HardSigmoid(Activation):
    """min(max(x + 3, 0), 6) / 6 (Howard et al. 2019)."""

    word: ClassVar[str] = "hard_sigmoid"
    torch_class: ClassVar[str] = "Hardsigmoid"

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node("HardSigmoid", inputs, alpha=1 / 6, beta=0.5)


@dataclass(frozen=True)
class Silu(Activation):
    """x × sigmoid(x), also called swish (Elfwing et al. 2017)."""

    word: ClassVar[str] = "silu"
    torch_class: ClassVar[str] = "SiLU"

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return builder.node("Mul", [*inputs, builder.node("Sigmoid", inputs, "sigmoid")])


@dataclass(frozen=True)
class HardSwish(Activation):
    """x × hard_sigmoid(x) (Howard et al. 2019)."""

    word: ClassVar[str] = "hard_swish"
    torch_class: ClassVar[str] = "Hardswish"

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        gate = builder.node("HardSigmoid", inputs, "gate", alpha=1 / 6, beta=0.5)
        return builder.node("Mul", [*inputs, gate])


@dataclass(frozen=True)
class Gelu(Activation):
    """x × Φ(x), with Φ the normal distribution function (Hendrycks & Gimpel 2016); the exact form, by erf."""

    word: ClassVar[str] = "gelu"
    torch_class: ClassVar[str] = "GELU"
    takes_inplace: ClassVar[bool] = False

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "float32"

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        scaled = builder.node(
            "Mul", [*inputs, builder.number("inverse_root_two", 0.5**0.5)], "scaled"
        )
        erf = builder.node("Erf", [scaled], "erf")
        cdf = builder.node("Add", [erf, builder.number("one", 1.0)], "cdf")
        doubled = builder.node("Mul", [*inputs, cdf], "doubled")
        return builder.node("Mul", [doubled, builder.number("half", 0.5)])


@dataclass(frozen=True)
class Dropout(Operator):
    """Zeroes random elements in training (Srivastava et al. 2014); nothing at inference."""

    word: ClassVar[str] = "dropout"
    pointwise: ClassVar[bool] = True

    rate: float = attribute("rate", "share of elements zeroed", 0.5)

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return True

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "as its inputs"

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        return TorchModule(
            "nn.Dropout", (Argument("p", self.rate, 0.5, positional=True),), stateless=True
        )

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return inputs[0]


@dataclass(frozen=True)
class DropPath(Operator):
    """Stochastic depth (Huang et al. 2016): drops a whole residual path at random in training; nothing at inference."""

    word: ClassVar[str] = "drop_path"
    pointwise: ClassVar[bool] = True

    rate: float = attribute("rate", "share of samples whose path is dropped")

    def infer(self, inputs: Sequence[Shape]) -> Shape:
        need_feature_map(self.word, inputs[0])
        return inputs[0]

    def is_identity(self, inputs: Sequence[Shape]) -> bool:
        return True

    @property
    def in_half_precision(self) -> HalfPrecision:
        return "as its inputs"

    def torch_form(self, inputs: Sequence[Shape]) -> TorchModule:
        arguments = (Argument("rate", self.rate, positional=True),)
        return TorchModule("DropPath", arguments, stateless=True, support="drop_path")

    def onnx_form(
        self, builder: OnnxBuilder, inputs: Sequence[str], shapes: Sequence[Shape]
    ) -> str:
        return inputs[0]
