"""Convolutions are fused with what follows them: the norm, the residual add, the ReLU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.operators.activation import Relu
from resnet_compiler.operators.base import TorchExpression, TorchModule
from resnet_compiler.operators.fused import FusedConv, FusedConvAdd
from resnet_compiler.operators.joining import Add
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import BatchNorm
from resnet_compiler.passes.base import Derive
from resnet_compiler.passes.fold_batch_norm import fold_batch_norm
from resnet_compiler.passes.rebuild import reads, rebuilt
from resnet_compiler.passes.standardize_weights import standardize_weights


@dataclass(frozen=True, slots=True)
class _Chain:
    """A convolution and the nodes behind it that it takes in."""

    conv: Node
    norm: Node | None = None
    add: Node | None = None
    relu: Node | None = None

    @property
    def last(self) -> Node:
        return self.relu or self.add or self.norm or self.conv

    @property
    def taken(self) -> list[Node]:
        return [node for node in (self.norm, self.add, self.relu) if node is not None]


def fuse_convolutions(graph: Graph) -> tuple[Graph, Derive]:
    """The graph with each convolution, and what alone reads it, as one node.

    1. The batch norm behind it goes into its weights, as `fold_batch_norm` has it, and a standardised filter is
       standardised for good. The node says which norm that was, so that a checkpoint of the network that was trained
       can be loaded.
    2. The add of a residual block, where the convolution ends its residual path; the proof of the add stays.
    3. The ReLU behind either.
    4. The node keeps the convolution's name, and stands where the last of what it took in stood: a shortcut that is
       added is computed before.
    5. The sum is put in the place of the shortcut's value where nothing reads that any more, nor the convolution itself,
       and it is no stage's.
    """
    plain, first = standardize_weights(graph)
    second = fold_batch_norm(plain)[1]
    chains = _chains(graph)
    if not chains:
        return graph, lambda value: value
    instead = {node.name: chain.conv.name for chain in chains for node in chain.taken}
    placed = _placed(graph, chains)
    free = _free(placed, chains)
    operators = {c.conv.name: _operator(c, free) for c in chains}
    inputs = {c.conv.name: (*c.conv.inputs, *c.add.inputs[1:]) for c in chains if c.add is not None}
    joined = {c.add.name: c.conv.name for c in chains if c.add is not None}
    fused = rebuilt(placed, {}, instead)

    def standing(name: str) -> str:
        return instead.get(name, name)

    nodes = {
        node.name: replace(
            node,
            operator=operators.get(node.name, node.operator),
            inputs=tuple(map(standing, inputs.get(node.name, node.inputs))),
        )
        for node in fused
    }
    return (
        replace(
            fused,
            nodes=MappingProxyType(nodes),
            scopes=MappingProxyType(
                {
                    name: replace(scope, join=joined.get(graph.scopes[name].join or "", scope.join))
                    for name, scope in fused.scopes.items()
                }
            ),
            proofs=tuple(
                replace(proof, node=joined.get(proof.node, proof.node)) for proof in graph.proofs
            ),
        ),
        lambda value: second(first(value)),
    )


def _chains(graph: Graph) -> list[_Chain]:
    """Each convolution with what it can take in."""
    count = reads(graph)
    readers: dict[str, list[Node]] = {}
    for node in graph:
        for source in node.inputs:
            readers.setdefault(source, []).append(node)
    joins = {scope.join for scope in graph.scopes.values() if scope.join}

    def behind(node: Node, kind: type) -> Node | None:
        """What alone reads a node, if it is of a kind, and reads it first."""
        if count[node.name] != 1 or not readers.get(node.name):
            return None
        (reader,) = readers[node.name]
        return (
            reader if isinstance(reader.operator, kind) and reader.inputs[0] == node.name else None
        )

    found = []
    for node in graph:
        if type(node.operator) is not Conv:
            continue
        chain = _Chain(node)
        norm = behind(chain.last, BatchNorm)
        chain = replace(chain, norm=norm)
        add = behind(chain.last, Add)
        if (
            add is not None
            and add.name in joins
            and len(add.inputs) == 2
            and _scope(graph, add.name) == _scope(graph, node.name)
        ):
            chain = replace(chain, add=add)
        chain = replace(chain, relu=behind(chain.last, Relu))
        found.append(chain)
    return found


def _scope(graph: Graph, name: str) -> str:
    """The innermost scope that a node is in."""
    outer = name.rpartition(".")[0]
    while outer and outer not in graph.scopes:
        outer = outer.rpartition(".")[0]
    return outer


def _placed(graph: Graph, chains: list[_Chain]) -> Graph:
    """The graph with each convolution that adds where its add is."""
    moved = {c.add.name: c.conv for c in chains if c.add is not None}
    late = {conv.name for conv in moved.values()}
    nodes: dict[str, Node] = {}
    for node in graph:
        if node.name in moved:
            conv = moved[node.name]
            nodes[conv.name] = conv
        if node.name not in late:
            nodes[node.name] = node
    return replace(graph, nodes=MappingProxyType(nodes))


def _operator(chain: _Chain, free: set[str]) -> FusedConv:
    conv = chain.conv.operator
    assert isinstance(conv, Conv)
    fields = {name: getattr(conv, name) for name in Conv.attributes()}
    fields |= {"bias": True, "standardized": False, "eps": 1e-6}
    fields["has_relu"] = chain.relu is not None
    fields["filter_eps"] = conv.eps if conv.standardized else None
    if chain.norm is not None:
        assert isinstance(chain.norm.operator, BatchNorm)
        fields["norm"] = _beside(chain.conv.name, chain.norm.name)
        fields["norm_eps"] = chain.norm.operator.eps
    if chain.add is None:
        return FusedConv(**fields)
    return FusedConvAdd(**fields, overwrites=chain.conv.name in free)


def _beside(name: str, other: str) -> str:
    """A name as seen from beside another one: `bn1`, or `../bn1` from one part further in."""
    here, there = name.split(".")[:-1], other.split(".")
    same = 0
    while same < min(len(here), len(there) - 1) and here[same] == there[same]:
        same += 1
    return "/".join([".."] * (len(here) - same) + there[same:])


def _free(graph: Graph, chains: list[_Chain]) -> set[str]:
    """The convolutions that may put the sum in the place of what they add: a tensor of its own that nothing reads later."""
    order = {name: index for index, name in enumerate(graph.nodes)}
    kept = {INPUT, graph.output, *(stage.exit for stage in graph.stages)}
    last: dict[str, int] = {}
    for node in graph:
        last.update((source, order[node.name]) for source in node.inputs)
    found = set()
    for chain in chains:
        if chain.add is None or chain.add.inputs[1] in kept:
            continue
        if chain.add.inputs[1] in chain.conv.inputs:
            continue  # the convolution still reads it
        other = graph[chain.add.inputs[1]]
        if last[other.name] <= order[chain.add.name] and _has_its_own_tensor(graph, other):
            found.add(chain.conv.name)
    return found


def _has_its_own_tensor(graph: Graph, node: Node) -> bool:
    form = node.operator.torch_form(graph.input_shapes(node))
    if isinstance(form, TorchModule) and form.can_overwrite:
        return True  # a ReLU: what it gives is its own, or has taken the place of what nothing else reads
    return isinstance(form, TorchModule | TorchExpression) and form.makes_tensor
