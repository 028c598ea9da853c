"""A small graph with one of everything that rules are about, and pure functions that change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from resnet_compiler.graph import Graph, Node, Proof, Scope
from support.specs import compile_text

Mutation = Callable[[Graph], Graph]

SPEC = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 64, kernel: 3}}
  - one: {conv: {out: 1, kernel: 1}}
  - wide: {conv: {out: 64, kernel: 1}}
stages:
  - layer1: {block: basic, depth: 2, width: 64, attention: gate}
  - layer2: {block: basic, depth: 1, width: 32, stride: 2}
  - layer3: {block: pooled, depth: 1}
head:
  - blur: {blur_pool: {stride: 1}}
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
blocks:
  gate:
    layers:
      - mean: {reduce: {by: mean, over: space}}
      - gate: sigmoid
      - scaled: {mul: {}, from: [input, gate]}
  pooled:
    residual:
      - conv: {conv: {out: in_channels, kernel: 3}}
      - down: {avg_pool: {kernel: 2}}
    shortcut:
      - projection: {conv: {out: in_channels, kernel: 1, stride: 2}}
"""
"""The gate is a block in a block. The add of layer3.0 holds at even sizes alone, which is a warning."""


@cache
def sound() -> Graph:
    return compile_text(SPEC, "net.yaml")


def nodes_of(graph: Graph) -> dict[str, Node]:
    return {node.name: node for node in graph}


def rebuilt(graph: Graph, nodes: dict[str, Node]) -> Graph:
    """The graph with these nodes, filed under these names, in this order."""
    return replace(graph, nodes=nodes)


def change(graph: Graph, name: str, /, **fields: object) -> Graph:
    """The graph with other fields of one node."""
    nodes = nodes_of(graph)
    return rebuilt(graph, {**nodes, name: replace(nodes[name], **fields)})  # type: ignore[arg-type]


def change_operator(graph: Graph, name: str, /, **attributes: object) -> Graph:
    """The graph with other attributes of one node's operator."""
    return change(graph, name, operator=replace(graph[name].operator, **attributes))


def inferred(graph: Graph) -> Graph:
    """The graph with every shape as the operators infer it, so that a fault is only where it was made."""
    for node in list(graph):
        shape = node.operator.infer(graph.input_shapes(graph[node.name]))
        graph = change(graph, node.name, shape=shape)
    return graph


def insert(graph: Graph, after: str, node: Node) -> Graph:
    """The graph with one more node."""
    nodes = {}
    for name, each in nodes_of(graph).items():
        nodes[name] = each
        if name == after:
            nodes[node.name] = node
    return rebuilt(graph, nodes)


def without(graph: Graph, name: str) -> Graph:
    """The graph without one node."""
    return rebuilt(graph, {n: node for n, node in nodes_of(graph).items() if n != name})


def rename(graph: Graph, old: str, new: str) -> Graph:
    """The graph with one node called otherwise, wherever nodes name it."""

    def name(each: str) -> str:
        return new if each == old else each

    nodes = [replace(n, name=name(n.name), inputs=tuple(map(name, n.inputs))) for n in graph]
    return rebuilt(graph, {node.name: node for node in nodes})


def change_scope(graph: Graph, name: str, /, **fields: object) -> Graph:
    """The graph with other fields of one scope."""
    scope: Scope = replace(graph.scopes[name], **fields)  # type: ignore[arg-type]
    return replace(graph, scopes={**graph.scopes, name: scope})


def change_proof(graph: Graph, name: str, /, **fields: object) -> Graph:
    """The graph with other fields of one node's proof."""

    def changed(proof: Proof) -> Proof:
        return replace(proof, **fields) if proof.node == name else proof  # type: ignore[arg-type]

    return replace(graph, proofs=tuple(map(changed, graph.proofs)))


def change_stage(graph: Graph, name: str, /, **fields: object) -> Graph:
    """The graph with other fields of one stage."""
    stages = [replace(s, **fields) if s.name == name else s for s in graph.stages]  # type: ignore[arg-type]
    return replace(graph, stages=tuple(stages))
