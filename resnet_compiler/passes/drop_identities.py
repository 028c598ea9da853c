"""Layers that give back their input at inference are taken out: dropout, stochastic depth, a stride or a factor of 1."""

from __future__ import annotations

from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.passes.base import Derive, unchanged
from resnet_compiler.passes.rebuild import rebuilt


def drop_identities(graph: Graph) -> tuple[Graph, Derive]:
    """The graph without layers that change nothing where nothing is trained.

    Two kinds stay: the network's output, where it would be the input; and a stage's features, where they would be the
    input or another stage's, so that each stage keeps an output of its own.
    """
    features = {stage.exit for stage in graph.stages}
    instead: dict[str, str] = {}
    for node in graph:
        if len(node.inputs) != 1 or not node.operator.is_identity(graph.input_shapes(node)):
            continue
        source = instead.get(node.inputs[0], node.inputs[0])
        if node.name == graph.output and source == INPUT:
            continue
        if node.name in features:
            if source == INPUT or source in features:
                continue
            features.add(source)
        instead[node.name] = source
    return (rebuilt(graph, {}, instead) if instead else graph), unchanged
