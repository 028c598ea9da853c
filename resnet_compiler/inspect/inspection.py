"""All that is told of one ONNX file, in one record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, error
from resnet_compiler.inspect import external, shapes, structure, trunk, wire
from resnet_compiler.inspect.costs import macs
from resnet_compiler.inspect.external import ExternalFile
from resnet_compiler.inspect.library import Library
from resnet_compiler.inspect.parameters import Leaf, Roles
from resnet_compiler.inspect.shapes import AS_DECLARED, Shape, Sizes, Typed
from resnet_compiler.inspect.structure import CONTROL_FLOW, Operation, bodies_of
from resnet_compiler.inspect.tensors import FLOATING, tensors_in, text
from resnet_compiler.inspect.trunk import ResidualAdd
from resnet_compiler.inspect.uncounted import Figure, uncounted

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An input or output: its type, its shape as the file declares it, and at the sizes inspected."""

    name: str
    type: str
    declared: Shape | None
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Layer:
    """A node at the sizes inspected. ``macs`` is None where shapes are not known. Parameters count where read first."""

    name: str
    operator: str
    output: Shape | None
    parameters: int
    macs: int | None
    weighted: bool


@dataclass(frozen=True, slots=True)
class Amount:
    """Numbers of one element type."""

    count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Precision:
    """In which types layers with weights work, how the quantised ones are written, and one word for all."""

    word: str
    layers: Mapping[str, int]
    schemes: tuple[str, ...]


