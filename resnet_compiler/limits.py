"""Limits on what a spec may ask for, checked before the work they bound. One frozen record, passed where it is needed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Each field is the largest value accepted."""

    text_bytes: int = 1_000_000
    text_depth: int = 50
    text_nodes: int = 100_000
    integer: int = 2**53
    nodes: int = 1_000_000
    nesting: int = 16


DEFAULT_LIMITS = Limits()
