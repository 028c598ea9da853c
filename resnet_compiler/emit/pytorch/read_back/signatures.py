"""Signatures: what a constructor or function takes, and the arguments of a call by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resnet_compiler.emit.pytorch.read_back.steps import Initial, Step, Steps, UnreadableError

REQUIRED = object()
Signature = tuple[tuple[str, Any], ...]
Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """A constructed layer: its operation, what its tensors begin with, whether it overwrites its input."""

    step: Step
    initial: tuple[Initial, ...] = ()
    overwrites: bool = False


Reader = Callable[[Steps, Arguments], Layer]


@dataclass(frozen=True, slots=True)
class Known:
    """A class of modules: what its constructor takes, what it means, and its base classes."""

    signature: Signature
    read: Reader
    bases: tuple[str, ...] = ()


def bound(
    callee: str, signature: Signature, given: tuple[Any, ...], named: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments by name, defaults filled in.

    Raises:
        UnreadableError: there are too many, too few, or one that the function does not take.
    """
    if len(given) > len(signature):
        raise UnreadableError(f"{callee} takes {len(signature)} arguments, not {len(given)}")
    found = {name: value for (name, _), value in zip(signature, given, strict=False)}
    names = {name for name, _ in signature}
    for name, value in named.items():
        if name not in names or name in found:
            raise UnreadableError(f"{callee} cannot take {name} there")
        found[name] = value
    for name, default in signature:
        if name not in found:
            if default is REQUIRED:
                raise UnreadableError(f"{callee} lacks {name}")
            found[name] = default
    return {name: found[name] for name, _ in signature}


def pair(value: Any) -> Any:
    """One number for height and width, as PyTorch takes it."""
    return (value, value) if isinstance(value, int) else value
