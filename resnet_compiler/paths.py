"""Where a path leads, whatever links are on the way."""

from __future__ import annotations

import os
import pathlib


def real(path: pathlib.Path) -> pathlib.Path:
    """The path with every link followed; unlike ``Path.resolve`` it raises nothing where links go in a circle."""
    return pathlib.Path(os.path.realpath(path))


def stays_inside(path: pathlib.Path, folder: pathlib.Path) -> bool:
    """Whether a path leads to something in a folder or below it."""
    return real(path).is_relative_to(real(folder))
