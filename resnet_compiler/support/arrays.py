"""NumPy arrays from files, .npy and .npz: plain numbers, and no more memory than the file has a right to.

The header of an array can promise anything, and an archive can swell a thousandfold: so what the header says is held to
what is there before anything is made. Nothing is unpickled.
"""

from __future__ import annotations

import os
import pathlib
import zipfile
from math import prod
from typing import IO, TYPE_CHECKING, Any

from resnet_compiler.support.read import MIB, ReadError, beginning, decoding, opened

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_UNPACKED = 1024 * MIB
"""Bytes of an array in an .npz, which has to be in memory as a whole; an .npy is mapped, and may have any size."""
MOST_ENTRIES = 1000
"""Arrays in an .npz."""
_LONGEST_READ = 4 * MIB
"""Bytes that are read at once of an archive: so its directory has no more, whatever its end says."""
_NO_ARRAY = "it is no .npy or .npz file of numbers"
_STEP = 2**20


def read_array(path: os.PathLike[str] | str, name: str = "images") -> NDArray[Any]:
    """The array of an .npy file, mapped into memory; of an .npz file the one of that name, or the only one.

    Booleans, integers and floats of up to 8 bytes are read, in any byte order.

    Raises:
        ReadError: it is no such file, is damaged, or holds something else.
    """
    start = beginning(path, 6)
    with opened(path) as stream:
        if start[:4] == b"PK\x03\x04":
            return _from_archive(path, stream, name)
        if start != b"\x93NUMPY":
            raise ReadError(path, _NO_ARRAY)
        return _mapped(path, stream)


def _header(path: os.PathLike[str] | str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, Any]:
    """Shape, whether columns come first, and type; the stream stands at the data then."""
    from numpy.lib import format

    with decoding(path, "its header is not one of an array"):
        version = format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = format.read_array_header_2_0(stream)
        else:
            raise ReadError(
                path, f"its header has version {version[0]}.{version[1]}; 1 and 2 are read"
            )
        shape = tuple(int(size) for size in shape)
    if dtype.kind not in "biuf" or dtype.itemsize > 8 or dtype.shape:
        raise ReadError(path, "it is no array of plain numbers")
    if len(shape) > 32 or any(not 0 <= size < 2**48 for size in shape) or prod(shape) >= 2**48:
        raise ReadError(path, "its header has sizes that no array can have")
    if not prod(shape):
        raise ReadError(path, "it holds no numbers")
    return shape, bool(fortran), dtype


def _mapped(path: os.PathLike[str] | str, stream: IO[bytes]) -> NDArray[Any]:
    import numpy as np

    shape, fortran, dtype = _header(path, stream)
    start, size = stream.tell(), os.fstat(stream.fileno()).st_size
    _refuse_short(path, prod(shape) * dtype.itemsize, size - start)
    order = "F" if fortran else "C"
    with decoding(path, _NO_ARRAY):
        found: NDArray[Any] = np.memmap(
            stream,  # type: ignore[call-overload]
            dtype,
            "r",
            start,
            shape,
            order,
        )
    return found


def _refuse_short(path: os.PathLike[str] | str, wanted: int, there: int) -> None:
    if wanted > there:
        raise ReadError(path, f"its header promises {wanted:,} bytes, and {there:,} are there")


def _from_archive(path: os.PathLike[str] | str, stream: IO[bytes], name: str) -> NDArray[Any]:
    with decoding(path, "it is a damaged .npz file"):
        archive = zipfile.ZipFile(_Sparing(stream))
        entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ReadError(path, f"it holds {len(entries):,} files; up to {MOST_ENTRIES:,} are read")
    names = [each.filename.removesuffix(".npy") for each in entries]
    if len(names) == 1:
        name = names[0]
    if names.count(name) != 1:
        held = ", ".join(names[:5]) or "nothing"
        raise ReadError(path, f"it holds {held}, and no array `{name}`")
    entry = entries[names.index(name)]
    if entry.flag_bits & 1:
        raise ReadError(path, "it is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ReadError(path, "it is packed in a way that NumPy does not use")
    if not entry.filename.endswith(".npy"):
        raise ReadError(path, f"`{entry.filename}` in it is no array")
    with decoding(path, "it is a damaged .npz file"):
        member = archive.open(entry)
    with member:
        return _unpacked(path, member, entry.file_size)


class _Sparing:
    """A file that is read in pieces of bounded size."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable
        self._stream = stream

    def read(self, count: int = -1) -> bytes:
        """So many bytes, or those that are left."""
        data = self._stream.read(count if 0 <= count <= _LONGEST_READ else _LONGEST_READ + 1)
        if len(data) > _LONGEST_READ:
            raise ValueError(f"more than {_LONGEST_READ} bytes at once")
        return data


def _unpacked(path: os.PathLike[str] | str, member: IO[bytes], size: int) -> NDArray[Any]:
    """The array in a member of an archive, of which the directory says that it has so many bytes."""
    import numpy as np

    shape, fortran, dtype = _header(path, member)
    wanted = prod(shape) * dtype.itemsize
    _refuse_short(path, wanted, size)
    if wanted > MOST_UNPACKED:
        name = pathlib.Path(path).stem
        raise ReadError(
            path,
            f"its array has {wanted:,} bytes, and up to {MOST_UNPACKED:,} are unpacked: "
            f"save it as {name}.npy, which may have any size",
        )
    data = bytearray()
    with decoding(path, "it is a damaged .npz file"):
        while len(data) < wanted and (piece := member.read(min(_STEP, wanted - len(data)))):
            data += piece
    _refuse_short(path, wanted, len(data))
    flat = np.frombuffer(data, dtype)
    found: NDArray[Any] = flat.reshape(shape, order="F" if fortran else "C")
    return found
