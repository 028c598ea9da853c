"""`resnetc draw`: networks and blocks as figures."""

from __future__ import annotations

import json
import pathlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import Format, HowWritten, Limit
from resnet_compiler.console import MISUSE, WRONG, Reading, misuse, reading, render_all, reporting

if TYPE_CHECKING:
    from resnet_compiler.draw.primitives import Figure
    from resnet_compiler.graph import Graph
    from resnet_compiler.library import SpecFile

SUFFIXES = (".svg", ".png", ".mmd", ".dot")


class Detail(StrEnum):
    """How much `draw` shows."""

    compact = "compact"
    blocks = "blocks"
    detailed = "detailed"


def draw(
    specs: Annotated[
        list[str] | None,
        typer.Argument(metavar="SPEC...", help="Networks; several stand side by side."),
    ] = None,
    output: Annotated[
        pathlib.Path | None,
        typer.Option(
            "-o",
            "--output",
            help="A file ending in .svg, .png, .mmd (Mermaid) or .dot; without one, SVG is printed.",
        ),
    ] = None,
    detail: Annotated[
        Detail | None,
        typer.Option(help="Stages, every block (what is drawn by default), or every layer."),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Draw one block instead, with both kinds of shortcut; of SPEC, if given.",
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="With --block: a parameter; may be repeated."
        ),
    ] = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
) -> None:
    """Draw networks on one page, every residual block with its shortcut."""
    suffix = ".svg" if output is None else output.suffix.lower()
    if suffix not in SUFFIXES:
        misuse(f"-o: a file ending in {', '.join(SUFFIXES)} is needed, not `{output}`")
    names = specs or []
    how = reading(limit, style.value)
    if block is not None:
        if detail is not None:
            misuse("--detail does not go with --block, which shows every layer")
        figure = _block(how, names, block, values or [], suffix)
        content = _rendered(figure, suffix)
    else:
        if values:
            misuse("--set goes with --block")
        if not names:
            misuse("a SPEC is needed, or --block NAME; `resnetc list` shows the shipped specs")
        graphs = how.graphs_or_exit(names)
        content = _drawn(graphs, detail or Detail.blocks, suffix)
    if output is None:
        print(content.decode(), end="")
        return
    from resnet_compiler.output import write_all

    path = output
    sizes = reporting(lambda: write_all({path: [content]}))
    print(escaped(f"wrote {path.as_posix()} ({sizes[path]:,} bytes)"))


def _drawn(graphs: list[Graph], detail: Detail, suffix: str) -> bytes:
    """Networks in the form that a suffix stands for."""
    from resnet_compiler import draw

    if suffix in (".mmd", ".dot"):
        if len(graphs) > 1:
            misuse(f"a {suffix} file holds one network; .svg and .png show several side by side")
        text = draw.mermaid if suffix == ".mmd" else draw.dot
        return text(graphs[0], detail.value).encode()
    return _rendered(draw.side_by_side(graphs, detail.value), suffix)


def _rendered(figure: Figure, suffix: str) -> bytes:
    from resnet_compiler import draw
    from resnet_compiler.draw.as_png import PngError

    text = draw.svg(figure)
    if suffix != ".png":
        return text.encode()
    try:
        return draw.png(text)
    except PngError as reason:
        misuse(str(reason))


def _block(how: Reading, specs: list[str], name: str, values: list[str], suffix: str) -> Figure:
    """One block by itself, in the surroundings of a spec where one is given."""
    from resnet_compiler.diagnostics import SpecError, did_you_mean
    from resnet_compiler.draw.one_block import (
        UnknownBlock,
        UnknownParameter,
        block_figure,
        compile_block,
    )

    if suffix in (".mmd", ".dot"):
        misuse("--block writes .svg or .png")
    if len(specs) > 1:
        misuse("--block takes one SPEC at most, whose blocks it then knows")
    spec = _spec_file(specs[0]) if specs else None
    try:
        found = compile_block(name, dict(map(_value, values)), spec, how.limits)
    except UnknownBlock as unknown:
        near = did_you_mean(name, unknown.known) or ("`resnetc blocks` lists the shipped ones",)
        misuse(f"there is no block called `{name}`; {near[0]}")
    except UnknownParameter as unknown:
        near = did_you_mean(unknown.name, unknown.known)
        help = near[0] if near else f"it has {', '.join(unknown.known) or 'none'}"
        misuse(f"--set: the block `{name}` has no parameter `{unknown.name}`; {help}")
    except SpecError as failure:
        render_all([(failure.diagnostics, {})], how.style)
        raise typer.Exit(WRONG) from None
    how.show([found.compilation])
    if found.compilation.graph is None:
        raise typer.Exit(WRONG)
    return block_figure(found.block, found.compilation.graph)


def _spec_file(name: str) -> SpecFile:
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.library import find_spec

    try:
        return find_spec(name)
    except SpecError as failure:
        render_all([(failure.diagnostics, {})])
        raise typer.Exit(MISUSE) from None


def _value(text: str) -> tuple[str, object]:
    """A parameter and its value: a number, a flag, JSON, or else a word or expression."""
    name, equals, value = text.partition("=")
    if not name.isidentifier() or not equals or not value:
        misuse(f"--set: NAME=VALUE such as width=64 is needed, not `{text}`")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
