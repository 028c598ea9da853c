"""How far the outputs of one model are from those of another, over several runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resnet_compiler.interface import INDICES, VALUES
from resnet_compiler.weights import Array


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one output is from the reference's, over all images tried.

    Attributes:
        output: the output's name.
        absolute: the greatest absolute difference.
        relative: the same, relative to the reference's largest magnitude.
        mean: the mean absolute difference, relative to the reference's mean magnitude.
        top1: the share of images whose best class is the same; None where there are no classes. "indices" have only this.
    """

    output: str
    absolute: float | None
    relative: float | None
    mean: float | None
    top1: float | None


class Tally:
    """The differences of each output over several runs."""

    def __init__(self) -> None:
        self._found: dict[str, _Tally] = {}

    def add(self, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> None:
        """Count in the outputs of one run, by name."""
        assert ours.keys() == theirs.keys()
        for name in ours:
            self._found.setdefault(name, _Tally()).add(name, ours[name], theirs[name])

    def differences(self) -> tuple[Difference, ...]:
        """What was found for each output."""
        return tuple(tally.difference(name) for name, tally in self._found.items())


@dataclass
class _Tally:
    """The differences of one output so far."""

    absolute: float = 0.0
    magnitude: float = 0.0
    total: float = 0.0
    total_magnitude: float = 0.0
    same: int = 0
    images: int = 0

    def add(self, name: str, ours: Array, theirs: Array) -> None:
        import numpy as np

        assert ours.shape == theirs.shape, f"{name}: {ours.shape} is not {theirs.shape}"
        if ours.ndim == 2 and name != VALUES:
            best = [a[:, 0] if name == INDICES else a.argmax(1) for a in (ours, theirs)]
            self.same += int((best[0] == best[1]).sum())
            self.images += len(ours)
        if name == INDICES:
            return
        ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
        difference = np.abs(ours - theirs)
        difference[~np.isfinite(difference)] = np.inf
        self.absolute = max(self.absolute, float(difference.max()))
        self.magnitude = max(self.magnitude, float(np.abs(theirs).max()))
        self.total += float(difference.sum())
        self.total_magnitude += float(np.abs(theirs).sum())

    def difference(self, name: str) -> Difference:
        top1 = self.same / self.images if self.images else None
        if name == INDICES:
            return Difference(name, None, None, None, top1)
        relative = self.absolute / self.magnitude if self.magnitude else self.absolute
        mean = self.total / self.total_magnitude if self.total_magnitude else self.total
        return Difference(name, self.absolute, relative, mean, top1)
