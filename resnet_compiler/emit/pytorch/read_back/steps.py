"""The vocabulary in which a graph and emitted source are compared: steps, each one operation with its attributes.

Both sides are written in it by tables that know nothing of each other: `modules` and `functions` say what a call of
PyTorch means, from PyTorch's documentation; `expected` says what an operator of the graph means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Lines = tuple[int, int]
"""The first and the last line, from 1."""

HE = "He's normal values over the fan-out"
TORCH = "PyTorch's own random values"
COUNTER = "a counter at 0"

Initial = str | float
"""What a tensor begins with: `HE`, `TORCH`, `COUNTER`, or the number that fills it."""


class UnreadableError(Exception):
    """Emitted source has something that this reader gives no meaning to.

    ``path`` is the attribute under construction or called, as far as it is known; it grows on the way out.
    """

    def __init__(self, reason: str, lines: Lines | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.lines = lines
        self.path: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """What cannot be read, with its line."""
        return f"{self.reason} (line {self.lines[0]})" if self.lines else self.reason


@contextmanager
def within(part: str) -> Iterator[None]:
    """Say of what cannot be read that it stands in this attribute; "" says nothing."""
    try:
        yield
    except UnreadableError as fault:
        fault.path = (part, *fault.path) if part else fault.path
        raise


@dataclass(frozen=True, slots=True)
class Owned:
    """A tensor of a layer: its name behind the layer's, its shape, and whether it is trained."""

    name: str
    shape: tuple[Any, ...]
    trainable: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One operation. Equal ones are one object (`Steps`), so they are compared and hashed by identity.

    ``is_random``: two calls on one value differ, as those of dropout do.
    """

    operator: str
    attributes: tuple[tuple[str, Any], ...]
    tensors: tuple[Owned, ...]
    is_random: bool

    @property
    def title(self) -> str:
        """The operation with its attributes, for a message."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.attributes)
        return f"{self.operator}({given})" if given else self.operator


@dataclass(slots=True)
class Steps:
    """Makes steps, each once."""

    _known: dict[Any, Step] = field(default_factory=dict)

    def __call__(
        self,
        operator: str,
        tensors: tuple[Owned, ...] = (),
        is_random: bool = False,
        **attributes: Any,
    ) -> Step:
        given = tuple(attributes.items())
        key = (operator, given, tensors, is_random)
        try:
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = Step(operator, given, tensors, is_random)
        except TypeError:
            raise UnreadableError(f"{operator} is given {attributes}") from None
        return found
