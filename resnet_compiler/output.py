"""Writing files: all of them or none, and telling what on disk is stale."""

from __future__ import annotations

import difflib
import os
import pathlib
import tempfile
from collections.abc import Mapping

from resnet_compiler import codes
from resnet_compiler.diagnostics import SpecError, error


def write_all(files: Mapping[pathlib.Path, bytes]) -> None:
    """Write every file or, if one cannot be written, none: each is staged beside its place, then moved there.

    Raises:
        SpecError: a file cannot be written; what was there before is still there.
    """
    staged: list[tuple[str, pathlib.Path]] = []
    path = pathlib.Path()
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise IsADirectoryError(21, "is a directory")
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged.append((name, path))
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.chmod(name, 0o666 & ~_umask())
        for name, path in staged:
            os.replace(name, path)
    except OSError as reason:
        text = (reason.strerror or str(reason)).lower()
        raise SpecError(
            [error(codes.CANNOT_WRITE, f"cannot write {path.as_posix()}: {text}")]
        ) from None
    finally:
        for name, _ in staged:
            pathlib.Path(name).unlink(missing_ok=True)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def stale(files: Mapping[pathlib.Path, bytes]) -> dict[pathlib.Path, str]:
    """The files that are not on disk as they would be written, each with a diff (or a line, where it is not text)."""
    found = {}
    for path, content in files.items():
        before = path.read_bytes() if path.is_file() else None
        if before == content:
            continue
        name = path.as_posix()
        if before is None:
            found[path] = f"{name} is missing"
        elif path.suffix == ".onnx":
            found[path] = f"{name} differs ({len(before):,} bytes, {len(content):,} wanted)"
        else:
            lines = difflib.unified_diff(
                before.decode(errors="replace").splitlines(keepends=True),
                content.decode().splitlines(keepends=True),
                f"{name} (on disk)",
                f"{name} (from the spec)",
            )
            found[path] = "".join(lines).rstrip("\n")
    return found
