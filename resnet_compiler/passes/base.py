"""What a pass is, and the one way to run passes: the graph is verified before the first and after each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from resnet_compiler.graph import Graph, verify_graph
from resnet_compiler.weights import Value

Derive = Callable[[Value], Value]
"""Given the values of the old graph's tensors: those of the new graph's, each worked out when it is asked for."""


class Pass(Protocol):
    """A pure function: a graph that computes the same at inference, and how its tensors follow from the old ones.

    Where there is nothing to do it returns the graph that it was given.
    """

    __name__: str

    def __call__(self, graph: Graph, /) -> tuple[Graph, Derive]: ...


def run(graph: Graph, passes: Iterable[Pass]) -> tuple[Graph, Derive]:
    """The graph after all passes, in order; those that changed it are listed in its ``passes``.

    Raises:
        GraphError: the graph, or what a pass made of it, is not what a graph must be.
    """
    verify_graph(graph)
    derive: Derive = unchanged
    for each in passes:
        before = graph
        graph, step = each(before)
        if graph is not before:
            verify_graph(graph)
            graph = replace(graph, passes=(*graph.passes, each.__name__))
            derive = _composed(derive, step)
    return graph, derive


def unchanged(value: Value) -> Value:
    """Every tensor stays as it is."""
    return value


def _composed(first: Derive, then: Derive) -> Derive:
    return lambda value: then(first(value))
