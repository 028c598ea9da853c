"""What is said of two forms of a network: whether they agree, and where they part."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

Verdict = Literal["agree", "agree as far as float32 can", "different"]
AGREE: Verdict = "agree"
AS_FLOAT32: Verdict = "agree as far as float32 can"
DIFFERENT: Verdict = "different"

MARGIN = 30
"""How much further from float64 one float32 form may be than another: both round, in another order."""


@dataclass(frozen=True, slots=True)
class Parting:
    """The first layer, in the order of the graph, at which two forms part though they take in the same.

    Attributes:
        layer: its name, as in the graph.
        operator: the operator's word.
        why: what is wrong where there are no two values to compare; else empty.
        difference: the greatest difference, relative to the greatest magnitude; None where there is nothing to compare.
        index: where that is in the output (image, channel, row, column).
        onnx: the value there in the ONNX model.
        source: the value there in the source, or in the float32 network that an export is compared with.
    """

    layer: str
    operator: str
    why: str = ""
    difference: float | None = None
    index: tuple[int, ...] = ()
    onnx: float | None = None
    source: float | None = None

    def __str__(self) -> str:
        if self.difference is None:
            return f"{self.layer} ({self.operator}): {self.why}"
        at = ", ".join(map(str, self.index))
        said = f"{self.layer} ({self.operator}): {self.onnx:.7g} in the ONNX, {self.source:.7g} "
        said += f"{self.why or 'in the source'}, at [{at}]; {self.difference:.2e} relative"
        return said


def judge(ours: float, theirs: float, tolerance: float, parting: Parting | None) -> Verdict:
    """The verdict on one output.

    Args:
        ours: how far the ONNX is from float64, relative.
        theirs: how far another float32 form of the same network is.
        tolerance: what is small enough whatever the other is.
        parting: the layer at which they part, if there is one.
    """
    if parting is not None or not isfinite(ours):
        return DIFFERENT
    if max(ours, theirs) <= tolerance:
        return AGREE
    if ours <= max(tolerance, MARGIN * theirs):
        return AS_FLOAT32
    return DIFFERENT
