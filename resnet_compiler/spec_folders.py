"""The specs that a word on the command line means: one, or all in a folder."""

from __future__ import annotations

import os
import pathlib

from resnet_compiler import codes
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.library import (
    SpecFile,
    display_of,
    find_spec,
    refuse_link,
    shipped_file,
    shipped_names,
    shipped_specs,
)

NO_SPECS = ("blocks", "node_modules", "site-packages")
"""Folders that are not looked into for specs."""
MOST_FOLDERS = 1000
"""How many folders are looked into for specs."""


def expand(name: str) -> list[SpecFile]:
    """The specs that a word on the command line means: one, or every one in a folder and those below it.

    Folders of blocks or of installed packages, hidden ones and those that are links are left out. Where there is no such
    folder, `specs` means all shipped ones.

    Raises:
        SpecError: it means none.
    """
    folder = pathlib.Path(name)
    if name and os.path.isdir(folder):
        inside = _specs_below(folder)
        for path in inside:
            refuse_link(path, folder, None, "name the link itself, without the folder")
        if inside:
            return [SpecFile(display_of(path), path) for path in inside]
    wanted = name.rstrip("/").removeprefix("specs/")
    if wanted == "specs":
        return shipped_specs()
    shipped = [shipped_file(family, file) for family, file in shipped_names() if family == wanted]
    return shipped or [find_spec(name)]


def _specs_below(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of a folder and of those below it that are named like specs: those of a folder before those below.

    Raises:
        SpecError: there are more folders than anybody has specs in: a whole disk, perhaps.
    """
    found: list[pathlib.Path] = []
    for number, (here, folders, files) in enumerate(os.walk(folder)):
        if number == MOST_FOLDERS:
            summary = f"`{folder.as_posix()}` has more than {MOST_FOLDERS:,} folders below it"
            help = ["name the folder that the specs are in"]
            raise SpecError([error(codes.UNKNOWN_SPEC, summary, help=help)])
        folders[:] = sorted(each for each in folders if each not in NO_SPECS and each[0] != ".")
        found += [pathlib.Path(here, each) for each in sorted(files) if each.endswith(".yaml")]
    return found
