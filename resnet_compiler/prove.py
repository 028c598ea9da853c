"""The proof of each join: are both sides equal for every input size, for the declared one only, or not at all?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from resnet_compiler.operators.base import Operator
from resnet_compiler.shapes import (
    Dim,
    Disagreement,
    Extent,
    Shape,
    Size,
    dim_at,
    next_disagreement,
)

if TYPE_CHECKING:
    from resnet_compiler.graph import Graph


def prove_join(
    operator: Operator, inputs: Sequence[Shape], extents: tuple[Extent, Extent]
) -> tuple[str, Disagreement | None]:
    """The verdict on one join ("all sizes", "declared sizes" or "no"), and a counterexample where there is one.

    Constant dimensions must be equal. Sizes must be equal at the declared input; where they are not for some other
    admitted input, the counterexample is the next such input above the declared one; along an axis whose sizes are claimed,
    where there is one.
    """
    claimed = [extent.axis for extent in extents if extent.is_open]
    counterexample: Disagreement | None = None
    for _, left, right in operator.must_agree(inputs):
        if left == right:
            continue
        declared_equal, disagreement = _compare(left, right, extents)
        if not declared_equal:
            return "no", disagreement
        if disagreement is None:
            continue
        if counterexample is None or (
            disagreement.axis in claimed and counterexample.axis not in claimed
        ):
            counterexample = disagreement
    return ("all sizes", None) if counterexample is None else ("declared sizes", counterexample)


@lru_cache(maxsize=4096)
def _compare(
    left: Dim, right: Dim, extents: tuple[Extent, Extent]
) -> tuple[bool, Disagreement | None]:
    """Whether two dimensions are equal at the declared input, and the input for which they are not."""
    axes = {dim.axis for dim in (left, right) if isinstance(dim, Size)}
    by_axis = {extent.axis: extent for extent in extents}
    declared = {axis: extent.declared for axis, extent in by_axis.items()}
    equal = dim_at(left, declared) == dim_at(right, declared)
    if not axes or not equal:
        return equal, None
    if len(axes) == 2:  # a height against a width: they part wherever only one of them changes
        extent = by_axis[min(axes)]
        return True, _part_from(left, right, extent, declared)
    extent = by_axis[axes.pop()]
    return True, next_disagreement(left, right, extent, extent.declared)


def _part_from(left: Dim, right: Dim, extent: Extent, declared: dict[str, int]) -> Disagreement:
    """The first admitted extent above the declared one at which the side that depends on it changes."""
    side = next(d for d in (left, right) if isinstance(d, Size) and d.axis == extent.axis)
    at = -(-side.next_change(extent.declared) // extent.multiple_of) * extent.multiple_of
    sizes = {**declared, extent.axis: at}
    return Disagreement(extent.axis, at, dim_at(left, sizes), dim_at(right, sizes))


def works_at(graph: Graph, height: int, width: int) -> bool:
    """Whether the network takes an image of this size: every join's sides are equal there, and no size vanishes.

    This is the any-size proof put to one size; it is exact.
    """
    sizes = {"H": height, "W": width}
    least = graph.minimum_extents
    if any(sizes[axis] < least[axis] for axis in sizes):
        return False
    pairs = dict.fromkeys(
        (left, right)
        for node in graph
        for _, left, right in node.operator.must_agree(graph.input_shapes(node))
    )
    return all(dim_at(left, sizes) == dim_at(right, sizes) for left, right in pairs)
