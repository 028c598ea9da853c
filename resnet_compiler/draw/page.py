"""Sheets on one page, as large as can be: how many columns, what stands above and below them, and the page's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from resnet_compiler.draw.columns import (
    GUTTER,
    TURN,
    Entry,
    Sheet,
    body,
    by_stage,
    height_of,
    width_of,
    wrapped_into,
)
from resnet_compiler.draw.palette import STROKES
from resnet_compiler.draw.primitives import Figure, Item, Kind, Label, Path, moved
from resnet_compiler.draw.text import fitted, text_width

Wrapped = Sequence[Sequence[Entry]]
"""The entries of a sheet, in columns."""
PAGES = ((595.0, 842.0), (842.0, 595.0))
"""Portrait and landscape; letter paper is much the same."""
MARGIN, TITLE, SUBTITLE, LEGEND = 16.0, 15.0, 8.5, 8.5
SAMPLE, LEAST_FOR_FACTS, MOST_FOR_TITLE = 30.0, 130.0, 330.0
WORTH = 0.85
"""How small the drawing may become, of what it could be, for each stage to have its own column."""
NARROWEST, WIDEST = 0.62, 1.6
"""Bounds of a page's width by its height; paper is left white to keep them."""


def arrange(sheets: Sequence[Sheet]) -> Figure:
    """All sheets side by side on one page, each wrapped into the same number of columns.

    Sheets whose stages have as many blocks stand row by row.
    """
    sheets = _level(sheets)
    best: tuple[float, list[list[list[Entry]]]] | None = None
    most = max(len(sheet.entries) for sheet in sheets)
    count = 1
    while count <= most:
        wrapped = [wrapped_into(sheet.entries, count) for sheet in sheets]
        scale = _scale(sheets, wrapped)
        if best is None or scale > best[0]:
            best = (scale, wrapped)
        elif scale < best[0] * 0.5:
            break
        count += 1 if count < 12 else count // 6
    assert best is not None
    staged = [by_stage(sheet.entries) for sheet in sheets]
    chosen = staged if _scale(sheets, staged) >= WORTH * best[0] else best[1]
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


def _scale(sheets: Sequence[Sheet], wrapped: Sequence[Wrapped]) -> float:
    """How large a page's drawing is on paper."""
    width, height = _size(sheets, wrapped)
    return max(min(across / width, down / height) for across, down in PAGES)


def _size(sheets: Sequence[Sheet], wrapped: Sequence[Wrapped]) -> tuple[float, float]:
    widths = [
        max(width_of(sheet, columns), _title_width(sheet))
        for sheet, columns in zip(sheets, wrapped, strict=True)
    ]
    tallest = max(height_of(column) for columns in wrapped for column in columns)
    width = sum(widths) + 2 * GUTTER * (len(sheets) - 1) + 2 * MARGIN
    return width, tallest + 2 * MARGIN + 2 * TURN + TITLE + 4 * SUBTITLE + 2 * LEGEND


def _title_width(sheet: Sheet) -> float:
    """The room that a sheet's title needs; a long one is cut."""
    return min(text_width(sheet.title, TITLE, True), MOST_FOR_TITLE)


def _page(sheets: Sequence[Sheet], wrapped: Sequence[Wrapped]) -> Figure:
    bodies: list[tuple[list[Item], float, float]] = []
    for sheet, columns in zip(sheets, wrapped, strict=True):
        drawn, width, height = body(sheet, columns)
        room = max(width, _title_width(sheet))
        bodies.append((list(moved(drawn, (room - width) / 2, 0)), room, height))
    kinds = [k for k in STROKES if k != "flow" and any(k in sheet.kinds for sheet in sheets)]
    room = sum(width for _, width, _ in bodies) + 2 * GUTTER * (len(bodies) - 1)
    least = max((_sample_width(kind) for kind in kinds), default=0.0)
    room = max(room, least, LEAST_FOR_FACTS)
    items: list[Item] = []
    x, foot = MARGIN, 0.0
    heads = [
        _head(sheet, room if len(sheets) == 1 else bodies[i][1]) for i, sheet in enumerate(sheets)
    ]
    top = max(height for _, height in heads)
    for (head, _), (drawn, width, height) in zip(heads, bodies, strict=True):
        items += moved(head, x, MARGIN)
        inset = max(0.0, (room - width) / 2) if len(sheets) == 1 else 0.0
        items += moved(drawn, x + inset, MARGIN + top)
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
