"""What differs between two networks, as data: totals, stages, blocks and layers, proofs. How it is said is elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from resnet_compiler.compare.align import Alignment, StagePair
from resnet_compiler.compare.changes import (
    Change,
    Item,
    LayerAdded,
    LayerRemoved,
    LayerRenamed,
    Place,
    changed_block,
    changed_layer,
)
from resnet_compiler.graph import Graph, Proof
from resnet_compiler.rows import SummaryRow, shape_text, smallest_text, summary_rows


@dataclass(frozen=True, slots=True)
class Figure:
    """A total of both networks; shapes, parameters and MACs are those at each one's declared input size."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class StageDifference:
    """A stage (or the stem, or the head) that is not the same in both; a row is None where the stage is not there."""

    before: SummaryRow | None
    after: SummaryRow | None
    blocks_removed: tuple[str, ...] = ()
    blocks_added: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """What changes alike in several blocks, named as in the first network; or in the stem, or in the head."""

    places: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ProofChange:
    """A residual add that both have and of which not the same is proved."""

    before: Proof
    after: Proof


@dataclass(frozen=True, slots=True)
class Difference:
    """All that changes from one network to another.

    ``same_layers``: both have the same layers with the same inputs, under whatever names, and take in the same images.
    ``same_names``: and they have the same names, so that weights of one fit the other.
    """

    before: Graph
    after: Graph
    alignment: Alignment
    same_layers: bool
    same_names: bool
    facts: tuple[Change, ...]
    stages: tuple[StageDifference, ...]
    unchanged: tuple[str, ...]
    """Stem, stages and head that are the same in both."""
    groups: tuple[Group, ...]
    figures: tuple[Figure, ...]
    proofs: tuple[ProofChange, ...]

    @property
    def same(self) -> bool:
        """Whether it is one network, however it is written: the same layers under the same names."""
        return self.same_layers and self.same_names


def difference(before: Graph, after: Graph) -> Difference:
    """What changes from one network to the other."""
    pairs = Alignment(before, after)
    facts = tuple(_facts(before, after))
    groups = _groups(pairs)
    layers = pairs.layers
    same_layers = (
        len(layers) == len(before) + 1 == len(after) + 1
        and before.extents == after.extents
        and before.input_shape == after.input_shape
        and layers[before.output] == after.output
        and all(_is_same(pairs, name) for name in layers if name != "input")
    )
    touched = {place for group in groups for place in group.places}
    stages, unchanged = _stages(pairs, touched)
    return Difference(
        before,
        after,
        pairs,
        same_layers=same_layers,
        same_names=all(name == other for name, other in layers.items()),
        facts=facts,
        stages=stages,
        unchanged=unchanged,
        groups=groups,
        figures=tuple(_figures(before, after)),
        proofs=tuple(_proofs(pairs)),
    )


def _is_same(pairs: Alignment, name: str) -> bool:
    node, other = pairs.before[name], pairs.after[pairs.layers[name]]
    inputs = tuple(pairs.layers[source] for source in node.inputs)
    return node.operator == other.operator and inputs == other.inputs


def _facts(before: Graph, after: Graph) -> Iterator[Change]:
    """What is said of each network as a whole, where it is not the same."""

    def of(graph: Graph) -> Iterator[tuple[str, str]]:
        yield "input", shape_text(graph.concrete("input"))
        for extent, axis in zip(graph.extents, ("height", "width"), strict=True):
            claim = f"every multiple of {extent.multiple_of} from {extent.minimum}"
            yield f"input {axis}", claim if extent.is_open else "the declared one"
        yield "output", shape_text(graph.concrete(graph.output))
        yield "smallest input", smallest_text(graph)

    for (name, old), (_, new) in zip(of(before), of(after), strict=True):
        if old != new:
            yield Change(name, old, new)


