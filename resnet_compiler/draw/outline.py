"""A network as groups of labelled nodes with edges between, for programs that find the places themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from resnet_compiler.draw import Detail
from resnet_compiler.draw.compact import runs
from resnet_compiler.draw.labels import operator_text, shape_text
from resnet_compiler.draw.lanes import parts as parts_of
from resnet_compiler.draw.palette import STROKES
from resnet_compiler.draw.parts import Part, View
from resnet_compiler.draw.primitives import Kind
from resnet_compiler.graph import INPUT, Graph


@dataclass(frozen=True, slots=True)
class OutlineNode:
    """A node: a name for the program, a colour as in figures, and the lines of its label."""

    id: str
    color: int | None
    lines: tuple[str, ...]
    is_weighted: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that belong together, and groups inside: a stage with its blocks."""

    id: str
    title: str
    color: int | None
    nodes: tuple[OutlineNode, ...] = ()
    groups: tuple[Group, ...] = ()

    def __iter__(self) -> Iterator[OutlineNode]:
        yield from self.nodes
        for group in self.groups:
            yield from group


@dataclass(frozen=True, slots=True)
class OutlineEdge:
    """An edge between two nodes, by their ids."""

    source: str
    target: str
    kind: Kind = "flow"


@dataclass(frozen=True, slots=True)
class Outline:
    """A network's groups from its input to its output, and every edge."""

    title: str
    nodes: tuple[OutlineNode, ...]
    groups: tuple[Group, ...]
    edges: tuple[OutlineEdge, ...]


def outline(graph: Graph, detail: Detail) -> Outline:
    """The outline of a network: its stages, its blocks, or every layer."""
    view = View(graph)
    title = graph.identity.title or graph.identity.name
    first = OutlineNode("input", None, (f"input {shape_text(graph.concrete(INPUT))}",))
    if detail == "compact":
        groups, edges = _compact(view)
    else:
        groups, edges = _with_nodes(view, view.essential() if detail == "blocks" else view.whole())
    return Outline(title, (first,), tuple(groups), tuple(edges))


def _compact(view: View) -> tuple[list[Group], list[OutlineEdge]]:
    """A node for each run of equal blocks, and for each layer of a stem or head that is more than a row of them."""
    found: list[tuple[Part, list[OutlineNode]]] = []
    of_part: dict[str, str] = {}
    of_layer = {INPUT: "input"}
    ids = (f"n{number}" for number in count())
    for run in runs(view, view.essential()):
        part = run[0]
        if part.scope is None and not _is_row(part):
            cells = [cell.name for cell in part.placement.cells if not cell.is_entry]
            of_layer |= dict(zip(cells, ids, strict=False))
            found.append((part, [_layer(view, part, name, of_layer[name]) for name in cells]))
        else:
            of_part |= dict.fromkeys((each.name for each in run), id := next(ids))
            found.append((part, [_run(view, run, id)]))
    groups = [
        Group(f"g{number}", _panel(view, parts[0]), parts[0].stage, tuple(nodes))
        for number, (parts, nodes) in enumerate(_by_panel(found))
    ]
    return groups, _compact_edges(view, [part for part, _ in found], of_part, of_layer)


def _is_row(part: Part) -> bool:
    return len(part.placement.entries) <= 1 and all(r.is_straight for r in part.placement.routes)


def _run(view: View, run: Sequence[Part], id: str) -> OutlineNode:
    """A run of equal blocks, or a row of layers, as one node."""
    part = run[0]
    names = [cell.name for cell in part.placement.cells if not cell.is_entry]
    lines = [_text(view, part, name) for name in names if name not in view.joins]
    if part.scope is not None:
        kinds = dict.fromkeys(part.kinds.values())
        times = f" ×{len(run)}" if len(run) > 1 else ""
        meanings = (STROKES[kind].meaning for kind in kinds)
        lines = [f"{part.scope.title}{times}", *lines, *meanings]
    return OutlineNode(id, part.stage, tuple(lines), True)


