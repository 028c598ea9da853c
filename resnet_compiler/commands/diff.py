"""`resnetc diff`: what changes from one network to another."""

from __future__ import annotations

from typing import Annotated

import typer

from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit
from resnet_compiler.console import FINE, WRONG, misuse, print_json, reading


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A path, or a shipped name.")],
    after: Annotated[str, typer.Argument(metavar="B", help="What it is held against.")],
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 where they are not the same network.")
    ] = False,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Print what changes from one network to another: stages, blocks, layers, shapes, costs and proofs."""
    graphs = []
    reader = reading(limit, style.value)
    for name in (before, after):
        found = reader.compile_all([name])
        if len(found) != 1:
            misuse(f"two networks are compared, and {name} has {len(found)}; name one spec of it")
        graphs.append(found[0])
    reader.show(graphs)
    if graphs[0].graph is None or graphs[1].graph is None:
        raise typer.Exit(WRONG)
    from resnet_compiler.compare import difference
    from resnet_compiler.compare.as_json import difference_dict
    from resnet_compiler.compare.text import difference_text

    found_difference = difference(graphs[0].graph, graphs[1].graph)
    if as_json:
        print_json([difference_dict(found_difference)])
    else:
        print(difference_text(found_difference))
    raise typer.Exit(WRONG if exit_code and not found_difference.same else FINE)
