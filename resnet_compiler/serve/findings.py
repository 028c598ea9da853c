"""Where each diagnostic stands in the text that is edited, and its words with carets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from resnet_compiler.diagnostics import Diagnostic, Severity, Span
from resnet_compiler.render import render

MOST = 50
"""How many findings are shown; the first are those to mend first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnostic for an editor: its full text, and where it is as offsets into the text, ``start`` before ``end``.

    Both are None where it is about another file, or about none.
    """

    severity: Severity
    summary: str
    text: str
    line: int | None
    start: int | None
    end: int | None


def findings_of(
    diagnostics: Sequence[Diagnostic], texts: Mapping[str, str], file: str
) -> tuple[Finding, ...]:
    """The first diagnostics, with their places in ``file``, one of ``texts``."""
    text = texts.get(file, "")
    starts = _line_starts(text)
    return tuple(_finding(each, texts, file, text, starts) for each in diagnostics[:MOST])


def _finding(
    diagnostic: Diagnostic,
    texts: Mapping[str, str],
    file: str,
    text: str,
    starts: Sequence[int],
) -> Finding:
    full = render([diagnostic], "full", texts)
    summary = f"{diagnostic.severity}[{diagnostic.code.id}]: {diagnostic.summary}"
    span = diagnostic.span
    if span is None or span.file != file or span.line > len(starts):
        return Finding(diagnostic.severity, summary, full, None, None, None)
    start, end = _offsets(span, text, starts)
    return Finding(diagnostic.severity, summary, full, span.line, start, end)


def _offsets(span: Span, text: str, starts: Sequence[int]) -> tuple[int, int]:
    """Where a span begins and ends; at least one character, where the text has one."""
    start = starts[span.line - 1] + span.column - 1
    last = min(span.end_line, len(starts))
    end = starts[last - 1] + span.end_column - 1
    start = min(start, max(len(text) - 1, 0))
    return start, min(max(end, start + 1), len(text))


def _line_starts(text: str) -> list[int]:
    return [0, *accumulate(len(line) for line in re.findall(r"[^\n]*\n", text))]


def marks(found: Sequence[Finding]) -> list[dict[str, Any]]:
    """Underlines for the editor, as NiceGUI's CodeMirror takes them; the chief ones last, so that they are on top."""
    return [
        {
            "kind": "mark",
            "from": each.start,
            "to": each.end,
            "class": f"resnetc-{each.severity}",
        }
        for each in sorted(found, key=lambda each: each.severity == "error")
        if each.start is not None and each.end is not None and each.start < each.end
    ]


def tooltips(found: Sequence[Finding]) -> dict[str, str]:
    """What is said of each line, by its number."""
    said: dict[str, str] = {}
    for each in found:
        if each.line is not None:
            before = said.get(str(each.line))
            said[str(each.line)] = f"{before}\n{each.summary}" if before else each.summary
    return said
