"""The operators a spec can name: one frozen class each. A new one is written in its file and listed here."""

from __future__ import annotations

from types import MappingProxyType

from resnet_compiler.operators import (
    activation,
    arithmetic,
    joining,
    layout,
    linear,
    normalization,
    pooling,
)
from resnet_compiler.operators.base import Operator

OPERATORS = MappingProxyType(
    {
        operator.word: operator
        for operator in (
            linear.Conv,
            linear.Conv1d,
            linear.Linear,
            normalization.BatchNorm,
            normalization.GroupNorm,
            normalization.LayerNorm,
            activation.Relu,
            activation.LeakyRelu,
            activation.Silu,
            activation.HardSwish,
            activation.Gelu,
            activation.Sigmoid,
            activation.HardSigmoid,
            arithmetic.Softmax,
            activation.Dropout,
            activation.DropPath,
            pooling.MaxPool,
            pooling.AvgPool,
            pooling.BlurPool,
            pooling.GlobalAvgPool,
            arithmetic.Reduce,
            joining.Add,
            joining.Mul,
            joining.Shift,
            joining.Maximum,
            joining.Concat,
            joining.Part,
            arithmetic.Parameter,
            arithmetic.Power,
            arithmetic.Scale,
            layout.Reshape,
            layout.Shuffle,
            layout.Subsample,
            layout.Pad,
        )
    }
)
"""Every operator by its word, in the order they are documented."""

__all__ = ["OPERATORS", "Operator"]
