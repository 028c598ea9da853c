"""The graph: one frozen node per operator, networkx for algorithms on them, scopes for the blocks they came from.

Everything is emitted from here; no emitter reads the spec. Node names are dotted paths, and they are the names used in
the state_dict, in ONNX, in summaries and in diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from resnet_compiler.diagnostics import Span
from resnet_compiler.names import NAME
from resnet_compiler.operators.base import Operator
from resnet_compiler.shapes import Dim, Disagreement, Extent, Shape, shape_at

if TYPE_CHECKING:
    import networkx as nx

    from resnet_compiler.measure import Measures

Section = Literal["stem", "stages", "head"]
Verdict = Literal["all sizes", "declared sizes", "no"]


class GraphError(Exception):
    """The graph is not what a graph must be: a fault of the compiler or of a pass, never of a spec."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operator at one place. ``inputs`` are names of nodes, in order; ``shape`` is the output's, batch left out.

    ``span`` is where its name is written; ``also`` are other lines that say something of it, of a variant too.

    Raises:
        ValueError: the name is not a dotted path of ASCII words, so an invalid name cannot exist.
    """

    name: str
    operator: Operator
    inputs: tuple[str, ...]
    shape: Shape
    section: Section
    span: Span | None = None
    also: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"not a layer name: {self.name!r}")


@dataclass(frozen=True, slots=True)
class Scope:
    """A named group of nodes that came from one block: its nodes are those whose names start with ``name`` and a dot.

    ``entry`` is the node whose output comes in and ``exit`` the one whose output leaves. ``values`` are the block's
    parameters and definitions as evaluated here. A residual block has a ``join`` (its add), and what comes over the
    shortcut is the join's second input: ``entry`` where ``shortcut`` is "identity", else the last of ``shortcut_layers``.
    These can be none although it is no identity, where a projection that reads a layer of the residual path has all its
    layers left out; then that layer is added. ``span`` is where the block is named, and ``also`` are other lines that
    say something of it.
    """

    name: str
    block: str
    title: str
    doc: str
    entry: str
    exit: str
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    join: str | None = None
    shortcut: str = "none"
    shortcut_layers: tuple[str, ...] = ()
    span: Span | None = None
    also: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: the blocks in it that have layers, in order, and the node its output leaves from."""

    name: str
    blocks: tuple[str, ...]
    exit: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of a join: are the sides equal for every input size, only for those declared, or not at all?"""

    node: str
    residual: bool
    left: Shape
    right: Shape
    verdict: Verdict
    counterexample: Disagreement | None = None

    @property
    def proved(self) -> str:
        """The sizes for which it was proved: "all sizes", "claimed sizes" where the sides differ at sizes that the spec does
        not claim, "declared sizes", or "no" at all."""
        is_of_claims = self.residual and self.verdict == "all sizes" and self.left != self.right
        return "claimed sizes" if is_of_claims else self.verdict


@dataclass(frozen=True, slots=True)
class Identity:
    """What the graph is of: the names and texts that outputs carry."""

    name: str
    title: str
    source: str
    sha256: str


INPUT = "input"
"""The name of the graph's input. No node may have it."""


@dataclass(frozen=True)
class Graph:
    """A network: its nodes by name, in an order that is topological. `structure` is the networkx graph of them."""

    identity: Identity
    input_shape: Shape
    extents: tuple[Extent, Extent]
    nodes: Mapping[str, Node] = field(repr=False)
    output: str
    scopes: Mapping[str, Scope] = field(repr=False)
    stages: tuple[Stage, ...]
    proofs: tuple[Proof, ...] = field(repr=False)
    passes: tuple[str, ...] = ()
    """The passes that made it what it is, in order."""

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    @cached_property
    def structure(self) -> nx.MultiDiGraph[str]:
        """The networkx graph, frozen: the input and the nodes, each of which carries its `Node`.

        Each edge has the position of the input that it feeds as its key. It is made when it is first asked for, since
        few commands need it, and the import takes longer than a compilation.
        """
        import networkx as nx

        structure: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        structure.add_node(INPUT)
        for name, node in self.nodes.items():
            structure.add_node(name, node=node)
            for position, source in enumerate(node.inputs):
                structure.add_edge(source, name, position)
        nx.freeze(structure)
        return structure

    def shape(self, name: str) -> Shape:
        """The shape of a node's output, or of the input."""
        return self.input_shape if name == INPUT else self[name].shape

    def input_shapes(self, node: Node) -> list[Shape]:
        """The shapes a node takes in, in order."""
        return [self.shape(name) for name in node.inputs]

    @property
    def declared(self) -> dict[str, int]:
        """The input extents at which costs are counted."""
        return {extent.axis: extent.declared for extent in self.extents}

    def concrete(self, name: str) -> tuple[int, ...]:
        """The shape of a node's output at the declared input size."""
        return shape_at(self.shape(name), self.declared)

    @property
    def smallest_input(self) -> dict[str, int]:
        """The smallest input that is claimed; along an axis without a claim, the smallest of which something is left."""
        least = self.minimum_extents
        return {extent.axis: extent.first_from(least[extent.axis]) for extent in self.extents}

    @property
    def claims_some(self) -> bool:
        """Whether the spec claims certain sizes, not all, so that what is proved is proved of those."""
        return any(extent.multiple_of > 1 or extent.minimum > 1 for extent in self.extents)

    @property
    def proved_sizes(self) -> str:
        """The sizes that a proof for all is about, in words: "every claimed size"."""
        return "every claimed size" if self.claims_some else "every input size"

    @property
    def minimum_extents(self) -> dict[str, int]:
        """The smallest input for which no size in the graph falls below what its layers need."""
        least = {extent.axis: 1 for extent in self.extents}
        needs = dict.fromkeys((dim, 1) for node in self for dim in node.shape)
        for node in self:
            size = node.operator.least_size()
            if size > 1:
                needs |= dict.fromkeys((d, size) for s in self.input_shapes(node) for d in s)
        for dim, size in needs:
            if not isinstance(dim, int):
                least[dim.axis] = max(least[dim.axis], dim.least_extent(size))
        return least

    @cached_property
    def measures(self) -> Measures:
        """Its counts and costs, worked out once."""
        from resnet_compiler.measure import Measures

        return Measures(self)

    @property
    def any_size(self) -> bool:
        """Whether every join is proved for every size the spec admits, so that height and width may be dynamic."""
        return all(proof.verdict == "all sizes" for proof in self.proofs)


def verify_graph(graph: Graph) -> None:
    """Check what must hold before and after every pass: all of `rules`, in their order.

    Raises:
        GraphError: the first finding, naming the node (or scope, or stage) and the rule that it breaks.
    """
    from resnet_compiler.rules import RULES, View  # they are about what is defined here

    view = View(graph)
    for rule in RULES:
        for name, finding in rule(view):
            raise GraphError(f"{name}: {finding} ({rule.__name__.replace('_', ' ')})")


__all__ = [
    "INPUT",
    "NAME",
    "Dim",
    "Graph",
    "GraphError",
    "Identity",
    "Node",
    "Proof",
    "Scope",
    "Section",
    "Stage",
    "Verdict",
    "verify_graph",
]
