"""Fragments put one below the other, in columns: how they are wrapped, and the panels and lines between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from resnet_compiler.draw.fragment import Fragment
from resnet_compiler.draw.primitives import Box, Item, Kind, Label, Path, moved
from resnet_compiler.draw.text import fitted, text_width

GUTTER, TURN = 20.0, 9.0
"""The distance of columns, and the room above and below them for what leads from one to the next."""
BANNER, PAD, BETWEEN, APART = 14.0, 6.0, 7.0, 12.0
"""The height of a heading, the border of a panel, and the distances of fragments and of panels."""
HEADING, MOST_FOR_HEADINGS = 8.5, 260.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A fragment, and the panel it stands in: its name ("" for none), heading on the left and on the right, and colour."""

    fragment: Fragment
    panel: str = ""
    heading: str = ""
    size: str = ""
    color: int | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A network's drawing before it is wrapped: title, facts to be said below it, and its fragments from first to last."""

    title: str
    facts: tuple[str, ...]
    description: str
    entries: tuple[Entry, ...]
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """The width of columns: how far they reach to the left and right of the trunk."""

    left: float
    right: float

    @property
    def width(self) -> float:
        return self.left + self.right


def widths_of(sheet: Sheet, columns: Sequence[Sequence[Entry]]) -> list[Column]:
    """How wide each column of a sheet is: as its fragments need, and the longest heading of the sheet."""
    headings = [
        text_width(e.heading, HEADING, True) + text_width(e.size, HEADING) + 22
        for e in sheet.entries
        if e.panel
    ]
    heading = min(max(headings, default=0.0), MOST_FOR_HEADINGS)
    found = []
    for entries in columns:
        left = max(entry.fragment.left for entry in entries) + PAD
        right = max(entry.fragment.right for entry in entries) + PAD
        more = max(0.0, heading - left - right) / 2
        found.append(Column(left + more, right + more))
    return found


def width_of(sheet: Sheet, columns: Sequence[Sequence[Entry]]) -> float:
    """The width of a sheet that is wrapped into columns."""
    return sum(column.width + GUTTER for column in widths_of(sheet, columns)) - GUTTER


# --- wrapping -----------------------------------------------------------------------------------------------------


def _heights(entries: Sequence[Entry]) -> tuple[list[float], list[float]]:
    """Each entry's height with what is before it: as the first of a column, and below the one before."""
    first, below = [], []
    for before, entry in pairwise((None, *entries)):
        assert entry is not None
        heading = BANNER + PAD if entry.panel else 0.0
        first.append(entry.fragment.height + heading + PAD)
        if before is not None and before.panel == entry.panel and entry.panel:
            below.append(entry.fragment.height + BETWEEN)
        else:
            below.append(entry.fragment.height + heading + PAD + APART)
    return first, below


def height_of(column: Sequence[Entry]) -> float:
    first, below = _heights(column)
    return first[0] + sum(below[1:])


def wrapped_into(entries: Sequence[Entry], count: int) -> list[list[Entry]]:
    """The entries in at most so many columns, the tallest as low as can be."""
    first, below = _heights(entries)
    low, high = max(first), first[0] + sum(below[1:])
    while high - low > 1:
        middle = (low + high) / 2
        if len(_filled(entries, first, below, middle)) <= count:
            high = middle
        else:
            low = middle
    return _filled(entries, first, below, high)


def _filled(
    entries: Sequence[Entry], first: Sequence[float], below: Sequence[float], room: float
) -> list[list[Entry]]:
    """Columns filled one after the other."""
    columns: list[list[Entry]] = []
    height = 0.0
    for entry, alone, more in zip(entries, first, below, strict=True):
        if columns and height + more <= room:
            columns[-1].append(entry)
            height += more
        else:
            columns.append([entry])
            height = alone
    return columns


def by_stage(entries: Sequence[Entry]) -> list[list[Entry]]:
    """A column for each stage; what comes before the first or behind the last stands with it."""
    columns: list[list[Entry]] = [[]]
    stage: int | None = None
    for entry in entries:
        if entry.color is not None and entry.color != stage:
            if stage is not None:
                columns.append([])
            stage = entry.color
        columns[-1].append(entry)
    return columns


# --- drawing ------------------------------------------------------------------------------------------------------


def body(sheet: Sheet, columns: Sequence[Sequence[Entry]]) -> tuple[list[Item], float, float]:
    """The columns with what joins them; their width and height."""
    items: list[Item] = []
    start, tallest = 0.0, 0.0
    end: tuple[float, float] | None = None
    last_panel = ""
    for entries, column in zip(columns, widths_of(sheet, columns), strict=True):
        x = start + column.left
        drawn, height = _draw_column(entries, column, last_panel)
        items += moved(drawn, x, TURN)
        if end is not None and entries[0].fragment.is_entered:
            items.append(_turn(end, start - GUTTER / 2, x))
        end, last_panel = (x, TURN + height), entries[-1].panel
        tallest = max(tallest, height)
        start += column.width + GUTTER
    return items, start - GUTTER, tallest + 2 * TURN


def _turn(end: tuple[float, float], between: float, x: float) -> Path:
    """The line from the foot of a column to the head of the next."""
    (x1, y1), low = end, end[1] + 5
    points = ((x1, y1), (x1, low), (between, low), (between, 0.0), (x, 0.0), (x, TURN))
    return Path(points, radius=4, arrow=True)


def _draw_column(
    entries: Sequence[Entry], column: Column, last_panel: str
) -> tuple[list[Item], float]:
    """One column, its trunk at x = 0; and its height."""
    panels: list[Item] = []
    items: list[Item] = []
    y, start = 0.0, 0.0
    for number, entry in enumerate(entries):
        before = entries[number - 1] if number else None
        is_new = before is None or not entry.panel or before.panel != entry.panel
        came = y
        if before is not None:
            if is_new and before.panel:
                panels.append(_panel(before, column, start, y + PAD))
                y += PAD
            y += APART if is_new else BETWEEN
        if is_new and entry.panel:
            start = y
            items += _banner(entry, column, y, before is None and last_panel == entry.panel)
            if entry.fragment.is_entered and before is not None:
                items.append(Path(((0, came), (0, y)), arrow=True))
            came = y + BANNER
            y += BANNER + PAD
        if entry.fragment.is_entered and (before is not None or entry.panel):
            items.append(Path(((0, came), (0, y)), arrow=not entry.panel))
        items += moved(entry.fragment.items, 0, y)
        y += entry.fragment.height
    last = entries[-1]
    if last.panel:
        panels.append(_panel(last, column, start, y + PAD))
        items.append(Path(((0, y), (0, y + PAD))))
    return [*panels, *items], y + PAD


def _panel(entry: Entry, column: Column, top: float, foot: float) -> Box:
    return Box(-column.left, top, column.width, foot - top, "panel", color=entry.color)


def _banner(entry: Entry, column: Column, y: float, continued: bool) -> list[Item]:
    room = column.width - 12
    size = "" if continued else entry.size
    heading = f"{entry.heading}, continued" if continued else entry.heading
    left = room - text_width(size, HEADING) - (8 if size else 0)
    base = y + BANNER - 4
    labels = [
        Label(6 - column.left, base, fitted(heading, HEADING, left, True), HEADING, "start", True)
    ]
    if size:
        labels.append(Label(column.right - 6, base, fitted(size, HEADING, room), HEADING, "end"))
    name = "" if continued else entry.panel
    box = Box(-column.left, y, column.width, BANNER, "banner", name, "", entry.color, tuple(labels))
    return [box]
