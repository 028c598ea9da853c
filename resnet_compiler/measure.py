"""What a graph costs: weighted layers, parameters, MACs, activations, receptive field, per layer and in total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.operators.base import Tensor
from resnet_compiler.shapes import Shape, Size


@dataclass(frozen=True, slots=True)
class LayerCost:
    """One layer at the declared input size. Shapes leave the batch out; costs are for one sample.

    ``parameters`` are trainable numbers. ``macs`` are multiply-accumulates of convolutions and linear layers, half of
    what `torch.utils.flop_counter` calls flops. ``activations`` are the elements that convolutions and linear layers
    put out (Radosavovic et al. 2020). ``receptive_field`` is (height, width) in input pixels; None after a global
    pooling, which sees the whole image.
    """

    name: str
    operator: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    parameters: int
    macs: int
    activations: int
    weighted: bool
    receptive_field: tuple[int, int] | None
    output_stride: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The weighted layers of a network as the paper counts them: stem, blocks, head."""

    stem: int
    blocks: tuple[int, ...]
    head: tuple[str, ...]

    @property
    def total(self) -> int:
        return self.stem + sum(self.blocks) + len(self.head)

    def __str__(self) -> str:
        """``1 (stem) + 16 (8 blocks × 2) + 1 (fc)``."""
        parts = [f"{self.stem} (stem)"] if self.stem else []
        if self.blocks:
            groups = " + ".join(
                f"{count} block{'s' * (count > 1)} × {layers}"
                for layers, count in Counter(self.blocks).items()
            )
            parts.append(f"{sum(self.blocks)} ({groups})")
        if self.head:
            parts.append(f"{len(self.head)} ({', '.join(self.head)})")
        return " + ".join(parts) or "0"


class _Costs(NamedTuple):
    """What follows from an operator and the shapes it takes in."""

    inputs: tuple[tuple[int, ...], ...]
    output: tuple[int, ...]
    parameters: int
    macs: int
    activations: int
    output_stride: tuple[int, int] | None


