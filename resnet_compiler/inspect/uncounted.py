"""Operators of which it is not known what they store or multiply, and the figures that therefore have no number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, error
from resnet_compiler.inspect.operators import (
    FOREIGN,
    OWN_DEFAULT,
    RECURRENT,
    UNCOUNTED_PRODUCTS,
    WEIGHTED,
    Key,
)
from resnet_compiler.inspect.parameters import Roles
from resnet_compiler.inspect.structure import CONTROL_FLOW, Operation, bodies_of
from resnet_compiler.inspect.tensors import element_count, text

if TYPE_CHECKING:
    import onnx

Figure = Literal["parameters", "weighted layers", "MACs", "residual adds"]
FIGURES: tuple[Figure, ...] = ("parameters", "weighted layers", "MACs", "residual adds")

_DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml"}
"""The domains whose operators the onnx library knows, by the names they go under."""
_LARGEST_OPSET = 2**31 - 1
_LISTED = 5
_LONGEST = 60


@dataclass(frozen=True)
class Uncounted:
    """Figures without a number, and the warnings that say why."""

    figures: frozenset[Figure]
    warnings: tuple[Diagnostic, ...]


@dataclass(frozen=True)
class _Known:
    """Which operators are known: the onnx library's at the opsets of the model, and some of ONNX Runtime's."""

    opsets: Mapping[str, int]
    local: frozenset[Key]
    found: dict[Key, bool]

    def has(self, key: Key) -> bool:
        if key not in self.found:
            self.found[key] = self._has(key)
        return self.found[key]

    def is_none_of_onnx(self, key: Key) -> bool:
        """Whether it should be ONNX's own and is not, at this opset."""
        return key[0] in self.opsets and key not in self.local and not self.has(key)

    def _has(self, key: Key) -> bool:
        from onnx import defs

        domain, kind = key
        if key in self.local:
            return False
        if key in FOREIGN or (not domain and kind in OWN_DEFAULT):
            return True
        if domain not in self.opsets:
            return False
        try:
            defs.get_schema(kind, min(self.opsets[domain], _LARGEST_OPSET), domain)
        except defs.SchemaError:
            return False
        return True


def uncounted(roles: Roles) -> Uncounted:
    """What cannot be counted of a graph, and why."""
    model = roles.structure.model
    opsets = {
        _DOMAINS[name]: each.version
        for each in model.opset_import
        if (name := text(each.domain)) in _DOMAINS
    }
    known = _Known(opsets, roles.structure.local, {})
    lost: dict[Key, set[Figure]] = {}
    for operation in roles.structure.operations:
        figures = set(_lost(operation, roles, known))
        if figures or known.is_none_of_onnx(operation.key):
            lost.setdefault(operation.written, set()).update(figures)
    warnings = [_warning(*each, known) for each in list(lost.items())[:_LISTED]]
    if len(lost) > _LISTED:
        more = {figure for each in list(lost.values())[_LISTED:] for figure in each}
        summary = f"{len(lost) - _LISTED:,} more operators are not known, or not counted"
        warnings.append(_told(summary, more))
    unclear = list(roles.unclear)
    if unclear:
        name, reader = unclear[0]
        summary = f"`{name}` holds integers on their way into `{reader.name}`, and whether they are its weight or scale it is not known"
        warnings.append(_told(summary, {"parameters"}))
    filled = roles.blocked.unknown
    if filled:
        summary = f"the weight of `{filled[0].name}` is laid out in blocks of channels, and how many of them are real is not known"
        warnings.append(_told(summary, {"parameters", "MACs"}))
    either = [
        each
        for each in roles.structure.operations
        if roles.is_norm_or_filter(each) and roles.is_computed(each)
    ]
    if either:
        summary = f"`{either[0].name}` is a batch norm or a depthwise convolution of one pixel: in blocks of channels they look alike"
        warnings.append(_told(summary, {"weighted layers", "MACs"}))
    figures = {figure for each in lost.values() for figure in each}
    figures |= {"weighted layers", "MACs"} if either else set()
    figures |= {"parameters"} if unclear else set()
    figures |= {"parameters", "MACs"} if filled else set()
    return Uncounted(frozenset(figures), tuple(warnings))


