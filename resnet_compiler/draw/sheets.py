"""From a graph to what is drawn of it: compact, by blocks, or in detail. The figures of every level begin here."""

from __future__ import annotations

from resnet_compiler.draw.columns import Entry, Sheet
from resnet_compiler.draw.fragment import Fragment
from resnet_compiler.draw.labels import shape_text
from resnet_compiler.draw.parts import Part, View
from resnet_compiler.draw.primitives import Box, Label
from resnet_compiler.draw.text import fitted, text_width
from resnet_compiler.graph import INPUT, Graph

END_SIZE, END_HEIGHT, END_ROOM = 8.5, 15.0, 150.0


def sheet(graph: Graph, parts: list[Part], entries: list[Entry], detail: str) -> Sheet:
    """A network's sheet: its title and facts, what comes in, the entries, and what goes out."""
    measures = graph.measures
    shape = f"{shape_text(graph.concrete(INPUT))} to {shape_text(graph.concrete(graph.output))}"
    title = graph.identity.title or graph.identity.name
    facts = (
        shape,
        f"{measures.weighted_layers} weighted layers",
        f"{measures.parameters:,} parameters",
        f"{measures.macs:,} MACs",
    )
    blocks = sum(len(stage.blocks) for stage in graph.stages)
    description = (
        f"{title}, {detail}: {shape}; {len(graph.stages)} stages of {blocks} blocks; "
        f"{measures.weighted_layers} weighted layers, {measures.parameters:,} parameters."
    )
    kinds = dict.fromkeys(kind for part in parts for kind in part.kinds.values())
    first = end(f"input {shape_text(graph.concrete(INPUT))}", INPUT, False)
    last = end(f"output {shape_text(graph.concrete(graph.output))}", "", True)
    everything = (Entry(first), *entries, Entry(last))
    return Sheet(title, facts, description, everything, tuple(kinds))


def end(text: str, name: str, is_entered: bool) -> Fragment:
    """What comes in, or goes out, as a fragment of its own."""
    shown = fitted(text, END_SIZE, END_ROOM)
    width = text_width(shown, END_SIZE) + 14
    label = Label(width / 2, END_HEIGHT - 4.5, shown, END_SIZE)
    box = Box(0, 0, width, END_HEIGHT, "pill", name, text, None, (label,))
    return Fragment((box.moved(-width / 2, 0),), width / 2, width / 2, END_HEIGHT, is_entered)


def headed(view: View, part: Part, fragment: Fragment) -> Entry:
    """A part's fragment in the panel of its stage, stem or head."""
    graph = view.graph
    if part.stage is None:
        return Entry(fragment, part.section, part.section, "", None)
    stage = graph.stages[part.stage]
    size = shape_text(graph.concrete(stage.exit))
    return Entry(fragment, stage.name, stage.name, size, part.stage)


def block_note(view: View, part: Part) -> str:
    """A block in one line, for who points at its frame: name, kind, shortcut; "" for a part that is no block."""
    if part.stage is None:
        return ""
    if part.scope is None:
        return part.name
    scope = part.scope
    words = {"parameter_free": "shortcut without parameters", "identity": "identity shortcut"}
    shortcut = "no shortcut"
    if scope.join:
        shortcut = words.get(view.shortcut_kind(scope), "projection shortcut")
    return f"{part.name}: {scope.title}, {shortcut}"
