"""The least time a network can take on a device, layer by layer: its arithmetic or its memory traffic, what takes longer.

The roofline model of Williams, Waterman and Patterson (2009). Counted is the network for inference, in its best form:
batch norms folded, and each pointwise layer (an activation, a residual add) worked out where its input is made, so that
only what enters and leaves such a group of layers crosses the memory. Operations are those of convolutions and linear
layers, two to a multiply-accumulate. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

from resnet_compiler import api
from resnet_compiler.devices import WIDTHS, Device
from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.measure import tensors_of

Bound = Literal["compute", "memory"]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What a group of layers does for one batch.

    Attributes:
        name: the first layer's name.
        operator: that layer's operator.
        fused: the pointwise layers that are worked out along with it.
        operations: two for each multiply-accumulate.
        bytes: read and written: what comes in, the weights, what goes out.
    """

    name: str
    operator: str
    fused: tuple[str, ...]
    operations: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.operations / self.bytes if self.bytes else 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """The least time for a group of layers on a device, in seconds, and what it is for."""

    traffic: Traffic
    compute_seconds: float
    memory_seconds: float

    @property
    def seconds(self) -> float:
        """The longer of the two: they can overlap, but neither can be shortened."""
        return max(self.compute_seconds, self.memory_seconds)

    @property
    def bound(self) -> Bound:
        """What takes longer."""
        return "compute" if self.compute_seconds > self.memory_seconds else "memory"

    @property
    def attainable(self) -> float:
        """Operations in one second at that time; 0 where there are none."""
        return self.traffic.operations / self.seconds if self.seconds else 0.0


def limits(graph: Graph, device: Device, precision: str, batch: int) -> tuple[Limit, ...]:
    """The least time of each group of layers at the declared input size, in the graph's order.

    Args:
        graph: the network, as it is trained; it is folded here.
        device: what it runs on.
        precision: what numbers are in memory, and how they are multiplied.
        batch: images at once.

    Raises:
        UnknownDevice: no rate is known for this precision.
    """
    rate = device.rate(precision)
    return tuple(
        Limit(each, each.operations / rate, each.bytes / device.bandwidth)
        for each in traffic(graph, precision, batch)
    )


def traffic(graph: Graph, precision: str, batch: int) -> tuple[Traffic, ...]:
    """Operations and bytes of each group of layers, for a batch at the declared input size."""
    folded = api.fold(graph).graph
    return tuple(_traffic(folded, group, WIDTHS[precision], batch) for group in groups(folded))


def groups(graph: Graph) -> tuple[tuple[Node, ...], ...]:
    """The layers, each pointwise one with the layer that makes an input which nothing else reads.

    Of several such inputs, the one that is made last is still at hand.
    """
    readers: dict[str, int] = {graph.output: 1}
    for node in graph:
        for name in dict.fromkeys(node.inputs):
            readers[name] = readers.get(name, 0) + 1
    place = {node.name: index for index, node in enumerate(graph)}
    leader: dict[str, str] = {}
    found: dict[str, list[Node]] = {}
    for node in graph:
        joins = [
            name
            for name in node.inputs
            if node.operator.pointwise
            and name != INPUT
            and readers[name] == 1
            and graph.shape(name) == node.shape
        ]
        last = max(joins, key=place.__getitem__, default=node.name)
        leader[node.name] = leader.get(last, node.name)
        found.setdefault(leader[node.name], []).append(node)
    return tuple(tuple(group) for group in found.values())


def _traffic(graph: Graph, group: Sequence[Node], width: int, batch: int) -> Traffic:
    first, *others = group
    inside = {node.name for node in group}
    outside = dict.fromkeys(name for node in group for name in node.inputs if name not in inside)
    carried = sum(prod(graph.concrete(name)) for name in (*outside, group[-1].name))
    weights = sum(
        prod(tensor.shape)
        for node in group
        for tensor in tensors_of(graph, node)
        if tensor.initialisation != "counter"
    )
    macs = sum(
        node.operator.macs([graph.concrete(n) for n in node.inputs], graph.concrete(node.name))
        for node in group
    )
    if first.operator.arity == 0:  # a tensor of its own is read by the layer that it goes to
        carried = 0
    return Traffic(
        name=first.name,
        operator=first.operator.word,
        fused=tuple(node.name for node in others),
        operations=2 * macs * batch,
        bytes=width * (carried * batch + weights),
    )


@dataclass(frozen=True, slots=True)
class Share:
    """Several groups of layers as one line of a table."""

    name: str
    operations: int
    bytes: int
    seconds: float
    memory_bound_seconds: float

    @property
    def intensity(self) -> float:
        """Operations per byte."""
        return self.operations / self.bytes if self.bytes else 0.0

    @property
    def attainable(self) -> float:
        """Operations in one second at the limit."""
        return self.operations / self.seconds if self.seconds else 0.0

    @property
    def memory_bound(self) -> float:
        """The share of the time that is the memory's."""
        return self.memory_bound_seconds / self.seconds if self.seconds else 0.0


def total(name: str, found: Sequence[Limit]) -> Share:
    """All of them as one."""
    return Share(
        name,
        sum(each.traffic.operations for each in found),
        sum(each.traffic.bytes for each in found),
        sum(each.seconds for each in found),
        sum(each.seconds for each in found if each.bound == "memory"),
    )


def shares(found: Sequence[Limit], section_of: Mapping[str, str]) -> Iterator[Share]:
    """A line for each section that layers are in, by the name of the first layer of each group."""
    sections: dict[str, list[Limit]] = {}
    for each in found:
        sections.setdefault(section_of[each.traffic.name], []).append(each)
    for name, members in sections.items():
        yield total(name, members)