@dataclass(frozen=True)
class Measures:
    """All figures of a graph, each worked out once."""

    graph: Graph

    @cached_property
    def layers(self) -> tuple[LayerCost, ...]:
        """Every node's costs, in the graph's order."""
        trunk = trunk_names(self.graph)
        fields = receptive_fields(self.graph)
        costs: dict[tuple[int, tuple[Shape, ...]], _Costs] = {}
        found = []
        for node in self.graph:
            # a network repeats itself, and equal operators are mostly one object
            key = (id(node.operator), tuple(self.graph.input_shapes(node)))
            if key not in costs:
                costs[key] = self._costs(node)
            cost = costs[key]
            found.append(
                LayerCost(
                    name=node.name,
                    operator=node.operator.word,
                    input_shapes=cost.inputs,
                    output_shape=cost.output,
                    parameters=cost.parameters,
                    macs=cost.macs,
                    activations=cost.activations,
                    weighted=node.operator.weighted and node.name in trunk,
                    receptive_field=fields[node.name],
                    output_stride=cost.output_stride,
                )
            )
        return tuple(found)

    def _costs(self, node: Node) -> _Costs:
        inputs = tuple(self.graph.concrete(name) for name in node.inputs)
        output = self.graph.concrete(node.name)
        sizes = [dim for dim in node.shape if isinstance(dim, Size)]
        return _Costs(
            inputs=inputs,
            output=output,
            parameters=parameter_count(tensors_of(self.graph, node)),
            macs=node.operator.macs(inputs, output),
            activations=prod(output) if node.operator.weighted else 0,
            output_stride=(sizes[0].stride, sizes[1].stride) if len(sizes) == 2 else None,
        )

    @cached_property
    def parameters(self) -> int:
        """Trainable parameters."""
        return sum(layer.parameters for layer in self.layers)

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates for one image of the declared size."""
        return sum(layer.macs for layer in self.layers)

    @cached_property
    def activations(self) -> int:
        """Elements that convolutions and linear layers put out for one image of the declared size."""
        return sum(layer.activations for layer in self.layers)

    @cached_property
    def breakdown(self) -> Breakdown:
        """Where the weighted layers are."""
        weighted = [layer.name for layer in self.layers if layer.weighted]
        sections = {node.name: node.section for node in self.graph}
        owner = block_of_each(self.graph, weighted)
        per_block = Counter(owner[name] for name in weighted if owner[name] is not None)
        blocks = [name for stage in self.graph.stages for name in stage.blocks]
        return Breakdown(
            stem=sum(1 for name in weighted if sections[name] == "stem"),
            blocks=tuple(per_block[name] for name in blocks),
            head=tuple(name for name in weighted if sections[name] == "head"),
        )

    @property
    def weighted_layers(self) -> int:
        """Convolution and linear layers along the trunk: what the 50 in ResNet-50 counts."""
        return self.breakdown.total


def tensors_of(graph: Graph, node: Node) -> tuple[Tensor, ...]:
    """The tensors a node owns."""
    return node.operator.tensors(graph.input_shapes(node))


def parameter_count(tensors: Iterable[Tensor]) -> int:
    """The trainable numbers among them."""
    return sum(prod(tensor.shape) for tensor in tensors if tensor.trainable)


def block_of_each(graph: Graph, names: Sequence[str]) -> dict[str, str | None]:
    """The block of a stage that each node belongs to, None for those of stem and head."""
    blocks = {name for stage in graph.stages for name in stage.blocks}
    found: dict[str, str | None] = {}
    for name in names:
        parts = name.split(".")
        prefixes = (".".join(parts[:count]) for count in range(1, len(parts)))
        found[name] = next((prefix for prefix in prefixes if prefix in blocks), None)
    return found


def trunk_names(graph: Graph) -> frozenset[str]:
    """The nodes along the trunk: from the output back, but neither into shortcuts nor into gates.

    A gate is a branch that reaches the trunk only through a multiplication; a shortcut is what a residual block has
    beside its residual path. Neither counts towards the weighted layers of the paper.
    """
    shortcut_of = {
        scope.join: frozenset(scope.shortcut_layers)
        for scope in graph.scopes.values()
        if scope.join
    }
    seen: set[str] = set()
    waiting = [graph.output]
    while waiting:
        name = waiting.pop()
        if name == INPUT or name in seen:
            continue
        seen.add(name)
        node = graph[name]
        skipped = shortcut_of.get(name, frozenset())
        gate = gate_of(graph, node)
        waiting += [
            source
            for index, source in enumerate(node.inputs)
            if index != gate and source not in skipped
        ]
    return frozenset(seen)


def gate_of(graph: Graph, node: Node) -> int | None:
    """Which input of a multiplication only modulates the other: the smaller one, or else the second."""
    gate = node.operator.gate_input
    if gate is None:
        return None
    sizes = [prod(graph.concrete(name)) for name in node.inputs]
    return gate if sizes[gate] <= sizes[1 - gate] else 1 - gate


def receptive_fields(graph: Graph) -> dict[str, tuple[int, int] | None]:
    """The receptive field of each node's output, (height, width) in input pixels; None for the whole image."""
    fields: dict[str, tuple[int, int] | None] = {INPUT: (1, 1)}
    for node in graph:
        sources = [fields[name] for name in node.inputs]
        known = [field for field in sources if field is not None] or [(1, 1)]
        if None in sources or any(isinstance(dim, int) for dim in node.shape[1:]):
            fields[node.name] = None
            continue
        height, width = max(f[0] for f in known), max(f[1] for f in known)
        window = node.operator.window()
        if window is not None:
            before = [dim.stride for dim in graph.shape(node.inputs[0]) if isinstance(dim, Size)]
            height += (window[0][0] - 1) * before[0]
            width += (window[0][1] - 1) * before[1]
        fields[node.name] = (height, width)
    return fields
