"""Where layers are being made: under which name, what names mean there, and what each layer so far gives."""

from __future__ import annotations

from dataclasses import dataclass, field

from resnet_compiler.definitions import Layer
from resnet_compiler.environment import Bound, Environment

NOTHING = "?"
"""Stands for the output of what could not be made; no layer can have this name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where layers are being made: the scope's dotted name, what names mean, and the layers so far by local name.

    ``absent`` are those of them that are not there; in ``layers`` stands what they give on.
    """

    prefix: str
    environment: Environment
    layers: dict[str, str]
    depth: int = 0
    absent: dict[str, Layer] = field(default_factory=dict)

    def name(self, local: str) -> str:
        return f"{self.prefix}.{local}" if self.prefix else local


def derived(bound: Bound | None) -> list[str]:
    """The note that says how a value came about, where an expression gave it."""
    lines = bound.derivation() if bound is not None else []
    return ["\n".join(lines)] if lines else []
