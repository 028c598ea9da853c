"""The graph of an ONNX file as operations in an order in which they can run: checked, local functions expanded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.inspect.library import Library, LibraryError
from resnet_compiler.inspect.lowering import lowered
from resnet_compiler.inspect.operators import Key
from resnet_compiler.inspect.tensors import tensor_problem, tensors_in, text
from resnet_compiler.inspect.wire import OnnxFile

if TYPE_CHECKING:
    import onnx

CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")
MOST_EXPANDED = 50_000
"""Functions are expanded where no more nodes than this come of it."""
DEEPEST_CALL = 50
_DEFAULT_DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True, slots=True)
class Operation:
    """A node, or one of those that a fused one stands for.

    ``index`` tells operations apart, ``node`` is the place in the file of the ``whole`` node; a part of a fused one is
    ``last`` where nothing of it comes after. A node without a name has its first output's. ``captured``
    are values that the bodies of control flow read from around them.
    """

    index: int
    node: int
    whole: onnx.NodeProto
    last: bool
    name: str
    domain: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    captured: tuple[str, ...]
    proto: onnx.NodeProto

    @property
    def operator(self) -> str:
        """The operator's name in the file, with its domain where that is not ONNX's own."""
        domain, kind = self.written
        return f"{domain}.{kind}" if domain else kind

    @property
    def written(self) -> Key:
        """The operator that it is in the file."""
        domain = text(self.whole.domain)
        return ("" if domain in _DEFAULT_DOMAINS else domain, text(self.whole.op_type))

    @property
    def key(self) -> Key:
        """The operator that it is counted as."""
        return (self.domain, self.type)

    @property
    def reads(self) -> Iterator[str]:
        """Every value it reads."""
        yield from (name for name in self.inputs if name)
        yield from self.captured

    def integer(self, name: str, default: int) -> int:
        """An integer attribute's value."""
        return integer(self.proto, name, default)

    def tensor(self, name: str) -> onnx.TensorProto | None:
        """A tensor attribute's value."""
        found = (a.t for a in self.proto.attribute if a.name == name and a.HasField("t"))
        return next(found, None)