def _figures(before: Graph, after: Graph) -> Iterator[Figure]:
    old, new = before.measures, after.measures
    yield Figure("layers", len(before), len(after))
    yield Figure("weighted layers", old.weighted_layers, new.weighted_layers)
    yield Figure("parameters", old.parameters, new.parameters)
    yield Figure("MACs", old.macs, new.macs)
    yield Figure("activations", old.activations, new.activations)
    adds = (sum(proof.residual for proof in graph.proofs) for graph in (before, after))
    yield Figure("residual adds", *adds)


def _stages(
    pairs: Alignment, touched: set[str]
) -> tuple[tuple[StageDifference, ...], tuple[str, ...]]:
    """Stem, stages and head that differ, in order; and the names of those that do not.

    ``touched`` are the blocks (by the first network's names) and sections in which something changes.
    """
    old, new = (
        {row.name: row for row in summary_rows(graph.measures, "stage")}
        for graph in (pairs.before, pairs.after)
    )
    changed: list[StageDifference] = []
    unchanged: list[str] = []

    def section(name: str) -> None:
        if name not in old and name not in new:
            return
        if name in touched or old.get(name) != new.get(name):
            changed.append(StageDifference(old.get(name), new.get(name)))
        else:
            unchanged.append(name)

    def stage(pair: StagePair) -> None:
        before = None if pair.before is None else old[pair.before.name]
        after = None if pair.after is None else new[pair.after.name]
        inside = touched & {block for block, _ in pair.blocks}
        if before is not None and before == after and not inside:
            unchanged.append(before.name)
        else:
            changed.append(StageDifference(before, after, pair.removed, pair.added))

    section("stem")
    for pair in pairs.stages:
        stage(pair)
    section("head")
    return tuple(changed), tuple(unchanged)


def _groups(pairs: Alignment) -> tuple[Group, ...]:
    """Every change inside blocks that both have, inside stem and head: those of the same places together."""
    places: dict[Item, dict[str, None]] = {}
    for place, item in _items(pairs):
        places.setdefault(item, {})[place] = None
    groups: dict[tuple[str, ...], list[Item]] = {}
    for item, where in places.items():
        groups.setdefault(tuple(where), []).append(item)
    order = {name: at for at, name in enumerate(["stem", *pairs.blocks, "stages", "head"])}
    ordered = sorted(groups.items(), key=lambda each: (order[each[0][0]], -len(each[0])))
    return tuple(Group(where, tuple(items)) for where, items in ordered)


def _items(pairs: Alignment) -> Iterator[tuple[str, Item]]:
    """Each change with the block (of the first network) or section it is in."""
    before, after = pairs.before, pairs.after
    for old, new in pairs.blocks.items():
        if old in before.scopes and new in after.scopes:
            for change in changed_block(before.scopes[old], after.scopes[new]):
                yield old, change
    home = {new: old for old, new in pairs.blocks.items()}
    partner = {new: old for old, new in pairs.layers.items()}
    shared = {"stem", "stages", "head", *pairs.blocks}
    for node in before:
        place = _place(before, pairs.owner_before[node.name])
        if place.name not in shared:
            continue
        name = place.inside(node.name)
        if node.name not in pairs.layers:
            yield place.name, LayerRemoved(name, node.operator.word)
            continue
        other = after[pairs.layers[node.name]]
        there = _place(after, pairs.owner_after[other.name])
        if there.inside(other.name) != name:
            yield place.name, LayerRenamed(name, there.inside(other.name))
        changed = changed_layer((node, other), (place, there), pairs.layers, partner)
        if changed is not None:
            yield place.name, changed
    for node in after:
        there = _place(after, pairs.owner_after[node.name])
        at = home.get(there.name, there.name)
        if node.name not in partner and at in shared:
            yield at, LayerAdded(there.inside(node.name), node.operator.word)


def _place(graph: Graph, name: str) -> Place:
    """A block or a section of a graph."""
    return Place(name, graph.scopes[name].entry if name in graph.scopes else "")


def _proofs(pairs: Alignment) -> Iterable[ProofChange]:
    after = {proof.node: proof for proof in pairs.after.proofs}
    for proof in pairs.before.proofs:
        other = after.get(pairs.layers.get(proof.node, ""))
        if other is not None and other.verdict != proof.verdict:
            yield ProofChange(proof, other)
