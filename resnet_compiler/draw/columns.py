"""Fragments put one below the other, wrapped into columns, so that everything stands on one page, as large as can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from resnet_compiler.draw.fragment import Fragment
from resnet_compiler.draw.palette import STROKES
from resnet_compiler.draw.primitives import Box, Figure, Item, Kind, Label, Path, moved
from resnet_compiler.draw.text import fitted, text_width

PAGES = ((595.0, 842.0), (842.0, 595.0))
"""Portrait and landscape; letter paper is much the same."""
MARGIN, GUTTER, TURN = 16.0, 20.0, 9.0
BANNER, PAD, BETWEEN, APART = 14.0, 6.0, 7.0, 12.0
"""The height of a heading, the border of a panel, and the distances of fragments and of panels."""
TITLE, SUBTITLE, HEADING, LEGEND = 15.0, 8.5, 8.5, 8.5
SAMPLE, MOST_FOR_FACTS = 30.0, 130.0
MOST_FOR_HEADINGS, MOST_FOR_TITLE = 260.0, 330.0
WORTH = 0.85
"""How small the drawing may become, of what it could be, for each stage to have its own column."""
NARROWEST, WIDEST = 0.62, 1.6
"""Bounds of a page's width by its height; paper is left white to keep them."""


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
class _Column:
    """The width of columns: how far they reach to the left and right of the trunk."""

    left: float
    right: float

    @property
    def width(self) -> float:
        return self.left + self.right


def arrange(sheets: Sequence[Sheet]) -> Figure:
    """All sheets side by side on one page, each wrapped into the same number of columns.

    Sheets whose stages have as many blocks stand row by row.
    """
    sheets = _level(sheets)
    best: tuple[float, list[list[list[Entry]]]] | None = None
    most = max(len(sheet.entries) for sheet in sheets)
    count = 1
    while count <= most:
        wrapped = [_wrapped(sheet.entries, count) for sheet in sheets]
        scale = _scale(sheets, wrapped)
        if best is None or scale > best[0]:
            best = (scale, wrapped)
        elif scale < best[0] * 0.5:
            break
        count += 1 if count < 12 else count // 6
    assert best is not None
    by_stage = [_by_stage(sheet.entries) for sheet in sheets]
    chosen = by_stage if _scale(sheets, by_stage) >= WORTH * best[0] else best[1]
    return _page(sheets, chosen)


def _level(sheets: Sequence[Sheet]) -> list[Sheet]:
    """The sheets with equal heights of what corresponds, where all are made up alike."""
    panels = [[entry.panel for entry in sheet.entries] for sheet in sheets]
    if any(each != panels[0] for each in panels):
        return list(sheets)
    rows = zip(*(sheet.entries for sheet in sheets), strict=True)
    heights = [max(entry.fragment.height for entry in row) for row in rows]
    return [
        replace(
            sheet,
            entries=tuple(
                replace(entry, fragment=entry.fragment.stretched(height))
                for entry, height in zip(sheet.entries, heights, strict=True)
            ),
        )
        for sheet in sheets
    ]


def _scale(sheets: Sequence[Sheet], wrapped: Sequence[Sequence[Sequence[Entry]]]) -> float:
    """How large a page's drawing is on paper."""
    width, height = _size(sheets, wrapped)
    return max(min(across / width, down / height) for across, down in PAGES)


def _size(
    sheets: Sequence[Sheet], wrapped: Sequence[Sequence[Sequence[Entry]]]
) -> tuple[float, float]:
    widths = [
        max(_column(sheet).width * len(columns) + GUTTER * (len(columns) - 1), _title_width(sheet))
        for sheet, columns in zip(sheets, wrapped, strict=True)
    ]
    tallest = max(_height(column) for columns in wrapped for column in columns)
    width = sum(widths) + 2 * GUTTER * (len(sheets) - 1) + 2 * MARGIN
    return width, tallest + 2 * MARGIN + 2 * TURN + TITLE + 4 * SUBTITLE + 2 * LEGEND


def _title_width(sheet: Sheet) -> float:
    """The room that a sheet's title needs; a long one is cut."""
    return min(text_width(sheet.title, TITLE, True), MOST_FOR_TITLE)


def _column(sheet: Sheet) -> _Column:
    left = max(entry.fragment.left for entry in sheet.entries) + PAD
    right = max(entry.fragment.right for entry in sheet.entries) + PAD
    headings = [
        text_width(e.heading, HEADING, True) + text_width(e.size, HEADING) + 22
        for e in sheet.entries
        if e.panel
    ]
    more = max(0.0, min(max(headings, default=0.0), MOST_FOR_HEADINGS) - left - right) / 2
    return _Column(left + more, right + more)


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


def _height(column: Sequence[Entry]) -> float:
    first, below = _heights(column)
    return first[0] + sum(below[1:])


def _wrapped(entries: Sequence[Entry], count: int) -> list[list[Entry]]:
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


def _by_stage(entries: Sequence[Entry]) -> list[list[Entry]]:
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


