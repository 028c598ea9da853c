"""Writing files: all of them or none, and telling what on disk is stale."""

from __future__ import annotations

import difflib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, SpecError, error

Content = Iterable[bytes]
"""A file's content in pieces, made while it is written."""


def write_all(files: Mapping[pathlib.Path, Content]) -> dict[pathlib.Path, int]:
    """Write every file or, if one cannot be written, none: each is staged beside its place, then moved there.

    Returns:
        The size of each file in bytes.

    Raises:
        SpecError: a file cannot be written; what was there before is still there.
    """
    sizes = {}
    staged: list[tuple[str, pathlib.Path]] = []
    moved: list[tuple[str | None, pathlib.Path]] = []
    folders: list[pathlib.Path] = []
    path = pathlib.Path()
    done = False
    try:
        for path, content in files.items():
            folders += _make_folders(path.parent)
            if path.is_dir():
                raise IsADirectoryError(21, "is a directory")
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged.append((name, path))
            with os.fdopen(handle, "wb") as stream:
                sizes[path] = sum(stream.write(piece) for piece in content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o666 & ~_umask())
        for name, path in staged:
            before = f"{name}.before" if path.exists() else None
            if before is not None:
                _keep(path, before)
            moved.append((before, path))
            os.replace(name, path)
        moved.clear()
        done = True
    except OSError as reason:
        text = (reason.strerror or str(reason)).lower()
        raise SpecError(
            [error(codes.CANNOT_WRITE, f"cannot write {path.as_posix()}: {text}")]
        ) from None
    finally:
        for before, path in reversed(moved):  # not all of them: back to what was there
            os.replace(before, path) if before is not None else path.unlink(missing_ok=True)
        for name, _ in staged:
            for leftover in (name, f"{name}.before"):
                pathlib.Path(leftover).unlink(missing_ok=True)
        for folder in () if done else reversed(folders):
            folder.rmdir()
    return sizes


def _make_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """Make a folder and those around it that are missing; returns those that were made, the outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _holds(path: pathlib.Path, pieces: Content) -> bool:
    """Whether a file holds just these pieces."""
    with path.open("rb") as stream:
        return all(stream.read(len(piece)) == piece for piece in pieces) and not stream.read(1)


def _keep(path: pathlib.Path, name: str) -> None:
    """A second name for a file; a copy where the file system has no links."""
    try:
        os.link(path, name, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, name)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def stale(files: Mapping[pathlib.Path, Content]) -> dict[pathlib.Path, str]:
    """The files that are not on disk as they would be written, each with a diff (or a line, where it is not text)."""
    found = {}
    for path, pieces in files.items():
        name = path.as_posix()
        if not path.is_file():
            found[path] = f"{name} is missing"
        elif path.suffix != ".py":
            if not _holds(path, pieces):
                found[path] = f"{name} differs"
        elif (before := path.read_bytes()) != (content := b"".join(pieces)):
            lines = difflib.unified_diff(
                before.decode(errors="replace").splitlines(keepends=True),
                content.decode().splitlines(keepends=True),
                f"{name} (on disk)",
                f"{name} (from the spec)",
            )
            found[path] = "".join(lines).rstrip("\n")
    return found


def stale_outputs(paths: Iterable[pathlib.Path]) -> list[Diagnostic]:
    """An error for each file that is stale; the last says what to do about them all."""
    names = [path.as_posix() for path in paths]
    help = ["the same command without `--check` writes what the spec gives"]
    return [
        error(
            codes.STALE_OUTPUT,
            f"{name} is not what the spec gives",
            help=help if name == names[-1] else (),
        )
        for name in names
    ]
