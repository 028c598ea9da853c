"""SVG, PNG, Mermaid and DOT: well-formed, the same every time, and any text in them stays text."""

from __future__ import annotations

import io
import os
import pathlib
import re
from collections.abc import Callable
from dataclasses import replace
from typing import get_args
from xml.etree import ElementTree as xml

import pydot
import pytest
from PIL import Image, ImageFont
from support.figures import boxes_of, check_figure
from support.hostile_strings import TEXTS
from support.specs import compile_text
from support.structures import STRUCTURES

import resnet_compiler
from resnet_compiler import draw
from resnet_compiler.characters import escaped
from resnet_compiler.draw.as_dot import dot_text
from resnet_compiler.draw.as_mermaid import mermaid_text
from resnet_compiler.draw.as_png import LONGEST, faces
from resnet_compiler.draw.one_block import block_figure, compile_block
from resnet_compiler.draw.outline import Outline, outline
from resnet_compiler.draw.primitives import Figure, Label
from resnet_compiler.draw.text import fitted, text_width
from resnet_compiler.graph import Graph

DETAILS: tuple[draw.Detail, ...] = get_args(draw.Detail)
ROOT = pathlib.Path(__file__).parent.parent
SVG = "{http://www.w3.org/2000/svg}"
TAGS = {"svg", "title", "desc", "rect", "g", "circle", "path", "text"}
SHORT = {name: text for name, text in TEXTS.items() if len(text) < 1000}


def one_block(name: str) -> Figure:
    found = compile_block(name, {})
    assert found.compilation.graph is not None
    return block_figure(found.block, found.compilation.graph)


def network(name: str) -> Graph:
    return resnet_compiler.compile(name)


KEPT: dict[str, Callable[[], str]] = {
    "docs/drawings/resnet18_compact.svg": lambda: draw.svg(
        draw.figure(network("resnet18"), "compact")
    ),
    "docs/drawings/plain34_resnet34.svg": lambda: draw.svg(
        draw.side_by_side([network("plain34"), network("resnet34")], "blocks")
    ),
    "docs/drawings/bottleneck.svg": lambda: draw.svg(one_block("bottleneck")),
    "tests/drawings/cascade_detailed.svg": lambda: draw.svg(
        draw.figure(compile_text(STRUCTURES["split and cascade"]), "detailed")
    ),
    "tests/drawings/resnet18_compact.mmd": lambda: draw.mermaid(network("resnet18"), "compact"),
    "tests/drawings/resnet18_blocks.dot": lambda: draw.dot(network("resnet18"), "blocks"),
}
"""Drawings that are kept, to see what a change does to them; `RESNETC_UPDATE_GOLDEN=1` writes them anew."""


