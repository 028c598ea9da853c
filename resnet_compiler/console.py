"""What the commands share: compiling what was named, showing findings, exit codes, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from resnet_compiler.diagnostics import Diagnostic
    from resnet_compiler.graph import Graph
    from resnet_compiler.library import SpecFile
    from resnet_compiler.pipeline import Compilation

T = TypeVar("T")
FINE, WRONG, MISUSE, UNVERIFIED = 0, 1, 2, 3
"""Exit codes: nothing to say, a spec is wrong, the command is, verification failed."""


def compile_all(names: Sequence[str]) -> list[Compilation]:
    """Compile every spec that the names mean; a name that means nothing is misuse."""
    from resnet_compiler.pipeline import compile_file

    return [compile_file(spec) for spec in _find(names)]


def _find(names: Sequence[str]) -> list[SpecFile]:
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.library import expand

    try:
        return [spec for name in names for spec in expand(name)]
    except SpecError as failure:
        render_all(failure.diagnostics, {})
        raise typer.Exit(MISUSE) from None


def graphs_or_exit(compilations: Sequence[Compilation]) -> list[Graph]:
    """The graphs, when every spec is right; otherwise the findings are shown, and the command ends."""
    show(compilations)
    graphs = [each.graph for each in compilations if each.graph is not None]
    if len(graphs) < len(compilations):
        raise typer.Exit(WRONG)
    return graphs


def show(compilations: Iterable[Compilation]) -> None:
    for each in compilations:
        if each.diagnostics:
            render_all(each.diagnostics, dict(each.texts))


def render_all(diagnostics: Sequence[Diagnostic], texts: dict[str, str]) -> None:
    """Diagnostics on standard error, in colour on a terminal unless NO_COLOR is set."""
    from resnet_compiler.render import render

    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    print(render(diagnostics, "full", texts, color=color), end="\n\n", file=sys.stderr)


def reporting(action: Callable[[], T]) -> T:
    from resnet_compiler.diagnostics import SpecError

    try:
        return action()
    except SpecError as failure:
        render_all(failure.diagnostics, {})
        raise typer.Exit(MISUSE) from None


def print_json(items: Sequence[Any]) -> None:
    """One object for one spec, a list for several."""
    print(json_text(items[0] if len(items) == 1 else items))


def json_text(value: Any) -> str:
    """A value as JSON to be read by people too: as it is, but for characters that would act on a terminal."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def misuse(message: str) -> NoReturn:
    print(f"resnetc: {message}", file=sys.stderr)
    raise typer.Exit(MISUSE)
