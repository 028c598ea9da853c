"""Faults planted in emitted sources and ONNX models, each with the layer at which it must be found."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from resnet_compiler import Graph, verify, weights
from resnet_compiler.emit.onnx import emit_onnx
from resnet_compiler.emit.pytorch import emit_pytorch
from resnet_compiler.graph import INPUT, Node
from resnet_compiler.operators.activation import Relu, Sigmoid, Silu
from resnet_compiler.operators.joining import Add, Concat, Mul
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import BatchNorm, GroupNorm
from resnet_compiler.operators.pooling import AvgPool, MaxPool
from resnet_compiler.runtime.layers import value_name

if TYPE_CHECKING:
    import onnx

Change = Callable[[Graph, Node, random.Random], Node | None]
"""What a node becomes; None where this cannot be planted there."""


@dataclass(frozen=True)
class Plant:
    """One fault: its kind, the layer it is at, and the verdict on what it makes of the network."""

    kind: str
    layer: str
    verify: Callable[[], verify.Verified]


# --- in the source: it is emitted from a graph that is wrong in one node ---------------------------------------------


def _operator(**fields: Any) -> Change:
    def change(graph: Graph, node: Node, chosen: random.Random) -> Node | None:
        if not all(hasattr(node.operator, name) for name in fields):
            return None
        new: Any = {
            name: value(node.operator) if callable(value) else value
            for name, value in fields.items()
        }
        other: Any = replace(node.operator, **new)
        return replace(node, operator=other) if other != node.operator else None

    return change


def _is_map(graph: Graph, node: Node) -> bool:
    """Whether a node's input has a size: where it is 1 × 1, a stride is no fault."""
    return any(not isinstance(dim, int) for dim in graph.input_shapes(node)[0])


def _class(old: type, new: Any) -> Change:
    def change(graph: Graph, node: Node, chosen: random.Random) -> Node | None:
        return replace(node, operator=new) if type(node.operator) is old else None

    return change


def _another_input(graph: Graph, node: Node, chosen: random.Random) -> Node | None:
    if not node.inputs:
        return None
    at = chosen.randrange(len(node.inputs))
    wanted = graph.shape(node.inputs[at])
    others = []
    for name in (INPUT, *graph.nodes):
        if name == node.name:
            break
        if name not in node.inputs and graph.shape(name) == wanted:
            others.append(name)
    if not others or not any(not isinstance(dim, int) for dim in wanted):
        return None
    inputs = list(node.inputs)
    inputs[at] = chosen.choice(others)
    return replace(node, inputs=tuple(inputs))


def _swapped(graph: Graph, node: Node, chosen: random.Random) -> Node | None:
    is_ordered = isinstance(node.operator, Concat) and len(node.inputs) > 1
    return replace(node, inputs=node.inputs[::-1]) if is_ordered else None


def _one_side_twice(graph: Graph, node: Node, chosen: random.Random) -> Node | None:
    is_sum = isinstance(node.operator, Add)
    return replace(node, inputs=(node.inputs[0],) * len(node.inputs)) if is_sum else None


SOURCE: dict[str, Change] = {
    "eps": lambda *given: (
        _operator(eps=lambda op: 1000 * op.eps + 1e-3)(*given)
        if isinstance(given[1].operator, BatchNorm | GroupNorm)
        else None
    ),
    "stride": lambda *given: (
        _operator(stride=lambda op: (2, 2) if op.stride == (1, 1) else (1, 1))(*given)
        if isinstance(given[1].operator, Conv) and _is_map(given[0], given[1])
        else None
    ),
    "padding": lambda *given: (
        _operator(padding=lambda op: tuple(p + 1 for p in op.pad))(*given)
        if isinstance(given[1].operator, Conv)
        else None
    ),
    "relu is silu": _class(Relu, Silu()),
    "silu is relu": _class(Silu, Relu()),
    "sigmoid is silu": _class(Sigmoid, Silu()),
    "add is mul": lambda *given: _class(Add, Mul())(*given) if len(given[1].inputs) == 2 else None,
    "max pool is average": lambda graph, node, chosen: (
        replace(
            node,
            operator=AvgPool(node.operator.kernel, node.operator.stride, node.operator.padding),
        )
        if isinstance(node.operator, MaxPool)
        else None
    ),
    "another input": _another_input,
    "operands swapped": _swapped,
    "one side twice": _one_side_twice,
}


def _without(graph: Graph, name: str) -> Graph:
    """The graph without a node that has one input."""
    given = graph[name].inputs[0]
    nodes = {
        each.name: replace(each, inputs=tuple(given if i == name else i for i in each.inputs))
        for each in graph
        if each.name != name
    }
    stages = tuple(
        replace(stage, exit=given if stage.exit == name else stage.exit) for stage in graph.stages
    )
    scopes = {
        key: replace(
            scope,
            exit=given if scope.exit == name else scope.exit,
            entry=given if scope.entry == name else scope.entry,
        )
        for key, scope in graph.scopes.items()
    }
    return replace(graph, nodes=nodes, stages=stages, scopes=scopes)