def _page(sheets: Sequence[Sheet], wrapped: Sequence[Sequence[Sequence[Entry]]]) -> Figure:
    bodies: list[tuple[list[Item], float, float]] = []
    for sheet, columns in zip(sheets, wrapped, strict=True):
        body, width, height = _body(sheet, columns)
        room = max(width, _title_width(sheet))
        bodies.append((list(moved(body, (room - width) / 2, 0)), room, height))
    kinds = [k for k in STROKES if k != "flow" and any(k in sheet.kinds for sheet in sheets)]
    room = sum(width for _, width, _ in bodies) + 2 * GUTTER * (len(bodies) - 1)
    least = max((_sample_width(kind) for kind in kinds), default=0.0)
    room = max(room, least, MOST_FOR_FACTS)
    items: list[Item] = []
    x, foot = MARGIN, 0.0
    heads = [
        _head(sheet, room if len(sheets) == 1 else bodies[i][1]) for i, sheet in enumerate(sheets)
    ]
    top = max(height for _, height in heads)
    for (head, _), (body, width, height) in zip(heads, bodies, strict=True):
        items += moved(head, x, MARGIN)
        inset = max(0.0, (room - width) / 2) if len(sheets) == 1 else 0.0
        items += moved(body, x + inset, MARGIN + top)
        x += width + 2 * GUTTER
        foot = max(foot, MARGIN + top + height)
    legend, height = _legend(kinds, room)
    items += moved(legend, MARGIN, foot + 4)
    return _framed(sheets, items, room + 2 * MARGIN, foot + 4 + height + MARGIN)


def _framed(sheets: Sequence[Sheet], items: Sequence[Item], width: float, height: float) -> Figure:
    """The page, with white left beside what is too narrow, or below what is too wide."""
    page_width, page_height = max(width, NARROWEST * height), max(height, width / WIDEST)
    title = " and ".join(sheet.title for sheet in sheets)
    description = " ".join(sheet.description for sheet in sheets)
    centred = moved(items, (page_width - width) / 2, (page_height - height) / 2)
    return Figure(round(page_width), round(page_height), title, description, centred)


def _head(sheet: Sheet, room: float) -> tuple[list[Item], float]:
    """The title, and the facts below it on as many lines as they need."""
    items: list[Item] = [
        Label(0, TITLE, fitted(sheet.title, TITLE, room, True), TITLE, "start", bold=True)
    ]
    y = TITLE
    for line in _lines(sheet.facts, room):
        y += SUBTITLE * 1.45
        items.append(Label(0, y, fitted(line, SUBTITLE, room), SUBTITLE, "start", muted=True))
    return items, y + 12


def _lines(facts: Sequence[str], room: float) -> list[str]:
    lines: list[str] = []
    for fact in facts:
        if lines and text_width(f"{lines[-1]} · {fact}", SUBTITLE) <= room:
            lines[-1] += f" · {fact}"
        else:
            lines.append(fact)
    return lines


def _body(sheet: Sheet, columns: Sequence[Sequence[Entry]]) -> tuple[list[Item], float, float]:
    """The columns with what joins them; their width and height."""
    column = _column(sheet)
    items: list[Item] = []
    x, tallest = column.left, 0.0
    ends: list[tuple[float, float]] = []
    panels: list[str] = []
    for entries in columns:
        drawn, height = _draw_column(entries, column, panels[-1] if panels else "")
        items += moved(drawn, x, TURN)
        ends.append((x, TURN + height))
        panels += [entry.panel for entry in entries]
        tallest = max(tallest, height)
        x += column.width + GUTTER
    for number, ((x1, y1), (x2, _)) in enumerate(pairwise(ends)):
        if columns[number + 1][0].fragment.is_entered:
            between = x1 + column.right + GUTTER / 2
            points = ((x1, y1), (x1, y1 + 5), (between, y1 + 5), (between, 0), (x2, 0), (x2, TURN))
            items.append(Path(points, radius=4, arrow=True))
    return items, x - column.left - GUTTER, tallest + 2 * TURN


def _draw_column(
    entries: Sequence[Entry], column: _Column, last_panel: str
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


def _panel(entry: Entry, column: _Column, top: float, foot: float) -> Box:
    return Box(-column.left, top, column.width, foot - top, "panel", color=entry.color)


def _banner(entry: Entry, column: _Column, y: float, continued: bool) -> list[Item]:
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


def _sample_width(kind: Kind) -> float:
    return SAMPLE + text_width(STROKES[kind].meaning, LEGEND) + 22


def _legend(kinds: Sequence[Kind], room: float) -> tuple[list[Item], float]:
    """A sample of each kind of shortcut that there is, with its meaning."""
    items: list[Item] = []
    x, y = 0.0, 0.0
    for kind in kinds:
        if x and x + _sample_width(kind) - 16 > room:
            x, y = 0.0, y + LEGEND * 1.7
        items.append(Path(((x, y + 6), (x + SAMPLE, y + 6)), kind, arrow=True))
        items.append(Label(x + SAMPLE + 6, y + 9, STROKES[kind].meaning, LEGEND, "start"))
        x += _sample_width(kind)
    return items, y + (LEGEND * 1.5 if kinds else 0)
