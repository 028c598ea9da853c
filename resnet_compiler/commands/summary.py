"""`resnetc summary`: layers, shapes, parameters and MACs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from resnet_compiler.commands.export_options import Precision
from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit, Specs
from resnet_compiler.console import print_json, reading


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
        str,
        typer.Option(help="For --roofline: a name such as a100 or rtx4090, or `measured`."),
    ] = "measured",
    precision: Annotated[
        Precision, typer.Option(help="For --roofline: the precision of the numbers.")
    ] = Precision.float32,
    batch: Annotated[int, typer.Option(min=1, help="For --roofline: images at once.")] = 1,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Print layers, shapes, parameters and MACs, and where the weighted layers are."""
    from resnet_compiler.report import summary_dict, summary_text

    graphs = reading(limit, style.value).graphs_or_exit(specs)
    if roofline:
        from resnet_compiler.commands.roofline import print_roofline

        print_roofline(graphs, device, precision.value, batch, depth.value, as_json)
        return
    if as_json:
        print_json([summary_dict(graph) for graph in graphs])
    else:
        print("\n\n".join(summary_text(graph, depth.value) for graph in graphs))
