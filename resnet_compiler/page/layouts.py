"""Where the layers of one part (a stem, a block, a head) stand on the page, and how the lines between them run, in pixels.

Parts that are built alike share one layout, however many there are: only names and numbers differ, and those are drawn
from the layers themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_compiler.draw.labels import operator_text
from resnet_compiler.draw.lanes import place
from resnet_compiler.draw.wires import Measured, wire
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.measure import gate_of
from resnet_compiler.page.labels import sign_of

BOX, CIRCLE, PILL = 38, 20, 18
"""Heights of a layer's box, of a join's circle, and of the name of what is read from elsewhere."""
NARROWEST, WIDEST = 104, 272
LETTER, SMALL_LETTER, MARGIN = 7.6, 6.4, 14
"""Widths of letters of both lines in a box in the widest of common fonts, and the room beside them."""
LETTERS = 34
"""What is longer is shown without its end; the whole name is in the outline."""
GAP, TRACK, PORT, LANE_GAP, EDGE_LANE = 18, 8, 8, 22, 16


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the network: its name, its layers in order, and the layers of other parts that are read here.

    ``key`` is equal for parts whose layers stand and are joined alike.
    """

    name: str
    layers: tuple[str, ...]
    entries: tuple[str, ...]
    key: Any


def part_of(graph: Graph, name: str, layers: Sequence[str], kinds: Mapping[str, str]) -> Part:
    """A part. ``kinds`` has the kind of shortcut by ``target position`` for edges of shortcuts."""
    inside = {each: number for number, each in enumerate(layers)}
    read = (source for each in layers for source in graph[each].inputs)
    entries = tuple(dict.fromkeys(source for source in read if source not in inside))
    index = inside | {each: -1 - number for number, each in enumerate(entries)}
    key = []
    for each in layers:
        node = graph[each]
        kind = [kinds.get(f"{each} {position}") for position in range(len(node.inputs))]
        leaves = each == graph.output or any(r not in inside for r in graph.structure[each])
        sources = tuple(index[source] for source in node.inputs)
        key.append((sign_of(node.operator), gate_of(graph, node), sources, tuple(kind), leaves))
    return Part(name, tuple(layers), entries, tuple(key))


def trunk_entry(graph: Graph, part: Part) -> int | None:
    """Which of a part's entries its trunk begins with; None where nothing is read."""
    entries = place(graph, part.layers).entries
    return part.entries.index(entries[0].name) if entries else None


def layout(
    graph: Graph, parts: Sequence[Part], kinds: Mapping[str, str], is_joined: bool
) -> dict[str, Any]:
    """The layout that parts of one structure share, wide enough for the labels of all of them.

    ``boxes`` has x, y (the middle of the top), width and height of each layer. ``pills`` has the same for what is read
    from elsewhere, behind its number among the part's entries; but ``trunk``, the trunk's own entry, has none: its line comes
    in from the top and ends at the point ``entry``. Both are None where it does not come from the part before
    (``is_joined``), or nothing is read. ``exit`` is the number of the layer that the trunk leaves. Each edge has source, target,
    the kind of shortcut it is on (or ""), and its points x, y, x, y, …; a source below 0 is an entry, -1 the first.
    """
    first = parts[0]
    placement = place(graph, first.layers)
    trunk = placement.entries[0].name if placement.entries and is_joined else None
    widths = _widths(graph, parts, trunk)
    lanes: list[float] = [EDGE_LANE] * placement.lanes
    for cell in placement.cells:
        lanes[cell.lane] = max(lanes[cell.lane], widths[cell.name])
    middles, x = [], 0.0
    for number, width in enumerate(lanes):
        x += LANE_GAP * (number > 0)
        middles.append(x + width / 2)
        x += width
    heights = [0 if row == 0 else CIRCLE for row in range(placement.rows)]
    has_pills = len(first.entries) > (trunk is not None)
    heights[0] = PILL * has_pills
    for cell in placement.cells:
        if not cell.is_entry and not _sign(graph, cell.name):
            heights[cell.row] = BOX
    tops, feet, y = [], [], 0.0
    for row, height in enumerate(heights):
        tops.append(y)
        feet.append(y + height)
        y += height + GAP + TRACK * placement.tracks[row]
    lengths = Measured(middles, tops, feet, widths, TRACK, PORT)
    index = {each: number for number, each in enumerate(first.layers)}
    index |= {each: -1 - number for number, each in enumerate(first.entries)}
    boxes = []
    for name in first.layers:
        cell = placement[name]
        height = CIRCLE if _sign(graph, name) else BOX
        top = (tops[cell.row] + feet[cell.row] - height) / 2
        boxes.append([_near(middles[cell.lane]), _near(top), widths[name], height])
    edges = []
    for route in placement.routes:
        points = list(wire(placement, route, lengths))
        source, target = placement[route.source], placement[route.target]
        if _sign(graph, source.name) and not source.is_entry:
            points[0] = (points[0][0], tops[source.row] + (heights[source.row] + CIRCLE) / 2)
        if _sign(graph, target.name) and route.enters == "top":
            points[-1] = (points[-1][0], tops[target.row] + (heights[target.row] - CIRCLE) / 2)
        kind = kinds.get(f"{route.target} {route.position}", "")
        flat = [_near(each) for point in points for each in point]
        edges.append([index[route.source], index[route.target], kind, flat])
    pills = [
        [number, _near(middles[placement[name].lane]), 0, widths[name], PILL]
        for number, name in enumerate(first.entries)
        if name != trunk
    ]
    return {
        "width": _near(x),
        "height": _near(feet[-1]),
        "trunk": None if trunk is None else first.entries.index(trunk),
        "entry": None if trunk is None else [_near(middles[placement[trunk].lane]), _near(feet[0])],
        "exit": index[placement.exits[0]],
        "boxes": boxes,
        "pills": pills,
        "edges": edges,
    }


def _widths(graph: Graph, parts: Sequence[Part], trunk: str | None) -> dict[str, float]:
    """The width of every box and pill of the first part, such that it is enough in all of them."""
    first = parts[0]
    widths: dict[str, float] = dict.fromkeys(first.entries, PORT)
    widest = NARROWEST
    for part in parts:
        for name in part.layers:
            local = local_name(part.name, name)
            label = operator_text(graph[name].operator)
            letters = max(_count(label) * LETTER, _count(local) * SMALL_LETTER)
            widest = max(widest, round(letters) + MARGIN)
        for name, own in zip(part.entries, first.entries, strict=True):
            letters = 0 if own == trunk else _count(name) * SMALL_LETTER + MARGIN
            widths[own] = max(widths[own], min(round(letters), WIDEST))
    for name in first.layers:
        widths[name] = CIRCLE if _sign(graph, name) else min(widest, WIDEST)
    return widths


def local_name(part: str, layer: str) -> str:
    """A layer's name inside its part."""
    return layer.removeprefix(f"{part}.")


def _count(text: str) -> int:
    return min(len(text), LETTERS)


def _sign(graph: Graph, name: str) -> str:
    return "" if name == INPUT else sign_of(graph[name].operator)


def _near(value: float) -> float | int:
    """A length to half a pixel."""
    rounded = round(value * 2) / 2
    return int(rounded) if rounded == int(rounded) else rounded
