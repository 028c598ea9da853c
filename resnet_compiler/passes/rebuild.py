"""A graph put together again after a pass: other operators at some nodes, and some nodes taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from resnet_compiler.graph import Graph, Node, Scope, Stage
from resnet_compiler.operators.base import Operator


def reads(graph: Graph) -> Counter[str]:
    """How often each value is read: by nodes, as the network's output, as the features of a stage."""
    found = Counter(source for node in graph for source in node.inputs)
    found.update([graph.output, *(stage.exit for stage in graph.stages)])
    return found


def rebuilt(graph: Graph, operators: Mapping[str, Operator], instead: Mapping[str, str]) -> Graph:
    """The graph with these operators at their nodes, and without the nodes in ``instead``.

    ``instead`` gives for each node taken out the value that stands for it, of the same shape. Whatever named the node
    names that value: inputs, the output, scopes, stages. A scope that holds nothing any more is taken out, too.
    """

    def standing(name: str) -> str:
        while name in instead:
            name = instead[name]
        return name

    def changed(node: Node) -> Node:
        inputs = tuple(map(standing, node.inputs))
        return replace(node, operator=operators.get(node.name, node.operator), inputs=inputs)

    nodes = {node.name: changed(node) for node in graph if node.name not in instead}
    around = {name[:at] for name in nodes for at, letter in enumerate(name) if letter == "."}
    scopes = {
        name: _scope(scope, nodes, standing(scope.entry), standing(scope.exit))
        for name, scope in graph.scopes.items()
        if name in around
    }
    return replace(
        graph,
        nodes=MappingProxyType(nodes),
        output=standing(graph.output),
        scopes=MappingProxyType(scopes),
        stages=tuple(
            Stage(s.name, tuple(b for b in s.blocks if b in scopes), standing(s.exit))
            for s in graph.stages
        ),
        proofs=tuple(proof for proof in graph.proofs if proof.node in nodes),
    )


def _scope(scope: Scope, nodes: Mapping[str, Node], entry: str, exit: str) -> Scope:
    """A scope of which some nodes may be gone; a shortcut of which nothing is left is the identity, where it read the entry."""
    layers = tuple(name for name in scope.shortcut_layers if name in nodes)
    join = nodes.get(scope.join) if scope.join is not None else None
    is_entry = join is not None and not layers and entry in join.inputs[1:]
    shortcut = "identity" if is_entry else scope.shortcut
    return replace(scope, entry=entry, exit=exit, shortcut=shortcut, shortcut_layers=layers)
