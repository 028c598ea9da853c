"""Compiling a spec again whenever a file that it is made of is saved. What is then done with it is elsewhere."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

from resnet_compiler.diagnostics import is_shipped
from resnet_compiler.library import SpecFile, data_folder
from resnet_compiler.limits import Limits
from resnet_compiler.pipeline import Compilation, compile_file

QUIET_AFTER = 50
"""Milliseconds without another change after which a save is taken to be over."""
FIRST_LOOK = 250
"""Milliseconds after which a file is looked at that may have been saved before the watch stood."""


def compilations(spec: SpecFile, limits: Limits) -> Iterator[Compilation]:
    """The spec as it is compiled now, and again after every save that changes what a compilation reads or finds.

    Its own folder and those of the specs it extends are watched, and `blocks/` in each: so a block that is missing is
    seen when it is written. Ends only with what ends the process.

    Raises:
        KeyboardInterrupt: the user ended it.
    """
    import watchfiles

    current = compile_file(spec, limits=limits)
    yield current
    while True:
        folders = watched_folders(current)
        changes = watchfiles.watch(
            *folders,
            watch_filter=_may_matter,
            step=QUIET_AFTER,
            recursive=False,
            rust_timeout=FIRST_LOOK,
            yield_on_timeout=True,
        )
        looked = False
        for saved in changes:
            if not saved and looked:
                continue
            looked = True
            fresh = compile_file(spec, limits=limits)
            if fresh.texts != current.texts or fresh.diagnostics != current.diagnostics:
                current = fresh
                yield current
            if watched_folders(current) != folders:
                break


def files_read(compilation: Compilation) -> tuple[pathlib.Path, ...]:
    """The files that a compilation read, in the order of their first use; the spec itself also where it is missing."""
    paths = [compilation.spec.path] if compilation.spec.path else []
    for name in compilation.texts:
        path = pathlib.Path(name)
        if is_shipped(name):
            path = data_folder("specs") / name.removeprefix("specs/")
        paths.append(path)
    return tuple(dict.fromkeys(paths))


def watched_folders(compilation: Compilation) -> tuple[pathlib.Path, ...]:
    """The folders in which a file may be saved that changes what the spec compiles to."""
    folders = dict.fromkeys(path.parent for path in files_read(compilation))
    beside = [folder / "blocks" for folder in folders]
    return tuple(dict.fromkeys(each for each in (*folders, *beside) if os.path.isdir(each)))


def _may_matter(change: object, path: str) -> bool:
    """Whether a change of this path may change what is compiled: a spec, a block, or the folder of blocks."""
    return path.endswith((".yaml", ".yml", "blocks"))
