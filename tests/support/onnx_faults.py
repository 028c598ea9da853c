"""Faults planted in emitted ONNX messages: a seeded choice among everything that makes another network of one.

What would leave the network as it is, is no fault and is not made: an attribute that is left out has another value than
the specification's default (as `onnx.defs` has it, which the code under test does not look at), a slice's end is not
moved where it lies behind everything, a norm's momentum stays.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, defs, helper

FAR = 2**31 - 1
OTHER_OPERATORS = {
    "Relu": "Sigmoid",
    "Sigmoid": "Relu",
    "Add": "Mul",
    "Mul": "Add",
    "Sub": "Add",
    "Div": "Mul",
    "Max": "Add",
    "Sqrt": "Reciprocal",
    "Reciprocal": "Sqrt",
    "Erf": "Sigmoid",
    "ReduceMean": "ReduceMax",
    "ReduceMax": "ReduceMean",
    "GlobalAveragePool": "Relu",
    "HardSigmoid": "LeakyRelu",
}
SAME_VALUES = {"Cast", "Identity", "QuantizeLinear", "DequantizeLinear"}


@dataclass(frozen=True)
class Planted:
    """A model with one fault: what was done, and at which layers it may be reported."""

    what: str
    layers: frozenset[str]
    model: onnx.ModelProto


Fault = Callable[
    [onnx.ModelProto, random.Random, Callable[[str], str]], tuple[str, set[str]] | None
]


def planted(
    model: onnx.ModelProto, layers: set[str], seed: int, count: int, shift: int = 0
) -> Iterator[Planted]:
    """Models with one fault each, all kinds in turn, as far as the model has a place for each.

    Args:
        model: as emitted; it is left as it is.
        layers: the names of the graph's nodes.
        seed: chooses the places.
        count: how many.
        shift: the kind to begin with.
    """
    draw = random.Random(seed)

    head = "values" if any(each.name == "values" for each in model.graph.output) else "output"

    def owner(name: str) -> str:
        if name.startswith(("input/", "output/")):
            return "input" if name.startswith("input/") else head
        part = name
        while part and part not in layers and part != "input":
            part = part.rpartition(".")[0]
        return part or name

    made = tries = 0
    while made < count and tries < 20 * count:
        fault = FAULTS[(tries + shift) % len(FAULTS)]
        tries += 1
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        done = fault(copy, draw, owner)
        if done is not None:
            made += 1
            yield Planted(f"{fault.__name__}: {done[0]}", frozenset(done[1]), copy)


def _nodes(model: onnx.ModelProto, *op_types: str) -> list[onnx.NodeProto]:
    return [n for n in model.graph.node if not op_types or n.op_type in op_types]


def _made(model: onnx.ModelProto) -> set[str]:
    return {name for node in model.graph.node for name in node.output}


def _pick(draw: random.Random, items: list[Any]) -> Any:
    return draw.choice(items) if items else None


# --- nodes ------------------------------------------------------------------------------------------------------------


def inputs_swapped(model: Any, draw: Any, owner: Any) -> Any:
    nodes = [
        n
        for n in _nodes(model, "Add", "Mul", "Sub", "Div", "Max", "Concat")
        if n.input[0] != n.input[1]
    ]
    if (node := _pick(draw, nodes)) is None:
        return None
    node.input[0], node.input[1] = node.input[1], node.input[0]
    return node.name, {owner(node.name)}


def another_input(model: Any, draw: Any, owner: Any) -> Any:
    """A layer reads what an earlier layer gives, and not what it should."""
    at = draw.randrange(1, len(model.graph.node))
    node = model.graph.node[at]
    made = _made(model)
    places = [i for i, name in enumerate(node.input) if name in made and "/" not in name]
    earlier = [n for n in model.graph.node[:at] if n.op_type not in SAME_VALUES]
    values = [v for n in earlier if "/" not in n.name for v in n.output]
    if not places or node.op_type in SAME_VALUES or "/" in node.name:
        return None
    place = draw.choice(places)
    skipped = {node.input[place]}
    producers = {v: n for n in model.graph.node for v in n.output}
    before = producers[node.input[place]]
    while before.op_type in SAME_VALUES:  # the same value in another type
        skipped.add(before.input[0])
        if before.input[0] not in producers:
            break
        before = producers[before.input[0]]
    value = _pick(draw, [v for v in values if v not in skipped])
    if value is None:
        return None
    node.input[place] = value
    return f"{node.name} reads {value}", {owner(node.name)}


def node_left_out(model: Any, draw: Any, owner: Any) -> Any:
    nodes = [
        n
        for n in _nodes(model)
        if len(n.output) == 1
        and n.op_type not in SAME_VALUES
        and n.op_type != "Shape"
        and n.output[0] not in {o.name for o in model.graph.output}
    ]
    if (node := _pick(draw, nodes)) is None:
        return None
    name, source = node.output[0], node.input[0]
    for other in model.graph.node:
        other.input[:] = [source if value == name else value for value in other.input]
    model.graph.node.remove(node)
    return name, {owner(node.name)}


def node_too_many(model: Any, draw: Any, owner: Any) -> Any:
    made = _made(model)
    nodes = [
        n for n in _nodes(model, "Conv", "Gemm", "Relu", "Add", "Concat") if n.input[0] in made
    ]
    if (node := _pick(draw, nodes)) is None:
        return None
    more = helper.make_node(
        "Relu", [node.input[0]], [f"{node.name}.more"], name=f"{node.name}.more"
    )
    model.graph.node.insert(list(model.graph.node).index(node), more)
    node.input[0] = more.output[0]
    return node.name, {owner(node.name)}


def digits_lost(model: Any, draw: Any, owner: Any) -> Any:
    """A value is rounded to half precision and back on its way into a layer."""
    made = _made(model)
    nodes = [n for n in _nodes(model, "Conv", "Gemm", "Relu", "Add") if n.input[0] in made]
    if (node := _pick(draw, nodes)) is None:
        return None
    source = node.input[0]
    at = list(model.graph.node).index(node)
    for place, (kind, name) in enumerate(((10, "rounded"), (1, "restored"))):
        value = f"{node.input[0]}.{name}"
        cast = helper.make_node("Cast", [node.input[0]], [value], name=value, to=kind)
        model.graph.node.insert(at + place, cast)
        node.input[0] = value
    where = {owner(node.name), *(["input"] if source.startswith("input/") else [])}
    return node.name, where


def dead_node(model: Any, draw: Any, owner: Any) -> Any:
    node = draw.choice([n for n in _nodes(model) if "/" not in n.name])
    name = f"{node.name}.dead"
    model.graph.node.append(helper.make_node("Relu", [node.output[0]], [name], name=name))
    return node.name, {owner(node.name)}


def another_operator(model: Any, draw: Any, owner: Any) -> Any:
    node = _pick(draw, _nodes(model, *OTHER_OPERATORS))
    if node is None:
        return None
    node.op_type = OTHER_OPERATORS[node.op_type]
    return node.name, {owner(node.name)}


def names_exchanged(model: Any, draw: Any, owner: Any) -> Any:
    """Two nodes of one kind are called as each other."""
    node = draw.choice(_nodes(model))
    others = [
        n
        for n in _nodes(model, node.op_type)
        if owner(n.name) != owner(node.name) and "/" not in n.name
    ]
    if "/" in node.name or node.op_type in SAME_VALUES or not others:
        return None
    other = draw.choice(others)
    node.name, other.name = other.name, node.name
    return f"{node.name} and {other.name}", {owner(node.name), owner(other.name)}


# --- attributes -------------------------------------------------------------------------------------------------------


def _default(node: onnx.NodeProto, name: str, value: Any, opset: int) -> Any:
    """What stands for an attribute that is left out, by the specification."""
    schema = defs.get_schema(node.op_type, opset, node.domain)
    default = schema.attributes[name].default_value
    if default.type != AttributeProto.UNDEFINED:
        return helper.get_attribute_value(default)
    per_axis = {"strides": 1, "dilations": 1, "pads": 0}
    return [per_axis[name]] * len(value) if name in per_axis else None


def attribute_left_out(model: Any, draw: Any, owner: Any) -> Any:
    opset = model.opset_import[0].version
    places = []
    for node in model.graph.node:
        for each in node.attribute:
            value = helper.get_attribute_value(each)
            is_free = each.name in ("momentum", "keepdims") or (node.op_type, each.name) in (
                ("Conv", "kernel_shape"),
                ("Softmax", "axis"),  # the last one is the same for a list of classes
                ("TopK", "axis"),
            )
            if not is_free and _default(node, each.name, value, opset) != value:
                places.append((node, each))
    if not places:
        return None
    node, each = draw.choice(places)
    name = each.name
    node.attribute.remove(each)
    return f"{name} of {node.name}", {owner(node.name)}


def attribute_changed(model: Any, draw: Any, owner: Any) -> Any:
    places = [
        (node, each)
        for node in model.graph.node
        for each in node.attribute
        if each.name != "momentum" and node.op_type not in SAME_VALUES
    ]
    if not places:
        return None
    node, each = draw.choice(places)
    match each.type:
        case AttributeProto.FLOAT:
            each.f = draw.choice((each.f * 1.01 if each.f else 1.0, each.f * 10 + 1))
        case AttributeProto.INT:
            each.i = 1 - each.i if each.i in (0, 1) else each.i + draw.choice((-1, 1))
        case AttributeProto.INTS:
            at = draw.randrange(len(each.ints))
            each.ints[at] += 1
        case AttributeProto.STRING:
            each.s = b"edge" if each.s != b"edge" else b"reflect"
    return f"{each.name} of {node.name}", {owner(node.name)}


def attribute_added(model: Any, draw: Any, owner: Any) -> Any:
    """An attribute that the operator has and the node does not give, with another value than its default."""
    opset = model.opset_import[0].version
    places = []
    for node in model.graph.node:
        schema = defs.get_schema(node.op_type, opset, node.domain)
        given = {each.name for each in node.attribute}
        for name, each in schema.attributes.items():
            kind = each.default_value.type
            if name not in given and kind in (AttributeProto.INT, AttributeProto.FLOAT):
                places.append((node, name, helper.get_attribute_value(each.default_value)))
    places = [p for p in places if p[0].op_type not in SAME_VALUES and p[1] != "storage_order"]
    if not places:
        return None
    node, name, value = draw.choice(places)
    node.attribute.append(helper.make_attribute(name, value + 1))
    return f"{name} of {node.name}", {owner(node.name)}


# --- initializers -----------------------------------------------------------------------------------------------------


def _constants(model: onnx.ModelProto) -> list[TensorProto]:
    return [t for t in model.graph.initializer if t.int64_data or t.float_data or t.int32_data]


def _weights(model: onnx.ModelProto) -> list[TensorProto]:
    constants = {t.name for t in _constants(model)}
    of_pairs = (".scale", ".zero_point")  # what these are called is nobody's business
    return [
        t
        for t in model.graph.initializer
        if t.name not in constants and not t.name.endswith(of_pairs)
    ]


def constant_changed(model: Any, draw: Any, owner: Any) -> Any:
    found = [t for t in _constants(model) if not any(n >= FAR for n in t.int64_data)]
    if (tensor := _pick(draw, found)) is None:
        return None
    if tensor.int64_data:
        at = draw.randrange(len(tensor.int64_data))
        tensor.int64_data[at] += 1
    elif tensor.float_data:
        at = draw.randrange(len(tensor.float_data))
        tensor.float_data[at] = tensor.float_data[at] * 1.01 or 1.0
    else:
        tensor.int32_data[0] += 64
    return tensor.name, {owner(tensor.name)}


def initializer_renamed(model: Any, draw: Any, owner: Any) -> Any:
    if (tensor := _pick(draw, _weights(model))) is None:
        return None
    old = tensor.name
    tensor.name = f"{old}_renamed"
    for node in model.graph.node:
        node.input[:] = [tensor.name if value == old else value for value in node.input]
    return old, {owner(old)}


def weights_exchanged(model: Any, draw: Any, owner: Any) -> Any:
    """A layer reads the weight of another, of the same dimensions."""
    if (tensor := _pick(draw, _weights(model))) is None:
        return None
    others = [t for t in _weights(model) if t.dims == tensor.dims and t.name != tensor.name]
    if (other := _pick(draw, others)) is None:
        return None
    for node in model.graph.node:
        node.input[:] = [other.name if value == tensor.name else value for value in node.input]
    readers = {owner(n.name) for n in model.graph.node if other.name in n.input}
    return f"{tensor.name} is {other.name}", {owner(tensor.name), *readers}


def dimensions_turned(model: Any, draw: Any, owner: Any) -> Any:
    found = [t for t in _weights(model) if len(t.dims) > 1 and t.dims[0] != t.dims[1]]
    if (tensor := _pick(draw, found)) is None:
        return None
    tensor.dims[0], tensor.dims[1] = tensor.dims[1], tensor.dims[0]
    return tensor.name, {owner(tensor.name)}


def type_changed(model: Any, draw: Any, owner: Any) -> Any:
    if (tensor := _pick(draw, _weights(model))) is None:
        return None
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16)
    tensor.data_type = kinds[tensor.data_type == TensorProto.FLOAT]
    readers = {owner(n.name) for n in model.graph.node if tensor.name in n.input}
    return tensor.name, {owner(tensor.name), *readers}


# --- the ends ---------------------------------------------------------------------------------------------------------


def another_output(model: Any, draw: Any, owner: Any) -> Any:
    """What is put out is another layer's value; the one that was is read under another name."""
    output = draw.choice(model.graph.output)
    makers = [n for n in model.graph.node if output.name in n.output]
    others = [
        n
        for n in model.graph.node
        if len(n.output) == 1 and n.name != makers[0].name and n.op_type not in SAME_VALUES
    ]
    others = [n for n in others if "/" not in n.name and n.output[0] not in _outputs(model)]
    if not others or "/" in makers[0].name or makers[0].op_type in SAME_VALUES:
        return None
    other = draw.choice(others)
    was, old = output.name, other.output[0]
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [
                was if value == old else f"{was}.value" if value == was else value
                for value in names
            ]
    return f"{was} is {other.name}", {was, owner(other.name), owner(makers[0].name)}


