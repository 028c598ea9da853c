"""Graphs whose names or order are broken, each in one way, and what the verifier says."""

from __future__ import annotations

from dataclasses import replace

from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.operators.activation import Relu
from support.graphs import (
    Mutation,
    change,
    insert,
    nodes_of,
    rebuilt,
    rename,
    without,
)

# --- names and order ------------------------------------------------------------------------------


def filed_under_another_name(graph: Graph) -> Graph:
    nodes = nodes_of(graph).items()
    return rebuilt(graph, {("other" if name == "one" else name): node for name, node in nodes})


def filed_under_an_earlier_name(graph: Graph) -> Graph:
    nodes = nodes_of(graph).items()
    return rebuilt(graph, {("early" if name == "one" else name): node for name, node in nodes})


def one_name_twice(graph: Graph) -> Graph:
    twin = replace(graph["layer1.0.conv1"], inputs=graph["layer1.1.conv1"].inputs)
    return rebuilt(graph, {**nodes_of(graph), "layer1.1.conv1": twin})


def node_called_input(graph: Graph) -> Graph:
    return rebuilt(graph, {INPUT: replace(graph["conv"], name=INPUT), **nodes_of(graph)})


def layer_inside_a_layer(graph: Graph) -> Graph:
    graph = insert(graph, "conv", replace(graph["conv"], name="conv.0", operator=Relu()))
    graph = change(graph, "conv.0", inputs=("conv",), shape=graph["conv"].shape)
    return change(graph, "one", inputs=("conv.0",))


def layer_deep_inside_a_layer(graph: Graph) -> Graph:
    return rename(layer_inside_a_layer(graph), "conv.0", "conv.part.0")


def layers_side_by_side_in_a_layer(graph: Graph) -> Graph:
    graph = layer_inside_a_layer(graph)
    return rename(graph, "one", "conv.1")


def layer_that_is_a_scope(graph: Graph) -> Graph:
    return replace(graph, scopes={**graph.scopes, "one": graph.scopes["layer1.0"]})


def reserved_name(graph: Graph) -> Graph:
    return rename(graph, "conv", "layer0.forward")


def missing_input(graph: Graph) -> Graph:
    return change(graph, "layer1.0.conv1", inputs=("nowhere",))


def reads_what_comes_later(graph: Graph) -> Graph:
    return change(graph, "layer1.0.conv1", inputs=("layer1.1.conv1",))


def reads_itself(graph: Graph) -> Graph:
    return change(graph, "layer1.0.bn1", inputs=("layer1.0.bn1",))


def cycle(graph: Graph) -> Graph:
    add = graph["layer1.0.add"]
    return change(graph, "layer1.0.bn1", inputs=(add.name,))


def not_in_order(graph: Graph) -> Graph:
    return rebuilt(graph, dict(sorted(nodes_of(graph).items(), key=lambda item: item[0] == "conv")))


def input_gone(graph: Graph) -> Graph:
    return without(graph, "one")


def head_before_stem(graph: Graph) -> Graph:
    return change(graph, "conv", section="head")


def stem_in_the_stages(graph: Graph) -> Graph:
    return change(graph, "layer1.1.conv1", section="stem")


def section_of_another_kind(graph: Graph) -> Graph:
    return change(graph, "fc", section="tail")


# --- what leads nowhere ---------------------------------------------------------------------------


def dead_node(graph: Graph) -> Graph:
    return insert(graph, "pool", replace(graph["pool"], name="unused"))


def dead_end(graph: Graph) -> Graph:
    graph = insert(graph, "pool", replace(graph["pool"], name="unused1"))
    return insert(graph, "unused1", replace(graph["pool"], name="unused2", inputs=("unused1",)))


def output_gone(graph: Graph) -> Graph:
    return replace(graph, output="nowhere")


def output_is_the_input(graph: Graph) -> Graph:
    return replace(graph, output=INPUT)


def output_too_early(graph: Graph) -> Graph:
    return replace(graph, output="pool")


FILED, NESTED, FREE = "nodes are filed by name", "names do not nest", "names are free"
ORDER, SECTION = "inputs come before", "sections follow each other"
DEAD = "nothing is dead"

MUTATIONS: dict[Mutation, str] = {
    filed_under_another_name: f"one: the name is taken twice or filed under another, other ({FILED})",
    filed_under_an_earlier_name: "one: the name is taken twice or filed under another, early"
    f" ({FILED})",
    one_name_twice: "layer1.0.conv1: the name is taken twice or filed under another, layer1.1.conv1"
    f" ({FILED})",
    node_called_input: f"input: the name is taken by a node ({FILED})",
    layer_inside_a_layer: f"conv: conv.0 is inside it ({NESTED})",
    layer_deep_inside_a_layer: f"conv: conv.part.0 is inside it ({NESTED})",
    layers_side_by_side_in_a_layer: f"conv: conv.0 is inside it ({NESTED})",
    layer_that_is_a_scope: f"one: a scope has the same name ({NESTED})",
    reserved_name: f"layer0.forward: forward is reserved ({FREE})",
    missing_input: f"layer1.0.conv1: its input nowhere does not come before it ({ORDER})",
    reads_what_comes_later: f"layer1.0.conv1: its input layer1.1.conv1 does not come before it ({ORDER})",
    reads_itself: f"layer1.0.bn1: its input layer1.0.bn1 does not come before it ({ORDER})",
    cycle: f"layer1.0.bn1: its input layer1.0.add does not come before it ({ORDER})",
    not_in_order: f"one: its input conv does not come before it ({ORDER})",
    input_gone: f"wide: its input one does not come before it ({ORDER})",
    head_before_stem: f"one: it is of the stem, but comes behind the head ({SECTION})",
    stem_in_the_stages: f"layer1.1.conv1: it is of the stem, but comes behind the stages ({SECTION})",
    section_of_another_kind: f"fc: there is no section tail ({SECTION})",
    dead_node: f"unused: nothing uses it ({DEAD})",
    dead_end: f"unused1: nothing uses it ({DEAD})",
    output_gone: f"nowhere: it is the output, but there is no such node ({DEAD})",
    output_is_the_input: f"input: it is the output, but there is no such node ({DEAD})",
    output_too_early: f"fc: nothing uses it ({DEAD})",
}
