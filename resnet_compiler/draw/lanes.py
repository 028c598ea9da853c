"""Where the nodes of one part of a graph stand on a grid, and how the edges between them run. It knows no pixels.

A part is a block, a stem, a head: any nodes of a graph. What they read of other nodes comes in through *entries*, cells of
their own in row 0. The nodes stand below, each in a row under all that it reads. Lane 0 is the trunk; branches (a
projection, a gate) have lanes to its right.

Between two rows lies a *gap*, number r under row r, where edges run sideways on *tracks*, counted from the top. So an edge
leaves the foot of its source, turns into its lane in the gap below, runs down that lane past other rows, turns in the gap
above its target, and enters the target's head; or it runs on beside the target and enters from the right. Parts of it that
need not be are left out: an edge in a lane of its own is one straight line. Promised of every placement:

- no two nodes stand in one cell, and no edge passes through a cell with a node in it;
- two edges that run along one another, in a lane or on a track, come from the same node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from resnet_compiler.draw.placement import Cell, Placement, Route, Way
from resnet_compiler.draw.tracks import with_tracks
from resnet_compiler.graph import Graph
from resnet_compiler.measure import block_of_each, gate_of


def place(graph: Graph, names: Sequence[str]) -> Placement:
    """Place the nodes of a part, whose names are given in the graph's order.

    Raises:
        ValueError: no names are given.
    """
    joins = frozenset(scope.join for scope in graph.scopes.values())
    inputs = {name: graph[name].inputs for name in names}
    mains = {name: _main_inputs(graph, name, name in joins) for name in names}
    return place_nodes(inputs, mains, exits_of(graph, names))


def exits_of(graph: Graph, names: Sequence[str]) -> list[str]:
    """The nodes of a part whose outputs leave it; the last of them, which ends the trunk, comes first."""
    inside = frozenset(names)
    found = [
        name
        for name in names
        if name == graph.output or any(r not in inside for r in graph.structure.successors(name))
    ]
    return found[-1:] + found[:-1]


def _main_inputs(graph: Graph, name: str, is_join: bool) -> tuple[str, ...]:
    """The inputs along which the trunk may run: not the gate of a product, not the shortcut of a residual add."""
    node = graph[name]
    if is_join:
        return node.inputs[:1]
    gate = gate_of(graph, node)
    return tuple(source for index, source in enumerate(node.inputs) if index != gate)


def place_nodes(
    inputs: Mapping[str, Sequence[str]],
    mains: Mapping[str, Sequence[str]],
    exits: Sequence[str],
) -> Placement:
    """Place nodes by what they read, in topological order.

    Args:
        inputs: what each node reads; names that are no keys are entries.
        mains: those of them along which the trunk may run.
        exits: the nodes whose outputs leave, at least one; the trunk ends in the first.

    Raises:
        ValueError: there are no nodes, or no exits.
    """
    if not inputs or not exits:
        raise ValueError("there is nothing to place")
    entries = dict.fromkeys(s for sources in inputs.values() for s in sources if s not in inputs)
    rows = dict.fromkeys(entries, 0) | _rows(inputs)
    chains = _chains(inputs, mains, rows, exits[0])
    trunk_entry = next((s for s in mains[chains[0][0]] if s in entries), None)
    grid = _Grid()
    lanes: dict[str, int] = {}
    for name in sorted(entries, key=lambda each: each != trunk_entry):
        lanes[name] = grid.put_chain([(name, 0)], 0 if name == trunk_entry else 1)
    for number, chain in enumerate(chains):
        lanes |= dict.fromkeys(chain, grid.put_chain([(n, rows[n]) for n in chain], number > 0))
    grid.keep_free(lanes[exits[0]], range(rows[exits[0]], max(rows.values()) + 1), exits[0])
    cells = {n: Cell(n, rows[n], lanes[n], n in entries) for n in sorted(entries, key=lanes.get)}  # type: ignore[arg-type]
    cells |= {name: Cell(name, rows[name], lanes[name]) for name in inputs}
    edges = _edges(inputs, mains, cells)
    keys = [edge.key for edge in edges]
    routes, tracks = with_tracks(_routes(grid, edges), keys, cells, max(rows.values()) + 1)
    return Placement(
        cells=tuple(cells.values()),
        routes=routes,
        rows=max(rows.values()) + 1,
        lanes=1 + max([*lanes.values(), *(route.lane for route in routes)]),
        tracks=tracks,
        exits=tuple(exits),
    )


def _rows(inputs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Each node's row, from 1: as high as it can be; what reads nothing, as low as it can be."""
    rows: dict[str, int] = {}
    from_outside: dict[str, bool] = {}
    for name, sources in inputs.items():
        rows[name] = 1 + max((rows.get(source, 0) for source in sources), default=0)
        from_outside[name] = any(from_outside.get(source, True) for source in sources)
    readers: dict[str, list[str]] = {}
    for name, sources in inputs.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    for name in reversed(list(inputs)):
        if not from_outside[name] and name in readers:
            rows[name] = min(rows[reader] for reader in readers[name]) - 1
    return rows


def _chains(
    inputs: Mapping[str, Sequence[str]],
    mains: Mapping[str, Sequence[str]],
    rows: Mapping[str, int],
    end: str,
) -> list[list[str]]:
    """The nodes as chains, each from top to bottom: the trunk, which ends in ``end``, then branches, the highest first."""
    chains: list[list[str]] = []
    left = dict.fromkeys(inputs)
    for last in (end, *reversed(list(inputs))):
        chain: list[str] = []
        name: str | None = last
        while name is not None and name in left:
            del left[name]
            chain.append(name)
            known = [source for source in mains[name] if source in left]
            name = max(known, key=lambda each: rows[each], default=None)  # of equal ones, the first
        if chain:
            chains.append(chain[::-1])
    place = {name: number for number, name in enumerate(inputs)}
    branches = sorted(chains[1:], key=lambda each: (rows[each[0]], place[each[0]]))
    return [chains[0], *branches]


