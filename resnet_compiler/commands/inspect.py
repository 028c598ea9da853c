"""`resnetc inspect`: what is in an ONNX file."""

from __future__ import annotations

from typing import Annotated

import typer

from resnet_compiler.commands.options import AsJson, Format, HowWritten


def inspect(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="ONNX files, of any maker.")
    ],
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Height and width, where a file leaves them open."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="The batch, where a file leaves it open; 1 otherwise.", min=1)
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Add a table of the nodes.")] = False,
    style: HowWritten = Format.full,
    as_json: AsJson = False,
) -> None:
    """Tell what is in ONNX files: operators, parameters, weighted layers, MACs, precision, residual adds."""
    from resnet_compiler.inspect.command import run

    run(files, size, batch, layers, style.value, as_json)