@dataclass(frozen=True)
class Structure:
    """A checked graph. ``inputs`` are those that are fed: initializers among the graph's inputs are left out."""

    model: onnx.ModelProto
    operations: tuple[Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    initializers: Mapping[str, onnx.TensorProto]
    sparse: Mapping[str, onnx.SparseTensorProto]
    maker: Mapping[str, Operation]
    """The operation that makes a value."""
    local: frozenset[Key] = frozenset()
    """Local functions that are called and could not be expanded."""


def expand_functions(
    model: onnx.ModelProto, library: Library, warnings: list[Diagnostic]
) -> onnx.ModelProto:
    """The model with calls of its local functions replaced by what they do, where that can be done."""
    if not model.functions:
        return model
    expanded = _expanded_count(model)
    why = f"they would become more than {MOST_EXPANDED:,} nodes, or call each other without end"
    if expanded is not None and expanded <= MOST_EXPANDED:
        try:
            return library.call("expand", model)
        except LibraryError as reason:
            why = str(reason)
    count = len(model.functions)
    warnings.append(
        error(
            codes.INCOMPLETE_INSPECTION,
            f"the {count} local function{'s' * (count > 1)} cannot be expanded, so calls count as single operators",
            notes=[why],
            severity="warning",
        )
    )
    return model


def _expanded_count(model: onnx.ModelProto) -> int | None:
    """How many nodes there are once functions are expanded; None where calls lie too deep, as they do in a circle."""
    bodies = {(text(f.domain), text(f.name)): f.node for f in model.functions}
    known: dict[tuple[str, str], int] = {}

    def count(nodes: Any, depth: int) -> int:
        total = 0
        for node in nodes:
            key = (text(node.domain), text(node.op_type))
            if key in bodies and key not in known:
                if depth == DEEPEST_CALL:
                    raise RecursionError
                known[key] = count(bodies[key], depth + 1)
            total += known.get(key, 1)
        return total

    try:
        return count(model.graph.node, 0)
    except RecursionError:
        return None


def build(file: OnnxFile, model: onnx.ModelProto, warnings: list[Diagnostic]) -> Structure:
    """Check a file's graph (in ``model`` its functions are expanded) and order its nodes so that they can run.

    Raises:
        SpecError: the graph does not hold together; carries every fault found, the first few of a kind.
    """
    graph = model.graph
    faults = list(file.faults)
    if not model.opset_import and model.ir_version >= 3:
        faults.append("it does not say which opset it is of")
    faults += (fault for tensor in tensors_in(graph) if (fault := tensor_problem(tensor)))
    initializers = {text(tensor.name): tensor for tensor in graph.initializer}
    sparse = {text(tensor.values.name): tensor for tensor in graph.sparse_initializer}
    inputs = [text(value.name) for value in graph.input]
    operations = list(_operations(graph.node))
    stored = [text(t.name) for t in graph.initializer]
    stored += [text(t.values.name) for t in graph.sparse_initializer]
    made = [name for operation in operations for name in operation.outputs if name]
    faults += _twice(stored, "initializers")
    faults += _twice(inputs, "inputs")
    given = dict.fromkeys((*stored, *inputs))
    faults += _twice([*given, *made], "values")
    known = {*given, *made}
    for operation in operations:
        missing = [name for name in operation.reads if name not in known]
        faults += (
            f"the node `{operation.name}` reads `{name}`, which nothing makes" for name in missing
        )
    outputs = [text(value.name) for value in graph.output]
    faults += (f"the output `{name}` is made by nothing" for name in outputs if name not in known)
    if not outputs:
        faults.append("it has no outputs")
    if not faults:
        operations = _ordered(operations, given, faults, warnings)
    if faults:
        raise SpecError(_told(file.path, faults))
    return Structure(
        model,
        tuple(operations),
        tuple(name for name in inputs if name not in initializers and name not in sparse),
        tuple(outputs),
        initializers,
        sparse,
        {name: operation for operation in operations for name in operation.outputs if name},
        frozenset((text(each.domain), text(each.name)) for each in model.functions),
    )


SHOWN_FAULTS = 5


def _told(path: str, faults: list[str]) -> list[Diagnostic]:
    shown = [
        error(codes.BROKEN_MODEL, f"{path} does not hold together: {fault}")
        for fault in faults[:SHOWN_FAULTS]
    ]
    more = len(faults) - SHOWN_FAULTS
    if more > 0:
        shown.append(
            error(codes.BROKEN_MODEL, f"{path} does not hold together: {more:,} more faults")
        )
    return shown


def _twice(names: list[str], what: str) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"two {what} are called `{name}`"
        seen.add(name)


def _operations(nodes: Iterable[onnx.NodeProto]) -> Iterator[Operation]:
    index = 0
    for place, node in enumerate(nodes):
        parts = lowered(place, node)
        for part in parts:
            yield _operation(index, place, part, node, part is parts[-1])
            index += 1


def _operation(
    index: int, place: int, node: onnx.NodeProto, whole: onnx.NodeProto, last: bool
) -> Operation:
    outputs = tuple(text(name) for name in node.output)
    domain = text(node.domain)
    name = text(node.name) or next((name for name in outputs if name), f"#{index}")
    return Operation(
        index,
        place,
        whole,
        last,
        name,
        "" if domain in _DEFAULT_DOMAINS else domain,
        text(node.op_type),
        tuple(text(each) for each in node.input),
        outputs,
        tuple(dict.fromkeys(name for body in bodies_of(node) for name in _captured(body))),
        node,
    )


def integer(node: onnx.NodeProto, name: str, default: int = 0) -> int:
    """An integer attribute's value."""
    found = (int(a.i) for a in node.attribute if a.name == name and a.type == a.INT)
    return next(found, default)


def bodies_of(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs inside a node, which control flow runs."""
    bodies = [a.g for a in node.attribute if a.HasField("g")]
    return bodies + [graph for a in node.attribute for graph in a.graphs]


def _captured(body: onnx.GraphProto) -> Iterator[str]:
    """The values that a body reads and does not make, those of bodies inside it among them."""
    made = {text(value.name) for value in body.input} | {text(t.name) for t in body.initializer}
    made |= {text(t.values.name) for t in body.sparse_initializer}
    made |= {text(name) for node in body.node for name in node.output}
    read = [text(name) for node in body.node for name in node.input]
    read += [text(value.name) for value in body.output]
    for node in body.node:
        for attribute in node.attribute:
            inner = [attribute.g] if attribute.HasField("g") else []
            for graph in (*inner, *attribute.graphs):
                read += _captured(graph)
    return (name for name in dict.fromkeys(read) if name and name not in made)


def _ordered(
    operations: list[Operation],
    given: Collection[str],
    faults: list[str],
    warnings: list[Diagnostic],
) -> list[Operation]:
    """The operations in an order in which they can run, the file's where that is one."""
    maker = {name: index for index, each in enumerate(operations) for name in each.outputs}
    needs = [{maker[name] for name in each.reads if name not in given} for each in operations]
    if all(all(need < index for need in each) for index, each in enumerate(needs)):
        return operations
    readers: list[list[int]] = [[] for _ in operations]
    for index, each in enumerate(needs):
        for need in sorted(each):
            readers[need].append(index)
    left = [len(each) for each in needs]
    ready = [index for index, count in enumerate(left) if not count][::-1]
    order = []
    while ready:
        index = ready.pop()
        order.append(index)
        for reader in readers[index]:
            left[reader] -= 1
            if not left[reader]:
                ready.append(reader)
    if len(order) < len(operations):
        stuck = next(index for index, count in enumerate(left) if count)
        faults.append(f"its nodes go in a circle, through `{operations[stuck].name}` or beside it")
        return operations
    late = next(i for i, each in enumerate(needs) if any(need >= i for need in each))
    summary = "the nodes are not in an order in which they can run, as the format asks"
    note = f"`{operations[late].name}` comes before what it reads"
    warnings.append(error(codes.INCOMPLETE_INSPECTION, summary, notes=[note], severity="warning"))
    return [operations[index] for index in order]
