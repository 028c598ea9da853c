"""Tables for a terminal: columns set side by side, and bars for shares of a whole. What stands in them is elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resnet_compiler.rows import SummaryRow

COLUMNS = 100
"""How wide a table with bars may be."""
LONGEST, SHORTEST = 10, 4
"""Cells of the longest bar: as many as fit, or else no bars."""
_COSTS = (4, 5)
"""The columns with parameters and MACs."""


@dataclass(frozen=True, slots=True)
class _Bars:
    """The bars behind one column: a row's number, what all come to, and how many cells the greatest has."""

    numbers: tuple[int, ...]
    cells: int

    def texts(self) -> tuple[str, ...]:
        greatest = max(self.numbers, default=0)
        drawn = (bar(number / greatest if greatest else 0, self.cells) for number in self.numbers)
        return ("share", *drawn)

    def longest(self) -> str:
        whole = sum(self.numbers)
        return f"{max(self.numbers) / whole:.1%}" if whole else "0%"


def summary_table(head: Sequence[str], rows: Sequence[SummaryRow]) -> list[str]:
    """The lines of a table with a row for each stage, block or layer, two columns in from the left.

    Args:
        head: what stands above name, kind, depth, output, parameters and MACs. A column that is empty is left out.
        rows: from top to bottom.
    """
    cells = [tuple(head), *(row.cells() for row in rows)]
    columns = [list(column) for column in zip(*cells, strict=True)]
    numbers = {4: tuple(row.parameters for row in rows), 5: tuple(row.macs for row in rows)}
    bars = _bars(columns, numbers)
    for at in sorted(bars, reverse=True):
        columns.insert(at + 1, list(bars[at].texts()))
    right = {2, *(at + sum(other < at for other in bars) for at in _COSTS)}
    lines = aligned(list(zip(*columns, strict=True)), right)
    words = {4: "parameters", 5: "MACs"}
    if bars:
        said = " and ".join(f"of all {words[at]} (longest {bars[at].longest()})" for at in bars)
        lines += ["", f"  share: {said}"]
    return lines


def _bars(
    columns: Sequence[Sequence[str]], numbers: dict[int, tuple[int, ...]]
) -> dict[int, _Bars]:
    """Bars for both costs, or for the MACs alone, or none: as the width allows."""
    widths = [max(map(len, column)) for column in columns]
    taken = sum(width + 2 for width in widths if width)
    for shown in (_COSTS, _COSTS[1:]):
        cells = min(
            LONGEST, (COLUMNS - taken) // len(shown) - 3
        )  # two spaces, and the line a bar starts from
        if cells >= SHORTEST:
            return {at: _Bars(numbers[at], cells) for at in shown}
    return {}


def aligned(rows: Sequence[Sequence[str]], right: set[int]) -> list[str]:
    """Rows as lines, two columns in: each column as wide as its widest cell, those in ``right`` set to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return lines


def bar(share: float, cells: int) -> str:
    """A share of the longest bar in eighths of a cell, behind a line that marks its start."""
    full, rest = divmod(round(share * cells * 8), 8)
    return "▏" + "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