def in_source(graph: Graph, seed: int) -> Iterator[Plant]:
    """Faults in the source, a random place for each kind that the graph has."""
    chosen = random.Random(seed)
    right = emit_pytorch(graph, "0")
    for kind, change in SOURCE.items():
        places = [node for node in graph if change(graph, node, random.Random(0)) is not None]
        chosen.shuffle(places)
        for node in places:
            changed = change(graph, node, chosen)
            assert changed is not None
            wrong = replace(graph, nodes={**graph.nodes, node.name: changed})
            try:
                source = emit_pytorch(wrong, "0")
            except KeyError:  # no block hands such an input on
                continue
            if source != right:  # an add says what it adds by the block it is in
                yield _source_plant(graph, kind, node.name, source, seed)
                break
    relus = [n for n in graph if isinstance(n.operator, Relu) and n.name != graph.output]
    if relus:
        name = chosen.choice(relus).name
        yield _source_plant(
            graph, "relu is missing", name, emit_pytorch(_without(graph, name), "0"), seed
        )


def _source_plant(graph: Graph, kind: str, layer: str, source: str, seed: int) -> Plant:
    def run() -> verify.Verified:
        return verify.verify(graph, seed, source=source)

    return Plant(f"source: {kind}", layer, run)


# --- in the ONNX: the message is changed -----------------------------------------------------------------------------


def _attribute(op_type: str, name: str, value: Any) -> Callable[[Any, Any, Any], bool]:
    def change(model: Any, node: Any, chosen: random.Random) -> bool:
        import onnx

        if node.op_type != op_type:
            return False
        kept = [each for each in node.attribute if each.name != name]
        old = next((each for each in node.attribute if each.name == name), None)
        new = onnx.helper.make_attribute(
            name, value(onnx.helper.get_attribute_value(old) if old is not None else None)
        )
        del node.attribute[:]
        node.attribute.extend([*kept, new])
        return True

    return change


def _op_type(old: str, new: str) -> Callable[[Any, Any, Any], bool]:
    def change(model: Any, node: Any, chosen: random.Random) -> bool:
        if node.op_type != old:
            return False
        node.op_type = new
        return True

    return change


def _missing(model: Any, node: Any, chosen: random.Random) -> bool:
    if node.op_type != "Relu" or node.output[0] == verify.OUTPUT:
        return False
    gone, given = node.output[0], node.input[0]
    for each in model.graph.node:
        each.input[:] = [given if name == gone else name for name in each.input]
    model.graph.node.remove(node)
    return True


def _initializer_of_another(model: Any, node: Any, chosen: random.Random) -> bool:
    """The weight of a layer is stored under another's name, and the other way round: the second of the two is changed."""
    if node.op_type != "Conv":
        return False
    stored = {each.name: each for each in model.graph.initializer}
    mine = stored[node.input[1]]
    later = False
    for other in model.graph.node:
        later = later or other is node or other.name == node.name
        if later and other.op_type == "Conv" and other.name != node.name:
            theirs = stored[other.input[1]]
            if list(theirs.dims) == list(mine.dims):
                mine.name, theirs.name = theirs.name, mine.name
                return True
    return False


def _initializer_renamed(model: Any, node: Any, chosen: random.Random) -> bool:
    if node.op_type != "Conv":
        return False
    next(each for each in model.graph.initializer if each.name == node.input[1]).name += "_"
    return True


def _reads_its_input_twice(model: Any, node: Any, chosen: random.Random) -> bool:
    if node.op_type != "Add" or "/" in node.name:
        return False
    node.input[1] = node.input[0]
    return True


ONNX: dict[str, Callable[[Any, Any, random.Random], bool]] = {
    "epsilon": _attribute("BatchNormalization", "epsilon", lambda old: old * 100 + 1e-3),
    "strides": _attribute("Conv", "strides", lambda old: [1, 1] if old == [2, 2] else [2, 2]),
    "pads": _attribute("Conv", "pads", lambda old: [pad + 1 for pad in old or [0] * 4]),
    "relu is sigmoid": _op_type("Relu", "Sigmoid"),
    "sigmoid is tanh": _op_type("Sigmoid", "Tanh"),
    "add is mul": _op_type("Add", "Mul"),
    "max is average": _op_type("GlobalAveragePool", "GlobalMaxPool"),
    "relu is missing": _missing,
    "weights exchanged": _initializer_of_another,
    "initializer renamed": _initializer_renamed,
    "one side twice": _reads_its_input_twice,
}


def in_onnx(graph: Graph, seed: int) -> Iterator[Plant]:
    """Faults in the ONNX, a random place for each kind that the model has."""
    network = verify.load_network(graph, lambda name, tensor: weights.tried(name, tensor, seed))
    verify.prepare(graph, network, seed)
    state = network.state_dict()
    model = emit_onnx(graph, lambda name, tensor: state[name].numpy(), "0")
    owner = {value_name(graph, node): node for node in graph.nodes}
    chosen = random.Random(seed)
    for kind, change in ONNX.items():
        places = list(range(len(model.graph.node)))
        chosen.shuffle(places)
        for at in places:
            wrong = copy.deepcopy(model)
            name = wrong.graph.node[at].output[0]
            if kind == "strides" and not (name in owner and _is_map(graph, graph[owner[name]])):
                continue
            if name in owner and change(wrong, wrong.graph.node[at], chosen):
                yield _onnx_plant(graph, kind, owner[name], network, wrong, seed)
                break


def _onnx_plant(
    graph: Graph, kind: str, layer: str, network: Any, wrong: onnx.ModelProto, seed: int
) -> Plant:
    return Plant(f"ONNX: {kind}", layer, lambda: verify.compare(graph, network, wrong, seed))


def planted(graph: Graph, seed: int) -> Iterator[Plant]:
    """All of them."""
    yield from in_source(graph, seed)
    yield from in_onnx(graph, seed)
