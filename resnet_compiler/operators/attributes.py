"""Attributes of operators: how one is declared, and how a value of a spec is brought to its kind."""

from __future__ import annotations

import dataclasses
from dataclasses import MISSING
from typing import Any, Literal

Kind = Literal["count", "index", "pair", "number", "rate", "flag", "word", "dims"]
"""count: an integer from 1; index: an integer from 0; pair: one integer or [height, width]; number: one that float32 holds;
rate: a number from 0 to below 1; flag: true or false; word: one of several; dims: a list of integers from 1, of which one may be -1 (what is left)."""

Pair = tuple[int, int]
LEAST_FLOAT32 = 2.0**-126
"""The least positive number that float32 holds with all its digits; many runtimes take what is below for zero."""
GREATEST_FLOAT32 = (2 - 2.0**-23) * 2.0**127
MOST_DIMENSIONS = 8
"""Of a tensor; nothing that runs networks takes many more."""


def attribute(
    kind: Kind,
    doc: str,
    default: Any = MISSING,
    minimum: int | None = None,
    words: tuple[str, ...] = (),
) -> Any:
    """Declare an operator's attribute: what values it takes, and the sentence that documents it."""
    return dataclasses.field(
        default=default, metadata={"kind": kind, "doc": doc, "minimum": minimum, "words": words}
    )


def integer(value: object, minimum: int) -> int:
    """A whole number of at least ``minimum``.

    Raises:
        ValueError: it is something else; the message says what is needed.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1 != 0:
        raise ValueError(f"an integer is needed here, not {describe(value)}")
    if value < minimum:
        raise ValueError(f"{int(value)} is too small: the least value is {minimum}")
    return int(value)


def float32(value: float) -> float:
    """A number that float32 holds, in which every network computes.

    Raises:
        ValueError: it is infinite there, zero though it is not, or no number; the message says which.
    """
    size = abs(value)
    if not size <= GREATEST_FLOAT32:
        raise ValueError(f"{value} is not a float32, which ends at {GREATEST_FLOAT32:.8g}")
    if 0 < size < LEAST_FLOAT32:
        raise ValueError(
            f"{value} is not a float32: the least above zero is {LEAST_FLOAT32:.8g}; write 0"
        )
    return float(value)


def describe(value: object) -> str:
    """A value as an error message names it."""
    match value:
        case None:
            return "`none`"
        case bool():
            return f"`{str(value).lower()}`"
        case str():
            return f"the word `{value}`"
        case int() | float():
            return f"the number {value}"
        case list() | tuple():
            return f"a list of {len(value)}"
    return "a block"


def coerce(field: dataclasses.Field[Any], value: object) -> Any:
    """Bring a value to the attribute's kind.

    Raises:
        ValueError: the value is not of that kind; the message says what is.
    """
    kind: Kind = field.metadata["kind"]
    minimum = field.metadata["minimum"]
    match kind:
        case "count":
            return integer(value, 1 if minimum is None else minimum)
        case "index":
            return integer(value, 0 if minimum is None else minimum)
        case "pair":
            values = value if isinstance(value, list | tuple) else (value, value)
            if len(values) != 2:
                raise ValueError(f"one integer or [height, width] is needed, not {describe(value)}")
            least = 1 if minimum is None else minimum
            return (integer(values[0], least), integer(values[1], least))
        case "number":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"a number is needed here, not {describe(value)}")
            if minimum is not None and value < minimum:
                raise ValueError(f"{value} is too small: the least value is {minimum}")
            return float32(value)
        case "rate":
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"a number is needed here, not {describe(value)}")
            if not 0 <= value < 1:
                raise ValueError(f"a rate is from 0 to below 1, not {value}")
            return float32(value)
        case "word":
            words = field.metadata["words"]
            if value not in words:
                raise ValueError(f"one of {', '.join(words)} is needed, not {describe(value)}")
            return value
        case "dims":
            dims = value if isinstance(value, list | tuple) else (value,)
            if len(dims) > MOST_DIMENSIONS:
                raise ValueError(f"a tensor has {MOST_DIMENSIONS} dimensions at most")
            if not dims or sum(dim == -1 for dim in dims) > 1:
                raise ValueError("a list of integers is needed, of which one at most is -1")
            return tuple(-1 if dim == -1 else integer(dim, 1) for dim in dims)
        case "flag":
            if not isinstance(value, bool):
                raise ValueError(f"`true` or `false` is needed here, not {describe(value)}")
            return value