def outputs_exchanged(model: Any, draw: Any, owner: Any) -> Any:
    if len(model.graph.output) < 2:
        return None
    first, second = draw.sample(list(model.graph.output), 2)
    swap = {first.name: second.name, second.name: first.name}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [swap.get(value, value) for value in names]
    makers = {owner(n.name) for n in model.graph.node if swap.keys() & set(n.output)}
    return " and ".join(swap), {*swap, *makers}


def end_resized(model: Any, draw: Any, owner: Any) -> Any:
    value = draw.choice([*model.graph.input, *model.graph.output])
    dims = value.type.tensor_type.shape.dim
    dim = draw.choice(dims)
    if dim.dim_param:
        dim.dim_param = f"{dim.dim_param}_other"
    else:
        dim.dim_value += 1
    return value.name, {value.name}


def declared_resized(model: Any, draw: Any, owner: Any) -> Any:
    if (value := _pick(draw, list(model.graph.value_info))) is None:
        return None
    draw.choice(value.type.tensor_type.shape.dim).dim_value += 1
    return value.name, {owner(value.name)}


def another_opset(model: Any, draw: Any, owner: Any) -> Any:
    model.opset_import[0].version += draw.choice((-1, 1))
    return "opset", {"model"}


def _outputs(model: onnx.ModelProto) -> set[str]:
    return {each.name for each in model.graph.output}


