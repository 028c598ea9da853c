"""Drawings of networks: from a graph to a figure, and from a figure to SVG and PNG; Mermaid and DOT from the graph.

>>> import resnet_compiler
>>> from resnet_compiler import draw
>>> text = draw.svg(draw.figure(resnet_compiler.compile("resnet50"), "blocks"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from resnet_compiler.draw.columns import Sheet
    from resnet_compiler.draw.primitives import Figure
    from resnet_compiler.graph import Graph

Detail = Literal["compact", "blocks", "detailed"]


def figure(graph: Graph, detail: Detail = "blocks") -> Figure:
    """A network on one page: its stages ("compact"), its blocks with their shortcuts, or every layer ("detailed")."""
    return side_by_side([graph], detail)


def side_by_side(graphs: list[Graph], detail: Detail = "blocks") -> Figure:
    """Several networks beside each other on one page, in the order given.

    Raises:
        ValueError: there are none.
    """
    from resnet_compiler.draw.page import arrange

    if not graphs:
        raise ValueError("there is nothing to draw")
    return arrange([_sheet(graph, detail) for graph in graphs])


def _sheet(graph: Graph, detail: Detail) -> Sheet:
    from resnet_compiler.draw.blocks import blocks_sheet
    from resnet_compiler.draw.compact import compact_sheet
    from resnet_compiler.draw.detailed import detailed_sheet

    return {"compact": compact_sheet, "blocks": blocks_sheet, "detailed": detailed_sheet}[detail](
        graph
    )


def svg(figure: Figure) -> str:
    """A figure as the text of an SVG file: self-contained, on white, readable by screen readers."""
    from resnet_compiler.draw.as_svg import svg_text

    return svg_text(figure)


def png(svg_text: str) -> bytes:
    """An SVG of `svg` as PNG, two pixels for a point, and at most 8,000 across; the same bytes on every machine.

    Raises:
        PngError: a package of the extra `png` is missing.
    """
    from resnet_compiler.draw.as_png import png_bytes

    return png_bytes(svg_text)


def mermaid(graph: Graph, detail: Detail = "blocks") -> str:
    """A network as a Mermaid flowchart."""
    from resnet_compiler.draw.as_mermaid import mermaid_text
    from resnet_compiler.draw.outline import outline

    return mermaid_text(outline(graph, detail))


def dot(graph: Graph, detail: Detail = "blocks") -> str:
    """A network in DOT, the language of Graphviz."""
    from resnet_compiler.draw.as_dot import dot_text
    from resnet_compiler.draw.outline import outline

    return dot_text(outline(graph, detail))
