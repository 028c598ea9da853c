"""Where edges run sideways: a track for each of them in the gaps between rows, and where they meet a node's top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from resnet_compiler.draw.placement import Cell, Route


def with_tracks(
    routes: Sequence[Route], keys: Sequence[str], cells: Mapping[str, Cell], rows: int
) -> tuple[tuple[Route, ...], tuple[int, ...]]:
    """The routes with tracks and ports, and how many tracks each gap has."""
    wanted: list[dict[tuple[str, int], list[int]]] = [{} for _ in range(rows)]
    for route, key in zip(routes, keys, strict=True):
        for gap, kind, lanes in _turns(route, cells):
            wanted[gap].setdefault((key, kind), []).extend(lanes)
    tracks = [_share(gap) for gap in wanted]
    done = []
    for route, key in zip(routes, keys, strict=True):
        found = {kind: tracks[gap][key, kind] for gap, kind, _ in _turns(route, cells)}
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
    """A track for each key's edges in one gap: those that leave above those that arrive, shorter ones first."""
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
