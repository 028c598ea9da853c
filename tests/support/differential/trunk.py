"""Weighted layers counted a second way: from the ONNX and the shapes it had when it ran."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx import OUTPUT
from support.differential.sides import Sides

if TYPE_CHECKING:
    import onnx

    from support.peers import Array

WEIGHTED = ("conv", "conv1d", "linear")
MODULATING = ("mul", "shift", "maximum")


def weighted_layers(sides: Sides, values: Mapping[str, Array]) -> list[str]:
    """Convolutions and linear layers from the output back, not into projections nor into gates.

    A residual add is known by its name, the block's with `.add`; what it reads second is a projection where it
    is a layer of that block. A gate is what a product, shift or maximum reads that has fewer elements, or else the second.
    """
    graph = sides.model.graph
    producer = {name: node for node in graph.node for name in node.output}
    sizes = {name: value.size for name, value in values.items()}
    sizes |= {each.name: prod(each.dims) for each in graph.initializer}
    words = {node.name: node.operator.word for node in sides.graph}
    waiting, seen, found = [OUTPUT], set[str](), set[str]()
    while waiting:
        value = waiting.pop()
        node = producer.get(value)
        if node is None or value in seen:
            continue
        seen.add(value)
        layer = _layer(node.name, words)
        if words.get(layer) in WEIGHTED and node.op_type in ("Conv", "Gemm"):
            found.add(layer)
        waiting += _followed(node, layer, words, sizes)
    return sorted(found)


def _layer(name: str, words: Mapping[str, str]) -> str:
    """The layer that an ONNX node is part of: its name without what the emitter put behind."""
    parts = name.split(".")
    names = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return next((each for each in names if each in words), name)


def _followed(
    node: onnx.NodeProto, layer: str, words: Mapping[str, str], sizes: Mapping[str, int]
) -> list[str]:
    first, *rest = node.input
    if node.name == layer and words.get(layer) in MODULATING:
        other = rest[0]
        image = 1 << 62  # the only thing that no node makes
        return [other] if sizes.get(other, image) > sizes.get(first, image) else [first]
    block, _, own = layer.rpartition(".")
    if own == "add" and words.get(layer) == "add":
        return [first, *(name for name in rest if not name.startswith(f"{block}."))]
    return [first, *rest]
