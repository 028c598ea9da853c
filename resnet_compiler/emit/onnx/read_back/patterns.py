"""Patterns over ONNX nodes, and how one is matched: from a layer's own node back to the values that the layer reads.

An attribute that a pattern does not mention must have the specification's default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resnet_compiler.emit.onnx.read_back.message import Message, Step
from resnet_compiler.emit.onnx.read_back.numbers import INT64, is_stored, single
from resnet_compiler.emit.onnx.read_back.specification import OPERATORS, PER_AXIS, REQUIRED


@dataclass(frozen=True, slots=True)
class Input:
    """What the layer reads at this position: the same value wherever the position stands in a pattern."""

    position: int


@dataclass(frozen=True, slots=True)
class Nothing:
    """An optional input that is left out, though others follow."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the node reads, at least two."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One of the layer's tensors. An optional one is left out where the node has fewer inputs."""

    slot: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Integers:
    """A constant int64 vector: of these values, or of any, which are kept under a name."""

    values: tuple[int, ...] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Floats:
    """A constant float tensor of these dimensions (None: any): of these values, or of any, kept under a name."""

    values: tuple[float, ...] | None = None
    name: str = ""
    dims: tuple[int, ...] | None = ()


@dataclass(frozen=True, slots=True)
class ShapeOf:
    """The shape of an input: taken by a node, or written as a constant, which is kept under a name."""

    position: int
    name: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the layer. An attribute's value is given, or a `Bind` that keeps what it is."""

    op: str
    inputs: tuple[Element, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Chain:
    """A sum of two or more inputs, added one by one from the left."""

    op: str


Element = Input | Nothing | Inputs | Weight | Integers | Floats | ShapeOf | Node | Chain


@dataclass(frozen=True, slots=True)
class Bind:
    """Keep an attribute under this name."""

    name: str


def node(op: str, *inputs: Element, **attributes: Any) -> Node:
    """A pattern for a node; what is not given must be the default."""
    expected: dict[str, Any] = {}
    for name, default in OPERATORS[op].defaults.items():
        if name in attributes:
            value = attributes.pop(name)
            expected[name] = single(value) if isinstance(value, float) else value
        elif default is REQUIRED or default is PER_AXIS:
            expected[name] = Bind("")  # looked at by name, where it matters
        elif isinstance(default, float):
            expected[name] = single(default)
        else:
            expected[name] = default
    if attributes:
        raise ValueError(f"{op} has no {', '.join(attributes)}")
    return Node(op, inputs, expected)


def described(pattern: Element, depth: int = 4) -> str:
    """A pattern of given values as nested calls, for a message; what is nested deeper is left out."""
    match pattern:
        case Node(op, inputs, _):
            parts = [described(each, depth - 1) for each in inputs] if depth else ["…"]
            return f"{op}({', '.join(parts)})"
        case Integers(values) | Floats(values):
            return str(list(values or ()))
        case Input():
            return "input"
    return ""


@dataclass(frozen=True, slots=True)
class Number:
    """A float constant that was found, and the number of its type."""

    value: float
    type: int


def equal(wanted: object, found: object) -> bool:
    """Whether an attribute that was found is what is wanted, as float32 or the constant's type has it."""
    if isinstance(wanted, tuple) and isinstance(found, tuple):
        return len(wanted) == len(found) and all(map(equal, wanted, found))
    if isinstance(found, Number):
        return isinstance(wanted, float) and is_stored(wanted, found.value, found.type)
    if isinstance(wanted, float):
        return isinstance(found, float) and single(wanted) == found
    return bool(wanted == found)


def shown(found: Any) -> Any:
    """An attribute that was found, for a message."""
    if isinstance(found, tuple):
        return tuple(map(shown, found))
    return found.value if isinstance(found, Number) else found


@dataclass(slots=True)
class Match:
    """What a pattern found: the values read, by position; tensors by slot; attributes; the nodes it took; float types."""

    inputs: dict[int, str] = field(default_factory=dict)
    tensors: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    taken: list[Step] = field(default_factory=list)
    types: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Matches patterns in one message.

    Attributes:
        message: where.
        source: what a layer reads where a value is named: through casts, to another layer's value. None: it is no value
            that a layer can read.
        prefix: how the names of nodes begin that belong to the layer (its own node apart).
        layers: names of nodes that are layers of their own.
    """

    message: Message
    source: Callable[[str], str | None]
    prefix: str
    layers: Mapping[str, object]

    def root(self, pattern: Node | Chain, step: Step) -> Match | None:
        """Match a pattern from the layer's own node on; None: it does not."""
        found = Match()
        if isinstance(pattern, Chain):
            return found if self._chain(pattern, step, found) else None
        return found if self._node(pattern, step, found) else None

    def value(self, pattern: Element, value: str) -> Match | None:
        """Match a pattern from a value on; None: it does not."""
        found = Match()
        return found if self._element(pattern, value, found) else None

    def _element(self, pattern: Element, value: str, found: Match) -> bool:
        match pattern:
            case Input(position):
                source = self.source(value)
                return source is not None and found.inputs.setdefault(position, source) == source
            case Node():
                step = self._own(value)
                return step is not None and self._node(pattern, step, found)
            case Weight(slot):
                tensor = self.message.tensors.get(value)
                if tensor is None:
                    return False
                found.types.append(tensor.type)
                return found.tensors.setdefault(slot, value) == value
            case Nothing():
                return value == ""
            case Integers(values, name):
                return self._integers(values, name, value, found)
            case Floats():
                return self._floats(pattern, value, found)
            case ShapeOf(position, name):
                if value in self.message.constants:
                    return self._integers(None, name, value, found)
                found.attributes[name] = "its input's"
                return self._element(node("Shape", Input(position)), value, found)
        return False

    def _own(self, value: str) -> Step | None:
        """The node that makes a value, where it belongs to the layer and is no layer itself."""
        step = self.message.maker.get(value)
        if step is None or step.name in self.layers or not step.name.startswith(self.prefix):
            return None
        return step

    def _node(self, pattern: Node, step: Step, found: Match) -> bool:
        if step.op != pattern.op:
            return False
        for name, expected in pattern.attributes.items():
            value = step.attributes[name]
            if not isinstance(expected, Bind):
                if value != expected:
                    return False
            elif found.attributes.setdefault(expected.name or name, value) != value:
                return False
        found.taken.append(step)
        wanted, given = pattern.inputs, step.inputs
        if wanted and isinstance(wanted[0], Inputs):
            return all(
                map(self._element, map(Input, range(len(given))), given, [found] * len(given))
            )
        if len(given) > len(wanted):
            return False
        for element in wanted[len(given) :]:
            if not (isinstance(element, Weight) and element.optional):
                return False
        return all(
            self._element(element, value, found)
            for element, value in zip(wanted, given, strict=False)
        )

    def _chain(self, pattern: Chain, step: Step, found: Match) -> bool:
        links = [step]
        while (before := self._own(links[-1].inputs[0])) is not None:
            if before.op != pattern.op:
                return False
            links.append(before)
        if any(link.op != pattern.op for link in links):
            return False
        found.taken.extend(links)
        values = [links[-1].inputs[0], *(link.inputs[1] for link in reversed(links))]
        return all(self._element(Input(at), value, found) for at, value in enumerate(values))

    def _integers(
        self, values: tuple[int, ...] | None, name: str, value: str, found: Match
    ) -> bool:
        constant = self.message.constants.get(value)
        if constant is None or constant.type != INT64 or constant.dims != (len(constant.values),):
            return False
        if name:
            found.attributes[name] = constant.values
        return values is None or values == constant.values

    def _floats(self, pattern: Floats, value: str, found: Match) -> bool:
        constant = self.message.constants.get(value)
        if constant is None or (pattern.dims is not None and constant.dims != pattern.dims):
            return False
        found.types.append(constant.type)
        if pattern.name:
            numbers = tuple(Number(each, constant.type) for each in constant.values)
            found.attributes[pattern.name] = numbers[0] if pattern.dims == () else numbers
            if pattern.dims is None:
                found.attributes[f"{pattern.name} dims"] = constant.dims
        return pattern.values is None or (
            len(pattern.values) == len(constant.values)
            and all(
                is_stored(wanted, each, constant.type)
                for wanted, each in zip(pattern.values, constant.values, strict=True)
            )
        )
