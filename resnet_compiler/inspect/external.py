"""External data of an ONNX file: where tensors say their values are, and whether that is so. Nothing of it is read."""

from __future__ import annotations

import pathlib
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, error
from resnet_compiler.inspect.tensors import (
    LARGEST_COUNT,
    bits,
    byte_count,
    element_count,
    is_external,
    text,
    type_name,
)

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class ExternalFile:
    """A data file that tensors name: how many tensors, how many bytes of it they take, and its size where it is there."""

    location: str
    tensors: int
    bytes: int
    size: int | None
    refused: bool


def look(
    model_path: str, tensors: Iterable[onnx.TensorProto]
) -> tuple[tuple[ExternalFile, ...], list[Diagnostic]]:
    """The data files that the tensors name, in the order of their first tensor, and what is wrong with them."""
    taken: dict[str, list[tuple[int, int]]] = {}
    found: list[Diagnostic] = []
    for tensor in tensors:
        if is_external(tensor):
            entries = {text(entry.key): text(entry.value) for entry in tensor.external_data}
            wanted = byte_count(type_name(tensor.data_type), element_count(tensor))
            offset, length = entries.get("offset", "0"), entries.get("length", str(wanted))
            location = entries.get("location", "")
            stretch = _stretch(offset, length)
            if stretch is None or bits(type_name(tensor.data_type)) is None or stretch[1] != wanted:
                asked = f"{length[:30]} bytes at offset {offset[:30]}"
                summary = f"the tensor `{text(tensor.name)}` names {asked} of `{location}`; it has {wanted:,}"
                found.append(error(codes.EXTERNAL_DATA, summary))
                stretch = (0, 0)
            taken.setdefault(location, []).append(stretch)
    files = []
    folder = pathlib.Path(model_path).parent
    for location, stretches in taken.items():
        why = _refusal(folder, location)
        size = None if why else _size(folder / location)
        total = sum(length for _, length in stretches)
        files.append(ExternalFile(location, len(stretches), total, size, bool(why)))
        end = max(offset + length for offset, length in stretches)
        if why:
            found.append(_refused(location, why))
        elif size is None:
            summary = f"the data file `{location[:200]}` is not beside the model"
            help = ["put it there; a model is moved together with its data"]
            found.append(error(codes.EXTERNAL_DATA, summary, help=help))
        elif size < end:
            summary = (
                f"the data file `{location[:200]}` has {size:,} bytes; tensors go to byte {end:,}"
            )
            found.append(error(codes.EXTERNAL_DATA, summary))
    return tuple(files), found


def _size(path: pathlib.Path) -> int | None:
    """The bytes of a regular file, or None where there is none, or none that we may look at."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # also a name too long for the system
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _stretch(offset: str, length: str) -> tuple[int, int] | None:
    """Offset and length as numbers, or None where they are none that a file can have."""
    if not all(re.fullmatch(r"[0-9]{1,19}", each) for each in (offset, length)):
        return None
    start, count = int(offset), int(length)
    return (start, count) if start + count <= LARGEST_COUNT else None


def _refusal(folder: pathlib.Path, location: str) -> str | None:
    """Why a location is not looked at, or None: it must be a plain relative path that stays in the model's folder."""
    parts = re.split(r"[/\\]", location)
    if not location or "\0" in location:
        return "it is no path"
    if parts[0] == "" or re.match(r"[A-Za-z]:", location):
        return "it is an absolute path"
    if ".." in parts:
        return "it leads out of the model's folder"
    try:
        if not (folder / location).resolve().is_relative_to(folder.resolve()):
            return "it leads out of the model's folder"
    except (OSError, RuntimeError, ValueError):
        return "it is no path"
    return None


def _refused(location: str, why: str) -> Diagnostic:
    return error(
        codes.EXTERNAL_DATA,
        f"the data file `{location[:200]}` is not looked at: {why}",
        notes=["a model may name only files in its own folder; any other could be anyone's"],
        help=["save the model anew with a plain file name as location"],
    )
