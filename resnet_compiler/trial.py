"""Marks in the making of a graph: what was made since one, and how all of it is taken back.

To say what something would cost, it is made and taken back. Afterwards everything is as it was before, so that nothing
that is found later depends on the trial.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from resnet_compiler.maker import Maker
from resnet_compiler.place import Place

if TYPE_CHECKING:
    from resnet_compiler.findings import Findings


@dataclass(frozen=True, slots=True)
class Mark:
    """How much there was at a moment: entries of each growing part of a maker, and what was counted and found."""

    lengths: tuple[int, ...]
    nodes: int
    scopes: int
    proofs: int
    counts: tuple[int, int, int]
    findings: tuple[int, bool, int]
    vocabulary: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial under way: where to make layers, what is found in them, and where it began."""

    place: Place
    findings: Findings
    mark: Mark

    @property
    def failed(self) -> bool:
        """Whether something was found wrong, so that not all was made."""
        return self.findings.is_incomplete or self.findings.has_errors


def mark(maker: Maker) -> Mark:
    """How much there is now."""
    return Mark(
        tuple(map(len, _growing(maker))),
        len(maker.nodes),
        len(maker.scopes),
        len(maker.proofs),
        maker.counts,
        maker.findings.extent,
        maker.vocabulary.extent,
    )


def rollback(maker: Maker, to: Mark) -> None:
    """Take back all that was made since a mark, but for what was found: that is `Findings.trial`'s."""
    for name in maker.made_since(to.nodes):
        del maker.sorted_names[bisect_left(maker.sorted_names, name)]
    for part, length in zip(_growing(maker), to.lengths, strict=True):
        while len(part) > length:
            part.pop() if isinstance(part, list) else part.popitem()
    maker.take_back(to.counts)
    maker.vocabulary.forget(to.vocabulary)


def _growing(maker: Maker) -> tuple[dict[Any, Any] | list[Any], ...]:
    """The parts of a maker that only grow while layers are made, the newest entry last."""
    return (
        *(maker.nodes, maker.origins, maker.constants, maker.passed_over, maker.scopes),
        *(maker.stages, maker.proofs, maker.operators, maker.instances, maker.reads),
    )


@contextmanager
def trial(maker: Maker, place: Place) -> Iterator[Trial]:
    """Make layers at a place to learn of them; at the end all is as it was before, whatever was found or raised.

    The work is counted apart (`Maker.tried`), and is bounded by the limit of steps like any other.
    """
    begin = mark(maker)
    own = replace(place, layers=dict(place.layers), absent=dict(place.absent))
    with maker.findings.trial() as findings:
        try:
            yield Trial(own, findings, begin)
        finally:
            rollback(maker, begin)
