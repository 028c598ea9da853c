"""Batch norms are folded into the layers behind them, where that is exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from resnet_compiler.graph import Graph, Node
from resnet_compiler.measure import tensors_of
from resnet_compiler.operators.base import Tensor
from resnet_compiler.operators.linear import Conv, Linear
from resnet_compiler.operators.normalization import BatchNorm
from resnet_compiler.passes.affine import Float64, Norm, composed, norm_of, scaled
from resnet_compiler.passes.base import Derive, unchanged
from resnet_compiler.passes.rebuild import reads, rebuilt
from resnet_compiler.weights import Array, Value


@dataclass(frozen=True, slots=True)
class Fold:
    """What a layer takes in: the norms ahead of it, in order. And what it was: groups, weight, whether it had a bias."""

    norms: tuple[Norm, ...]
    groups: int
    weight: Tensor
    had_bias: bool


def fold_leading_batch_norm(graph: Graph) -> tuple[Graph, Derive]:
    """The graph without the batch norms that only convolutions without padding, or linear layers, read.

    1. Each of its readers takes the norm in, w'ᵢ = wᵢ·fᵢ and b' = b + Σᵢ wᵢ·oᵢ, with factor and offset fᵢ and oᵢ of
       input channel i; so nothing else may read it, neither as a stage's features nor as the output.
    2. A convolution that pads is no such reader. Zeros are put around what the norm gives, and around what it takes in
       they would have to be −oᵢ/fᵢ: near the border its sums lack terms, and no bias makes up for that.
    3. A standardised convolution is left alone: `standardize_weights` first makes a plain one of it.
    """
    count = reads(graph)
    readers: dict[str, list[str]] = {}
    for node in graph:
        for source in node.inputs:
            readers.setdefault(source, []).append(node.name)
    takers = {node.name: [node.name] for node in graph if _takes_in(node)}
    norms: dict[str, list[Norm]] = {}
    instead: dict[str, str] = {}
    for node in reversed(list(graph)):  # those who take in a norm take in one ahead of it, too
        reading = readers.get(node.name, [])
        if not isinstance(node.operator, BatchNorm) or count[node.name] > len(reading):
            continue
        if all(name in takers for name in reading):
            takers[node.name] = [taker for name in reading for taker in takers[name]]
            instead[node.name] = node.inputs[0]
            for taker in takers[node.name]:
                norms.setdefault(taker, []).insert(0, norm_of(graph, node))
    if not instead:
        return graph, unchanged
    before = {name: _layer(graph[name]) for name in norms}
    operators = {name: replace(layer, bias=True) for name, layer in before.items()}
    folds = {
        name: Fold(
            tuple(norms[name]),
            layer.groups if isinstance(layer, Conv) else 1,
            tensors_of(graph, graph[name])[0],
            layer.bias,
        )
        for name, layer in before.items()
    }
    return rebuilt(graph, operators, instead), _deriving(folds)


def _takes_in(node: Node) -> bool:
    """Whether a layer can take a norm in exactly."""
    operator = node.operator
    if isinstance(operator, Conv):
        return operator.pad == (0, 0) and not operator.standardized
    return isinstance(operator, Linear)


def _layer(node: Node) -> Conv | Linear:
    assert isinstance(node.operator, Conv | Linear)
    return node.operator


def _deriving(folds: Mapping[str, Fold]) -> Derive:
    def derive(value: Value) -> Value:
        import numpy as np

        def derived(name: str, tensor: Tensor) -> Array:
            layer, _, part = name.rpartition(".")
            if layer not in folds:
                return value(name, tensor)
            fold = folds[layer]
            factor, offset = (each.reshape(fold.groups, -1) for each in composed(fold.norms, value))
            weight = _by_channel(value(f"{layer}.weight", fold.weight), factor)
            if part == "weight":
                return scaled(weight, factor[:, None, :, None]).reshape(tensor.shape)
            bias = value(name, tensor) if fold.had_bias else np.zeros(tensor.shape)
            more: Float64 = np.einsum(
                "goik,gi->go", weight, offset, dtype=np.float64, casting="same_kind"
            )
            return np.asarray(bias + more.reshape(-1), np.float32)

        return derived

    return derive


def _by_channel(weight: Array, channels: Float64) -> Array:
    """A weight as (group, output, input channel, what there is of each): of a convolution, or behind a flattening."""
    groups, width = channels.shape
    return weight.reshape(groups, len(weight) // groups, width, -1)
