"""An interface settled for one graph: what is dynamic, which node each feature is, and whether it can be at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.interface import DEFAULT_OPSET, Interface, InterfaceError, Pair
from resnet_compiler.interface_checks import problems_of
from resnet_compiler.shapes import Size

STEM = "stem"


@dataclass(frozen=True, slots=True)
class Feature:
    """A value inside the network that is put out: its public name, its node, and its (height, width) strides."""

    name: str
    node: str
    strides: Pair | None


@dataclass(frozen=True, slots=True)
class Settled:
    """An interface with everything decided. ``size`` is the network's: None where it is dynamic, as with ``batch``."""

    interface: Interface
    opset: int
    batch: int | None
    size: Pair | None
    features: tuple[Feature, ...]
    nodes: frozenset[str]
    """The nodes that the outputs need."""

    @property
    def is_static(self) -> bool:
        """Whether every shape of the network is a constant."""
        return self.batch is not None and self.size is not None


def settle(graph: Graph, interface: Interface, opset: int = DEFAULT_OPSET) -> Settled:
    """Decide what an interface leaves open.

    Raises:
        InterfaceError: with every option that this network cannot have.
    """
    places = feature_places(graph)
    problems = problems_of(graph, interface, opset, places, size_of(graph, interface))
    if problems:
        raise InterfaceError(problems)
    features = tuple(_feature(graph, name, places[name]) for name in interface.features)
    wanted = [each.node for each in features] + [graph.output] * interface.has_head
    return Settled(
        interface,
        opset,
        None if interface.batch == "dynamic" else interface.batch,
        size_of(graph, interface),
        features,
        _needed(graph, wanted),
    )


def feature_places(graph: Graph) -> dict[str, str]:
    """The node of each feature that can be asked for: the stages' exits, and what enters the first stage."""
    places: dict[str, str] = {}
    first = next((name for stage in graph.stages for name in stage.blocks), None)
    if first is not None and first in graph.scopes:
        places[STEM] = graph.scopes[first].entry
    places |= {stage.name: stage.exit for stage in graph.stages}
    return {name: node for name, node in places.items() if node != INPUT}


def unread_layers(graph: Graph, interface: Interface, opset: int) -> frozenset[str]:
    """The layers that features do without: the head and the stages past the last. With the head there are none.

    Raises:
        InterfaceError: as `settle`.
    """
    if interface.has_head:
        return frozenset()
    return frozenset(graph.nodes) - settle(graph, interface, opset).nodes


def size_of(graph: Graph, interface: Interface) -> Pair | None:
    """The network's (height, width), or None where it is dynamic."""
    if isinstance(interface.size, tuple):
        return interface.size
    crops = interface.preprocess is not None and interface.preprocess.crop
    if interface.size == "dynamic" or (interface.size == "auto" and graph.any_size and not crops):
        return None
    height, width = (extent.declared for extent in graph.extents)
    return height, width


def _feature(graph: Graph, name: str, node: str) -> Feature:
    sizes = [dim.stride for dim in graph.shape(node) if isinstance(dim, Size)]
    return Feature(name, node, (sizes[0], sizes[1]) if len(sizes) == 2 else None)


def _needed(graph: Graph, wanted: list[str]) -> frozenset[str]:
    """The nodes that these are computed from, themselves among them."""
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name != INPUT and name not in found:
            found.add(name)
            wanted += graph[name].inputs
    return frozenset(found)


def repeated_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Labels that several classes have: ImageNet has two cranes."""
    return tuple(label for label, count in Counter(labels).items() if count > 1)
