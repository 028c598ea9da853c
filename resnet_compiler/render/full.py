"""The diagnostic with the text it speaks of: snippets, underlines, labels, notes and help.

Positions come in three kinds: a span's columns (characters, from 1), offsets into a line
(characters, from 0), and cells (what a terminal shows: a tab is several, a wide character two).
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from resnet_compiler.diagnostics import Diagnostic, Label
from resnet_compiler.render.short import headline, paint, place, visible

_LONGEST_LINE = 160
_LEAD = 30  # characters kept before a span where a long line is cut
_TAB = 4


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], color: bool) -> str:
    """Diagnostics one under the other, a blank line between."""
    lines: dict[str, list[str]] = {}  # a file's lines, split once for all diagnostics
    pages = (_Page(diagnostic, sources, lines, color) for diagnostic in diagnostics)
    return "\n\n".join(page.text() for page in pages)


@dataclass(frozen=True, slots=True)
class _Mark:
    """An underline: cells ``start`` to ``end``, and its label."""

    start: int
    end: int
    primary: bool
    text: str


class _Page:
    """One diagnostic on its way to text."""

    def __init__(
        self,
        diagnostic: Diagnostic,
        sources: Mapping[str, str],
        lines: dict[str, list[str]],
        color: bool,
    ) -> None:
        self.diagnostic, self.color = diagnostic, color
        primary = (diagnostic.primary,) if diagnostic.primary else ()
        self.labels: dict[str, list[Label]] = {}  # by file, the primary's first
        for label in (*primary, *diagnostic.secondary):
            self.labels.setdefault(label.span.file, []).append(label)
        for file in self.labels.keys() - lines.keys():
            lines[file] = _split(sources[file]) if file in sources else []
        self.lines = lines
        numbers = [label.span.line for file in self.labels for label in self._shown(file)]
        self.width = max(2, *(len(str(number)) for number in numbers), 0)

    def text(self) -> str:
        rows = [headline(self.diagnostic, self.color)]
        for index, (file, labels) in enumerate(self.labels.items()):
            arrow = self._blue(":::" if index else "-->")
            if index and len(rows) > 2:
                rows.append(self._gutter())
            rows.append(f"{' ' * self.width}{arrow} {place(labels[0].span)}")
            if shown := self._shown(file):
                rows += [self._gutter(), *self._snippet(self.lines[file], shown)]
        for kind, text in self._remarks():
            rows += self._remark(kind, text)
        return "\n".join(rows)

    def _shown(self, file: str) -> list[Label]:
        """The labels in ``file`` that there is a line of text for."""
        return [label for label in self.labels[file] if label.span.line <= len(self.lines[file])]

    def _remarks(self) -> Iterable[tuple[str, str]]:
        for file, labels in self.labels.items():
            for label in labels:  # what a label says is not lost with its line
                if label.text and label not in self._shown(file):
                    yield "note", label.text
        for note in self.diagnostic.notes:
            yield "note", note
        if self.diagnostic.help:
            yield "help", "\n".join(self.diagnostic.help)

    def _remark(self, kind: str, text: str) -> list[str]:
        lead = f"{' ' * (self.width + 1)}{self._blue('=')} {paint(kind, 'bold', self.color)}: "
        first, *rest = text.split("\n")
        indent = " " * (self.width + len(f" = {kind}: "))
        return [lead + visible(first), *((indent + visible(line)).rstrip() for line in rest)]

    def _snippet(self, lines: list[str], labels: Sequence[Label]) -> list[str]:
        rows: list[str] = []
        previous: int | None = None
        for number in sorted({label.span.line for label in labels}):
            if previous is not None and number == previous + 2:  # no shorter as `...`
                rows.append(self._gutter(_cells(_cut(lines[previous], 0)[0])[0], previous + 1))
            elif previous is not None and number > previous + 2:
                rows.append(self._blue("..."))
            here = [label for label in labels if label.span.line == number]
            rows += self._line(lines[number - 1], number, here)
            previous = number
        return rows

    def _line(self, line: str, number: int, labels: Sequence[Label]) -> list[str]:
        first = min(label.span.column for label in labels) - 1
        last = max(_end(label, line) for label in labels)
        if last - first > _LONGEST_LINE - _LEAD:  # they do not all fit: the chief one does
            first = labels[0].span.column - 1
        cut, shift = _cut(line, first)
        shown, cells = _cells(cut)
        marks = []
        for label in labels:
            start, end = (
                cells[min(max(offset - shift, 0), len(cut))]
                for offset in (label.span.column - 1, _end(label, line))
            )
            primary = label is self.diagnostic.primary
            marks.append(_Mark(start, max(end, start + 1), primary, visible(label.text)))
        return [self._gutter(shown, number), *map(self._gutter, self._underlines(marks))]

    def _underlines(self, marks: list[_Mark]) -> Iterable[str]:
        """The underline row, and below it a row for each label that found no room there."""
        marks.sort(key=lambda mark: (mark.start, mark.end, mark.primary))
        row = _Row(self._style)
        for mark in sorted(marks, key=lambda mark: mark.primary):  # the primary one on top
            sign = "^" if mark.primary else "-"
            row.put(mark.start, sign * (mark.end - mark.start), mark.primary)
        hanging = [mark for mark in marks if mark.text]
        if hanging and hanging[-1] is marks[-1] and marks[-1].end == max(m.end for m in marks):
            beside = hanging.pop()
            row.put(beside.end + 1, beside.text, beside.primary)
        yield row.text()
        if hanging:
            yield self._connectors(hanging).text()
        while hanging:
            mark = hanging.pop()
            row = self._connectors([other for other in hanging if other.start < mark.start])
            row.put(mark.start, mark.text, mark.primary)
            yield row.text()

    def _connectors(self, marks: Iterable[_Mark]) -> _Row:
        row = _Row(self._style)
        for mark in marks:
            row.put(mark.start, "|", mark.primary)
        return row

    def _style(self, text: str, primary: bool) -> str:
        return paint(text, self.diagnostic.severity if primary else "gutter", self.color)

    def _blue(self, text: str) -> str:
        return paint(text, "gutter", self.color)

    def _gutter(self, text: str = "", number: int | None = None) -> str:
        gutter = self._blue(f"{'' if number is None else number:>{self.width}} |")
        return f"{gutter} {text}" if text else gutter


class _Row:
    """A row of cells, written in any order; each remembers whether it is the primary label's."""

    def __init__(self, style: Callable[[str, bool], str]) -> None:
        self.style = style
        self.cells: list[tuple[str, bool | None]] = []  # None: nobody wrote here

    def put(self, start: int, text: str, primary: bool) -> None:
        end = start + len(text)
        self.cells += [(" ", None)] * (end - len(self.cells))
        self.cells[start:end] = [(char, primary) for char in text]

    def text(self) -> str:
        pieces = []
        for primary, cells in itertools.groupby(self.cells, key=lambda cell: cell[1]):
            piece = "".join(char for char, _ in cells)
            pieces.append(piece if primary is None else self.style(piece, primary))
        return "".join(pieces)


