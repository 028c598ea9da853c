"""The graph: what it holds and what is read off it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace

import networkx as nx
import pytest
from support.graphs import nodes_of, sound
from support.specs import compile_layers

from resnet_compiler.graph import INPUT, Node
from resnet_compiler.operators.activation import Relu
from resnet_compiler.operators.joining import Add
from resnet_compiler.shapes import Disagreement, Extent, Size

H, W = Size("H"), Size("W")


def test_the_nodes_in_order() -> None:
    graph = compile_layers("a: relu", "b: {add: {}, from: [input, a]}", "c: norm")
    names = ["stage.0.a", "stage.0.b", "stage.0.c"]
    assert [node.name for node in graph] == names
    assert len(graph) == 3
    assert graph["stage.0.b"].operator == Add()
    with pytest.raises(KeyError):
        graph["stage.0.d"]


def test_shapes_and_sizes() -> None:
    graph = compile_layers("a: {conv: {out: 5, kernel: 3, stride: [2, 1]}}", channels=7)
    node = graph["stage.0.a"]
    assert graph.declared == {"H": 11, "W": 9}
    assert graph.shape(INPUT) == (7, H, W)
    assert graph.input_shapes(node) == [(7, H, W)]
    assert graph.shape(node.name) == node.shape == (5, Size("H", 1, 2), W)
    assert graph.concrete(INPUT) == (7, 11, 9)
    assert graph.concrete(node.name) == (5, 6, 9)


def test_edges_carry_the_positions_of_inputs() -> None:
    a = Node("a", Relu(), (INPUT,), (3, H, W), "stem")
    b = Node("b", Add(), ("a", INPUT, "a"), (3, H, W), "stem")
    graph = replace(compile_layers("a: relu"), nodes={"a": a, "b": b})
    structure = graph.structure
    assert list(structure) == [INPUT, "a", "b"]
    assert list(structure.edges(keys=True)) == [
        (INPUT, "a", 0),
        (INPUT, "b", 1),
        ("a", "b", 0),
        ("a", "b", 2),
    ]
    assert structure.nodes(data="node")["b"] is b
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        structure.remove_node("a")


@pytest.mark.parametrize(
    ("layers", "least"),
    [
        (("a: relu",), (1, 1)),
        (("a: {conv: {out: 8, kernel: [5, 3], padding: 0}}",), (5, 3)),
        (("a: {conv: {out: 8, kernel: 3, stride: 2}}",), (1, 1)),
        (("a: {max_pool: {kernel: 2}}", "b: {max_pool: {kernel: [2, 1]}}"), (4, 2)),
        # reflection needs two rows and columns of what it reads
        (("a: {blur_pool: {stride: 2}}",), (2, 2)),
        (("a: {max_pool: {kernel: [3, 2]}}", "b: {blur_pool: {stride: 1}}"), (6, 4)),
        (("a: {blur_pool: {stride: 2}}", "b: {blur_pool: {stride: 2}}"), (3, 3)),
        # more comes out than goes in; an input has a pixel all the same
        (("a: {conv: {out: 8, kernel: 1, padding: 2}}",), (1, 1)),
        # the most that any layer needs, not the last
        (("a: {pad: {border: 3}}", "b: {conv: {out: 8, kernel: 9, padding: 0}}"), (3, 3)),
        (
            (
                "a: {conv: {out: 8, kernel: 5, padding: 0}}",
                "b: {pad: {border: 4}}",
                "c: {max_pool: {kernel: 2}}",
            ),
            (5, 5),
        ),
    ],
)
def test_the_smallest_input(layers: tuple[str, ...], least: tuple[int, int]) -> None:
    graph = compile_layers(*layers, size=(40, 40))
    assert graph.minimum_extents == dict(zip("HW", least, strict=True))


def test_dynamic_sizes_need_every_proof() -> None:
    graph = sound()
    verdicts = [proof.verdict for proof in graph.proofs]
    assert verdicts == ["all sizes", "all sizes", "all sizes", "declared sizes"]
    assert not graph.any_size
    assert replace(graph, proofs=graph.proofs[:-1]).any_size
    assert replace(graph, proofs=()).any_size
    refuted = replace(graph.proofs[0], verdict="no")
    assert not replace(graph, proofs=(refuted,)).any_size


def test_nothing_in_a_graph_can_be_changed() -> None:
    graph = sound()
    parts = [graph, graph.identity, *graph.extents, *graph.stages, *graph.proofs]
    parts += [*graph.scopes.values(), *nodes_of(graph).values(), Disagreement("H", 1, 2, 3), H]
    for part in parts:
        for each in fields(part):
            with pytest.raises(FrozenInstanceError):
                setattr(part, each.name, getattr(part, each.name))
    assert Extent("H", 32) == graph.extents[0]


def test_a_graph_is_shown_without_its_nodes() -> None:
    text = repr(sound())
    assert "name='net'" in text and "output='fc'" in text
    assert not any(part in text for part in ("structure", "scopes", "proofs"))
