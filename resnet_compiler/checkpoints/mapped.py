"""safetensors, mapped into memory: one tensor's pages are there at a time, and torch is not needed.

The format: eight bytes with the header's length, a header in JSON, the data
(https://github.com/huggingface/safetensors). The library decides what is valid. Its NumPy reader lacks bfloat16 and
copies each tensor, so the data are read here, by the offsets it found to be right.
"""

from __future__ import annotations

import json
import mmap
import os
import pathlib
from collections.abc import Iterable
from functools import partial
from typing import Any

from resnet_compiler.checkpoints.stored import MIB, Stored, brief, unreadable
from resnet_compiler.support.read import decoding, opened
from resnet_compiler.weights import Array

LONGEST_HEADER = 16 * MIB
"""Bytes of header that are read: a hundred thousand tensors, more than the largest network has."""

_LENGTH = 8
_NUMPY_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",  # the upper half of a float32
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "u1",
}


def read_safetensors(path: pathlib.Path) -> dict[str, Stored]:
    """The tensors of a safetensors file.

    Raises:
        SpecError: the file is not what the format asks for.
    """
    header = _checked_header(path)
    with opened(path) as stream:
        data = _Data(path, stream.fileno(), _LENGTH + len(header))
    found = {}
    for name, entry in _entries(path, header).items():
        kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        known = kind in _NUMPY_TYPES
        read = partial(data.read, kind, shape, begin, end) if known else None
        found[name] = Stored(shape, kind, read)
    return found


def _checked_header(path: pathlib.Path) -> bytes:
    """The header, after the library has found the whole file to be valid."""
    from safetensors import SafetensorError, safe_open

    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(_LENGTH), "little")
        if length > size - _LENGTH:
            raise unreadable(
                path,
                f"its header should have {length:,} bytes, but {size - _LENGTH:,} are there",
                help=["the file is cut off or damaged: fetch it again"],
            )
        if length > LONGEST_HEADER:
            raise unreadable(
                path, f"its header has {length:,} bytes; up to {LONGEST_HEADER:,} are read"
            )
        header = stream.read(length)
    try:
        with safe_open(path, framework="numpy"):
            return header
    except (SafetensorError, OSError, ValueError) as reason:
        text = brief(str(reason).removeprefix("Error while deserializing header: "), 300)
        help = ["the file is cut off or damaged: fetch it again"]
        raise unreadable(
            path, "it is not valid safetensors", notes=[f"the library says: {text}"], help=help
        ) from None


def _entries(path: pathlib.Path, header: bytes) -> dict[str, dict[str, Any]]:
    """The header's entries. The library lets a name stand twice, of which one would be lost."""

    def unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise unreadable(path, f"its header has `{brief(name)}` twice")
            found[name] = value
        return found

    with decoding(path, "its header is no JSON"):
        entries: dict[str, dict[str, Any]] = json.loads(header, object_pairs_hook=unique)
    entries.pop("__metadata__", None)
    return entries


class _Data:
    """The data of a file, mapped. What is read is a view where it is float32 already, and otherwise a converted copy."""

    def __init__(self, path: pathlib.Path, handle: int, start: int) -> None:
        self.path, self.start = path, start
        self.map = mmap.mmap(handle, 0, access=mmap.ACCESS_READ)
        self.last = (0, 0)

    def read(self, kind: str, shape: tuple[int, ...], begin: int, end: int) -> Array:
        """A tensor as float32, from bytes ``begin`` to ``end`` of the data."""
        import numpy as np

        self._let_go()
        self.last = (self.start + begin, self.start + end)
        dtype = np.dtype(_NUMPY_TYPES[kind])
        count = (end - begin) // dtype.itemsize
        raw = np.frombuffer(self.map, dtype, count, self.start + begin).reshape(shape)
        if kind == "BF16":
            return (raw.astype("<u4") << 16).view("<f4")
        if kind == "BOOL":
            raw = raw != 0
        with np.errstate(over="ignore"):  # a float64 may be too large: told as not finite
            return raw.astype(np.float32, copy=False)

    def _let_go(self) -> None:
        """Give the pages of the last tensor back to the system; whoever still reads them gets them from the file."""
        begin, end = self.last
        begin -= begin % mmap.PAGESIZE
        if end > begin and hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED, begin, end - begin)