def _split(text: str) -> list[str]:
    """The lines that spans count: no byte order mark, and breaks of any system."""
    return re.split(r"\r\n|\r|\n", text.removeprefix("\ufeff"))


def _end(label: Label, line: str) -> int:
    """The offset where the underline ends; of a span of several lines, the first is underlined."""
    return label.span.end_column - 1 if label.span.end_line == label.span.line else len(line)


def _cut(line: str, first: int) -> tuple[str, int]:
    """A long line's part around offset ``first``, and how far that moved its offsets."""
    line = line.rstrip()
    if len(line) <= _LONGEST_LINE:
        return line, 0
    start = max(0, min(first - _LEAD, len(line) - _LONGEST_LINE))
    part = line[start : start + _LONGEST_LINE]
    before, after = "…" if start else "", "…" if start + len(part) < len(line) else ""
    return before + part + after, start - len(before)


def _cells(line: str) -> tuple[str, list[int]]:
    """The line as a terminal shows it, and the cell where each character (and the end) stands."""
    shown, cells = [], [0]
    for char in line:
        if char == "\t":
            piece = " " * (_TAB - cells[-1] % _TAB)
            width = len(piece)
        elif unicodedata.category(char) in ("Mn", "Me"):
            piece, width = char, 0
        else:
            piece = visible(char)
            width = len(piece) * (2 if unicodedata.east_asian_width(piece[0]) in "WF" else 1)
        shown.append(piece)
        cells.append(cells[-1] + width)
    return "".join(shown), cells
