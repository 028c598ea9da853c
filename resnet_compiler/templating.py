"""The template environment: strict about undefined names, and with no say in what is written."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from resnet_compiler.library import data_folder

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The environment over the shipped templates. Source is not HTML, so nothing is escaped here."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(data_folder("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
