"""What of a graph is watched in an experiment: the weighted layers along the trunk, and where its blocks end."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_compiler.graph import Graph
from resnet_compiler.measure import block_of_each


@dataclass(frozen=True, slots=True)
class Trunk:
    """The trunk of a graph, in its order.

    ``layers`` are its weighted layers, ``blocks`` those blocks of its stages that have one, each with its depth: that of
    its last weighted layer, counted from 1. ``first`` and ``last`` name the layers and blocks of the first stage that has
    one, and of the last.
    """

    layers: tuple[tuple[str, int], ...]
    blocks: tuple[tuple[str, int], ...]
    first: frozenset[str]
    last: frozenset[str]


def trunk_of(graph: Graph) -> Trunk:
    """The trunk of a graph. A block without a weighted layer on the trunk has no depth, and is left out."""
    names = [layer.name for layer in graph.measures.layers if layer.weighted]
    depths = {name: depth for depth, name in enumerate(names, start=1)}
    owner = block_of_each(graph, names)
    blocks: dict[str, int] = {}
    for name, depth in depths.items():
        block = owner[name]
        if block is not None:
            blocks[block] = depth
    members = []
    for stage in graph.stages:
        inside = {name for name in names if owner[name] in stage.blocks}
        if inside:
            members.append(frozenset(inside | {block for block in stage.blocks if block in blocks}))
    empty: frozenset[str] = frozenset()
    return Trunk(
        tuple(depths.items()),
        tuple(blocks.items()),
        members[0] if members else empty,
        members[-1] if members else empty,
    )
