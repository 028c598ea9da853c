"""The float types of an ONNX model, and which layers compute in float32 where the network is of half precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from resnet_compiler.interface import InterfaceError, Problem
from resnet_compiler.operators.base import Operator
from resnet_compiler.weights import Array


@dataclass(frozen=True, slots=True)
class FloatType:
    """A float type: its name, its number in ONNX, its width in bytes, and the greatest number it holds."""

    name: str
    number: int
    width: int
    greatest: float

    def encode(self, values: Array, name: str) -> bytes:
        """Little-endian bytes, as the format has them on every machine, rounded to the nearest.

        Raises:
            InterfaceError: a number would become infinite; ``name`` says of what.
        """
        import numpy as np

        values = values.astype("<f4", copy=False)
        if self == FLOAT32:
            return values.tobytes()
        self.refuse_overflow(float(np.fmax.reduce(np.abs(values), axis=None, initial=0)), name)
        if self == FLOAT16:
            return values.astype("<f2").tobytes()
        bits = np.ascontiguousarray(values).view("<u4")
        # half of the last place that stays, or just below where that place is even: ties go to even
        rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
        return np.where(np.isnan(values), 0x7FC0, rounded).astype("<u2").tobytes()

    def decode(self, data: bytes) -> Array:
        """What `encode` made, as float32, which holds all of it."""
        import numpy as np

        if self == BFLOAT16:
            return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        return np.frombuffer(data, "<f2" if self == FLOAT16 else "<f4").astype(np.float32)

    def rounded(self, values: Array) -> Array:
        """The values as this type has them, in float32."""
        return self.decode(self.encode(values, "an input")).reshape(values.shape)

    def refuse_overflow(self, magnitude: float, name: str) -> None:
        """Refuse a number that would become infinite.

        Raises:
            InterfaceError: it would.
        """
        if magnitude > self.greatest:
            summary = f"{name} holds {magnitude:.6g}, and {self.name} ends at {self.greatest:.6g}"
            raise InterfaceError([Problem("precision", summary, "use bfloat16 or float32")])


FLOAT32 = FloatType("float32", 1, 4, float("inf"))
FLOAT16 = FloatType("float16", 10, 2, 65504.0)
BFLOAT16 = FloatType("bfloat16", 16, 2, (2 - 2**-7) * 2.0**127)
FLOAT_TYPES = {each.name: each for each in (FLOAT32, FLOAT16, BFLOAT16)}


def type_for(operator: Operator, inputs: Iterable[FloatType], network: FloatType) -> FloatType:
    """The type that a layer computes in: the network's, but for what would lose too much there."""
    match operator.in_half_precision:
        case "float32":
            return FLOAT32
        case "as its inputs":
            return FLOAT32 if FLOAT32 in inputs else network
    return network
