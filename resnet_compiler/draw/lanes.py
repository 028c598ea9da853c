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
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from resnet_compiler.graph import Graph
from resnet_compiler.measure import block_of_each, gate_of

Way = Literal["top", "side"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A node in its row (0 at the top) and lane (0 at the left); an entry is a node of another part that is read here."""

    name: str
    row: int
    lane: int
    is_entry: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """How one edge runs: input number ``position`` of ``target``, which is the output of ``source``.

    ``lane`` is where it runs down. ``enters`` is where it ends: at the target's "top", or at its right "side".
    ``first_track`` is its track in the gap under the source, None where it goes straight on into its lane.
    ``last_track`` is its track in the gap above the target, None where it comes straight from its lane or from the side;
    where the target stands in the very next row there is one gap, and ``first_track`` alone. ``port`` is where it meets
    the target's top: 0 in the middle, 1, 2, … to the right of it, -1, -2, … to the left.
    """

    source: str
    target: str
    position: int
    lane: int
    enters: Way
    first_track: int | None = None
    last_track: int | None = None
    port: int = 0

    @property
    def is_straight(self) -> bool:
        """Whether it is one line down a lane."""
        return self.enters == "top" and self.first_track is None and self.last_track is None


@dataclass(frozen=True)
class Placement:
    """A part on its grid: entries first, then the nodes in the order given.

    ``tracks`` has the number of tracks in the gap under each row. ``exits`` are the nodes that others read, or that the
    network gives out; the trunk's end, where it is one, comes first.
    """

    cells: tuple[Cell, ...]
    routes: tuple[Route, ...]
    rows: int
    lanes: int
    tracks: tuple[int, ...]
    exits: tuple[str, ...]

    def __getitem__(self, name: str) -> Cell:
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Cell]:
        return {cell.name: cell for cell in self.cells}

    @cached_property
    def entries(self) -> tuple[Cell, ...]:
        """The cells of row 0; the trunk's comes first."""
        return tuple(cell for cell in self.cells if cell.is_entry)

    @cached_property
    def lanes_with_nodes(self) -> frozenset[int]:
        """The lanes that need the width of a node; in the others there are but edges."""
        return frozenset(cell.lane for cell in self.cells if not cell.is_entry)


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
    routes, tracks = _tracked(_routes(grid, inputs, cells), cells, max(rows.values()) + 1)
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
    """The nodes as chains, each from top to bottom: the trunk, which ends in ``end``, then branches."""
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
    return chains


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


def _routes(
    grid: _Grid, inputs: Mapping[str, Sequence[str]], cells: Mapping[str, Cell]
) -> list[Route]:
    """A lane for every edge: straight ones first, then the shorter ones nearer to the trunk."""
    edges = [
        (cells[source], cells[name], position)
        for name, sources in inputs.items()
        for position, source in enumerate(sources)
    ]

    def order(edge: tuple[Cell, Cell, int]) -> tuple[bool, int]:
        source, target, _ = edge
        return source.lane != target.lane, target.row - source.row

    routes: list[Route] = []
    from_the_side: set[str] = set()
    taken: dict[tuple[str, str], int] = {}
    for source, target, position in sorted(edges, key=order):
        # an edge that is there twice is seen twice
        turn = taken.setdefault((source.name, target.name), 0)
        taken[source.name, target.name] += 1
        key = f"{source.name} {target.name} {turn}" if turn else source.name
        if target.row == source.row + 1 and source.lane != target.lane and not turn:
            routes.append(Route(source.name, target.name, position, target.lane, "top"))
            continue
        beyond = range(min(source.lane, target.lane) + 1, grid.lanes + 1)
        ways = [source.lane, target.lane, *beyond] if not turn else [*beyond]
        lane = next(lane for lane in ways if grid.is_free(lane, source, target, key))
        grid.run(lane, source, target, key)
        enters: Way = "top"
        if (
            lane > target.lane
            and target.name not in from_the_side
            and grid.is_clear(target.row, target.lane, lane)
        ):
            enters = "side"
            from_the_side.add(target.name)
        routes.append(Route(source.name, target.name, position, lane, enters))
    place = {(source.name, target.name, n): i for i, (source, target, n) in enumerate(edges)}
    return sorted(routes, key=lambda r: place[r.source, r.target, r.position])


def _tracked(
    routes: Sequence[Route], cells: Mapping[str, Cell], rows: int
) -> tuple[tuple[Route, ...], tuple[int, ...]]:
    """The routes with tracks and ports, and how many tracks each gap has."""
    wanted: list[dict[tuple[str, int], list[int]]] = [{} for _ in range(rows)]
    for route in routes:
        for gap, kind, lanes in _turns(route, cells):
            wanted[gap].setdefault((route.source, kind), []).extend(lanes)
    tracks = [_share(gap) for gap in wanted]
    done = []
    for route in routes:
        found = {kind: tracks[gap][route.source, kind] for gap, kind, _ in _turns(route, cells)}
        done.append(replace(route, first_track=found.get(0), last_track=found.get(1)))
    return _with_ports(done, cells), tuple(max(t.values(), default=-1) + 1 for t in tracks)


def _turns(route: Route, cells: Mapping[str, Cell]) -> list[tuple[int, int, tuple[int, int]]]:
    """Where an edge runs sideways: the gap, 0 for the first turn or 1 for the last, and from which lane to which."""
    source, target = cells[route.source], cells[route.target]
    turns = []
    if route.lane != source.lane:
        turns.append((source.row, 0, (source.lane, route.lane)))
    if route.lane != target.lane and route.enters == "top":
        turns.append((target.row - 1, 1, (route.lane, target.lane)))
    return turns


def _share(wanted: Mapping[tuple[str, int], Sequence[int]]) -> dict[tuple[str, int], int]:
    """A track for each source's edges in one gap: those that leave above those that arrive, shorter ones first."""
    tracks: dict[tuple[str, int], int] = {}
    taken: list[list[tuple[int, int]]] = []
    spans = {key: (min(lanes), max(lanes)) for key, lanes in wanted.items()}
    lowest_first = 0
    for key in sorted(spans, key=lambda k: (k[1], spans[k][1] - spans[k][0])):
        low, high = spans[key]
        track = lowest_first if key[1] else 0
        while track < len(taken) and any(a <= high and low <= b for a, b in taken[track]):
            track += 1
        if track == len(taken):
            taken.append([])
        taken[track].append((low, high))
        tracks[key] = track
        if not key[1]:
            lowest_first = len(taken)
    return tracks


def _with_ports(routes: Sequence[Route], cells: Mapping[str, Cell]) -> tuple[Route, ...]:
    """The routes with their ports: the middle for what comes straight, and the sides for what comes from there.

    Of those from one side, the upper track has the inner port, so that they do not cross. What comes from a side has the
    middle where nothing else wants it and no edge of another node comes down from the cell above.
    """
    arriving: dict[str, list[Route]] = {}
    for route in routes:
        if route.enters == "top":
            arriving.setdefault(route.target, []).append(route)
    ports: dict[tuple[str, int], int] = {}
    above = {(cell.row, cell.lane): cell.name for cell in cells.values()}
    for name, found in arriving.items():
        cell = cells[name]
        sideways = [r for r in found if _comes_from(r, cells) != cell.lane]
        if len(found) == 1 and sideways and (cell.row - 1, cell.lane) not in above:
            continue
        for side in (-1, 1):
            these = [r for r in sideways if (_comes_from(r, cells) > cell.lane) == (side > 0)]
            these.sort(key=_arriving_track)
            for number, route in enumerate(these, start=1):
                ports[name, route.position] = side * number
    return tuple(replace(r, port=ports.get((r.target, r.position), 0)) for r in routes)


def _comes_from(route: Route, cells: Mapping[str, Cell]) -> int:
    """The lane in which an edge is before its last turn."""
    source, target = cells[route.source], cells[route.target]
    return source.lane if target.row == source.row + 1 else route.lane


def _arriving_track(route: Route) -> int:
    last = route.first_track if route.last_track is None else route.last_track
    return -1 if last is None else last


def parts(graph: Graph) -> list[tuple[str, tuple[str, ...]]]:
    """The parts of a network from its input to its output, each with its name and the names of its nodes.

    They are the stem, each block of each stage, and the head. A block goes by its name, the others by their section's.
    """
    owner = block_of_each(graph, [node.name for node in graph])
    found: dict[str, list[str]] = {}
    for node in graph:
        found.setdefault(owner[node.name] or node.section, []).append(node.name)
    return [(name, tuple(names)) for name, names in found.items()]


__all__ = ["Cell", "Placement", "Route", "parts", "place", "place_nodes"]