def _layer(view: View, part: Part, name: str, id: str) -> OutlineNode:
    weighted = view.graph[name].operator.weighted
    return OutlineNode(id, part.stage, (_text(view, part, name),), weighted)


def _compact_edges(
    view: View, parts: Sequence[Part], of_part: Mapping[str, str], of_layer: Mapping[str, str]
) -> list[OutlineEdge]:
    """The edges between nodes that stand for whole parts and for layers."""
    homes = {
        name: (part, frozenset(names)) for part, names in parts_of(view.graph) for name in names
    }
    shown = frozenset(of_layer)

    def node_of(name: str) -> str | None:
        """What stands for a layer, or for what it passes on; None where that is a constant."""
        if name in of_layer:
            return of_layer[name]
        part, inside = homes[name]
        if part in of_part:
            return of_part[part]
        source = view.back(name, inside, shown)
        return None if source is None else node_of(source)

    found: dict[tuple[str, str], None] = {}
    for part in parts:
        for route in part.placement.routes:
            source, target = node_of(route.source), node_of(route.target)
            if source is not None and target is not None and source != target:
                found[source, target] = None
    return [OutlineEdge(source, target) for source, target in found]


def _by_panel(
    found: Sequence[tuple[Part, list[OutlineNode]]],
) -> list[tuple[list[Part], list[OutlineNode]]]:
    panels: list[tuple[list[Part], list[OutlineNode]]] = []
    for part, nodes in found:
        if not panels or (panels[-1][0][0].stage, panels[-1][0][0].section) != (
            part.stage,
            part.section,
        ):
            panels.append(([], []))
        panels[-1][0].append(part)
        panels[-1][1].extend(nodes)
    return panels


def _panel(view: View, part: Part) -> str:
    if part.stage is None:
        return part.section
    stage = view.graph.stages[part.stage]
    return f"{stage.name}, {shape_text(view.graph.concrete(stage.exit))}"


def _with_nodes(view: View, parts: list[Part]) -> tuple[list[Group], list[OutlineEdge]]:
    """A node for each box of a figure, in a group for each block, in a group for each stage."""
    ids: dict[str, str] = {INPUT: "input"}
    for part in parts:
        names = [cell.name for cell in part.placement.cells if not cell.is_entry]
        ids |= {name: f"n{len(ids) + number}" for number, name in enumerate(names)}
    everywhere, shown = frozenset(node.name for node in view.graph), frozenset(ids)
    edges = []
    for part in parts:
        for route in part.placement.routes:
            source = view.back(route.source, everywhere, shown)
            assert source is not None, "an entry is no constant"
            kind = part.kinds.get((route.target, route.position), "flow")
            edges.append(OutlineEdge(ids[source], ids[route.target], kind))
    groups: list[Group] = []
    for number, part in enumerate(parts):
        nodes = tuple(
            _node(view, part, cell.name, ids[cell.name])
            for cell in part.placement.cells
            if not cell.is_entry
        )
        if part.stage is None:
            groups.append(Group(f"g{number}", part.section, None, nodes))
            continue
        block = Group(f"b{number}", part.name, part.stage, nodes)
        if groups and groups[-1].color == part.stage:
            last = groups[-1]
            groups[-1] = Group(last.id, last.title, last.color, (), (*last.groups, block))
        else:
            groups.append(Group(f"g{number}", _panel(view, part), part.stage, (), (block,)))
    return groups, edges


def _node(view: View, part: Part, name: str, id: str) -> OutlineNode:
    shape = shape_text(view.graph.concrete(name))
    weighted = view.graph[name].operator.weighted
    return OutlineNode(id, part.stage, (name, _text(view, part, name), shape), weighted)


def _text(view: View, part: Part, name: str) -> str:
    """What a node says of its operator, or of its gate."""
    return part.gates.get(name) or operator_text(view.graph[name].operator)