@pytest.mark.parametrize("name", KEPT)
def test_drawings_are_as_they_were(name: str) -> None:
    path, text = ROOT / name, KEPT[name]()
    if os.environ.get("RESNETC_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def test_the_document_shows_them_and_its_code_runs() -> None:
    document = (ROOT / "docs" / "draw.md").read_text("utf-8")
    shown = {f"docs/{path}" for path in re.findall(r"!\[.*?\]\((.*?)\)", document)}
    assert shown == {name for name in KEPT if name.startswith("docs/")}
    (code,) = re.findall(r"```py\n(.*?)```", document, re.S)
    names: dict[str, object] = {}
    exec(code, names)
    assert isinstance(names["picture"], bytes)


# --- SVG ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", DETAILS)
def test_svg_refers_to_nothing_and_runs_nothing(detail: draw.Detail) -> None:
    text = draw.svg(draw.figure(resnet_compiler.compile("timm/seresnet50"), detail))
    root = xml.fromstring(text)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= TAGS
    attributes = {name for element in root.iter() for name in element.attrib}
    assert not [name for name in attributes if name.startswith("on") or "href" in name]
    assert "url(" not in text and text.count("://") == 1, "the name of the language alone"


def test_svg_says_what_it_is_to_who_cannot_see_it() -> None:
    root = xml.fromstring(draw.svg(draw.figure(resnet_compiler.compile("resnet18"))))
    assert root.attrib["role"] == "img"
    named = [element.attrib.get("id") for element in root]
    assert all(each in named for each in root.attrib["aria-labelledby"].split())
    assert root.findtext(f"{SVG}title") == "ResNet-18"
    assert "18 weighted layers" in (root.findtext(f"{SVG}desc") or "")


def test_svg_names_every_layer() -> None:
    graph = resnet_compiler.compile("resnet18")
    root = xml.fromstring(draw.svg(draw.figure(graph, "detailed")))
    groups = {group.attrib["data-name"]: group for group in root.iter(f"{SVG}g") if group.attrib}
    for node in graph:
        assert groups[node.name].findtext(f"{SVG}title", "").startswith(f"{node.name}: ")


def named(title: str) -> Graph:
    """A network that is called something, as are its blocks."""
    graph = compile_text(STRUCTURES["gates in one stage"])
    scopes = {name: replace(scope, title=title) for name, scope in graph.scopes.items()}
    return replace(graph, identity=replace(graph.identity, title=title), scopes=scopes)


@pytest.mark.parametrize("name", SHORT)
def test_any_text_stays_text_in_svg(name: str) -> None:
    title = SHORT[name] or "x"
    figure = draw.figure(named(title), "compact")
    check_figure(figure)
    root = xml.fromstring(draw.svg(figure))
    assert root.findtext(f"{SVG}title") == escaped(title)
    wanted = [label.text for label in labels_of(figure)]
    assert any(title.startswith(each.removesuffix("…")) for each in wanted)
    found = [element.text or "" for element in root.iter(f"{SVG}text")]
    assert found == [escaped(text) for text in wanted]
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= TAGS


def labels_of(figure: Figure) -> list[Label]:
    """The labels in the order in which they are drawn."""
    found: list[Label] = []
    for item in figure.items:
        if isinstance(item, Label):
            found.append(item)
        else:
            found += getattr(item, "labels", ())
    return found


def test_a_text_is_cut_to_its_room() -> None:
    for text in (*SHORT.values(), "a" * 10_000):
        for room in (20.0, 90.0):
            shown = fitted(text, 8.0, room)
            assert text_width(shown, 8.0) <= room or shown == "…"
            assert shown == text or text.startswith(shown.removesuffix("…"))


def test_widths_are_no_less_than_in_the_face_of_the_png() -> None:
    with faces() as files:
        font = ImageFont.truetype(files[0], 1000)
        for character in map(chr, (*range(32, 127), ord("×"), ord("·"), ord("…"))):
            assert font.getlength(character) <= text_width(character, 1000), character
        font.set_variation_by_name("Bold")
        for words in ("Pre-activation ResNet-1001", "layer3, continued", "×110", "Squeeze excite"):
            assert font.getlength(words) <= text_width(words, 1000, bold=True), words


# --- PNG ----------------------------------------------------------------------------------------------------------


def test_png_shows_the_texts() -> None:
    figure = draw.figure(resnet_compiler.compile("resnet18"), "compact")
    image = Image.open(io.BytesIO(draw.png(draw.svg(figure)))).convert("L")
    assert image.size == (2 * figure.width, 2 * figure.height)
    for box in boxes_of(figure, "box"):
        (label,) = box.labels
        extent = tuple(round(2 * length) for length in label.extent)
        low, high = image.crop(extent).getextrema()  # type: ignore[arg-type]
        assert low < 60 < high, f"no text where {label.text} is"


def test_png_is_the_same_every_time() -> None:
    text = draw.svg(draw.figure(resnet_compiler.compile("resnet18"), "compact"))
    assert draw.png(text) == draw.png(text)


def test_a_large_png_is_drawn_smaller() -> None:
    figure = draw.figure(resnet_compiler.compile("resnet152"), "detailed")
    image = Image.open(io.BytesIO(draw.png(draw.svg(replace(figure, width=5 * figure.width)))))
    assert max(image.size) == LONGEST


# --- Mermaid and DOT ----------------------------------------------------------------------------------------------

_TEXT = r'"(?:[A-Za-z0-9 ,.×/·()\[\]_:+-]|<br/>|#\d+;)*"'
MERMAID = [
    re.compile(each)
    for each in (
        r"flowchart TB",
        r"  accTitle: (?:[A-Za-z0-9 ,.×/·()\[\]_:+-]|#\d+;)*",
        rf" +subgraph [gb]\d+\[{_TEXT}\]",
        r" +end",
        rf" +(?:n\d+|input)\[{_TEXT}\](?::::(?:stage\d+|other))?",
        rf"  (?:n\d+|input) (?:-->|==>|-\.->)(?:\|{_TEXT}\|)? n\d+",
        r"  classDef (?:stage\d+|other) fill:#[0-9a-f]{6},stroke:#[0-9a-f]{6},color:#[0-9a-f]{6}",
    )
]
"""The lines that a flowchart is made of. The real Mermaid draws all of the shipped specs and of `TEXTS`."""


def check_mermaid(text: str, edges: int, nodes: int) -> None:
    lines = text.removesuffix("\n").split("\n")
    kinds = [[form.fullmatch(line) is not None for form in MERMAID] for line in lines]
    assert all(any(kind) for kind in kinds), [lines[i] for i, k in enumerate(kinds) if not any(k)]
    assert sum(kind[2] for kind in kinds) == sum(kind[3] for kind in kinds)
    assert sum(kind[4] for kind in kinds) == nodes
    assert sum(kind[5] for kind in kinds) == edges


def nodes_of(found: Outline) -> list[str]:
    return [node.id for node in found.nodes] + [n.id for group in found.groups for n in group]


def check_dot(text: str, found: Outline) -> None:
    (graph,) = pydot.graph_from_dot_data(text) or ()
    wanted = [(edge.source, edge.target) for edge in found.edges]
    assert [(e.get_source(), e.get_destination()) for e in graph.get_edges()] == wanted
    assert sorted(names_in(graph)) == sorted(nodes_of(found))


def names_in(graph: pydot.Graph) -> list[str]:
    names = [n.get_name() for n in graph.get_nodes() if n.get_name() not in ("node", "edge")]
    return names + [name for inner in graph.get_subgraphs() for name in names_in(inner)]


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", ["resnet18", "resnet34_a", "plain20", "timm/seresnet18"])
def test_outlines_of_shipped_specs(name: str, detail: draw.Detail) -> None:
    graph = resnet_compiler.compile(name)
    found = outline(graph, detail)
    check_mermaid(draw.mermaid(graph, detail), len(found.edges), len(nodes_of(found)))
    check_dot(draw.dot(graph, detail), found)


@pytest.mark.parametrize("name", STRUCTURES)
def test_outlines_of_odd_structures(name: str) -> None:
    graph = compile_text(STRUCTURES[name])
    found = outline(graph, "detailed")
    assert len(nodes_of(found)) == len(graph) + 1
    assert len(found.edges) == sum(len(node.inputs) for node in graph)
    for detail in DETAILS:
        shown = outline(graph, detail)
        check_mermaid(draw.mermaid(graph, detail), len(shown.edges), len(nodes_of(shown)))
        ids = nodes_of(shown)
        assert len(set(ids)) == len(ids)
        assert {end for e in shown.edges for end in (e.source, e.target)} <= set(ids)


def test_an_outline_of_stages_has_the_branches_of_a_head() -> None:
    text = (
        "name: two\ninput: {channels: 8, height: 8, width: 8}\n"
        "stages:\n  - one: {block: basic, depth: 2, width: 8}\n  - two: {block: basic, depth: 2, width: 8}\n"
        "head:\n  - deep: {conv: {out: 8, kernel: 1}}\n  - lateral: {conv: {out: 8, kernel: 3}, from: one}\n"
        "  - both: {add: {}, from: [deep, lateral]}\n"
    )
    found = outline(compile_text(text), "compact")
    lines = {node.id: node.lines[0] for group in found.groups for node in group}
    lines["input"] = "input"
    edges = {(lines[edge.source], lines[edge.target]) for edge in found.edges}
    assert len(found.edges) == len(edges) == 6
    assert edges == {
        ("input", "Basic block ×2"),
        ("Basic block ×2", "Basic block ×2"),
        ("Basic block ×2", "1×1 conv, 8"),
        ("Basic block ×2", "3×3 conv, 8"),
        ("1×1 conv, 8", "add"),
        ("3×3 conv, 8", "add"),
    }


def test_an_outline_by_blocks_has_the_shortcuts_from_block_to_block() -> None:
    text = draw.mermaid(resnet_compiler.compile("resnet18"), "blocks")
    assert text.count("==>") == 5
    assert text.count('-.->|"projection shortcut"|') == 3


@pytest.mark.parametrize("name", SHORT)
def test_any_text_stays_text_in_outlines(name: str) -> None:
    found = outline(compile_text(STRUCTURES["one stage"]), "compact")
    first = replace(found.nodes[0], lines=(SHORT[name],))
    found = replace(found, title=SHORT[name], nodes=(first,))
    check_mermaid(mermaid_text(found), len(found.edges), len(nodes_of(found)))
    (graph,) = pydot.graph_from_dot_data(dot_text(found)) or ()
    label = graph.get_node("input")[0].get("label")
    back = label[1:-1].replace('\\"', '"').replace("\\\\", "\\").replace("&amp;", "&")
    assert back == escaped(SHORT[name])
