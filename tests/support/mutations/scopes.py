"""Graphs that are wrong about their scopes or stages, and what the verifier says."""

from __future__ import annotations

from dataclasses import replace

from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.operators.activation import Relu
from resnet_compiler.operators.joining import Add
from support.graphs import (
    Mutation,
    change,
    change_scope,
    change_stage,
    rename,
    without,
)

# --- scopes ---------------------------------------------------------------------------------------


def scope_under_another_name(graph: Graph) -> Graph:
    return change_scope(graph, "layer2.0", name="layer2.1")


def scope_under_a_later_name(graph: Graph) -> Graph:
    return change_scope(graph, "layer2.0", name="layer1.9")


def scope_without_nodes(graph: Graph) -> Graph:
    scope = replace(graph.scopes["layer1.0.se"], name="layer9")
    return replace(graph, scopes={**graph.scopes, "layer9": scope})


def scope_called_as_a_node(graph: Graph) -> Graph:
    scope = replace(graph.scopes["layer1.0.se"], name="wide")
    return replace(graph, scopes={**graph.scopes, "wide": scope})


def scope_inside_a_node(graph: Graph) -> Graph:
    scope = replace(graph.scopes["layer1.0.se"], name="wide.0")
    return replace(graph, scopes={**graph.scopes, "wide.0": scope})


