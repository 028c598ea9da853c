"""The parts of a network as they are drawn: which nodes have boxes, what joins them, and which edges are shortcuts.

Two views: every node (`whole`), or what counts (`essential`): weighted layers, whatever changes a size, joins, and gates
that have weights of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from resnet_compiler.draw.lanes import Placement, exits_of, parts, place, place_nodes
from resnet_compiler.draw.primitives import Kind
from resnet_compiler.graph import INPUT, Graph, Scope
from resnet_compiler.measure import gate_of, parameter_count, tensors_of, trunk_names

Placed = tuple[Placement, Mapping[tuple[str, int], Kind], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Part:
    """A stem, a block or a head: its place among the stages, and its nodes with boxes, placed.

    ``kinds`` tells what each edge is, by its target and position. ``gates`` are the products that stand for a gate, each
    with what the gate is called. ``previous`` is the node from which the way through the network comes in.
    """

    name: str
    stage: int | None
    section: str
    scope: Scope | None
    placement: Placement
    kinds: Mapping[tuple[str, int], Kind]
    gates: Mapping[str, str]
    previous: str

    @property
    def is_entered(self) -> bool:
        """Whether the trunk goes on from where the part before ended."""
        first = self.placement.entries[:1]
        return bool(first) and first[0].lane == 0 and first[0].name == self.previous


@dataclass(frozen=True)
class View:
    """A graph with what has to be known of it as a whole before one of its parts can be drawn."""

    graph: Graph

    @cached_property
    def trunk(self) -> frozenset[str]:
        """The nodes along the trunk: neither in shortcuts nor in gates."""
        return trunk_names(self.graph)

    @cached_property
    def joins(self) -> dict[str, Scope]:
        """The residual block that each add belongs to."""
        return {scope.join: scope for scope in self.graph.scopes.values() if scope.join}

    @cached_property
    def stage_of(self) -> dict[str, int]:
        """The number of the stage that each block stands in."""
        stages = enumerate(self.graph.stages)
        return {block: number for number, stage in stages for block in stage.blocks}

    def whole(self) -> list[Part]:
        """Every part with all its nodes."""
        return self._parts(
            lambda name, names: (place(self.graph, names), self._whole_kinds(names), {})
        )

    def essential(self) -> list[Part]:
        """Every part with the nodes that count, and at least one."""
        return self._parts(self._essential)

    def _parts(self, placed: Callable[[str, Sequence[str]], Placed]) -> list[Part]:
        found = []
        previous = INPUT
        for name, names in parts(self.graph):
            placement, kinds, gates = placed(name, names)
            stage, scope = self.stage_of.get(name), self.graph.scopes.get(name)
            section = self.graph[names[0]].section
            found.append(Part(name, stage, section, scope, placement, kinds, gates, previous))
            previous = exits_of(self.graph, names)[0]
        return found

    def shortcut_kind(self, scope: Scope) -> Kind:
        """What stands for the shortcut of a residual block: nothing, layers with parameters, or layers without."""
        if not scope.shortcut_layers:
            return "identity"
        tensors = (tensors_of(self.graph, self.graph[name]) for name in scope.shortcut_layers)
        return "projection" if any(map(parameter_count, tensors)) else "parameter_free"

    def _whole_kinds(self, names: Sequence[str]) -> dict[tuple[str, int], Kind]:
        """All edges of a shortcut: those into its layers, and the one into the add."""
        kinds: dict[tuple[str, int], Kind] = {}
        for name in names:
            if name in self.joins:
                scope = self.joins[name]
                kind = self.shortcut_kind(scope)
                for layer in scope.shortcut_layers:
                    inputs = enumerate(self.graph[layer].inputs)
                    kinds |= {(layer, position): kind for position, _ in inputs}
                kinds[name, 1] = kind
        return kinds

    def _essential(self, part: str, names: Sequence[str]) -> Placed:
        exits = exits_of(self.graph, names)
        gates = {name: called for name in names if (called := self._gate(name, part))}
        kept = [name for name in names if name in gates or self._counts(name)] or [exits[0]]
        inside, shown = frozenset(names), frozenset(kept)
        inputs: dict[str, list[str]] = {}
        for name in kept:
            sources = self.main_inputs(name) if name in gates else self.graph[name].inputs
            found = [self.back(source, inside, shown) for source in sources]
            inputs[name] = [source for source in found if source is not None]
        mains = {name: i[:1] if name in self.joins else i for name, i in inputs.items()}
        ends = [self.back(name, inside, shown) for name in exits]
        known = list(dict.fromkeys(end for end in ends if end in inputs))
        kinds = {(n, 1): self.shortcut_kind(self.joins[n]) for n in kept if n in self.joins}
        return place_nodes(inputs, mains, known or kept[-1:]), kinds, gates

    def back(self, name: str, inside: frozenset[str], shown: frozenset[str]) -> str | None:
        """The node with a box, or the entry, that a value comes from along the trunk; None where it is a constant."""
        while name in inside and name not in shown:
            sources = self.main_inputs(name)
            if not sources:
                return None
            name = sources[0]
        return name

    def main_inputs(self, name: str) -> tuple[str, ...]:
        """The inputs of a node but for a gate."""
        gate = gate_of(self.graph, self.graph[name])
        return tuple(s for index, s in enumerate(self.graph[name].inputs) if index != gate)

    def _counts(self, name: str) -> bool:
        """Whether a node has a box in the essential view, gates apart."""
        node = self.graph[name]
        if name not in self.trunk or node.operator.gate_input is not None:
            return False
        if node.operator.weighted or len(node.inputs) > 1 or node.operator.window():
            return True
        sizes = [prod(self.graph.concrete(source)) for source in node.inputs]
        return bool(sizes) and sizes != [prod(self.graph.concrete(name))]

    def _gate(self, name: str, part: str) -> str:
        """What a gate with weights is called, where the node applies one: its block's title; else nothing."""
        gate = gate_of(self.graph, self.graph[name])
        if gate is None or name not in self.trunk:
            return ""
        waiting, seen = [self.graph[name].inputs[gate]], set[str]()
        while waiting:
            source = waiting.pop()
            if source == INPUT or source in self.trunk or source in seen:
                continue
            seen.add(source)
            if self.graph[source].operator.weighted:
                return self._title_inside(name, part)
            waiting += self.graph[source].inputs
        return ""

    def _title_inside(self, name: str, part: str) -> str:
        """The title of the innermost block that a node stands in, within a part."""
        pieces = name.split(".")
        for count in range(len(pieces) - 1, 0, -1):
            scope = self.graph.scopes.get(".".join(pieces[:count]))
            if scope is not None and scope.name != part:
                return scope.title
        return "gate"
