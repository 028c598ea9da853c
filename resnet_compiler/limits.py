"""Limits on what a spec may ask for, checked before the work they bound. One frozen record, passed where it is needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace


def _limit(default: int, doc: str, most: int = 10**18) -> int:
    value: int = field(default=default, metadata={"doc": doc, "most": most})
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    """Each field is the largest value accepted. ``most`` in a field's metadata is how far it can be raised.

    The defaults hold every published residual network with room to spare, and let no text of a kilobyte take more than
    about a second and 200 MB.
    """

    text_bytes: int = _limit(1_000_000, "bytes of a spec's files together")
    text_depth: int = _limit(50, "levels of lists and mappings inside each other", 200)
    text_nodes: int = _limit(100_000, "values in a spec's files together")
    integer: int = _limit(2**53, "size of a written integer")
    attribute: int = _limit(
        2**20, "size of an attribute (channels, kernel, stride, groups, …), and what they add up to"
    )
    layers: int = _limit(10_000, "blocks, turns of one `repeat`, and layers of a network")
    steps: int = _limit(
        100_000, "blocks, turns, layers and values looked at, those left out among them"
    )
    nesting: int = _limit(16, "blocks and `repeat`s inside each other; specs behind `extends`", 64)
    name_length: int = _limit(500, "characters of a layer's full name")
    name_parts: int = _limit(50, "parts of a layer's full name, with dots between", 100)
    parameters: int = _limit(10**11, "trainable parameters of a network")
    tensor: int = _limit(
        2**29, "numbers of one tensor: it is in memory as a whole, 2 GiB as float32"
    )


DEFAULT_LIMITS = Limits()


def limit_names() -> tuple[str, ...]:
    """The limits there are, in the order of the pipeline."""
    return tuple(each.name for each in fields(Limits))


def limit_docs() -> dict[str, str]:
    """What each limit counts."""
    return {each.name: each.metadata["doc"] for each in fields(Limits)}


def with_limits(given: Iterable[str]) -> Limits:
    """The limits with some changed: each of ``given`` is ``name=value``.

    Raises:
        ValueError: one is not of that form, or names no limit; the message says which.
    """
    changed: dict[str, int] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if name not in limit_names():
            raise ValueError(f"there is no limit `{name}`; there are {', '.join(limit_names())}")
        digits = value.replace("_", "")
        if not equals or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
            raise ValueError(f"write `{name}=NUMBER`, not `{each}`")
        most = next(each.metadata["most"] for each in fields(Limits) if each.name == name)
        if int(digits) > most:
            raise ValueError(f"`{name}` goes to {most:,} at most")
        changed[name] = int(digits)
    return replace(DEFAULT_LIMITS, **changed)


def way_to_raise(name: str) -> str:
    """The help that ends each diagnostic about a limit."""
    return f"if it is meant, raise the limit with `--limit {name}=NUMBER`"
