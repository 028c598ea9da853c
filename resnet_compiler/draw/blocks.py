"""The figure of the paper: every block with its weighted layers as boxes, and its shortcut as an arc beside them."""

from __future__ import annotations

from resnet_compiler.draw.columns import Sheet
from resnet_compiler.draw.fragment import Fragment, draw_part
from resnet_compiler.draw.labels import node_note, operator_text
from resnet_compiler.draw.parts import Part, View
from resnet_compiler.draw.primitives import Box, Label
from resnet_compiler.draw.sheets import block_note, headed, sheet
from resnet_compiler.draw.text import fitted, text_width
from resnet_compiler.graph import Graph
from resnet_compiler.operators.joining import Add

SIZE, HEIGHT, CIRCLE, SMALL = 8.5, 14.0, 11.0, 11.0
WIDEST = 200.0


def blocks_sheet(graph: Graph) -> Sheet:
    """Every block of a network, in the paper's way."""
    view = View(graph)
    parts = view.essential()
    width = box_width(view, parts)
    entries = [headed(view, part, essential_fragment(view, part, width)) for part in parts]
    return sheet(graph, parts, entries, "every block")


def box_width(view: View, parts: list[Part]) -> float:
    """One width for all boxes: that of the longest text, within bounds."""
    texts = [
        part.gates.get(cell.name) or operator_text(view.graph[cell.name].operator)
        for part in parts
        for cell in part.placement.cells
        if not cell.is_entry
    ]
    return min(WIDEST, 12 + max(text_width(text, SIZE) for text in texts))


def essential_fragment(view: View, part: Part, width: float) -> Fragment:
    """A part with the boxes of what counts."""
    names = [cell.name for cell in part.placement.cells if not cell.is_entry]
    boxes = {name: _box(view, part, name, width) for name in names}
    return draw_part(part, boxes, part.stage, block_note(view, part))


def _box(view: View, part: Part, name: str, width: float) -> Box:
    node = view.graph[name]
    note = node_note(node, view.graph.concrete(name))
    if isinstance(node.operator, Add):
        return Box(0, 0, CIRCLE, CIRCLE, "join", name, note, part.stage)
    text = part.gates.get(name) or operator_text(node.operator)
    is_small = not node.operator.weighted
    height = SMALL if is_small else HEIGHT
    size = SIZE - 1.5 if is_small else SIZE
    label = Label(width / 2, height / 2 + size * 0.35, fitted(text, size, width - 8), size)
    return Box(0, 0, width, height, "pill" if is_small else "box", name, note, part.stage, (label,))
