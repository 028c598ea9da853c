"""`resnetc summary`: layers, shapes, parameters and MACs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from resnet_compiler.commands.export_options import Precision
from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit, Specs
from resnet_compiler.console import misuse, print_json, reading


class Depth(StrEnum):
    """How finely `summary` divides a network."""

    stage = "stage"
    block = "block"
    layer = "layer"


def summary(
    specs: Specs,
    depth: Annotated[Depth, typer.Option(help="One line for each of these.")] = Depth.stage,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="Print the least time on a device instead.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="For --roofline: a name such as a100 or rtx4090, or `measured`, which is usual."
        ),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="For --roofline: the precision of the numbers; float32."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="For --roofline: images at once; 1.")
    ] = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Print layers, shapes, parameters and MACs, and where the weighted layers are."""
    from resnet_compiler.report import summary_dict, summary_text

    only = {"device": device, "precision": precision, "batch": batch}
    stray = next((name for name, value in only.items() if value is not None), None)
    if stray is not None and not roofline:
        misuse(f"--{stray} goes with --roofline")
    graphs = reading(limit, style.value).graphs_or_exit(specs)
    if roofline:
        from resnet_compiler.commands.roofline import print_roofline

        kind = (precision or Precision.float32).value
        print_roofline(graphs, device or "measured", kind, batch or 1, depth.value, as_json)
        return
    if as_json:
        print_json([summary_dict(graph) for graph in graphs])
    else:
        print("\n\n".join(summary_text(graph, depth.value) for graph in graphs))
