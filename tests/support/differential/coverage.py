"""Which constructs of the language a set of specs made use of, alone and in pairs."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from support.differential.constructs import ALL

SHOWN = 12


class Coverage:
    """Counts of constructs that were met, and of pairs of them in one spec."""

    def __init__(self, names: frozenset[str] = ALL) -> None:
        self._names = names
        self._alone: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()

    def add(self, used: frozenset[str]) -> None:
        """Count in what one spec made use of."""
        known = sorted(used & self._names)
        self._alone.update(known)
        self._pairs.update(combinations(known, 2))

    @property
    def met(self) -> int:
        return len(self._alone)

    @property
    def of(self) -> int:
        return len(self._names)

    @property
    def pairs_met(self) -> int:
        return len(self._pairs)

    @property
    def pairs_of(self) -> int:
        return self.of * (self.of - 1) // 2

    @property
    def missing(self) -> list[str]:
        """Constructs that no spec made use of."""
        return sorted(self._names - set(self._alone))

    @property
    def missing_pairs(self) -> list[tuple[str, str]]:
        """Pairs that no spec made use of together."""
        return [pair for pair in combinations(sorted(self._names), 2) if pair not in self._pairs]

    def report(self) -> str:
        """Lines to print."""
        share = self.pairs_met / self.pairs_of
        lines = [
            f"constructs {self.met} of {self.of} alone, "
            f"{self.pairs_met:,} of {self.pairs_of:,} pairs ({share:.1%})"
        ]
        lines += [f"  never: {name}" for name in self.missing]
        apart = self.missing_pairs[:: max(1, len(self.missing_pairs) // SHOWN)][:SHOWN]
        lines += [f"  never together, for one: {left} | {right}" for left, right in apart]
        return "\n".join(lines)
