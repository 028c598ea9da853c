"""Weight standardisation is done once, at compile time, and the convolution becomes a plain one."""

from __future__ import annotations

from dataclasses import replace

from resnet_compiler.graph import Graph
from resnet_compiler.operators.base import Tensor
from resnet_compiler.operators.linear import Conv
from resnet_compiler.passes.base import Derive, unchanged
from resnet_compiler.passes.rebuild import rebuilt
from resnet_compiler.weights import Array, Value

CHUNK_BYTES = 2**18
"""How much of a weight is worked on at a time: it is done in float64, and weights are large."""


def standardize_weights(graph: Graph) -> tuple[Graph, Derive]:
    """The graph with a plain convolution for each standardised one; a filter is standardised by itself."""
    before = {
        node.name: node.operator
        for node in graph
        if isinstance(node.operator, Conv) and node.operator.standardized
    }
    if not before:
        return graph, unchanged
    plain = {each: replace(each, standardized=False) for each in before.values()}
    weights = {f"{name}.weight": operator for name, operator in before.items()}

    def derive(value: Value) -> Value:
        def derived(name: str, tensor: Tensor) -> Array:
            if name not in weights:
                return value(name, tensor)
            return _standardized(weights[name], value(name, tensor))

        return derived

    return rebuilt(graph, {name: plain[each] for name, each in before.items()}, {}), derive


def _standardized(operator: Conv, weight: Array) -> Array:
    import numpy as np

    result = np.empty(weight.shape, np.float32)
    rows = max(1, CHUNK_BYTES // max(1, weight[:1].nbytes))
    for start in range(0, len(weight), rows):
        piece = weight[start : start + rows]
        result[start : start + rows] = operator.inference_value("weight", piece)
    return result
