"""One part as items around its trunk: lanes and rows become lengths, nodes become the boxes that were made for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from resnet_compiler.draw.lanes import Cell, Route
from resnet_compiler.draw.parts import Part
from resnet_compiler.draw.primitives import Box, Item, Kind, Label, Path
from resnet_compiler.draw.text import fitted, text_width
from resnet_compiler.draw.wires import Measured, wire

GAP, TRACK, PORT = 8.0, 5.0, 7.0
"""The least distance of rows, the distance of tracks, and of the places where edges meet a node's top."""
BESIDE, NARROW = 9.0, 7.0
"""The distance of lanes, and the width of one in which there are but edges."""
FOOT = 5.0
SOURCE_SIZE, SOURCE_ROW, SOURCE_ROOM = 7.0, 10.0, 90.0
FLOW_RADIUS, ARC_RADIUS = 3.0, 9.0


@dataclass(frozen=True, slots=True)
class Fragment:
    """Items with the trunk at x = 0, from y = 0 down to ``height``; ``left`` and ``right`` are how far they reach.

    The trunk comes in at the top where ``is_entered``, and always goes out at the foot.
    """

    items: tuple[Item, ...]
    left: float
    right: float
    height: float
    is_entered: bool = True

    def stretched(self, height: float) -> Fragment:
        """It with a longer trunk at its foot."""
        if height <= self.height:
            return self
        trunk = Path(((0.0, self.height), (0.0, height)))
        return replace(self, items=(*self.items, trunk), height=height)


def draw_part(part: Part, boxes: Mapping[str, Box], color: int | None, note: str = "") -> Fragment:
    """Draw a part.

    Args:
        part: what to draw.
        boxes: one for each of its nodes, at the origin.
        color: of its frame.
        note: said of the whole; a part that has one gets a frame.
    """
    placement = part.placement
    foreign = [cell for cell in placement.entries if not (part.is_entered and cell.lane == 0)]
    lengths = _lengths(part, boxes, bool(foreign))
    placed = {cell.name: _put(cell, boxes[cell.name], lengths) for cell in _nodes(part)}
    items: list[Item] = [_path(part, route, lengths, placed) for route in placement.routes]
    items += placed.values()
    items += [_source(cell, lengths) for cell in foreign]
    if foreign and part.is_entered:  # past the row of their names
        items.append(Path(((0.0, 0.0), (0.0, lengths.feet[0]))))
    height = lengths.feet[-1] + FOOT
    end = placed[placement.exits[0]]
    items.append(Path(((0.0, end.y + end.height), (0.0, height)), source=end.name))
    left, right = _reach(items)
    if note:
        frame = Box(-left - 4, 0, left + right + 8, height, "frame", part.name, note, color)
        items.insert(0, frame)
        left, right = left + 4, right + 4
    return Fragment(tuple(items), left, right, height, part.is_entered)


def _nodes(part: Part) -> list[Cell]:
    return [cell for cell in part.placement.cells if not cell.is_entry]


def _lengths(part: Part, boxes: Mapping[str, Box], with_sources: bool) -> Measured:
    placement = part.placement
    widths = [NARROW] * placement.lanes
    heights = [0.0] * placement.rows
    heights[0] = SOURCE_ROW if with_sources else 0.0
    for cell in _nodes(part):
        widths[cell.lane] = max(widths[cell.lane], boxes[cell.name].width)
        heights[cell.row] = max(heights[cell.row], boxes[cell.name].height)
    for cell in placement.entries if with_sources else ():
        name = fitted(f"from {cell.name}", SOURCE_SIZE, SOURCE_ROOM)
        widths[cell.lane] = max(widths[cell.lane], text_width(name, SOURCE_SIZE))
    middles = [0.0]
    for before, width in pairwise(widths):
        middles.append(middles[-1] + before / 2 + BESIDE + width / 2)
    tops, feet, y = [], [], 0.0
    for height, tracks in zip(heights, placement.tracks, strict=True):
        tops.append(y)
        feet.append(y + height)
        y += height + max(GAP, TRACK * (tracks + 1.4))
    sizes = {name: box.width for name, box in boxes.items()}
    return Measured(middles, tops, feet, sizes, TRACK, PORT)


def _put(cell: Cell, box: Box, lengths: Measured) -> Box:
    """A box in the middle of its row and lane."""
    middle = (lengths.tops[cell.row] + lengths.feet[cell.row]) / 2
    return box.moved(lengths.middles[cell.lane] - box.width / 2, middle - box.height / 2)


def _path(part: Part, route: Route, lengths: Measured, placed: Mapping[str, Box]) -> Path:
    """An edge from the foot of its source's box to its target's."""
    points = list(wire(part.placement, route, lengths))
    if route.source in placed:
        box = placed[route.source]
        points[0] = (points[0][0], box.y + box.height)
    if route.enters == "top":
        points[-1] = (points[-1][0], placed[route.target].y)
    kind: Kind = part.kinds.get((route.target, route.position), "flow")
    if kind != "flow" and route.first_track is not None and (route.source, 0) not in part.kinds:
        del points[0]  # it forks off a line that is drawn anyway
    radius = FLOW_RADIUS if kind == "flow" else ARC_RADIUS
    return Path(tuple(points), kind, radius, True, route.source, route.target)


def _source(cell: Cell, lengths: Measured) -> Label:
    """The name of a node elsewhere, where its output comes in."""
    text = fitted(f"from {cell.name}", SOURCE_SIZE, SOURCE_ROOM)
    middle = lengths.middles[cell.lane]
    return Label(middle, lengths.feet[cell.row] - 3, text, SOURCE_SIZE, muted=True)


def _reach(items: list[Item]) -> tuple[float, float]:
    """How far items reach to the left and to the right of the trunk."""
    xs = [0.0]
    for item in items:
        if isinstance(item, Path):
            xs += [x for x, _ in item.points]
        else:
            xs += [item.extent[0], item.extent[2]]
    return -min(xs), max(xs)


def beside(fragment: Fragment, text: str, size: float) -> Fragment:
    """The fragment with a word to its right, at half its height."""
    label = Label(fragment.right + 5, fragment.height / 2 + size * 0.35, text, size, "start", True)
    right = label.extent[2]
    return replace(fragment, items=(*fragment.items, label), right=right)
