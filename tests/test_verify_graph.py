"""The verifier refuses every graph that is not one: each mutation of a real graph breaks one rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

import resnet_compiler
from resnet_compiler.graph import INPUT, Graph, GraphError, Node, build_structure, verify_graph
from resnet_compiler.operators.base import ShapeError
from resnet_compiler.operators.joining import Add, Concat
from resnet_compiler.operators.linear import Conv
from resnet_compiler.shapes import Size

SPEC = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 64, kernel: 3}}
  - one: {conv: {out: 1, kernel: 1}}
  - wide: {conv: {out: 64, kernel: 1}}
stages:
  - layer1: {block: basic, depth: 2, width: 64}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""

Nodes = dict[str, Node]


@pytest.fixture
def graph() -> Graph:
    return resnet_compiler.compile("net.yaml", text=SPEC)


def nodes_of(graph: Graph) -> Nodes:
    return {node.name: node for node in graph}


def rebuilt(graph: Graph, nodes: Nodes, output: str | None = None) -> Graph:
    """The graph with these nodes, filed under these names, in this order."""
    return replace(graph, structure=build_structure(nodes), output=output or graph.output)


def test_a_real_graph_and_a_rebuilt_one_pass(graph: Graph) -> None:
    verify_graph(graph)
    verify_graph(rebuilt(graph, nodes_of(graph)))


def change(nodes: Nodes, name: str, **fields: object) -> Nodes:
    return {**nodes, name: replace(nodes[name], **fields)}  # type: ignore[arg-type]


def insert(nodes: Nodes, after: str, node: Node) -> Nodes:
    pairs = []
    for name, each in nodes.items():
        pairs.append((name, each))
        if name == after:
            pairs.append((node.name, node))
    return dict(pairs)


def wrong_channels(n: Nodes) -> Nodes:
    return change(n, "conv", shape=(63, *n["conv"].shape[1:]))


def wrong_size(n: Nodes) -> Nodes:
    return change(n, "layer1.0.conv1", shape=(64, Size("H", 1, 2), Size("W")))


def swapped_axes(n: Nodes) -> Nodes:
    return change(n, "conv", shape=(64, Size("W"), Size("H")))


def wrong_rank(n: Nodes) -> Nodes:
    return change(n, "fc", shape=(10, 1, 1))


def other_operator(n: Nodes) -> Nodes:
    return change(n, "conv", operator=Conv(out=32, kernel=(3, 3)))


def dead_node(n: Nodes) -> Nodes:
    return insert(n, "pool", replace(n["pool"], name="unused"))


def filed_under_another_name(n: Nodes) -> Nodes:
    return {("other" if name == "one" else name): node for name, node in n.items()}


def one_name_twice(n: Nodes) -> Nodes:
    copy = replace(n["layer1.0.conv1"], inputs=n["layer1.1.conv1"].inputs)
    return {**n, "layer1.1.conv1": copy}


def missing_input(n: Nodes) -> Nodes:
    return change(n, "layer1.0.conv1", inputs=("nowhere",))


def reads_what_comes_later(n: Nodes) -> Nodes:
    return change(n, "layer1.0.conv1", inputs=("layer1.1.conv1",))


def reads_itself(n: Nodes) -> Nodes:
    return change(n, "layer1.0.bn1", inputs=("layer1.0.bn1",))


def not_in_order(n: Nodes) -> Nodes:
    return dict(sorted(n.items(), key=lambda item: item[0] == "conv"))


def no_input(n: Nodes) -> Nodes:
    return change(n, "layer1.0.conv1", inputs=())


def two_inputs(n: Nodes) -> Nodes:
    return change(n, "layer1.0.bn1", inputs=("layer1.0.conv1", "wide"))


def add_of_one(n: Nodes) -> Nodes:
    return change(n, "layer1.0.add", inputs=("wide",))


def add_of_64_and_1(n: Nodes) -> Nodes:
    return change(n, "layer1.0.add", inputs=("layer1.0.bn2", "one"))


def add_of_64_and_1_the_other_way(n: Nodes) -> Nodes:
    add = n["layer1.0.add"]
    return change(n, "layer1.0.add", inputs=("one", "layer1.0.bn2"), shape=(1, *add.shape[1:]))


def input_gone(n: Nodes) -> Nodes:
    return {name: node for name, node in n.items() if name != "one"}


RULES: dict[Callable[[Nodes], Nodes], str] = {
    wrong_channels: "conv: its shape is not 63",
    wrong_size: "layer1.0.conv1: its shape is not",
    swapped_axes: "conv: its shape is not",
    wrong_rank: "fc: its shape is not 10 × 1 × 1",
    other_operator: "conv: its shape is not 64",
    dead_node: "unused: nothing uses it",
    filed_under_another_name: "filed under another",
    one_name_twice: "the name is taken twice",
    missing_input: "its input nowhere does not come before it",
    reads_what_comes_later: "its input layer1.1.conv1 does not come before it",
    reads_itself: "its input layer1.0.bn1 does not come before it",
    not_in_order: "its input conv does not come before it",
    no_input: "conv takes 1 inputs?",
    two_inputs: "batch_norm takes 1 inputs?",
    add_of_one: "add takes two or more inputs",
    add_of_64_and_1: "joins 64 and 1",
    add_of_64_and_1_the_other_way: "joins 1 and 64",
    input_gone: "its input one does not come before it",
}


@pytest.mark.parametrize("mutate", RULES, ids=lambda mutate: mutate.__name__)
def test_a_mutation_is_refused(mutate: Callable[[Nodes], Nodes], graph: Graph) -> None:
    with pytest.raises(GraphError, match=RULES[mutate]):
        verify_graph(rebuilt(graph, mutate(nodes_of(graph))))


@pytest.mark.parametrize("output", ["nowhere", "conv", INPUT])
def test_another_output_is_refused(output: str, graph: Graph) -> None:
    with pytest.raises(GraphError):
        verify_graph(replace(graph, output=output))


def test_edges_that_are_not_the_inputs_are_refused(graph: Graph) -> None:
    for source, target, position in [
        ("conv", "fc", 7),  # one too many
        ("conv", "one", 1),  # the same one twice
    ]:
        mutated = rebuilt(graph, nodes_of(graph))
        mutated.structure.add_edge(source, target, position)
        with pytest.raises(GraphError, match="edges"):
            verify_graph(mutated)
    mutated = rebuilt(graph, nodes_of(graph))
    mutated.structure.remove_edge("layer1.0.bn2", "layer1.0.add")
    with pytest.raises(GraphError, match="edges"):
        verify_graph(mutated)


def test_sizes_that_cannot_be_joined_are_refused(graph: Graph) -> None:
    """Ranks that differ are for the operator to refuse; the graph is not accepted either way."""
    nodes = nodes_of(graph)
    flat = replace(nodes["fc"], operator=Concat(), inputs=("pool", "layer1.1.act2"))
    with pytest.raises(GraphError):
        verify_graph(rebuilt(graph, {**nodes, "fc": flat}))
    ranks = replace(nodes["fc"], name="sum", operator=Add(), inputs=("fc", "pool"), shape=(10,))
    with pytest.raises((GraphError, ShapeError)):
        verify_graph(rebuilt(graph, {**nodes, "sum": ranks}, output="sum"))


@pytest.mark.parametrize("name", ["", "1a", "a b", "a..b", "a.", ".a", "a\n", "ﬁ", "a-b", "a.b\n"])
def test_a_node_cannot_have_an_invalid_name(name: str, graph: Graph) -> None:
    with pytest.raises(ValueError, match="not a layer name"):
        replace(graph["conv"], name=name)
