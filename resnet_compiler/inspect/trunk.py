"""The trunk of an ONNX graph by its structure: weighted layers as the paper counts them, and residual adds.

An add joins branches that parted at one node, the last that every path to the add goes through. Where one branch has
exactly one layer with weights on its way and another has more, the one is a projection shortcut. Where both have one,
the smaller window is the projection's; of two windows of one size neither is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

from resnet_compiler.inspect.operators import MICROSOFT, WEIGHTED
from resnet_compiler.inspect.parameters import Roles
from resnet_compiler.inspect.shapes import Shape
from resnet_compiler.inspect.structure import Operation

_ADDS = {("", "Add"), ("", "Sum"), (MICROSOFT, "QLinearAdd")}
_PRODUCTS = {("", "Mul"), (MICROSOFT, "QLinearMul")}

Sides = Literal["exact", "broadcasts", "unequal", "unknown"]


@dataclass(frozen=True, slots=True)
class ResidualAdd:
    """An add that joins branches of the network, at least one of them with weights: are its sides of one shape?"""

    name: str
    sides: Sides
    shapes: tuple[Shape | None, ...]
    quantised: bool
    projection: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """An operation's place: where its paths came together last, and the most layers with weights on a path to it."""

    dominator: int
    depth: int
    jump: int
    layers: int
    last_layer: Operation | None


class _Trunk:
    """Places of the computed operations, by index; 0 is what stands before all of them, the inputs."""

    def __init__(self, roles: Roles) -> None:
        self.roles = roles
        self.places = [_Place(0, 0, 0, 0, None)]
        self.index: dict[str, int] = dict.fromkeys(roles.structure.inputs, 0)
        self.skipped: dict[int, frozenset[str]] = {}
        self.adds: list[ResidualAdd] = []
        for operation in roles.structure.operations:
            if roles.is_computed(operation):
                self._place(operation)

    def _place(self, operation: Operation) -> None:
        sources = [name for name in operation.reads if name in self.roles.computed]
        indices = [self.index[name] for name in sources]
        dominator = indices[0] if indices else 0
        for other in indices[1:]:
            dominator = self._meet(dominator, other)
        aside = self._set_aside(operation, dominator)
        followed = (
            [i for name, i in zip(sources, indices, strict=True) if name not in aside]
            or indices
            or [0]
        )
        deepest = max(followed, key=lambda i: self.places[i].layers)
        layers, last = self.places[deepest].layers, self.places[deepest].last_layer
        if self.roles.weight(operation) is not None:
            layers, last = layers + 1, operation
        above, twice = self.places[dominator], self.places[self.places[dominator].jump]
        # each place knows its dominator and one far above it, so that two of them meet in few steps
        is_even = above.depth - twice.depth == twice.depth - self.places[twice.jump].depth
        jump = twice.jump if is_even else dominator
        self.places.append(_Place(dominator, above.depth + 1, jump, layers, last))
        for name in operation.outputs:
            self.index[name] = len(self.places) - 1
        self.skipped[operation.index] = aside

    def _meet(self, a: int, b: int) -> int:
        """The last place that every path to both goes through."""
        places = self.places
        if places[a].depth > places[b].depth:
            a, b = b, a
        while places[b].depth > places[a].depth:
            b = (
                places[b].jump
                if places[places[b].jump].depth >= places[a].depth
                else places[b].dominator
            )
        while a != b:
            if places[a].jump != places[b].jump:
                a, b = places[a].jump, places[b].jump
            else:
                a, b = places[a].dominator, places[b].dominator
        return a

    def _set_aside(self, operation: Operation, dominator: int) -> frozenset[str]:
        """The inputs that do not lead along the trunk: the gate of a product, the shortcut of an add."""
        key = (operation.domain, operation.type)
        sides = self.roles.branches(operation)
        if len(sides) < 2 or key not in _ADDS | _PRODUCTS:
            return frozenset()
        shapes = [self.roles.typed.shape(name) for name in sides]
        if key in _PRODUCTS:
            gate = sides[1] if _is_within(shapes[1], shapes[0]) else sides[0]
            return frozenset({gate}) - frozenset({sides[0]} if sides[0] == sides[1] else ())
        base = self.places[dominator].layers
        counts = [self.places[self.index[name]].layers - base for name in sides]
        if not any(counts):
            return frozenset()
        shortcut = self._projection(sides, counts)
        is_quantised = operation.domain == MICROSOFT or all(map(self._is_dequantised, sides))
        compared = compare(shapes)
        found = ResidualAdd(operation.name, compared, tuple(shapes), is_quantised, bool(shortcut))
        self.adds.append(found)
        if compared == "broadcasts" and len(sides) == 2:
            return frozenset({sides[1] if _is_within(shapes[1], shapes[0]) else sides[0]})
        if compared == "unknown" and len(sides) == 2:
            return shortcut or self._gate(sides, shapes)
        return shortcut

    def _gate(self, sides: Sequence[str], shapes: Sequence[Shape | None]) -> frozenset[str]:
        """The side with ones where the other's dimensions are open: it broadcasts at every size but the smallest."""
        smaller = [
            _is_within(*pair) and not _is_within(*pair[::-1]) for pair in (shapes, shapes[::-1])
        ]
        return frozenset(
            name for name, is_smaller in zip(sides, smaller, strict=True) if is_smaller
        )

    def _projection(self, sides: Sequence[str], counts: Sequence[int]) -> frozenset[str]:
        single = [name for name, count in zip(sides, counts, strict=True) if count == 1]
        if any(count > 1 for count in counts):
            return frozenset(single) if len(single) < len(sides) else frozenset()
        if len(sides) != 2 or len(single) != 2:
            return frozenset()
        windows = [self._window(self.places[self.index[name]].last_layer) for name in sides]
        if windows[0] == windows[1]:
            return frozenset()
        return frozenset({sides[windows.index(min(windows))]})

    def _window(self, operation: Operation | None) -> int:
        """How many pixels a layer sees at a time."""
        assert operation is not None
        weight = operation.inputs[WEIGHTED[operation.domain, operation.type][1]]
        return prod((self.roles.typed.numbers(weight) or ())[2:])

    def _is_dequantised(self, name: str) -> bool:
        maker = self.roles.structure.maker.get(name)
        return maker is not None and maker.type == "DequantizeLinear"

    @cached_property
    def weighted(self) -> frozenset[int]:
        """The layers along the trunk, from the outputs back."""
        structure, computed = self.roles.structure, self.roles.computed
        found: set[int] = set()
        seen: set[int] = set()
        waiting = list(structure.outputs)
        while waiting:
            name = waiting.pop()
            operation = structure.maker.get(name)
            if operation is None or name not in computed or operation.index in seen:
                continue
            seen.add(operation.index)
            if self.roles.weight(operation) is not None:
                found.add(operation.index)
            aside = self.skipped[operation.index]
            waiting += [each for each in operation.reads if each not in aside]
        return frozenset(found)


