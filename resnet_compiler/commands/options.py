"""Options and arguments that several commands have."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

Specs = Annotated[
    list[str],
    typer.Argument(metavar="SPEC...", help="A path, a folder, `folder/name`, or a shipped name."),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=NUMBER",
        help="Change a limit, such as layers=100000; may be repeated.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON: an object, or a list for several specs.")
]


class Format(StrEnum):
    """How diagnostics are written."""

    full = "full"
    short = "short"
    json = "json"
    github = "github"


HowWritten = Annotated[
    Format, typer.Option("--format", help="How diagnostics are written, on standard error.")
]


Opset = Annotated[int, typer.Option(help="The ONNX opset, 13 to 22.", min=13, max=22)]
Classes = Annotated[
    int | None,
    typer.Option(
        "--num-classes", min=1, max=2**20, help="Give the network a head of so many classes."
    ),
]