@dataclass(frozen=True)
class Inspection:
    """What is in a file. Counts of nodes are those after local functions are expanded.

    ``unknown`` are figures that have no number, as operators that are not known may hold or multiply more.
    """

    path: str
    size: int
    ir_version: int
    opsets: Mapping[str, int]
    producer: str
    producer_version: str
    graph_name: str
    doc_string: str
    metadata: Mapping[str, str]
    inputs: tuple[Endpoint, ...]
    outputs: tuple[Endpoint, ...]
    operators: Mapping[str, int]
    functions: tuple[str, ...]
    control_flow: Mapping[str, int]
    body_nodes: int
    parameters: Mapping[str, Amount]
    statistics: int
    precision: Precision
    residual_adds: tuple[ResidualAdd, ...]
    external: tuple[ExternalFile, ...]
    layers: tuple[Layer, ...]
    diagnostics: tuple[Diagnostic, ...]
    unknown: frozenset[Figure]

    @property
    def valid(self) -> bool:
        return all(each.severity != "error" for each in self.diagnostics)

    @property
    def parameter_count(self) -> int | None:
        if "parameters" in self.unknown:
            return None
        return sum(each.count for each in self.parameters.values())

    @property
    def weighted_layers(self) -> int | None:
        if "weighted layers" in self.unknown:
            return None
        return sum(layer.weighted for layer in self.layers)

    @property
    def layers_aside(self) -> int:
        """Layers with weights that are not on the trunk."""
        return sum(self.precision.layers.values()) - sum(layer.weighted for layer in self.layers)

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates at the sizes inspected; None where shapes or operators are not known."""
        if "MACs" in self.unknown:
            return None
        each = [layer.macs for layer in self.layers]
        known = [macs for macs in each if macs is not None]
        return sum(known) if len(known) == len(each) else None


def inspect_file(path: str, library: Library, asked: Sizes = AS_DECLARED) -> Inspection:
    """Look into a file, here and now: for files of others, `process.Inspector` does it in a bounded process.

    Args:
        path: an .onnx file.
        library: the onnx library, which a hostile file could make abort.
        asked: what stands for dimensions that it leaves open. Without it, the batch is 1, and height and width are
            those for which our own files declare their MACs.

    Raises:
        SpecError: it cannot be read, is no ONNX model, or its graph does not hold together.
        SizeError: it does not take the sizes.
    """
    file = wire.open_model(path)
    warnings: list[Diagnostic] = []
    files, faults = external.look(path, tensors_in(file.model.graph))
    model = structure.expand_functions(file.model, library, warnings)
    built = structure.build(file, model, warnings)
    metadata = {text(each.key): text(each.value) for each in model.metadata_props}
    typed = shapes.infer(built, asked, _usual(metadata), library, warnings)
    roles = Roles(file, built, typed)
    followed = trunk.follow(roles)
    unknown = uncounted(roles)
    warnings += unknown.warnings
    layers = _layers(roles, followed.weighted)
    if "MACs" not in unknown.figures:
        warnings += _without_shapes(layers, typed)
    graph = file.model.graph
    return Inspection(
        path=path,
        size=file.size,
        ir_version=file.model.ir_version,
        opsets={text(each.domain) or "ai.onnx": each.version for each in file.model.opset_import},
        producer=text(file.model.producer_name),
        producer_version=text(file.model.producer_version),
        graph_name=text(graph.name),
        doc_string=text(file.model.doc_string) or text(graph.doc_string),
        metadata=metadata,
        inputs=tuple(_endpoint(v, typed) for v in graph.input if text(v.name) in built.inputs),
        outputs=tuple(_endpoint(value, typed) for value in graph.output),
        operators=_counted(o.operator for o in built.operations if o.last),
        functions=tuple(_function_name(each) for each in file.model.functions),
        control_flow=_counted(o.type for o in built.operations if o.type in CONTROL_FLOW),
        body_nodes=sum(_body_nodes(o) for o in built.operations),
        parameters=_amounts(roles.parameters),
        statistics=sum(leaf.elements for leaf in roles.statistics),
        precision=_precision(roles),
        residual_adds=followed.adds,
        external=files,
        layers=layers,
        diagnostics=tuple(_of_file(path, each) for each in (*faults, *warnings)),
        unknown=unknown.figures,
    )


def _of_file(path: str, found: Diagnostic) -> Diagnostic:
    return replace(found, summary=f"{path}: {found.summary}")


def _usual(metadata: Mapping[str, str]) -> Sizes:
    """One image; of the size for which the file says what its MACs are, where it does."""
    declared = re.fullmatch(r"(\d{1,6}) x (\d{1,6})", metadata.get("macs_at", ""))
    height, width = (int(declared[1]), int(declared[2])) if declared else (None, None)
    return Sizes(height, width, 1)


def _endpoint(value: onnx.ValueInfoProto, typed: Typed) -> Endpoint:
    kind, declared = shapes.value_type(value)
    name = text(value.name)
    return Endpoint(name, kind, declared, typed.inputs.get(name, typed.shape(name)))


def _counted(names: Iterable[str]) -> dict[str, int]:
    """Each name with its number, the most frequent first."""
    counts = Counter(names)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _function_name(function: onnx.FunctionProto) -> str:
    return f"{text(function.domain)}.{text(function.name)}"


def _body_nodes(operation: Operation) -> int:
    return sum(len(body.node) for body in bodies_of(operation.proto))


def _amounts(leaves: Iterable[Leaf]) -> dict[str, Amount]:
    """How many there are of each element type, the most first."""
    amounts: dict[str, Amount] = {}
    for leaf in leaves:
        before = amounts.get(leaf.type, Amount(0, 0))
        amounts[leaf.type] = Amount(before.count + leaf.elements, before.bytes + leaf.bytes)
    return dict(sorted(amounts.items(), key=lambda item: (-item[1].count, item[0])))


def _precision(roles: Roles) -> Precision:
    """From the types of the weights; without any, from those of the parameters or inputs."""
    types, schemes = [], []
    for operation in roles.structure.operations:
        weight = roles.weight(operation)
        if weight is not None:
            types.append(roles.weight_type(weight))
            schemes.append(roles.quantised_by(operation, weight) or "")
    floating = [leaf.type for leaf in roles.parameters if leaf.type in FLOATING]
    fed = (roles.typed.types[name] for name in roles.structure.inputs)
    used = _counted(types or floating or (each for each in fed if each in FLOATING))
    kinds = list(dict.fromkeys((*used, *(floating if not any(schemes) else ()))))
    word = kinds[0] if len(kinds) == 1 else f"mixed: {', '.join(kinds)}" if kinds else "none"
    how = tuple(dict.fromkeys(scheme for scheme in schemes if scheme))
    word += f" ({', '.join(how)})" if how else ""
    return Precision(word, _counted(types), how)


def _without_shapes(layers: Sequence[Layer], typed: Typed) -> list[Diagnostic]:
    """A warning where MACs have no number although the sizes of all inputs have: those that are open are told elsewhere."""
    names = [layer.name for layer in layers if layer.macs is None]
    is_open = any(
        not isinstance(dim, int) for shape in typed.inputs.values() for dim in shape or (None,)
    )
    if not names or is_open:
        return []
    summary = f"there is no number for MACs: the shapes of {len(names):,} layers are not known"
    note = f"the first of them is `{names[0]}`"
    return [error(codes.INCOMPLETE_INSPECTION, summary, notes=[note], severity="warning")]


def _layers(roles: Roles, weighted: frozenset[int]) -> tuple[Layer, ...]:
    """The nodes of the file; what a fused one stands for is one layer."""
    parameters = Counter[int]()
    for leaf in roles.parameters:
        parameters[leaf.reader] += leaf.elements
    parts: dict[int, list[Operation]] = {}
    for operation in roles.structure.operations:
        parts.setdefault(operation.node, []).append(operation)
    return tuple(_layer(each, roles, parameters, weighted) for each in parts.values())


def _layer(
    parts: Sequence[Operation],
    roles: Roles,
    parameters: Mapping[int, int],
    weighted: frozenset[int],
) -> Layer:
    last = next(part for part in parts if part.last)
    costs = [macs(part, roles) for part in parts]
    return Layer(
        last.name,
        last.operator,
        roles.typed.shape(last.outputs[0]) if last.outputs else None,
        sum(parameters.get(part.index, 0) for part in parts),
        None if None in costs else sum(each or 0 for each in costs),
        any(part.index in weighted for part in parts),
    )
