"""The edges of a placement as lines of points: from rows, lanes and tracks to lengths. It knows no colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from resnet_compiler.draw.lanes import Placement, Route

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A placement's lengths: each lane's middle, each row's top and foot, and each node's width.

    ``track`` is the distance between tracks, ``port`` the most between the places where edges meet a node's top. The gap under
    row r reaches from ``feet[r]`` to ``tops[r + 1]``; it must have room for its tracks, which are spread over its middle.
    """

    middles: Sequence[float]
    tops: Sequence[float]
    feet: Sequence[float]
    widths: Mapping[str, float]
    track: float
    port: float


def wire(placement: Placement, route: Route, lengths: Measured) -> tuple[Point, ...]:
    """The points of an edge from the foot of its source to its target; lines between them are upright or level."""
    source, target = placement[route.source], placement[route.target]
    x, y = lengths.middles[source.lane], lengths.feet[source.row]
    lane = lengths.middles[route.lane]
    places = 1 + placement.outermost_ports[route.target]
    port = min(lengths.port, lengths.widths[route.target] / 2 / places)
    end = lengths.middles[target.lane] + route.port * port
    points = [(x, y)]
    if target.row == source.row + 1 and route.enters == "top":
        lane = end
    if route.first_track is not None:
        turn = _height(placement, source.row, route.first_track, lengths)
        points += [(x, turn), (lane, turn)]
    if route.enters == "side":
        level = (lengths.tops[target.row] + lengths.feet[target.row]) / 2
        points += [(lane, level), (end + lengths.widths[route.target] / 2, level)]
    else:
        if route.last_track is not None:
            turn = _height(placement, target.row - 1, route.last_track, lengths)
            points += [(lane, turn), (end, turn)]
        points.append((end, lengths.tops[target.row]))
    return tuple(points)


def _height(placement: Placement, gap: int, track: int, lengths: Measured) -> float:
    """Where a track runs: the tracks of a gap are spread over its middle."""
    top, foot = lengths.feet[gap], lengths.tops[gap + 1]
    return (top + foot) / 2 + (track - (placement.tracks[gap] - 1) / 2) * lengths.track
