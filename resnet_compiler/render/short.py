"""One line a diagnostic: ``file:line:column: error[RC0301]: summary``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from resnet_compiler.diagnostics import Diagnostic, Span


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], color: bool) -> str:
    return "\n".join(_line(diagnostic, color) for diagnostic in diagnostics)


def _line(diagnostic: Diagnostic, color: bool) -> str:
    where = f"{place(diagnostic.span)}: " if diagnostic.span else ""
    return where + headline(diagnostic, color)


def place(span: Span) -> str:
    return f"{visible(span.file)}:{span.line}:{span.column}"


def headline(diagnostic: Diagnostic, color: bool) -> str:
    """``error[RC0301]: summary``, the severity in its colour."""
    tag = paint(f"{diagnostic.severity}[{diagnostic.code.id}]", diagnostic.severity, color)
    return tag + paint(f": {visible(diagnostic.summary)}", "bold", color)


def visible(text: str) -> str:
    """``text`` with control, format and other unprintable characters written as escapes.

    A spec's words are shown on terminals; no spec may move a cursor or turn text around.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


_STYLES = {"error": "1;31", "warning": "1;33", "gutter": "1;34", "bold": "1"}


def paint(text: str, style: str, color: bool) -> str:
    """``text`` in an ANSI style, or as it is; ``style`` may be empty."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color and style and text else text
