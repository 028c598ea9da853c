"""Lanes: no two nodes in a cell, no edge through a node, and edges that share a line come from one node."""

from __future__ import annotations

from itertools import pairwise

import pytest
from support.differential.case import case_number
from support.random_specs import random_graph, random_instances
from support.specs import compile_layers, compile_text
from support.structures import STRUCTURES

import resnet_compiler
from resnet_compiler.draw.lanes import Placement, parts, place, place_nodes
from resnet_compiler.draw.wires import Measured, Point, wire
from resnet_compiler.graph import Graph

HEIGHT, TRACK, WIDTH, PORT = 10.0, 4.0, 60.0, 5.0


def lengths_of(placement: Placement) -> Measured:
    """Lengths in which nothing touches that need not."""
    tops, feet, y = [], [], 0.0
    for row in range(placement.rows):
        tops.append(y)
        feet.append(y + HEIGHT)
        y += HEIGHT + TRACK * (placement.tracks[row] + 1)
    middles = [100.0 * lane for lane in range(placement.lanes)]
    return Measured(
        middles, tops, feet, {cell.name: WIDTH for cell in placement.cells}, TRACK, PORT
    )


def overlap(first: tuple[Point, Point], second: tuple[Point, Point]) -> bool:
    """Whether two lines, upright or level, run along one another."""
    for axis in (0, 1):
        fixed = {point[axis] for point in (*first, *second)}
        if len(fixed) == 1:
            a, b = (sorted(p[1 - axis] for p in line) for line in (first, second))
            return max(a[0], b[0]) < min(a[1], b[1])
    return False


def check(placement: Placement) -> None:
    cells = {(cell.row, cell.lane) for cell in placement.cells}
    assert len(cells) == len(placement.cells)
    lengths = lengths_of(placement)
    lines: list[tuple[str, tuple[Point, Point]]] = []
    for route in placement.routes:
        source, target = placement[route.source], placement[route.target]
        assert source.row < target.row
        points = wire(placement, route, lengths)
        assert points[0] == (lengths.middles[source.lane], lengths.feet[source.row])
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points))
        assert all(a[1] <= b[1] for a, b in pairwise(points)), "an edge runs downwards"
        for cell in placement.cells:
            left = lengths.middles[cell.lane] - WIDTH / 2
            top, foot = lengths.tops[cell.row], lengths.feet[cell.row]
            for (x1, y1), (x2, y2) in pairwise(points):
                beside = max(x1, x2) <= left or min(x1, x2) >= left + WIDTH
                assert beside or max(y1, y2) <= top or min(y1, y2) >= foot, (route, cell)
        lines += [(route.source, line) for line in pairwise(points) if line[0] != line[1]]
    lines.sort(key=lambda each: each[1])
    for number, (source_name, line) in enumerate(lines):
        for other, second in lines[number + 1 :]:
            assert other == source_name or not overlap(line, second), (source_name, other, line)


def check_graph(graph: Graph) -> None:
    seen: list[str] = []
    for _, names in parts(graph):
        placement = place(graph, names)
        inside = [cell.name for cell in placement.cells if not cell.is_entry]
        assert inside == list(names)
        wanted = {(s, n, i) for n in names for i, s in enumerate(graph[n].inputs)}
        assert {(r.source, r.target, r.position) for r in placement.routes} == wanted
        assert len(placement.routes) == len(wanted)
        check(placement)
        seen += names
    assert sorted(seen) == sorted(node.name for node in graph)


@pytest.mark.parametrize("seed", range(60))
def test_of_random_blocks(seed: int) -> None:
    check_graph(compile_text(random_graph(seed)))


@pytest.mark.parametrize("seed", range(15))
def test_of_random_instances(seed: int) -> None:
    check_graph(compile_text(random_instances(seed)))


@pytest.mark.parametrize("number", range(40))
def test_of_random_networks(number: int) -> None:
    graph = case_number(number).compile().graph
    if graph is not None:
        check_graph(graph)


@pytest.mark.parametrize("name", STRUCTURES)
def test_of_odd_structures(name: str) -> None:
    check_graph(compile_text(STRUCTURES[name]))


@pytest.mark.parametrize("name", ["resnet50", "resnet34_a", "timm/seresnet50", "timm/resnetaa50d"])
def test_of_shipped_specs(name: str) -> None:
    check_graph(resnet_compiler.compile(name))


def test_a_projection_stands_beside_the_residual_path() -> None:
    graph = resnet_compiler.compile("resnet50")
    placement = place(graph, dict(parts(graph))["layer2.0"])
    assert [(c.name, c.row, c.lane) for c in placement.cells] == [
        ("layer1.2.act3", 0, 0),
        ("layer2.0.conv1", 1, 0),
        ("layer2.0.bn1", 2, 0),
        ("layer2.0.act1", 3, 0),
        ("layer2.0.conv2", 4, 0),
        ("layer2.0.bn2", 5, 0),
        ("layer2.0.act2", 6, 0),
        ("layer2.0.conv3", 7, 0),
        ("layer2.0.bn3", 8, 0),
        ("layer2.0.downsample.0", 1, 1),
        ("layer2.0.downsample.1", 2, 1),
        ("layer2.0.add", 9, 0),
        ("layer2.0.act3", 10, 0),
    ]
    last = next(r for r in placement.routes if r.source == "layer2.0.downsample.1")
    assert (last.lane, last.enters) == (1, "side")
    assert placement.exits == ("layer2.0.act3",)


def test_an_identity_passes_beside_everything_and_enters_the_join_from_the_side() -> None:
    graph = resnet_compiler.compile("timm/seresnet50")
    placement = place(graph, dict(parts(graph))["layer2.1"])
    (shortcut,) = (r for r in placement.routes if r.target == "layer2.1.add" and r.position == 1)
    assert (shortcut.lane, shortcut.enters, placement.lanes) == (2, "side", 3)
    assert placement["layer2.1.se.gate"].lane == 1
    assert placement.lanes_with_nodes == {0, 1}


def test_a_sum_of_one_value_with_itself_has_two_edges_to_see() -> None:
    graph = compile_layers("one: relu", "two: {add: {}, from: [one, one]}")
    placement = place(graph, [node.name for node in graph])
    both = [r for r in placement.routes if r.target.endswith("two")]
    assert [route.lane for route in both] == [0, 1]


def test_what_reads_nothing_stands_right_above_its_reader() -> None:
    inputs = {"a": ["x"], "b": ["a"], "gain": [], "c": ["b", "gain"]}
    placement = place_nodes(inputs, inputs, ["c"])
    assert (placement["gain"].row, placement["gain"].lane) == (2, 1)


def test_a_part_without_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to place"):
        place_nodes({}, {}, [])