def _warning(key: Key, lost: Iterable[Figure], known: _Known) -> Diagnostic:
    name = f"{key[0]}.{key[1]}"[-_LONGEST:].lstrip(".")
    if known.is_none_of_onnx(key):
        return _told(f"`{name}` is no operator of ONNX at the opset of the model", lost)
    if key in known.local or not known.has(key):
        return _told(f"what the operator `{name}` does is not known here", lost)
    return _told(f"what `{name}` multiplies or holds is not counted here", lost)


def _told(summary: str, lost: Iterable[Figure]) -> Diagnostic:
    names = [figure for figure in FIGURES if figure in set(lost)]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    notes = [f"so there is no number for {listed}"] if names else []
    notes = notes or ["what it computes is not known, nor is what depends on it"]
    return error(codes.INCOMPLETE_INSPECTION, summary, notes=notes, severity="warning")


def _lost(operation: Operation, roles: Roles, known: _Known) -> Iterator[Figure]:
    """The figures that an operation leaves without a number."""
    if operation.type in CONTROL_FLOW and not operation.domain:
        yield from _lost_in_bodies(operation, roles, known)
        return
    has_stored = _has_stored(operation, roles)
    if operation.key in UNCOUNTED_PRODUCTS:
        yield "MACs"
        if has_stored:
            yield from ("parameters", "weighted layers", "residual adds")
    elif not known.has(operation.key):
        if roles.is_computed(operation):
            yield "MACs"
            if len(roles.branches(operation)) > 1:
                yield "residual adds"
            if has_stored:
                yield from ("weighted layers", "residual adds")
        if has_stored:
            yield "parameters"
    elif operation.domain == "ai.onnx.ml" and has_stored:
        yield from FIGURES


def _has_stored(operation: Operation, roles: Roles) -> bool:
    """Whether an operator takes numbers that are stored in the file, as inputs or as attributes, or may hold some."""
    if operation.key in roles.structure.local:
        return True
    fixed = [name for name in operation.inputs if name and name not in roles.computed]
    kinds = ("TENSOR", "FLOATS", "TENSORS", "SPARSE_TENSOR", "SPARSE_TENSORS", "GRAPH", "GRAPHS")
    attributes = operation.proto.attribute
    return bool(fixed) or any(
        a.type in {a.AttributeType.Value(kind) for kind in kinds} for a in attributes
    )


def _lost_in_bodies(operation: Operation, roles: Roles, known: _Known) -> Iterator[Figure]:
    """Bodies are not walked: what is in them counts nowhere."""
    nodes = [node for body in bodies_of(operation.proto) for node in _nodes(body)]
    keys = {
        ("" if text(n.domain) in ("", "ai.onnx") else text(n.domain), text(n.op_type))
        for n in nodes
    }
    if any(
        key in UNCOUNTED_PRODUCTS or key in WEIGHTED or key in RECURRENT or not known.has(key)
        for key in keys
    ):
        yield from ("MACs", "weighted layers", "residual adds", "parameters")
    elif ("", "Add") in keys or ("", "Sum") in keys:
        yield "residual adds"
    stored = [t for body in bodies_of(operation.proto) for t in _stored(body)]
    captured = [name for name in operation.captured if name not in roles.computed]
    if any(element_count(t) > 1 for t in stored) or captured:
        yield "parameters"


def _nodes(body: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in body.node:
        yield node
        for inner in bodies_of(node):
            yield from _nodes(inner)


def _stored(body: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    from resnet_compiler.inspect.tensors import FLOATING, QUANTISED, tensors_in, type_name

    for tensor in tensors_in(body):
        if type_name(tensor.data_type) in (*FLOATING, *QUANTISED):
            yield tensor
