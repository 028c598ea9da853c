"""Outlines as Mermaid flowcharts: text that Markdown pages and wikis draw."""

from __future__ import annotations

import re

from resnet_compiler.characters import escaped
from resnet_compiler.draw.outline import Group, Outline, OutlineNode
from resnet_compiler.draw.palette import STROKES, tone
from resnet_compiler.draw.primitives import Kind

_ARROWS: dict[Kind, str] = {
    "flow": "-->",
    "identity": "==>",
    "projection": "-.->",
    "parameter_free": "-.->",
}
_SAFE = re.compile(r"[^A-Za-z0-9 ,.×/·()\[\]_:+-]")


def mermaid_text(outline: Outline) -> str:
    """An outline as a flowchart. Identity shortcuts are thick; others are dotted, and say what they are."""
    lines = ["flowchart TB", f"  accTitle: {_quoted(outline.title)}"]
    lines += [f"  {_node(node)}" for node in outline.nodes]
    for group in outline.groups:
        lines += _group(group, "  ")
    for edge in outline.edges:
        named = edge.kind in ("projection", "parameter_free")
        label = f'|"{STROKES[edge.kind].meaning}"|' if named else ""
        lines.append(f"  {edge.source} {_ARROWS[edge.kind]}{label} {edge.target}")
    colors = dict.fromkeys(node.color for group in outline.groups for node in group)
    for color in colors:
        t = tone(color)
        style = f"fill:{t.fill},stroke:{t.edge},color:#111111"
        lines.append(f"  classDef {_class(color)} {style}")
    return "\n".join(lines) + "\n"


def _group(group: Group, indent: str) -> list[str]:
    lines = [f'{indent}subgraph {group.id}["{_quoted(group.title)}"]']
    lines += [f"{indent}  {_node(node)}:::{_class(node.color)}" for node in group.nodes]
    for inner in group.groups:
        lines += _group(inner, indent + "  ")
    return [*lines, f"{indent}end"]


def _node(node: OutlineNode) -> str:
    text = "<br/>".join(map(_quoted, node.lines))
    return f'{node.id}["{text}"]'


def _class(color: int | None) -> str:
    return "other" if color is None else f"stage{color}"


def _quoted(text: str) -> str:
    """A text as it can stand between quotes: whatever could mean something is written by its number."""
    return _SAFE.sub(lambda found: f"#{ord(found[0])};", escaped(text))
