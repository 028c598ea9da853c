"""Which stage, block and layer of one network stands for which of another. What differs between them is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from resnet_compiler.graph import INPUT, Graph, Node, Stage
from resnet_compiler.measure import block_of_each

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StagePair:
    """Two stages that stand for each other; one is None where a stage was added or removed."""

    before: Stage | None
    after: Stage | None

    @property
    def blocks(self) -> tuple[tuple[str, str], ...]:
        """The blocks that both have, by position."""
        if self.before is None or self.after is None:
            return ()
        return tuple(zip(self.before.blocks, self.after.blocks, strict=False))

    @property
    def removed(self) -> tuple[str, ...]:
        """Blocks that the first alone has."""
        return self.before.blocks[len(self.blocks) :] if self.before else ()

    @property
    def added(self) -> tuple[str, ...]:
        """Blocks that the second alone has."""
        return self.after.blocks[len(self.blocks) :] if self.after else ()


@dataclass(frozen=True)
class Alignment:
    """Two networks side by side.

    Stages stand for each other by name or, where no name is in both, by position. Their blocks do by position. Layers do
    by their names within the block (or the stem, or the head). A layer whose name the other does not have stands for one
    with the same operator and the same inputs: it was renamed.
    """

    before: Graph
    after: Graph

    @cached_property
    def stages(self) -> tuple[StagePair, ...]:
        """Every stage of both, in the order of the second; a stage that was removed follows the one before it."""
        return _stage_pairs(self.before.stages, self.after.stages)

    @cached_property
    def blocks(self) -> Mapping[str, str]:
        """The blocks that both have, each with the one it stands for."""
        return {before: after for pair in self.stages for before, after in pair.blocks}

    @cached_property
    def owner_before(self) -> Mapping[str, str]:
        """The block of each layer of the first network; the section, where it is in none."""
        return _owners(self.before)

    @cached_property
    def owner_after(self) -> Mapping[str, str]:
        """The block of each layer of the second network; the section, where it is in none."""
        return _owners(self.after)

    @cached_property
    def layers(self) -> Mapping[str, str]:
        """The layers that both have, each with the one it stands for; the input stands for itself."""
        pairs: dict[str, str] = {INPUT: INPUT}
        by_name = {node.name: other for node in self.before if (other := self._namesake(node))}
        named = frozenset(by_name.values())
        unnamed: dict[tuple[object, ...], list[str]] = {}
        for node in reversed(list(self.after)):
            if node.name not in named:
                unnamed.setdefault((node.operator, node.inputs), []).append(node.name)
        for node in self.before:
            if node.name in by_name:
                pairs[node.name] = by_name[node.name]
            elif all(source in pairs for source in node.inputs):
                inputs = tuple(pairs[source] for source in node.inputs)
                alike = unnamed.get((node.operator, inputs))
                if alike:
                    pairs[node.name] = alike.pop()
        return pairs

    def _namesake(self, node: Node) -> str | None:
        """The layer of the same name in the block that stands for this one's."""
        owner = self.owner_before[node.name]
        name, place = node.name, owner
        if owner != node.section:
            if owner not in self.blocks:
                return None
            place = self.blocks[owner]
            name = place + node.name[len(owner) :]
        return name if self.owner_after.get(name) == place else None


def _owners(graph: Graph) -> dict[str, str]:
    blocks = block_of_each(graph, [node.name for node in graph])
    return {node.name: blocks[node.name] or node.section for node in graph}


def _stage_pairs(before: Iterable[Stage], after: Iterable[Stage]) -> tuple[StagePair, ...]:
    first, second = list(before), list(after)
    names = {stage.name for stage in first} & {stage.name for stage in second}
    if not names:
        longest = max(len(first), len(second))
        return tuple(StagePair(_at(first, i), _at(second, i)) for i in range(longest))
    counterpart = {stage.name: stage for stage in first if stage.name in names}
    follows: dict[
        str | None, list[Stage]
    ] = {}  # stages that were removed, by the one before them that was not
    last: str | None = None
    for stage in first:
        if stage.name in names:
            last = stage.name
        else:
            follows.setdefault(last, []).append(stage)
    pairs = [StagePair(stage, None) for stage in follows.get(None, ())]
    for stage in second:
        pairs.append(StagePair(counterpart.get(stage.name), stage))
        pairs += [
            StagePair(each, None) for each in follows.get(stage.name, ()) if stage.name in names
        ]
    return tuple(pairs)


def _at(items: list[T], index: int) -> T | None:
    return items[index] if index < len(items) else None
