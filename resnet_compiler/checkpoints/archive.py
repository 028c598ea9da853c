"""A PyTorch checkpoint looked at before torch is: only an archive and a pickle such as torch.save writes go further.

Nothing is unpacked and nothing unpickled here. `torch.load` reads with `weights_only`, and still takes a compressed
archive that swells without bound, and calls that fill the memory.
"""

from __future__ import annotations

import io
import itertools
import os
import pathlib
import pickletools
import re
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Iterator

from resnet_compiler import codes
from resnet_compiler.checkpoints.kinds import NOT_RUN, SAVE_ALONE, Kind
from resnet_compiler.checkpoints.stored import MIB, brief, unreadable
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.support.read import opened

LONGEST_PICKLE = 4 * MIB
"""Bytes of pickle that are read: names and shapes alone, some hundred bytes for a tensor."""
LONGEST_DIRECTORY = 16 * MIB
"""Bytes of an archive's directory that are read."""

_ALLOWED = re.compile(
    r"collections (OrderedDict|Counter)"
    r"|torch\._utils _rebuild_(tensor(_v[23])?|parameter(_with_state)?)"
    r"|torch\._tensor _rebuild_from_type_v2"
    r"|torch\.nn\.parameter Parameter|torch\.storage (Untyped|Typed)Storage"
    r"|torch ([A-Z][A-Za-z0-9]*Storage|Size|Tensor|device|b?float\w+|u?int\d+|bool|complex\d+)"
    r"|(__builtin__|builtins) set"
)
"""What the pickle of a state_dict or of an optimiser's state names; a part of what `weights_only` allows."""
_NEWER = "a newer protocol"
_LEGACY_PICKLES = 5
"""Magic number, version, system, the object itself, the keys of the storages."""
_DAMAGED = ("the file is cut off or damaged: fetch it again",)


def check_file(path: pathlib.Path, kind: Kind) -> None:
    """Refuse a checkpoint that torch would not have written.

    Raises:
        SpecError: it is damaged, larger than it seems, or holds more than weights.
    """
    if kind == "zip":
        pickle = _pickle_in_archive(path)
        _check_pickles(path, pickle, 1)
        return
    with opened(path) as stream:
        if tarfile.is_tarfile(stream):  # its first file's name may look like a pickle
            raise unreadable(path, "it is a tar archive")
        stream.seek(0)
        _check_pickles(path, stream.read(LONGEST_PICKLE), _LEGACY_PICKLES)


# --- the archive ---


def _pickle_in_archive(path: pathlib.Path) -> bytes:
    """The pickle of a zip whose files are stored as they are, once each, one behind the other."""
    _check_end(path)
    try:
        with opened(path) as stream, zipfile.ZipFile(stream) as archive:
            size = os.fstat(stream.fileno()).st_size
            entries = archive.infolist()
            _check_entries(path, entries, size)
            (pickle,) = (each for each in entries if _is_pickle(each.filename))
            if pickle.file_size > LONGEST_PICKLE:
                raise unreadable(
                    path,
                    f"its pickle has {pickle.file_size:,} bytes; up to {LONGEST_PICKLE:,} are read",
                )
            return _raw(path, pickle)
    except (
        *(zipfile.BadZipFile, struct.error, OSError, EOFError),
        *(ValueError, LookupError, NotImplementedError, OverflowError),
    ) as reason:
        note = f"the archive: {brief(str(reason), 200)}"
        raise unreadable(path, "it is a damaged archive", notes=[note], help=_DAMAGED) from None


def _raw(path: pathlib.Path, entry: zipfile.ZipInfo) -> bytes:
    """The bytes of a stored file; without its checksum, which torch.save leaves out when it is told to."""
    with opened(path) as stream:
        stream.seek(entry.header_offset)
        header = stream.read(30)
        stream.seek(sum(struct.unpack_from("<HH", header, 26)), io.SEEK_CUR)
        data = stream.read(entry.file_size)
    if header[:4] != b"PK\x03\x04" or len(data) < entry.file_size:
        raise EOFError(f"{entry.filename} is not where the directory says")
    return data