FAULTS: tuple[Fault, ...] = (
    inputs_swapped,
    another_input,
    attribute_changed,
    node_left_out,
    attribute_left_out,
    weights_exchanged,
    another_operator,
    constant_changed,
    initializer_renamed,
    dimensions_turned,
    attribute_added,
    another_output,
    node_too_many,
    names_exchanged,
    type_changed,
    end_resized,
    declared_resized,
    outputs_exchanged,
    dead_node,
    digits_lost,
    another_opset,
)


# --- Q/DQ -------------------------------------------------------------------------------------------------------------


def misquantized(model: onnx.ModelProto, seed: int) -> Iterator[Planted]:
    """An int8 model with one fault each in its pairs: scales exchanged, a weight's numbers moved, half a pair left out."""
    draw = random.Random(seed)
    names = [n.name for n in model.graph.node if n.op_type == "DequantizeLinear"]
    weights = [t.name for t in model.graph.initializer if t.name.endswith(".weight.quantized")]

    def copied() -> onnx.ModelProto:
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy

    for name in draw.sample(names, 8):
        copy = copied()
        node = next(n for n in copy.graph.node if n.name == name)
        others = [n for n in copy.graph.node if n.op_type == node.op_type and n.name != name]
        node.input[1] = draw.choice(others).input[1]
        yield Planted(f"scale of {name}", frozenset(_prefixes(name)), copy)
    for name in draw.sample(weights, min(8, len(weights))):
        copy = copied()
        tensor = next(t for t in copy.graph.initializer if t.name == name)
        values = bytearray(tensor.raw_data)
        values[draw.randrange(len(values))] ^= 2
        tensor.raw_data = bytes(values)
        yield Planted(f"numbers of {name}", frozenset(_prefixes(name)), copy)
    for name in draw.sample(names, 8):
        copy = copied()
        node = next(n for n in copy.graph.node if n.name == name)
        readers = [n.name for n in copy.graph.node if node.output[0] in n.input]
        for each in copy.graph.node:
            each.input[:] = [node.input[0] if v == node.output[0] else v for v in each.input]
        copy.graph.node.remove(node)
        where = {p for each in (name, *readers) for p in _prefixes(each)}
        yield Planted(f"without {name}", frozenset(where), copy)


def _prefixes(name: str) -> list[str]:
    """A name, and what it is under."""
    parts = name.split(".")
    return [".".join(parts[:at]) for at in range(1, len(parts) + 1)]
