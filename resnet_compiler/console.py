"""What the commands share: compiling what was named, showing findings, exit codes, JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
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
EXPLAINED = 3
"""How many codes the last line names."""


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
        render_all([(failure.diagnostics, {})])
        raise typer.Exit(MISUSE) from None


def graphs_or_exit(compilations: Sequence[Compilation]) -> list[Graph]:
    """The graphs, when every spec is right; otherwise the findings are shown, and the command ends."""
    show(compilations)
    graphs = [each.graph for each in compilations if each.graph is not None]
    if len(graphs) < len(compilations):
        raise typer.Exit(WRONG)
    return graphs


def show(compilations: Iterable[Compilation]) -> None:
    render_all([(each.diagnostics, each.texts) for each in compilations])


def render_all(found: Iterable[tuple[Sequence[Diagnostic], Mapping[str, str]]]) -> None:
    """Diagnostics, with the texts they are about, on standard error: in colour on a terminal unless NO_COLOR is set."""
    from resnet_compiler.render import render

    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    errors: dict[str, None] = {}
    for diagnostics, texts in found:
        if diagnostics:
            print(render(diagnostics, "full", texts, color=color), end="\n\n", file=sys.stderr)
        errors |= dict.fromkeys(d.code.id for d in diagnostics if d.severity == "error")
    if errors:
        first, *others = list(errors)[:EXPLAINED]
        named = ", ".join([f"`resnetc explain {first}`", *(f"`{code}`" for code in others)])
        print(f"For more about an error, try {named}.", file=sys.stderr)


def reporting(action: Callable[[], T]) -> T:
    from resnet_compiler.diagnostics import SpecError

    try:
        return action()
    except SpecError as failure:
        render_all([(failure.diagnostics, {})])
        raise typer.Exit(MISUSE) from None


def print_json(items: Sequence[Any]) -> None:
    """One object for one spec, a list for several."""
    print(json.dumps(items[0] if len(items) == 1 else items, indent=2, ensure_ascii=False))


def misuse(message: str) -> NoReturn:
    print(f"resnetc: {message}", file=sys.stderr)
    raise typer.Exit(MISUSE)
