"""Every layer as a box: its name, its operator with kernel, channels and stride, and the shape of its output."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_compiler.draw.columns import Sheet
from resnet_compiler.draw.fragment import Fragment, draw_part
from resnet_compiler.draw.labels import node_note, operator_text, shape_text
from resnet_compiler.draw.parts import Part, View
from resnet_compiler.draw.primitives import Box, Label, Shape
from resnet_compiler.draw.sheets import block_note, headed, sheet
from resnet_compiler.draw.text import fitted, text_width
from resnet_compiler.graph import Graph

SIZE, HEIGHT, PAD, GAP = 7.5, 12.5, 5.0, 8.0
NAME, OPERATOR, SHAPE = 90.0, 150.0, 90.0
"""The most room that each of the three texts of a box can have."""


@dataclass(frozen=True, slots=True)
class _Room:
    """How wide the three texts of the boxes are."""

    name: float
    operator: float
    shape: float

    @property
    def width(self) -> float:
        return self.name + self.operator + self.shape + 2 * PAD + 2 * GAP


@dataclass(frozen=True, slots=True)
class Rooms:
    """The same for the boxes of the trunk, and for those of branches."""

    trunk: _Room
    branches: _Room


def detailed_sheet(graph: Graph) -> Sheet:
    """Every layer of a network."""
    view = View(graph)
    parts = view.whole()
    rooms = rooms_of(view, parts)
    entries = [
        headed(view, part, detailed_fragment(view, part, rooms, block_note(view, part)))
        for part in parts
    ]
    return sheet(graph, parts, entries, "every layer")


def rooms_of(view: View, parts: list[Part]) -> Rooms:
    """How wide the texts of the boxes of these parts are, so that all have columns of one width."""
    return Rooms(_room(view, parts, True), _room(view, parts, False))


def detailed_fragment(view: View, part: Part, rooms: Rooms, note: str) -> Fragment:
    """A part with a box for every layer."""
    cells = [cell for cell in part.placement.cells if not cell.is_entry]
    boxes = {
        c.name: _box(view, part, c.name, rooms.branches if c.lane else rooms.trunk) for c in cells
    }
    return draw_part(part, boxes, part.stage, note)


def _texts(view: View, part: Part, name: str) -> tuple[str, str, str]:
    node = view.graph[name]
    called = name.removeprefix(f"{part.name}.")
    return called, operator_text(node.operator), shape_text(view.graph.concrete(name))


def _room(view: View, parts: list[Part], is_trunk: bool) -> _Room:
    texts = [
        _texts(view, part, cell.name)
        for part in parts
        for cell in part.placement.cells
        if not cell.is_entry and (cell.lane == 0) == is_trunk
    ]
    widths = [
        max((text_width(t, SIZE) for t in column), default=0.0)
        for column in zip(*texts, strict=True)
    ]
    name, operator, shape = widths or (0.0, 0.0, 0.0)
    return _Room(min(name, NAME), min(operator, OPERATOR), min(shape, SHAPE))


def _box(view: View, part: Part, name: str, room: _Room) -> Box:
    node = view.graph[name]
    called, operator, shape = _texts(view, part, name)
    base = HEIGHT / 2 + SIZE * 0.35
    is_white = not node.operator.weighted
    labels = (
        Label(PAD, base, fitted(called, SIZE, room.name), SIZE, "start", muted=is_white),
        Label(PAD + room.name + GAP, base, fitted(operator, SIZE, room.operator), SIZE, "start"),
        Label(room.width - PAD, base, fitted(shape, SIZE, room.shape), SIZE, "end"),
    )
    note = node_note(node, view.graph.concrete(name))
    form: Shape = "pill" if is_white else "box"
    return Box(0, 0, room.width, HEIGHT, form, name, note, part.stage, labels)
