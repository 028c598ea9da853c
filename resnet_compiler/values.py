"""Values of expressions that are no numbers: what is unknown, a block or operator as a value, and what kind is expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from resnet_compiler.diagnostics import Span, SpecError, listed

if TYPE_CHECKING:
    from resnet_compiler.environment import Bound


class Unknown:
    """The value of what could not be evaluated; its error has been told."""

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN = Unknown()


class UnknownValue(SpecError):
    """Something depends on an unknown value. There is nothing more to say of it."""

    def __init__(self) -> None:
        super().__init__(())


@dataclass(frozen=True, slots=True)
class BlockCall:
    """A block or an operator as a value, with the arguments it was given."""

    word: str
    arguments: Mapping[str, Bound] = field(default_factory=dict)
    span: Span | None = None

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Wanted:
    """What kind of value is expected at a place, so that nothing of another kind is suggested there.

    ``what`` names the place (```padding` of `conv```), ``key`` is its last word; ``words`` are those of a choice.
    """

    form: Literal["number", "flag", "layer", "word"]
    what: str
    key: str
    words: tuple[str, ...] = ()

    def fits(self, value: object) -> bool:
        """Whether a name with this value could stand there."""
        if value is UNKNOWN or isinstance(value, tuple):
            return True
        match self.form:
            case "number":
                return isinstance(value, int | float) and not isinstance(value, bool)
            case "flag":
                return isinstance(value, bool)
            case "layer":
                return value is None or isinstance(value, BlockCall)
        return isinstance(value, str)

    @property
    def needs(self) -> str:
        """The kind in words."""
        forms = {"number": "a number", "flag": "`true` or `false`", "layer": "an operator or block"}
        return forms.get(self.form) or f"one of {listed(self.words)}"


def size_of(value: object, most: int) -> int:
    """How many parts a value has, itself among them; at ``most`` or more the count ends."""
    count, waiting = 0, [value]
    while waiting and count < most:
        each = waiting.pop()
        count += 1
        if isinstance(each, tuple):
            waiting += each
        elif isinstance(each, BlockCall):
            waiting += [bound.value for bound in each.arguments.values()]
    return count
