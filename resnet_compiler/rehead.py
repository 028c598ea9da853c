"""Another number of classes: the graph with a new last layer. Like a pass, but its tensors have other shapes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import MappingProxyType

from resnet_compiler import codes
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.graph import INPUT, Graph, Node, verify_graph
from resnet_compiler.limits import DEFAULT_LIMITS
from resnet_compiler.operators.base import ShapeError
from resnet_compiler.operators.linear import Conv, Linear


def rehead(graph: Graph, classes: int) -> Graph:
    """The graph with ``classes`` outputs: of its head's last layer with weights, and of all that follows it.

    Raises:
        ValueError: no network has that many classes.
        SpecError: the network has no such head.
    """
    if not 1 <= classes <= DEFAULT_LIMITS.attribute:
        raise ValueError(f"the number of classes is 1 to {DEFAULT_LIMITS.attribute:,}")
    head = head_layers(graph)
    nodes = {node.name: node for node in graph}
    for name in head:
        node = nodes[name]
        operator = node.operator
        if name == head[0]:
            assert isinstance(operator, Conv | Linear)
            operator = replace(operator, out=classes)
        before = [nodes[s].shape if s != INPUT else graph.input_shape for s in node.inputs]
        try:
            nodes[name] = replace(node, operator=operator, shape=operator.infer(before))
        except ShapeError as reason:
            raise _no_head(graph, node, reason.reason) from None
    if nodes[graph.output].shape[0] != classes:
        raise _no_head(graph, nodes[graph.output], "its outputs are not the classes of a layer")
    changed = replace(graph, nodes=MappingProxyType(nodes))
    verify_graph(changed)
    return changed


def head_layers(graph: Graph) -> tuple[str, ...]:
    """The layer that gives the classes, and every layer behind it, in order.

    It is the last linear layer or convolution without groups, in the head, on a path to the output without joins.

    Raises:
        SpecError: there is none.
    """
    uses = Counter(name for node in graph for name in node.inputs)
    name, behind = graph.output, 0
    found: list[str] = []
    while name != INPUT and uses[name] == behind:
        node = graph[name]
        if node.section != "head" or len(node.inputs) != 1:
            break
        found.insert(0, name)
        operator = node.operator
        if isinstance(operator, Linear) or (isinstance(operator, Conv) and operator.groups == 1):
            return tuple(found)
        name, behind = node.inputs[0], 1
    raise _no_head(graph, graph[graph.output], None)


def _no_head(graph: Graph, node: Node, reason: str | None) -> SpecError:
    return SpecError(
        [
            error(
                codes.NO_HEAD,
                f"{graph.identity.name} has no head whose classes could be changed",
                node.span,
                "the output comes from here" if node.span else "",
                notes=[reason] if reason else (),
                help=["end the spec's `head` with a layer such as `- fc: {linear: {out: 1000}}`"],
            )
        ]
    )