@dataclass(frozen=True)
class Trunk:
    """Weighted layers, by their place in the file, and residual adds, in the order in which they run."""

    weighted: frozenset[int]
    adds: tuple[ResidualAdd, ...]


def follow(roles: Roles) -> Trunk:
    """The trunk of a graph."""
    trunk = _Trunk(roles)
    return Trunk(trunk.weighted, tuple(trunk.adds))


def compare(shapes: Sequence[Shape | None]) -> Sides:
    """Whether the sides of an add are of one shape."""
    first, *others = shapes
    if first is None or any(shape is None for shape in others):
        return "unknown"
    verdicts = {_compare(first, shape) for shape in others if shape is not None}
    order: tuple[Sides, ...] = ("unequal", "broadcasts", "unknown", "exact")
    return next(verdict for verdict in order if verdict in verdicts)


def _compare(left: Shape, right: Shape) -> Sides:
    if len(left) != len(right):
        return "broadcasts"
    pairs = [(a, b) for a, b in zip(left, right, strict=True) if a != b or a is None]
    numbers = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int)]
    if any(1 not in pair for pair in numbers):
        return "unequal"
    if numbers:
        return "broadcasts"
    return "unknown" if pairs else "exact"


def _is_within(shape: Shape | None, other: Shape | None) -> bool:
    """Whether a shape has no more elements than another, as far as it is known."""
    if shape is None or other is None:
        return True
    pairs = list(zip(shape, other, strict=False))
    known = all(isinstance(dim, int) for dims in (shape, other) for dim in dims)
    if known:
        return prod(d for d in shape if isinstance(d, int)) <= prod(
            d for d in other if isinstance(d, int)
        )
    return len(shape) <= len(other) and not any(b == 1 != a for a, b in pairs)
