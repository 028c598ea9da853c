"""An ONNX message as plain values: its nodes with every attribute in force, its constants, tensors and declared shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resnet_compiler.emit.onnx.read_back.faults import Reporter
from resnet_compiler.emit.onnx.read_back.numbers import decoded
from resnet_compiler.emit.onnx.read_back.specification import OPERATORS, complete

if TYPE_CHECKING:
    import onnx

Dims = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A node: its name, ONNX operator, the values it reads and makes, and all its attributes, defaults among them."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Constant:
    """An initializer whose values are in the message: the number of its type, its dimensions, its values in order."""

    type: int
    dims: tuple[int, ...]
    values: tuple[float | int, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """An initializer whose values come from the network's tensors: the number of its type, and its dimensions."""

    type: int
    dims: tuple[int, ...]


@dataclass(frozen=True)
class Message:
    """What a model holds. ``maker`` gives the node that makes a value."""

    opset: int
    steps: tuple[Step, ...]
    maker: Mapping[str, Step]
    constants: Mapping[str, Constant]
    tensors: Mapping[str, Held]
    inputs: Mapping[str, tuple[int, Dims]]
    outputs: Mapping[str, tuple[int, Dims]]
    declared: Mapping[str, tuple[int, Dims]] = field(default_factory=dict)


def read_message(
    model: onnx.ModelProto, opset: int, weights: frozenset[str], report: Reporter
) -> Message:
    """The message of a model.

    Args:
        model: what was emitted; its weights may lack values.
        opset: what it was to be.
        weights: the initializers that are weights: their values are not looked at.
        report: makes faults.

    Raises:
        ReadBackError: it is no valid message: an unknown operator, attribute or opset, a value that is made twice or
            read before it is made.
    """
    found = [(each.domain, each.version) for each in model.opset_import]
    if found != [("", opset)]:
        raise report.fault("model", "the opset", [("", opset)], found)
    constants: dict[str, Constant] = {}
    tensors: dict[str, Held] = {}
    for proto in model.graph.initializer:
        if proto.name in constants or proto.name in tensors:
            raise report.fault(proto.name, "the initializer", "one", "there twice")
        if proto.name in weights:
            tensors[proto.name] = Held(proto.data_type, tuple(proto.dims))
        else:
            constants[proto.name] = Constant(proto.data_type, tuple(proto.dims), decoded(proto))
    inputs = _infos(model.graph.input)
    known = {*inputs, *constants, *tensors}
    maker: dict[str, Step] = {}
    names: set[str] = set()
    steps = []
    for node in model.graph.node:
        step = _step(node, opset, constants, tensors, report)
        if step.name in names:
            raise report.fault(step.name, "the node", "one", "there twice")
        names.add(step.name)
        for value in step.inputs:
            if value and value not in known:
                raise report.fault(step.name, "an input", "a value made before", f"`{value}`")
        for value in step.outputs:
            if value in known:
                raise report.fault(step.name, "its value", "new", f"`{value}`, made before")
            known.add(value)
            maker[value] = step
        steps.append(step)
    return Message(
        opset,
        tuple(steps),
        maker,
        constants,
        tensors,
        inputs,
        _infos(model.graph.output),
        _infos(model.graph.value_info),
    )


def _infos(protos: Iterable[onnx.ValueInfoProto]) -> dict[str, tuple[int, Dims]]:
    """Types and dimensions of values; a dimension without a number or a name is "?"."""
    found = {}
    for proto in protos:
        tensor = proto.type.tensor_type
        dims = tuple(
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param or "?"
            for dim in tensor.shape.dim
        )
        found[proto.name] = (tensor.elem_type, dims)
    return found


def _step(
    node: onnx.NodeProto,
    opset: int,
    constants: Mapping[str, Constant],
    tensors: Mapping[str, Held],
    report: Reporter,
) -> Step:
    op = node.op_type
    if node.domain or op not in OPERATORS:
        raise report.fault(
            node.name, "an operator", "one of ONNX's that it needs", f"{node.domain}:{op}"
        )
    known = OPERATORS[op]
    given = {each.name: _value(each) for each in node.attribute}
    inputs = tuple(node.input)
    least, most = known.inputs
    if not least <= len(inputs) <= most or len(node.output) != known.outputs:
        raise report.fault(node.name, f"what {op} takes", f"{least} to {most}", inputs)
    if op == "Conv" and "kernel_shape" not in given:  # it is then the weight's
        weight = constants.get(inputs[1]) or tensors.get(inputs[1])
        given |= {"kernel_shape": weight.dims[2:]} if weight is not None else {}
    try:
        attributes = complete(op, given, opset)
    except ValueError as error:
        raise report.fault(node.name, "an attribute", "one that it has", error) from None
    if known.axes_input is not None and opset >= known.axes_input and len(inputs) == 2:
        axes = constants.get(inputs[1])
        if axes is None:
            raise report.fault(node.name, "axes", "a constant", f"`{inputs[1]}`")
        attributes["axes"], inputs = axes.values, inputs[:1]
    return Step(node.name, op, inputs, tuple(node.output), attributes)


def _value(attribute: onnx.AttributeProto) -> Any:
    """An attribute's value: a number, a text, or a tuple of numbers. Other kinds are in no operator that is emitted."""
    match attribute.type:
        case 1:
            return attribute.f
        case 2:
            return attribute.i
        case 3:
            return attribute.s.decode()
        case 6:
            return tuple(attribute.floats)
        case 7:
            return tuple(attribute.ints)
    return f"of kind {attribute.type}"
