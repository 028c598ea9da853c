"""The operators a spec can name: one frozen class each. A new one is written in its file and listed here."""

from __future__ import annotations

from types import MappingProxyType

from resnet_compiler.operators import activation, joining, layout, linear, normalization, pooling
from resnet_compiler.operators.base import Operator

OPERATORS = MappingProxyType(
    {
        operator.word: operator
        for operator in (
            linear.Conv,
            linear.Linear,
            normalization.BatchNorm,
            normalization.GroupNorm,
            activation.Relu,
            activation.Relu6,
            activation.LeakyRelu,
            activation.Elu,
            activation.Silu,
            activation.HardSwish,
            activation.Gelu,
            activation.Sigmoid,
            activation.HardSigmoid,
            activation.Tanh,
            activation.Softplus,
            activation.Dropout,
            pooling.MaxPool,
            pooling.AvgPool,
            pooling.GlobalAvgPool,
            pooling.GlobalMaxPool,
            joining.Add,
            joining.Mul,
            joining.Concat,
            joining.Part,
            layout.Flatten,
            layout.Subsample,
            layout.PadChannels,
        )
    }
)
"""Every operator by its word, in the order they are documented."""

__all__ = ["OPERATORS", "Operator"]