def _check_entries(path: pathlib.Path, entries: list[zipfile.ZipInfo], size: int) -> None:
    names = [each.filename for each in entries]
    if any(name.rpartition("/")[2] == "constants.pkl" for name in names):
        summary = f"{path.as_posix()} is TorchScript: a program, not weights"
        found = error(
            codes.MORE_THAN_WEIGHTS, summary, notes=["none of it was run"], help=[SAVE_ALONE]
        )
        raise SpecError([found])
    if sum(map(_is_pickle, names)) != 1:
        what = "NumPy arrays" if any(name.endswith(".npy") for name in names) else "no data.pkl"
        raise unreadable(path, f"it is an archive, but not one of torch.save: it holds {what}")
    for each in entries:
        parts = each.filename.replace("\\", "/").split("/")
        if parts[0] == "" or ".." in parts or ":" in parts[0]:
            raise unreadable(path, f"it holds `{brief(each.filename)}`, a path that leaves it")
        if each.compress_type != zipfile.ZIP_STORED or each.flag_bits & 1:
            raise unreadable(
                path,
                f"`{brief(each.filename)}` in it is compressed or encrypted, which torch.save never does",
                help=["load it and save it again with torch.save"],
            )
    at = sorted((each.header_offset, each.header_offset + each.file_size) for each in entries)
    apart = all(end <= begin for (_, end), (begin, _) in itertools.pairwise(at))
    if len(set(names)) < len(names) or at[0][0] != 0 or not apart or at[-1][1] > size:
        raise unreadable(path, "files in it stand twice or lie over each other", help=_DAMAGED)


def _is_pickle(name: str) -> bool:
    return name.count("/") == 1 and name.endswith("/data.pkl")


_END, _END_64, _LOCATOR_64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_BYTES, _LOCATOR_BYTES = 22, 20


def _check_end(path: pathlib.Path) -> None:
    """Refuse an archive that does not end where the file does, or whose directory is large.

    Where an end may be looked for, two readers can find two archives in one file.
    """
    with opened(path) as stream:
        size = stream.seek(0, io.SEEK_END)
        stream.seek(max(0, size - _END_BYTES - _LOCATOR_BYTES))
        last = stream.read()
        end, locator = last[-_END_BYTES:], last[:_LOCATOR_BYTES]
        if end[:4] != _END or end[-2:] != b"\0\0":
            raise unreadable(path, "it is an archive without its end", help=_DAMAGED)
        (directory,) = struct.unpack_from("<I", end, 12)
        if locator[:4] == _LOCATOR_64:
            (place,) = struct.unpack_from("<Q", locator, 8)
            stream.seek(min(place, size))
            record = stream.read(56)
            if record[:4] != _END_64 or len(record) < 56:
                raise unreadable(path, "it is a damaged archive", help=_DAMAGED)
            (directory,) = struct.unpack_from("<Q", record, 40)
    if directory > LONGEST_DIRECTORY:
        raise unreadable(
            path,
            f"its directory has {directory:,} bytes; up to {LONGEST_DIRECTORY:,} are read",
        )


# --- the pickle ---


def _check_pickles(path: pathlib.Path, data: bytes, count: int) -> None:
    """Refuse pickles that name anything but what weights are made of."""
    stream = io.BytesIO(data)
    named: dict[str, None] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged texts
            for _ in range(count):
                named |= dict.fromkeys(_names(stream))
    except (ValueError, LookupError, OverflowError, MemoryError) as reason:
        if len(data) == LONGEST_PICKLE:
            raise unreadable(path, f"its pickles have more than {LONGEST_PICKLE:,} bytes") from None
        note = f"the pickle: {brief(str(reason), 200)}"
        raise unreadable(path, "its pickle is damaged", notes=[note], help=_DAMAGED) from None
    if _NEWER in named:
        raise unreadable(
            path,
            "its pickle has a protocol that torch does not read as weights",
            help=["save it again with torch.save, without `pickle_protocol`"],
        )
    others = [name for name in named if not _ALLOWED.fullmatch(name)]
    if others:
        shown = ", ".join(f"`{brief(name.replace(' ', '.'))}`" for name in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        summary = f"{path.as_posix()} holds more than weights: it names {shown}{more}"
        found = error(codes.MORE_THAN_WEIGHTS, summary, notes=[NOT_RUN], help=[SAVE_ALONE])
        raise SpecError([found])


def _names(stream: io.BytesIO) -> Iterator[str]:
    """What a pickle names, "module name" each: read from its instructions, of which none is carried out."""
    texts = ["", ""]
    for operation, argument, _ in pickletools.genops(stream):
        match operation.name:
            case "PROTO" if argument != 2:
                yield _NEWER
            case "GLOBAL" | "INST":
                yield str(argument)
            case "STACK_GLOBAL":  # by texts, probably the last two; never in this protocol
                yield ".".join(texts)
            case "EXT1" | "EXT2" | "EXT4":
                yield f"copyreg.{argument}"
            case _ if isinstance(argument, str):
                texts = [texts[1], argument]
