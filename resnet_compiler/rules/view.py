"""A graph as rules look at it. What follows from an operator and its input shapes alone is worked out once for all nodes
that have the same: a network repeats itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from resnet_compiler.graph import INPUT, Graph, Node, Scope
from resnet_compiler.operators.base import Operator
from resnet_compiler.prove import prove_join
from resnet_compiler.shapes import Dim, Disagreement, Extent, Shape

Finding = tuple[str, str]
"""Which node, scope or stage is wrong, and what is wrong with it."""


@dataclass(eq=False)
class Kind:
    """Nodes of one operator and the same input shapes; ``name`` is the first one's. What is true of it is true of all."""

    name: str
    operator: Operator
    inputs: tuple[Shape, ...]
    extents: tuple[Extent, Extent]

    @cached_property
    def output(self) -> Shape:
        """The shape that the operator infers, which raises ShapeError where the inputs do not fit."""
        return self.operator.infer(self.inputs)

    @cached_property
    def pairs(self) -> list[tuple[int, Dim, Dim]]:
        """The dimensions that must be equal; a join has some."""
        return self.operator.must_agree(self.inputs)

    @cached_property
    def proved(self) -> tuple[str, Disagreement | None]:
        """The verdict on a join, and the counterexample."""
        return prove_join(self.operator, self.inputs, self.extents)


class View:
    """A graph as the rules look at it; each part is worked out when a rule first asks for it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._scopes_in: dict[str, list[Scope]] = {"": []}

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The nodes by the names they are filed under, in order."""
        return dict(self.graph.nodes)

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """The shape of each value. Equal ones are one object here, so that comparing them is quick."""
        one: dict[Shape, Shape] = {}
        known: dict[int, Shape] = {}
        found = {INPUT: self.graph.input_shape}
        for name, node in self.nodes.items():
            shape = known.get(id(node.shape))
            if shape is None:
                shape = known[id(node.shape)] = one.setdefault(node.shape, node.shape)
            found[name] = shape
        return found

    @cached_property
    def kind_of(self) -> dict[str, Kind]:
        """The kind of each node."""
        shapes = self.shapes
        kinds: dict[tuple[int, ...], Kind] = {}
        found = {}
        for name, node in self.nodes.items():
            inputs = [shapes[source] for source in node.inputs]
            key = (id(node.operator), *map(id, inputs))  # equal operators are mostly one object
            kind = kinds.get(key)
            if kind is None:
                kind = kinds[key] = Kind(name, node.operator, tuple(inputs), self.graph.extents)
            found[name] = kind
        return found

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Each kind once, in the order of the first nodes."""
        return tuple(dict.fromkeys(self.kind_of.values()))

    @cached_property
    def joins(self) -> dict[str, Kind]:
        """The nodes whose inputs must agree, with their kinds."""
        return {name: kind for name, kind in self.kind_of.items() if kind.pairs}

    def scopes_in(self, name: str) -> list[Scope]:
        """The scope of this name, if there is one, and those around it, innermost first."""
        known, unknown = self._scopes_in, []
        while name not in known:
            unknown.append(name)
            name = name.rpartition(".")[0]
        found = known[name]
        for inner in reversed(unknown):
            if inner in self.graph.scopes:
                found = [self.graph.scopes[inner], *found]
            known[inner] = found
        return found
