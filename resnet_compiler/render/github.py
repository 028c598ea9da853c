"""GitHub Actions workflow commands: annotations on the lines of a pull request."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from resnet_compiler.diagnostics import Diagnostic
from resnet_compiler.render.short import visible


def render(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], color: bool) -> str:
    return "\n".join(_command(diagnostic) for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    properties: dict[str, str | int] = {}
    if span := diagnostic.span:
        properties["file"] = posixpath.normpath(span.file)  # as the repository has it
        properties["line"] = span.line
        properties["endLine"] = span.end_line
        properties["col"] = span.column
        properties["endColumn"] = span.end_column
    properties["title"] = diagnostic.code.id
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    help = "help: " + "\n".join(diagnostic.help) if diagnostic.help else ""
    message = "\n".join(filter(None, (diagnostic.summary, diagnostic.detail, help)))
    return f"::{diagnostic.severity} {listed}::{_data(message)}"


def _data(text: str) -> str:
    """Escaped as the runner expects; what else is unprintable is shown, not sent."""
    breaks = {"\r": "%0D", "\n": "%0A"}
    pieces = re.split(r"([\r\n])", text.replace("%", "%25"))
    return "".join(breaks.get(piece) or visible(piece) for piece in pieces)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
