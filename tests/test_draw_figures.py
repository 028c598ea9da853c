"""Figures of all shipped specs and of random ones: nothing overlaps, nothing is missing, and all fits on one page."""

from __future__ import annotations

from collections import Counter
from typing import get_args

import pytest
from support.differential.case import case_number
from support.figures import boxes_of, check_figure, paths_of
from support.random_specs import random_graph, random_instances
from support.specs import compile_text
from support.structures import STRUCTURES

import resnet_compiler
from resnet_compiler import draw
from resnet_compiler.draw.compact import runs
from resnet_compiler.draw.parts import View
from resnet_compiler.draw.primitives import Figure, Kind, Label
from resnet_compiler.graph import Graph
from resnet_compiler.library import shipped_specs
from resnet_compiler.measure import Measures

SHIPPED = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]
DETAILS: tuple[draw.Detail, ...] = get_args(draw.Detail)


def check_network(graph: Graph) -> None:
    """Every level of a network's figures."""
    for detail in DETAILS:
        figure = draw.figure(graph, detail)
        check_figure(figure)
        check_page(figure)
        check_complete(graph, figure, detail)


def check_page(figure: Figure) -> None:
    assert 0.6 <= figure.width / figure.height <= 1.65


def check_complete(graph: Graph, figure: Figure, detail: draw.Detail) -> None:
    """Every stage is named; every block and layer that a level shows is there once."""
    headings = Counter(box.name for box in boxes_of(figure, "banner") if box.name)
    assert all(headings[stage.name] == 1 for stage in graph.stages if stage.blocks)
    shown = Counter(b.name for b in boxes_of(figure, "box", "pill", "join") if b.name != "input")
    del shown[""]
    frames = Counter(box.name for box in boxes_of(figure, "frame"))
    blocks = [name for stage in graph.stages for name in stage.blocks]
    if detail == "compact":
        groups = runs(View(graph), View(graph).essential())
        drawn = [group for group in groups if group[0].stage is not None]
        assert [part.name for group in drawn for part in group] == blocks
        assert frames == Counter(group[0].name for group in drawn)
        return
    assert frames == Counter(blocks)
    if detail == "detailed":
        assert shown == Counter(node.name for node in graph)
        return
    weighted = Counter(layer.name for layer in Measures(graph).layers if layer.weighted)
    assert weighted <= shown, "the weighted layers of the trunk"
    assert set(shown.values()) <= {1}
    joins = {path.target for path in paths_of(figure) if path.kind != "flow" and path.target}
    assert joins == {scope.join for scope in graph.scopes.values() if scope.join}


@pytest.mark.parametrize("name", SHIPPED)
def test_of_shipped_specs(name: str) -> None:
    check_network(resnet_compiler.compile(name))


@pytest.mark.parametrize("seed", range(30))
def test_of_random_blocks(seed: int) -> None:
    check_network(compile_text(random_graph(seed)))


@pytest.mark.parametrize("seed", range(15))
def test_of_random_instances(seed: int) -> None:
    check_network(compile_text(random_instances(seed)))


@pytest.mark.parametrize("number", range(25))
def test_of_random_networks(number: int) -> None:
    graph = case_number(number).compile().graph
    if graph is not None:
        check_network(graph)


@pytest.mark.parametrize("name", STRUCTURES)
def test_of_odd_structures(name: str) -> None:
    check_network(compile_text(STRUCTURES[name]))


@pytest.mark.parametrize("detail", DETAILS)
def test_networks_side_by_side(detail: draw.Detail) -> None:
    graphs = [resnet_compiler.compile(name) for name in ("plain34", "resnet34")]
    figure = draw.side_by_side(graphs, detail)
    check_figure(figure)
    check_page(figure)
    first = [box.y for box in boxes_of(figure, "banner") if box.name == "layer4"]
    assert len(first) == 2
    assert first[0] == first[1] or detail == "compact", "what corresponds stands side by side"


def test_networks_that_differ_in_stages_stand_side_by_side_too() -> None:
    graphs = [resnet_compiler.compile(name) for name in ("cifar/resnet20", "resnet50", "resnet18")]
    check_figure(draw.side_by_side(graphs, "blocks"))


def test_there_must_be_something_to_draw() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        draw.side_by_side([])


KINDS: dict[str, dict[Kind, int]] = {
    "resnet34": {"identity": 13, "projection": 3},
    "resnet34_a": {"identity": 13, "parameter_free": 3},
    "resnet34_c": {"projection": 16},
    "plain34": {},
    "resnet50": {"identity": 12, "projection": 4},
    "preact_resnet164": {"identity": 51, "projection": 3},
    "timm/seresnet50": {"identity": 12, "projection": 4},
}


@pytest.mark.parametrize("name", KINDS)
def test_each_block_has_its_shortcut_drawn_as_what_it_is(name: str) -> None:
    figure = draw.figure(resnet_compiler.compile(name), "blocks")
    found = Counter(p.kind for p in paths_of(figure) if p.kind != "flow" and p.target)
    assert found == KINDS[name]


def test_a_gate_with_weights_is_named_and_its_layers_are_left_out() -> None:
    figure = draw.figure(resnet_compiler.compile("timm/seresnet50"), "blocks")
    gates = [box for box in boxes_of(figure, "pill") if box.name.endswith(".se.scale")]
    assert len(gates) == 16
    assert {box.labels[0].text for box in gates} == {"Squeeze excite"}
    assert not any(".se.fc" in box.name for box in boxes_of(figure, "box", "pill"))


def test_equal_blocks_are_drawn_once_with_their_number() -> None:
    figure = draw.figure(resnet_compiler.compile("preact_resnet1001"), "compact")
    texts = [item.text for item in figure.items if isinstance(item, Label)]
    assert texts.count("×110") == 3
    assert len(boxes_of(figure, "frame")) == 6


def test_a_head_that_reads_several_stages_says_which() -> None:
    text = (
        "name: two\ninput: {channels: 8, height: 8, width: 8}\n"
        "stages:\n  - one: {block: basic, depth: 1, width: 8}\n  - two: {block: basic, depth: 1, width: 8}\n"
        "head:\n  - both: {concat: {}, from: [one, two]}\n"
    )
    goes_on = text.replace("head:\n", "head:\n  - deep: act\n").replace("[one, two]", "[deep, one]")
    for each in (text, goes_on):
        for detail in DETAILS:
            check_figure(draw.figure(compile_text(each), detail))
        figure = draw.figure(compile_text(each), "detailed")
        assert any(getattr(item, "text", "") == "from one.0.act2" for item in figure.items)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnext50_32x4d", "timm/seresnet50"])
@pytest.mark.parametrize("detail", DETAILS)
def test_no_text_is_cut(name: str, detail: draw.Detail) -> None:
    figure = draw.figure(resnet_compiler.compile(name), detail)
    boxes = boxes_of(figure, "box", "pill", "banner")
    assert not [text for box in boxes for label in box.labels if "…" in (text := label.text)]


@pytest.mark.parametrize("name", ["resnet18", "timm/seresnet18", "preact_resnet164", "resnet34_a"])
def test_a_folded_network_is_drawn_with_the_same_shortcuts(name: str) -> None:
    graph = resnet_compiler.compile(name)
    folded = resnet_compiler.fold(graph).graph
    check_network(folded)
    before, after = (
        [(p.kind, p.target) for p in paths_of(draw.figure(each)) if p.kind != "flow" and p.target]
        for each in (graph, folded)
    )
    assert before == after
