"""Every layer as a box: its name, its operator with kernel, channels and stride, and the shape of its output."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_compiler.draw.columns import Sheet
from resnet_compiler.draw.fragment import draw_part
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


def detailed_sheet(graph: Graph) -> Sheet:
    """Every layer of a network."""
    view = View(graph)
    parts = view.whole()
    rooms = [_room(view, parts, is_trunk) for is_trunk in (True, False)]
    entries = []
    for part in parts:
        cells = [cell for cell in part.placement.cells if not cell.is_entry]
        boxes = {c.name: _box(view, part, c.name, rooms[c.lane > 0]) for c in cells}
        fragment = draw_part(part, boxes, part.stage, block_note(view, part))
        entries.append(headed(view, part, fragment))
    return sheet(graph, parts, entries, "every layer")


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
    labels = (
        Label(PAD, base, fitted(called, SIZE, room.name), SIZE, "start", muted=True),
        Label(PAD + room.name + GAP, base, fitted(operator, SIZE, room.operator), SIZE, "start"),
        Label(room.width - PAD, base, fitted(shape, SIZE, room.shape), SIZE, "end"),
    )
    note = node_note(node, view.graph.concrete(name))
    form: Shape = "box" if node.operator.weighted else "pill"
    return Box(0, 0, room.width, HEIGHT, form, name, note, part.stage, labels)