def exit_gone(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", exit="layer1.0.act3")


def exit_outside(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", exit="layer1.1.act2")


def exit_too_early(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", exit="layer1.0.add")


def output_inside_a_scope(graph: Graph) -> Graph:
    for name in ("fc", "pool", "blur"):
        graph = without(graph, name)
    return change_scope(replace(graph, output="layer3.0.add"), "layer3.0", exit="layer3.0.down")


def output_of_a_later_name_inside_a_scope(graph: Graph) -> Graph:
    graph = rename(output_inside_a_scope(graph), "layer3.0.add", "layer3.0.sum")
    return change_scope(replace(graph, output="layer3.0.sum"), "layer3.0", join="layer3.0.sum")


def entry_gone(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", entry="nowhere")


def entry_of_an_early_name_gone(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", entry="absent")


def entry_inside(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", entry="layer1.0.conv1")


def entry_of_another_block(graph: Graph) -> Graph:
    return change_scope(graph, "layer2.0", entry="layer1.0.act2")


def entry_of_the_input(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", entry=INPUT)


def reads_past_the_entry(graph: Graph) -> Graph:
    return change(graph, "layer1.1.conv1", inputs=("wide",))


def reads_past_the_entry_of_a_gate(graph: Graph) -> Graph:
    return change(graph, "layer1.0.se.mean", inputs=("layer1.0.conv2",))


def reads_past_the_entry_beside_its_own(graph: Graph) -> Graph:
    return change(graph, "layer1.0.act2", operator=Add(), inputs=("layer1.0.add", "conv"))


def reads_the_inside(graph: Graph) -> Graph:
    return change(graph, "blur", operator=Add(), inputs=("layer3.0.add", "layer3.0.down"))


def join_gone(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", join="layer1.0.sum")


def join_outside(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", join="layer1.1.add")


def join_that_joins_nothing(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", join="layer1.0.bn2")


def join_of_a_gate(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", join="layer1.0.se.scaled")


def join_without_a_shortcut(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", shortcut="none")


def shortcut_without_a_join(graph: Graph) -> Graph:
    return change_scope(graph, "layer1.0", join=None)


def shortcut_layers_without_a_join(graph: Graph) -> Graph:
    return change_scope(graph, "layer2.0", join=None, shortcut="none")


def shortcut_layer_gone(graph: Graph) -> Graph:
    return change_scope(graph, "layer2.0", shortcut_layers=("layer2.0.downsample.2",))


def shortcut_layer_renamed(graph: Graph) -> Graph:
    return rename(graph, "layer3.0.projection", "layer3.0.shortcut")


def shortcut_layer_outside(graph: Graph) -> Graph:
    return change_scope(graph, "layer3.0", shortcut_layers=("layer2.0.downsample.0",))


def projection_turned_activation(graph: Graph) -> Graph:
    """A pass that puts another layer where a norm was, and does not say so."""
    return rename(
        change(graph, "layer2.0.downsample.1", operator=Relu()),
        "layer2.0.downsample.1",
        "layer2.0.downsample.relu",
    )


def projection_called_identity(graph: Graph) -> Graph:
    """A pass that forgets what a shortcut is made of."""
    return change_scope(graph, "layer2.0", shortcut="identity", shortcut_layers=())


# --- stages ---------------------------------------------------------------------------------------


def stage_twice(graph: Graph) -> Graph:
    return change_stage(graph, "layer2", name="layer1")


def block_gone(graph: Graph) -> Graph:
    return change_stage(graph, "layer1", blocks=("layer1.0", "layer1.5"))


def block_in_two_stages(graph: Graph) -> Graph:
    return change_stage(graph, "layer2", blocks=("layer1.0", "layer2.0"))


def blocks_out_of_order(graph: Graph) -> Graph:
    return change_stage(graph, "layer1", blocks=("layer1.1", "layer1.0"))


def stage_exit_gone(graph: Graph) -> Graph:
    return change_stage(graph, "layer3", exit="layer3.0.act2")


def stage_exit_of_an_early_name_gone(graph: Graph) -> Graph:
    return change_stage(graph, "layer3", exit="absent")


def stage_exit_too_early(graph: Graph) -> Graph:
    return change_stage(graph, "layer1", exit="layer1.0.act2")


def stage_of_one_block_with_another_exit(graph: Graph) -> Graph:
    return change_stage(graph, "layer2", exit="layer2.0.add")


def stage_exit_at_the_input(graph: Graph) -> Graph:
    return change_stage(graph, "layer1", exit=INPUT)


WHOLE, CLOSED = "scopes are whole", "scopes are closed"
STAGE, NESTED, PROOF = "stages are whole", "names do not nest", "proofs are true"

MUTATIONS: dict[Mutation, str] = {
    scope_under_another_name: f"layer2.1: the scope is filed under another name, layer2.0"
    f" ({WHOLE})",
    scope_under_a_later_name: f"layer1.9: the scope is filed under another name, layer2.0"
    f" ({WHOLE})",
    scope_without_nodes: f"layer9: its exit layer1.0.se.scaled is not in it ({WHOLE})",
    scope_called_as_a_node: f"wide: a scope has the same name ({NESTED})",
    scope_inside_a_node: f"wide: wide.0 is inside it ({NESTED})",
    exit_gone: f"layer1.0: its exit layer1.0.act3 does not exist ({WHOLE})",
    exit_outside: f"layer1.0: its exit layer1.1.act2 is not in it ({WHOLE})",
    exit_too_early: f"layer1.1.conv1: it reads layer1.0.act2 inside layer1.0 ({CLOSED})",
    output_inside_a_scope: f"layer3.0.add: it is the output, but not the exit of layer3.0"
    f" ({CLOSED})",
    output_of_a_later_name_inside_a_scope: "layer3.0.sum: it is the output, but not the exit of"
    f" layer3.0 ({CLOSED})",
    entry_of_an_early_name_gone: f"layer1.0: its entry absent does not exist ({WHOLE})",
    entry_gone: f"layer1.0: its entry nowhere does not exist ({WHOLE})",
    entry_inside: f"layer1.0: its entry layer1.0.conv1 is in it ({WHOLE})",
    entry_of_another_block: f"layer2.0.conv1: it reads layer1.1.act2 past the entry of layer2.0"
    f" ({CLOSED})",
    entry_of_the_input: f"layer1.0.conv1: it reads wide past the entry of layer1.0 ({CLOSED})",
    reads_past_the_entry: f"layer1.1.conv1: it reads wide past the entry of layer1.1 ({CLOSED})",
    reads_past_the_entry_beside_its_own: "layer1.0.act2: it reads conv past the entry of layer1.0"
    f" ({CLOSED})",
    reads_past_the_entry_of_a_gate: f"layer1.0.se.mean: it reads layer1.0.conv2 past the entry"
    f" of layer1.0.se ({CLOSED})",
    reads_the_inside: f"blur: it reads layer3.0.down inside layer3.0 ({CLOSED})",
    join_gone: f"layer1.0: its join layer1.0.sum does not exist ({WHOLE})",
    join_outside: f"layer1.0: its join layer1.1.add is not in it ({WHOLE})",
    join_that_joins_nothing: f"layer1.0: its join layer1.0.bn2 joins nothing ({WHOLE})",
    join_of_a_gate: f"layer1.0.add: its proof is wrong about whether it ends a residual path"
    f" ({PROOF})",
    join_without_a_shortcut: f"layer1.0: its join is layer1.0.add, but its shortcut none ({WHOLE})",
    shortcut_without_a_join: f"layer1.0: its join is None, but its shortcut identity ({WHOLE})",
    shortcut_layers_without_a_join: f"layer2.0: it has layers on a shortcut, but no join ({WHOLE})",
    shortcut_layer_gone: f"layer2.0: its shortcut layer2.0.downsample.2 does not exist ({WHOLE})",
    shortcut_layer_renamed: f"layer3.0: its shortcut layer3.0.projection does not exist ({WHOLE})",
    shortcut_layer_outside: f"layer3.0: its shortcut layer2.0.downsample.0 is not in it ({WHOLE})",
    projection_called_identity: "layer2.0: its shortcut is the identity, but layer2.0.add adds"
    " something else (identities add the entry)",
    projection_turned_activation: f"layer2.0: its shortcut layer2.0.downsample.1 does not exist"
    f" ({WHOLE})",
    stage_twice: f"layer1: there are two stages of that name ({STAGE})",
    block_gone: f"layer1: its block layer1.5 does not exist ({STAGE})",
    block_in_two_stages: f"layer1.0: the block stands in stages twice ({STAGE})",
    blocks_out_of_order: f"layer1: its exit layer1.1.act2 is not that of layer1.0 ({STAGE})",
    stage_exit_gone: f"layer3: its exit layer3.0.act2 does not exist ({STAGE})",
    stage_exit_of_an_early_name_gone: f"layer3: its exit absent does not exist ({STAGE})",
    stage_exit_too_early: f"layer1: its exit layer1.0.act2 is not that of layer1.1 ({STAGE})",
    stage_of_one_block_with_another_exit: "layer2: its exit layer2.0.add is not that of layer2.0"
    f" ({STAGE})",
    stage_exit_at_the_input: f"layer1: its exit input is not that of layer1.1 ({STAGE})",
}