class _Grid:
    """What stands in the cells, and which source's edges run down which lane. Only this module's functions see it."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], str] = {}
        self.runs: dict[tuple[int, int], str] = {}
        """(gap, lane) to the key of what runs down there."""
        self.lanes = 1

    def put_chain(self, chain: Sequence[tuple[str, int]], first_lane: int) -> int:
        """Put names in their rows into the first lane that is free from the first row to the last."""
        span = range(chain[0][1], chain[-1][1] + 1)
        lane = int(first_lane)
        while any((row, lane) in self.cells for row in span):
            lane += 1
        # the rows between belong to the chain, too: nothing else may stand there
        for row in span:
            self.cells[row, lane] = ""
        for name, row in chain:
            self.cells[row, lane] = name
        self.lanes = max(self.lanes, lane + 1)
        return lane

    def keep_free(self, lane: int, gaps: Iterable[int], key: str) -> None:
        """Leave a lane to what goes on below the last node of the trunk."""
        self.runs |= {(gap, lane): key for gap in gaps}

    def is_free(self, lane: int, source: Cell, target: Cell, key: str) -> bool:
        """Whether an edge can run down a lane from the gap under its source to the gap above its target."""
        between = range(source.row + 1, target.row)
        gaps = range(source.row, target.row)
        return (
            not any(self.cells.get((row, lane)) for row in between)
            and self.cells.get((source.row, lane), "") in ("", source.name)
            and self.cells.get((target.row, lane), "") in ("", target.name)
            and all(self.runs.get((gap, lane), key) == key for gap in gaps)
        )

    def run(self, lane: int, source: Cell, target: Cell, key: str) -> None:
        for gap in range(source.row, target.row):
            self.runs[gap, lane] = key
        self.lanes = max(self.lanes, lane + 1)

    def is_clear(self, row: int, first: int, last: int) -> bool:
        """Whether nothing stands in a row in the lanes behind the first, up to the last."""
        return not any(self.cells.get((row, lane)) for lane in range(first + 1, last + 1))


@dataclass(frozen=True, slots=True)
class _Edge:
    """An edge before it has a lane. Edges of one ``key`` may run along one another.

    Those are the edges from one node, but for the gates and shortcuts among them, which are to be told apart, and for
    those that are there twice.
    """

    source: Cell
    target: Cell
    position: int
    key: str
    is_second: bool

    @property
    def order(self) -> tuple[bool, int]:
        """Which edges choose first, behind straight ones: those that come back to the trunk, then shorter ones."""
        comes_back = self.source.lane > self.target.lane
        return not comes_back, self.target.row - self.source.row


def _edges(
    inputs: Mapping[str, Sequence[str]],
    mains: Mapping[str, Sequence[str]],
    cells: Mapping[str, Cell],
) -> list[_Edge]:
    edges = []
    for name, sources in inputs.items():
        for position, source in enumerate(sources):
            is_second = source in sources[:position]
            key = source if source in mains[name] else f"{source} aside"
            key = f"{source} {name} {position}" if is_second else key
            edges.append(_Edge(cells[source], cells[name], position, key, is_second))
    return edges


def _routes(grid: _Grid, edges: Sequence[_Edge]) -> list[Route]:
    """A lane for every edge, in the order of the edges."""
    routes: dict[_Edge, Route] = {}
    from_the_side: set[str] = set()
    for edge in sorted(edges, key=lambda each: (not _is_straight(grid, each), each.order)):
        source, target = edge.source, edge.target
        ends = source.name, target.name, edge.position
        if target.row == source.row + 1 and source.lane != target.lane and not edge.is_second:
            routes[edge] = Route(*ends, target.lane, "top")
            continue
        beyond = range(min(source.lane, target.lane) + 1, grid.lanes + 1)
        ways = [*beyond] if edge.is_second else [source.lane, target.lane, *beyond]
        lane = next(lane for lane in ways if grid.is_free(lane, source, target, edge.key))
        grid.run(lane, source, target, edge.key)
        enters: Way = "top"
        if (
            lane > target.lane
            and target.name not in from_the_side
            and grid.is_clear(target.row, target.lane, lane)
        ):
            enters = "side"
            from_the_side.add(target.name)
        routes[edge] = Route(*ends, lane, enters)
    return [routes[edge] for edge in edges]


def _is_straight(grid: _Grid, edge: _Edge) -> bool:
    """Whether it goes down one lane and nothing stands between its ends."""
    between = range(edge.source.row + 1, edge.target.row)
    lane = edge.source.lane
    return (
        lane == edge.target.lane
        and not edge.is_second
        and not any(grid.cells.get((row, lane)) for row in between)
    )


def parts(graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    """The parts of a network from its input to its output, each with its name and the names of its nodes.

    They are the stem, each block of each stage, and the head. A block goes by its name, the others by their section's.
    """
    owner = block_of_each(graph, [node.name for node in graph])
    found: dict[str, list[str]] = {}
    for node in graph:
        found.setdefault(owner[node.name] or node.section, []).append(node.name)
    return [(name, tuple(names)) for name, names in found.items()]


__all__ = ["Cell", "Placement", "Route", "exits_of", "parts", "place", "place_nodes"]
