"""A batch norm at inference as what it is: a factor and an offset per channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler.graph import Graph, Node
from resnet_compiler.measure import tensors_of
from resnet_compiler.operators.base import Tensor
from resnet_compiler.operators.normalization import BatchNorm
from resnet_compiler.weights import Array, Value

if TYPE_CHECKING:
    import numpy as np

    Float64 = np.ndarray[Any, np.dtype[np.float64]]
else:
    Float64 = Any


@dataclass(frozen=True, slots=True)
class Norm:
    """A batch norm that is to be folded: what its values are called, and what they are made with."""

    name: str
    eps: float
    tensors: Mapping[str, Tensor]

    def affine(self, value: Value) -> tuple[Float64, Float64]:
        """The factor γ/√(σ²+ε) and the offset β − μ·γ/√(σ²+ε)."""
        import numpy as np

        scale, shift, mean, variance = (
            np.asarray(value(f"{self.name}.{part}", self.tensors[part]), np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + self.eps)
        return factor, shift - mean * factor


def norm_of(graph: Graph, node: Node) -> Norm:
    """What is needed to fold a batch norm."""
    assert isinstance(node.operator, BatchNorm)
    tensors = {tensor.name: tensor for tensor in tensors_of(graph, node)}
    return Norm(node.name, node.operator.eps, tensors)


def composed(norms: Sequence[Norm], value: Value) -> tuple[Float64, Float64]:
    """The factor and the offset of norms one behind the other, the first one first."""
    factor, offset = norms[0].affine(value)
    for norm in norms[1:]:
        more, shift = norm.affine(value)
        factor, offset = factor * more, offset * more + shift
    return factor, offset


def scaled(weight: Array, factor: Float64) -> Array:
    """A weight times a factor that broadcasts: worked out in float64, a buffer at a time, and rounded once."""
    import numpy as np

    result = np.empty(weight.shape, np.float32)
    np.multiply(weight, factor, out=result, dtype=np.float64, casting="same_kind")
    return result
