"""Which layers to leave in float, so that an int8 model is near enough: found by trying, not by guessing.

Each quantised tensor's own error, what it adds to that of the layers before it, gives the order in which to try. The
layer that makes the worst tensor and those that read it are left in float together: between two int8 layers a float one
gains nothing, since a runtime quantises it all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from resnet_compiler.quantize.calibration import Range
from resnet_compiler.quantize.errors import LayerError
from resnet_compiler.quantize.placement import COMPUTING, FUSED, Scheme, place

if TYPE_CHECKING:
    import onnx

MOST_TRIES = 24
"""Models that are made and run; each costs about what the verification did."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Layers to leave in float, in the order of the graph, and the relative difference that is then left."""

    layers: tuple[str, ...]
    relative: float


def layers_that_help(
    exact: onnx.ModelProto,
    ranges: Mapping[str, Range],
    scheme: Scheme,
    errors: Sequence[LayerError],
    bound: float,
    difference: Callable[[onnx.ModelProto], float],
) -> Kept | None:
    """Few layers that, left in float, bring the model within a bound; None where none were found.

    Args:
        exact: the float32 model.
        ranges: of its tensors.
        scheme: what is left in float already.
        errors: of each quantised tensor, as it was.
        bound: the greatest relative difference allowed.
        difference: runs a model, and gives its greatest relative difference.
    """
    groups = _groups(exact, errors)
    tries = 0

    def tried(chosen: Sequence[tuple[str, ...]]) -> float:
        nonlocal tries
        tries += 1
        layers = scheme.in_float.union(*chosen)
        return difference(place(exact, ranges, replace(scheme, in_float=layers)))

    count, found = 1, float("inf")
    while groups and tries < MOST_TRIES:
        found = tried(groups[:count])
        if found <= bound or count >= len(groups):
            break
        count = min(2 * count, len(groups))
    if not found <= bound:
        return None
    chosen = groups[:count]
    for group in reversed(groups[:count]):  # what is not needed goes out again, the least bad first
        if tries == MOST_TRIES or len(chosen) == 1:
            break
        fewer = [each for each in chosen if each is not group]
        if (left := tried(fewer)) <= bound:
            chosen, found = fewer, left
    layers = set().union(*chosen)
    order = [node.name for node in exact.graph.node]
    return Kept(tuple(name for name in order if name in layers), found)


def _groups(exact: onnx.ModelProto, errors: Sequence[LayerError]) -> list[tuple[str, ...]]:
    """For each quantised tensor, the layers to leave in float for it: that with the greatest error of its own first."""
    maker = {name: node for node in exact.graph.node for name in node.output}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in exact.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    known = {each.name: each.relative for each in errors}
    added: dict[tuple[str, ...], float] = {}
    for name, error in known.items():
        node = maker.get(name)
        while node is not None and node.op_type in FUSED:
            node = maker.get(node.input[0])
        before = [known[i] for i in node.input if i in known] if node is not None else []
        computing = [each for each in readers.get(name, []) if each.op_type in COMPUTING]
        layers = [each.name for each in [*([node] if node is not None else []), *computing]]
        group = tuple(dict.fromkeys(layers))
        added[group] = max(added.get(group, 0.0), error - max(before, default=0.0))
    return sorted(added, key=lambda group: -added[group])
