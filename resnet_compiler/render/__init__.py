"""Diagnostics as text: one renderer per file, all with the same signature."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from resnet_compiler.diagnostics import Diagnostic
from resnet_compiler.render import as_json, full, github, short

Style = Literal["full", "short", "json", "github"]

_RENDERERS = {
    "full": full.render,
    "short": short.render,
    "json": as_json.render,
    "github": github.render,
}


def render(
    diagnostics: Iterable[Diagnostic],
    style: Style = "full",
    sources: Mapping[str, str] | None = None,
    color: bool = False,
) -> str:
    """All diagnostics in one style, without a line break at the end.

    ``sources`` maps a span's file to its text; only ``full`` uses it, and only ``full`` and
    ``short`` use ``color``.
    """
    return _RENDERERS[style](tuple(diagnostics), sources or {}, color)
