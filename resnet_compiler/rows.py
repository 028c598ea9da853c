"""The rows of a summary: what each stage, block or layer is, puts out and costs. How they are laid out is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from resnet_compiler.graph import Graph, Stage
from resnet_compiler.measure import LayerCost, Measures, block_of_each

Depth = Literal["stage", "block", "layer"]


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A stage, a block or a layer at the declared input size, the batch left out; also the stem and the head.

    ``kind`` is the block (several: with commas between) or the operator, "" for stem and head; ``depth`` the number of
    a stage's blocks, None for what is no stage. ``parameters`` are trainable numbers, ``macs`` multiply-accumulates.
    """

    name: str
    kind: str
    depth: int | None
    output: tuple[int, ...]
    parameters: int
    macs: int

    def cells(self) -> tuple[str, ...]:
        """As text: name, kind, depth, output, parameters, MACs."""
        depth = "" if self.depth is None else str(self.depth)
        costs = f"{self.parameters:,}", f"{self.macs:,}"
        return self.name, self.kind, depth, shape_text(self.output), *costs


def shape_text(shape: Sequence[int]) -> str:
    """``64 × 56 × 56``."""
    return " × ".join(str(dim) for dim in shape)


def smallest_text(graph: Graph) -> str:
    """The smallest input as height × width: of those that are claimed, where some are."""
    return shape_text(list(graph.smallest_input.values())) + (
        " of those claimed" if graph.claims_some else ""
    )


def summary_rows(measures: Measures, depth: Depth) -> tuple[SummaryRow, ...]:
    """A row for each stage, block or layer in the graph's order; every layer is counted in just one of them."""
    if depth == "layer":
        return tuple(
            SummaryRow(
                each.name, each.operator, None, each.output_shape, each.parameters, each.macs
            )
            for each in measures.layers
        )
    stages = {stage.name: stage for stage in measures.graph.stages}
    return tuple(
        _row(measures.graph, name, stages.get(name), members)
        for name, members in _groups(measures, depth).items()
    )


def _groups(measures: Measures, depth: Depth) -> dict[str, list[LayerCost]]:
    """The layers of each stage or block; those of no block stand under their section, stem or head."""
    graph = measures.graph
    sections = {node.name: node.section for node in graph}
    owner = block_of_each(graph, [layer.name for layer in measures.layers])
    stage_of = {block: stage.name for stage in graph.stages for block in stage.blocks}
    groups: dict[str, list[LayerCost]] = {}
    for layer in measures.layers:
        block = owner[layer.name]
        if block is None:
            key = str(sections[layer.name])
        else:
            key = block if depth == "block" else stage_of[block]
        groups.setdefault(key, []).append(layer)
    return groups


def _row(graph: Graph, name: str, stage: Stage | None, members: Sequence[LayerCost]) -> SummaryRow:
    kind, depth, output = "", None, members[-1].output_shape
    if stage is not None:
        kind = ", ".join(block_kinds(graph, stage.blocks))
        depth, output = len(stage.blocks), graph.concrete(stage.exit)
    elif name in graph.scopes:
        kind, output = graph.scopes[name].block, graph.concrete(graph.scopes[name].exit)
    costs = sum(each.parameters for each in members), sum(each.macs for each in members)
    return SummaryRow(name, kind, depth, output, *costs)


def block_kinds(graph: Graph, blocks: Sequence[str]) -> tuple[str, ...]:
    """The kinds of block among these, in the order of their first use."""
    return tuple(dict.fromkeys(graph.scopes[b].block for b in blocks if b in graph.scopes))
