"""Values with the places they were written at: what the rest of the compiler knows of YAML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from resnet_compiler.diagnostics import Span

Value: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value; ``quoted`` tells text in quotes or a block (`|`, `>`) from a plain word."""

    value: Value
    span: Span
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Entries in the text's order; keys are strings, and no two are equal."""

    entries: tuple[tuple[Scalar, Node], ...]
    span: Span
    _places: dict[Value, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, key: str) -> Node | None:
        at = self._at(key)
        return None if at is None else self.entries[at][1]

    def key(self, key: str) -> Scalar | None:
        at = self._at(key)
        return None if at is None else self.entries[at][0]

    def _at(self, key: str) -> int | None:
        """The place of a key's entry, from an index that is made when it is first asked for."""
        if not self._places:
            self._places.update((name.value, at) for at, (name, _) in enumerate(self.entries))
        return self._places.get(key)

    def keys(self) -> tuple[str, ...]:
        return tuple(str(name.value) for name, _ in self.entries)


Node: TypeAlias = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The same values as dicts, lists and scalars."""
    if isinstance(node, Mapping):
        return {name.value: plain(value) for name, value in node.entries}
    return [plain(item) for item in node.items] if isinstance(node, Sequence) else node.value


def locate(node: Node, path: Iterable[str | int]) -> Span:
    """The span of the value at ``path``, or of the deepest value on the way that exists."""
    return _walk(node, path)[-1].span


def locate_key(node: Node, path: Iterable[str | int]) -> Span:
    """The span of the key that ends ``path``; where there is none, what ``locate`` says."""
    steps = tuple(path)
    way = _walk(node, steps[:-1])
    parent, last = way[-1], steps[-1] if steps else None
    if len(way) == len(steps) and isinstance(parent, Mapping) and isinstance(last, str):
        key = parent.key(last)
        if key is not None:
            return key.span
    return locate(node, steps)


def _walk(node: Node, path: Iterable[str | int]) -> list[Node]:
    """The nodes from ``node`` along ``path``, as far as it leads."""
    way = [node]
    for step in path:
        below: Node | None = None
        if isinstance(node, Mapping) and isinstance(step, str):
            below = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and 0 <= step < len(node.items):
            below = node.items[step]
        if below is None:
            break
        node = below
        way.append(node)
    return way
