"""Outlines in DOT, the language of Graphviz."""

from __future__ import annotations

from resnet_compiler.characters import escaped
from resnet_compiler.draw.outline import Group, Outline, OutlineNode
from resnet_compiler.draw.palette import STROKES, tone
from resnet_compiler.draw.primitives import Kind

_STYLES: dict[Kind, str] = {
    "flow": "",
    "identity": "style=bold",
    "projection": "style=dotted",
    "parameter_free": "style=dashed",
}


def dot_text(outline: Outline) -> str:
    """An outline as a directed graph, with a cluster for each stage and block."""
    lines = [
        "digraph network {",
        f"  label={_quoted(outline.title)};",
        "  labelloc=t;",
        '  fontname="Helvetica";',
        '  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=10];',
        '  edge [fontname="Helvetica", fontsize=8];',
    ]
    lines += [f"  {_node(node)}" for node in outline.nodes]
    for group in outline.groups:
        lines += _group(group, "  ")
    for edge in outline.edges:
        style = _STYLES[edge.kind]
        more = f" [{style}, label={_quoted(STROKES[edge.kind].meaning)}]" if style else ""
        lines.append(f"  {edge.source} -> {edge.target}{more};")
    return "\n".join([*lines, "}"]) + "\n"


def _group(group: Group, indent: str) -> list[str]:
    colors = tone(group.color)
    lines = [
        f"{indent}subgraph cluster_{group.id} {{",
        f"{indent}  label={_quoted(group.title)};",
        f'{indent}  style="filled,rounded"; fillcolor="{colors.panel}"; color="{colors.edge}";',
    ]
    lines += [f"{indent}  {_node(node)}" for node in group.nodes]
    for inner in group.groups:
        lines += _group(inner, indent + "  ")
    return [*lines, f"{indent}}}"]


def _node(node: OutlineNode) -> str:
    colors = tone(node.color)
    fill = colors.fill if node.is_weighted else "#ffffff"
    return f'{node.id} [label={_quoted(*node.lines)}, fillcolor="{fill}", color="{colors.edge}"];'


def _quoted(*lines: str) -> str:
    """Lines as a string of DOT; none of its escapes, and no entity of HTML, can come from the text."""
    texts = (
        escaped(line).replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
        for line in lines
    )
    return '"' + "\\n".join(texts) + '"'
