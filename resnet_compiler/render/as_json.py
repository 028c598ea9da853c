"""Diagnostics as JSON, for editors and other programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from resnet_compiler.diagnostics import Diagnostic, Fix, Span


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], color: bool) -> str:
    """A JSON array. ASCII only, so that it survives every terminal and encoding."""
    return json.dumps([to_dict(diagnostic) for diagnostic in diagnostics], indent=2)


def to_dict(diagnostic: Diagnostic) -> dict[str, object]:
    """The diagnostic as JSON values; ``labels`` begins with the primary one."""
    span = diagnostic.span
    primary = (diagnostic.primary,) if diagnostic.primary else ()
    return {
        "severity": diagnostic.severity,
        "code": diagnostic.code.id,
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "help": "\n".join(diagnostic.help),
        "file": span.file if span else None,
        "range": _range(span) if span else None,
        "labels": [
            {"file": label.span.file, "range": _range(label.span), "text": label.text}
            for label in (*primary, *diagnostic.secondary)
        ],
        "notes": list(diagnostic.notes),
        "fix": _fix(diagnostic.fix) if diagnostic.fix else None,
    }


def _fix(fix: Fix) -> dict[str, object]:
    return {
        "file": fix.span.file,
        "range": _range(fix.span),
        "text": fix.text,
        "safe": fix.is_safe,
    }


def _range(span: Span) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": span.line, "column": span.column},
        "end": {"line": span.end_line, "column": span.end_column},
    }
