"""`resnetc view`: a network as one page to look through in a browser."""

from __future__ import annotations

import os
import pathlib
from typing import Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import Format, HowWritten, Limit
from resnet_compiler.console import WRONG, misuse, reading, reporting


def view(
    spec: Annotated[
        str,
        typer.Argument(metavar="SPEC", help="A path, `folder/name`, or a shipped name."),
    ],
    output: Annotated[
        pathlib.Path | None,
        typer.Option("-o", "--output", help="The page to write; NAME.html when not given."),
    ] = None,
    is_opened: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser that is set up here.")
    ] = False,
    style: HowWritten = Format.full,
    limit: Limit = None,
) -> None:
    """Write a network as one HTML page: diagram, figures, spec and source, linked with each other."""
    reader = reading(limit, style.value)
    compilations = reader.compile_all([spec])
    if len(compilations) != 1:
        misuse(f"`view` takes one spec; {spec} means {len(compilations)}")
    (compilation,) = compilations
    reader.show(compilations)
    if compilation.graph is None:
        raise typer.Exit(WRONG)
    from resnet_compiler.output import write_all
    from resnet_compiler.page import page_html

    path = output or pathlib.Path(f"{compilation.graph.identity.name}.html")
    if os.path.isdir(path):
        misuse(f"{path.as_posix()} is a folder; give -o the page's name, such as page.html")
    if path.suffix.lower() not in (".html", ".htm"):
        misuse(f"-o: a page's name ends in .html, and `{path.as_posix()}` does not")
    html = page_html(compilation).encode()
    (size,) = reporting(lambda: write_all({path: [html]})).values()
    print(escaped(f"wrote {path.as_posix()} ({size:,} bytes)"))
    if is_opened:
        import webbrowser

        if not webbrowser.open(path.absolute().as_uri()):
            misuse(f"no browser is set up here; open {path.as_posix()} in one")
