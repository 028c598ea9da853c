"""The model's input, outputs and declared shapes against the graph and its interface."""

from __future__ import annotations

from resnet_compiler.emit.onnx.read_back.images import expected_input
from resnet_compiler.emit.onnx.read_back.layers import NUMBERS, SLASH, Reading
from resnet_compiler.emit.onnx.read_back.message import Dims, Step
from resnet_compiler.emit.onnx.read_back.numbers import FLOAT32, INT64
from resnet_compiler.graph import INPUT
from resnet_compiler.interface import INDICES, OUTPUT, VALUES
from resnet_compiler.settle import Settled
from resnet_compiler.shapes import Shape, Size, shape_at


def read_input(reading: Reading, settled: Settled) -> None:
    """One input: images in the type, layout and size that the interface asks for.

    Raises:
        ReadBackError: it is something else.
    """
    given = settled.interface.preprocess
    of_any_size = given is not None and given.changes_size
    prefix = "image_" if of_any_size else ""
    height, width = (
        settled.size
        if settled.size is not None and not of_any_size
        else (f"{prefix}height", f"{prefix}width")
    )
    kind, layout = expected_input(settled.interface)
    channels = reading.graph.concrete(INPUT)[0]
    batch = settled.batch or "batch"
    dims = (
        (batch, height, width, channels) if layout == "nhwc" else (batch, channels, height, width)
    )
    wanted = {INPUT: (kind, dims)}
    if reading.message.inputs != wanted:
        raise reading.report.fault(INPUT, "the model's input", wanted, dict(reading.message.inputs))


def read_outputs(reading: Reading, settled: Settled) -> None:
    """The features in their order, then what the head gives: each of the node that it must be of, its type and shape.

    Raises:
        ReadBackError: one is of another node, or of another type or shape, or there is another one.
    """
    interface = settled.interface
    names = [each.name for each in settled.features]
    if interface.has_head:
        names += [OUTPUT] if interface.top_k is None else [VALUES, INDICES]
    found = list(reading.message.outputs)
    if found != names:
        raise reading.report.fault("model", "outputs", names, found)
    border = FLOAT32 if interface.float_io else NUMBERS[interface.precision]
    for each in settled.features:
        node = reading.named(each.node)
        _same_node(reading, each.name, node, reading.source(_uncopied(reading, each.name)))
        name = each.name.replace(".", "_")
        _declared(reading, settled, each.name, border, reading.graph.shape(each.node), name)
    if interface.has_head:
        _read_head(reading, settled, border)


def _read_head(reading: Reading, settled: Settled, border: int) -> None:
    interface = settled.interface
    name = OUTPUT if interface.top_k is None else VALUES
    shape: Shape = reading.graph.shape(reading.graph.output)
    value = _uncopied(reading, name)
    if interface.top_k is not None:
        shape = (interface.top_k,)
        step = _step(reading, value, "TopK", {"axis": 1, "largest": 1, "sorted": 1}, name)
        k = reading.message.constants.get(step.inputs[1])
        if k is None or k.values != shape:
            raise reading.report.fault(name, "top-k", shape, k and k.values)
        if _uncopied(reading, INDICES) != step.outputs[1]:
            raise reading.report.fault(INDICES, "its value", "the classes of `values`", "another")
        _declared(reading, settled, INDICES, INT64, shape, "out")
        value = step.inputs[0]
    if interface.softmax:
        step = _step(reading, value, "Softmax", {"axis": 1}, name)
        value = step.inputs[0]
    if (interface.softmax or interface.top_k is not None) and reading.kind(value) != FLOAT32:
        raise reading.report.fault(
            name, "the type it is worked out in", FLOAT32, reading.kind(value)
        )
    _same_node(reading, name, reading.named(reading.graph.output), reading.source(value))
    _declared(reading, settled, name, border, shape, "out")


def _step(reading: Reading, value: str, op: str, attributes: dict[str, int], output: str) -> Step:
    """A node behind the network, through a cast."""
    step = reading.message.maker.get(value)
    if step is not None and step.op == "Cast":
        step = reading.message.maker.get(step.inputs[0])
    if step is None or step.op != op or not step.name.startswith(f"{OUTPUT}{SLASH}"):
        raise reading.report.fault(output, "the last node", op, step.op if step else "none")
    if dict(step.attributes) != attributes:
        raise reading.report.fault(output, op, attributes, dict(step.attributes))
    reading.taken.add(step.name)
    return step


def _uncopied(reading: Reading, value: str) -> str:
    """What an output is a copy of, where a value is put out under two names."""
    step = reading.message.maker.get(value)
    if step is not None and step.op == "Identity" and step.name == f"{value}{SLASH}copy":
        reading.taken.add(step.name)
        return step.inputs[0]
    return value


def _same_node(reading: Reading, output: str, wanted: str, found: str | None) -> None:
    if wanted != found:
        raise reading.report.fault(output, "the layer that is put out", wanted, found)


def _declared(
    reading: Reading, settled: Settled, name: str, kind: int, shape: Shape, behind: str
) -> None:
    dims = _dims(settled, shape, behind)
    found = reading.message.outputs[name]
    if found != (kind, dims):
        raise reading.report.fault(name, "the output's type and shape", (kind, dims), found)
    given = _kind(reading, name)
    if given is not None and given != kind:
        raise reading.report.fault(name, "the type of its value", kind, given)


def _kind(reading: Reading, value: str) -> int | None:
    """The type of an output's value where a cast or a layer tells it."""
    step = reading.message.maker.get(value)
    if step is not None and step.op == "Identity":
        return reading.kind(step.inputs[0])
    return reading.kind(value)


def _dims(settled: Settled, shape: Shape, behind: str) -> Dims:
    """Dimensions as declared: names where the input's size is open, of their own where they are not the input's."""
    found: list[int | str] = [settled.batch or "batch"]
    names = {"H": "height", "W": "width"}
    for dim in shape:
        if not isinstance(dim, Size):
            found.append(dim)
        elif settled.size is not None:
            found.append(dim.at(dict(zip("HW", settled.size, strict=True))[dim.axis]))
        elif dim == Size(dim.axis):
            found.append(names[dim.axis])
        else:
            found.append(f"{names[dim.axis]}_{behind}")
    return tuple(found)


def read_declared(reading: Reading, settled: Settled) -> None:
    """The shapes declared of layers' values, where none depends on the input: each as the proof has it.

    Raises:
        ReadBackError: one is another, or not there.
    """
    wanted: dict[str, tuple[int, Dims]] = {}
    if settled.is_static and settled.size is not None:
        sizes = dict(zip("HW", settled.size, strict=True))
        of_images = {INPUT}
        for node in reading.graph:
            if node.name in settled.nodes and not of_images.isdisjoint(node.inputs):
                of_images.add(node.name)
                dims: Dims = (settled.batch or 0, *shape_at(node.shape, sizes))
                wanted[reading.named(node.name)] = (reading.kinds[node.name], dims)
    values = {reading.source(value): found for value, found in reading.message.declared.items()}
    public = {reading.source(name) for name in reading.message.outputs}
    for name, each in wanted.items():
        found = values.pop(name, None)
        if found != each and not (found is None and (name in public or name == INPUT)):
            raise reading.report.fault(name, "the declared type and shape", each, found)
    for source, found in values.items():
        if source not in wanted:
            raise reading.report.fault(source or "model", "a declared shape", None, found)
