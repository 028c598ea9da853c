"""Mean and standard deviation of the images taken into the first convolution, where that changes no number.

With ``x`` a pixel, ``(x * scale - mean) / std = (x - mean / scale) * (scale / std)``. The factor goes into the weights
always: at the border a convolution adds zeros, and zero times a factor is zero. The shift goes into the bias only where
there is no border: zeros that are added after the shift stand for the mean, and added before it for black.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from types import MappingProxyType

from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.interface import Preprocess
from resnet_compiler.operators.base import Tensor
from resnet_compiler.operators.linear import Conv
from resnet_compiler.weights import Array, Value

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Folded:
    """The graph with the numbers taken in; what is left to do before it, per channel; what was done, in words.

    ``convolutions`` are those that took something, as they were before.
    """

    graph: Graph
    shift: Numbers | None
    factor: Numbers | None
    notes: tuple[str, ...]
    convolutions: tuple[Node, ...] = ()
    taken_factor: Numbers = ()
    taken_shift: Numbers | None = None

    def derive(self, values: Value) -> Value:
        """The values of the new graph's tensors, made of the old one's."""
        owners = {node.name: node for node in self.convolutions}

        def value(name: str, tensor: Tensor) -> Array:
            layer, _, part = name.rpartition(".")
            if layer not in owners:
                return values(name, tensor)
            return self._taken(owners[layer], part, values)

        return value

    def _taken(self, node: Node, part: str, values: Value) -> Array:
        import numpy as np

        assert isinstance(node.operator, Conv)
        tensors = {t.name: t for t in node.operator.tensors([self.graph.input_shape])}
        given = values(f"{node.name}.weight", tensors["weight"])
        weight: Array = node.operator.inference_value("weight", given).astype(np.float64)
        out, each, *_ = weight.shape
        # channel j of a filter in group g is channel g * each + j of the image
        first = np.arange(out) // (out // node.operator.groups) * each
        channels = first[:, None] + np.arange(each)
        weight *= np.asarray(self.taken_factor)[channels][:, :, None, None]
        if part == "bias":
            old = values(f"{node.name}.bias", tensors["bias"]) if "bias" in tensors else 0.0
            shift = np.asarray(self.taken_shift or [0.0] * len(self.taken_factor))[channels]
            weight = old - (weight * shift[:, :, None, None]).sum((1, 2, 3))
        return weight.astype(np.float32)


def fold_normalisation(graph: Graph, given: Preprocess, nodes: Collection[str]) -> Folded:
    """Take as much of the normalisation as is exact into the convolutions that read the images.

    Args:
        graph: the network.
        given: what is done to images.
        nodes: those that are needed; others do not count as readers.
    """
    shift = tuple(mean / given.scale for mean in given.mean)
    factor = tuple(given.scale / std for std in given.std)
    shifts, scales = any(shift), any(number != 1 for number in factor)
    if not (shifts or scales):
        return Folded(graph, None, None, ("the images are taken as they are",))
    readers = [node for node in graph if INPUT in node.inputs and node.name in nodes]
    others = [node for node in readers if not isinstance(node.operator, Conv)]
    if others or not readers:
        what = f"{others[0].name} is `{others[0].operator.word}`" if others else "nothing reads it"
        note = f"the normalisation is not folded: only convolutions can take it in, and {what}"
        return Folded(graph, shift if shifts else None, factor if scales else None, (note,))
    padded = [n.name for n in readers if isinstance(n.operator, Conv) and any(n.operator.pad)]
    takes_shift = shifts and not padded
    names = " and ".join(node.name for node in readers)
    notes = [f"std and scale are folded into the weights of {names}"] if scales else []
    if takes_shift:
        notes.append(f"mean is folded into the bias of {names}")
    elif shifts:
        notes.append(
            f"mean is not folded: {' and '.join(padded)} pads with zeros, which must stand for the mean of the images and "
            "would stand for black, so that a node before it subtracts the mean"
        )
    return Folded(
        _with_bias(graph, readers, takes_shift),
        shift if padded and shifts else None,
        None,
        tuple(notes),
        tuple(readers),
        factor,
        shift if takes_shift else None,
    )


def _with_bias(graph: Graph, readers: list[Node], bias: bool) -> Graph:
    """The graph whose readers hold their final weights, and a bias where one is needed."""
    nodes = {node.name: node for node in graph}
    for node in readers:
        assert isinstance(node.operator, Conv)
        operator = replace(
            node.operator, standardized=False, bias=node.operator.bias or bias
        )  # the weights are standardised already
        nodes[node.name] = replace(node, operator=operator)
    return replace(graph, nodes=MappingProxyType(nodes))
