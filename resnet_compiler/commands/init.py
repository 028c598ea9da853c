"""`resnetc init`: a small spec to start from."""

from __future__ import annotations

import os
import pathlib
from typing import Annotated

import typer

from resnet_compiler.console import misuse, reporting


def init(
    name: Annotated[
        str, typer.Argument(help="The new spec's name; NAME.yaml is written here.")
    ] = "my_resnet",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a small spec to start from."""
    from resnet_compiler.graph import NAME
    from resnet_compiler.output import write_all
    from resnet_compiler.templating import environment

    if not NAME.fullmatch(name) or "." in name:
        misuse(
            f"`{name}` cannot be a name: write letters, digits and `_`, not starting with a digit"
        )
    path = pathlib.Path(f"{name}.yaml")
    if os.path.lexists(path) and not force:
        misuse(f"{path} is there already; --force replaces it")
    text = environment().get_template("spec.yaml.j2").render(name=name)
    reporting(lambda: write_all({path: [text.encode()]}))
    print(f"wrote {path}; next: resnetc check {path}")
