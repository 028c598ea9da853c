"""What a weights file holds, whatever its format: tensors by name, each read when it is asked for."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from resnet_compiler import codes
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.weights import Array

MIB = 2**20
LONGEST_NAME = 120
"""Characters of a name that messages show: a file's names may be of any length."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file: its shape, its type as the format calls it, and how to read it as float32.

    ``read`` is None where the type is none that can become float32.
    """

    shape: tuple[int, ...]
    type: str
    read: Callable[[], Array] | None


Tensors = Mapping[str, Stored]
"""The tensors of a file by name, in the file's order."""


def unreadable(
    path: pathlib.Path, reason: str, *, notes: Iterable[str] = (), help: Iterable[str] = ()
) -> SpecError:
    """The error for a file that gives no weights; ``reason`` follows its name."""
    summary = f"cannot read {path.as_posix()}: {reason}"
    return SpecError([error(codes.UNREADABLE_WEIGHTS, summary, notes=notes, help=help)])


def brief(text: str, most: int = LONGEST_NAME) -> str:
    """A text of a file on one line and not too long; what does not print is escaped."""
    plain = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text[: most + 1])
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
