"""Batch norms are folded into the convolutions before them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from resnet_compiler.graph import Graph
from resnet_compiler.operators.base import Tensor
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import BatchNorm
from resnet_compiler.passes.affine import Norm, composed, norm_of, scaled
from resnet_compiler.passes.base import Derive, unchanged
from resnet_compiler.passes.rebuild import reads, rebuilt
from resnet_compiler.weights import Array, Value


def fold_batch_norm(graph: Graph) -> tuple[Graph, Derive]:
    """The graph without the batch norms that stand behind a convolution.

    1. A norm is folded where it alone reads the convolution: no other layer, no stage's features, not the output.
    2. With the norm's γ, β, μ, σ², ε: w' = w·γ/√(σ²+ε) and b' = (b − μ)·γ/√(σ²+ε) + β, per output channel.
    3. The convolution keeps its name, and its bias is named after it (`conv1.bias`), never after what it reads: two
       convolutions that read one value, such as a projection shortcut and its residual path, have a bias each.
    4. A norm behind a norm that was folded is folded too.
    5. A standardised convolution is left alone: `standardize_weights` first makes a plain one of it.
    """
    count = reads(graph)
    plain = {
        node.name: node.operator
        for node in graph
        if isinstance(node.operator, Conv) and not node.operator.standardized
    }
    instead: dict[str, str] = {}
    norms: dict[str, list[Norm]] = defaultdict(list)
    for node in graph:
        if isinstance(node.operator, BatchNorm) and count[node.inputs[0]] == 1:
            source = instead.get(node.inputs[0], node.inputs[0])
            if source in plain:
                norms[source].append(norm_of(graph, node))
                instead[node.name] = source
    if not instead:
        return graph, unchanged
    biased = {plain[name]: replace(plain[name], bias=True) for name in norms}
    operators = {name: biased[plain[name]] for name in norms}
    had_bias = {name: plain[name].bias for name in norms}
    return rebuilt(graph, operators, instead), _deriving(norms, had_bias)


def _deriving(norms: Mapping[str, Sequence[Norm]], had_bias: Mapping[str, bool]) -> Derive:
    def derive(value: Value) -> Value:
        def derived(name: str, tensor: Tensor) -> Array:
            layer, _, part = name.rpartition(".")
            if layer not in norms:
                return value(name, tensor)
            factor, offset = composed(norms[layer], value)
            if part == "weight":
                return scaled(value(name, tensor), factor.reshape(-1, 1, 1, 1))
            bias = value(name, tensor) * factor + offset if had_bias[layer] else offset
            return bias.astype("float32")

        return derived

    return derive
