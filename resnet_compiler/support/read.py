"""The one way to read a file: a regular file, opened without waiting, at most so many bytes of it.

A name on a command line, in a spec or in a folder can lead to a pipe, a device, a folder, a file that never ends or one
that nobody may read. Whatever it is, a caller gets the bytes or a ReadError, which says in one line what is wrong with
which file. Decoders of other libraries run inside `decoding`, which makes such an error of whatever they raise.
"""

from __future__ import annotations

import errno
import io
import json
import os
import pathlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

MIB = 2**20
MOST_TEXT = 64 * MIB
"""Bytes of a text that is read whole, where the caller names no other bound."""
DEEPEST_JSON = 64
"""How deep lists and objects may stand inside each other."""
MOST_FOLDERS = 30_000
"""Folders that are looked into for files: ImageNet-21k has 21,841."""
_STEP = 2**20


class ReadError(OSError):
    """A file cannot be read, or is not what it should be; ``reason`` says why, without the file's name.

    It is an OSError, with ``strerror`` and ``filename`` set.
    """

    def __init__(self, path: os.PathLike[str] | str, reason: str, number: int = 0) -> None:
        self.path = pathlib.Path(path)
        self.reason = reason
        super().__init__(number, reason, os.fspath(path))

    def __str__(self) -> str:
        return f"{self.path.as_posix()} cannot be read: {self.reason}"


def opened(path: os.PathLike[str] | str, *, follow: bool = True) -> io.BufferedReader:
    """A regular file, open for reading; what is not one is neither waited for nor opened.

    Args:
        path: the file.
        follow: whether the name may be a link.

    Raises:
        ReadError: it is not there, is no regular file, or may not be read.
    """
    flags = os.O_RDONLY
    # without waiting for the other end of a pipe; no file descriptor for the programs we start
    for name in (
        "O_NONBLOCK",
        "O_CLOEXEC",
        "O_NOCTTY",
        "O_BINARY",
        *(() if follow else ("O_NOFOLLOW",)),
    ):
        flags |= getattr(os, name, 0)
    try:
        # a device is not even opened: for some of them that alone does something
        _refuse_others(path, os.stat(path, follow_symlinks=follow))
        handle = os.open(path, flags)
        try:
            _refuse_others(path, os.fstat(handle))  # it may be another file by now
            return open(handle, "rb")
        except BaseException:
            os.close(handle)
            raise
    except ReadError:
        raise
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the name
        _refuse(path, reason)


def _refuse(path: os.PathLike[str] | str, reason: OSError | ValueError) -> NoReturn:
    number = reason.errno or 0 if isinstance(reason, OSError) else 0
    text = reason.strerror if isinstance(reason, OSError) else None
    raise ReadError(path, (text or str(reason)).lower(), number) from None


def _refuse_others(path: os.PathLike[str] | str, status: os.stat_result) -> None:
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        raise ReadError(path, os.strerror(errno.EISDIR).lower(), errno.EISDIR)
    if stat.S_ISLNK(mode):
        raise ReadError(path, "it is a link", errno.ELOOP)
    if not stat.S_ISREG(mode):
        raise ReadError(path, "not a regular file")


def beginning(path: os.PathLike[str] | str, most: int, *, follow: bool = True) -> bytes:
    """The first bytes of a file, ``most`` of them or all that there are.

    Raises:
        ReadError: it cannot be read.
    """
    with opened(path, follow=follow) as stream:
        return _bytes(path, stream, most)


def _bytes(path: os.PathLike[str] | str, stream: io.BufferedReader, most: int) -> bytes:
    pieces, left = [], most
    try:
        # in pieces: what is read counts, not what the file system says
        while left > 0 and (piece := stream.read(min(left, _STEP))) != b"":
            if piece is None:  # a file of the system, which would have us wait
                raise ReadError(path, "it gives nothing to read")
            pieces.append(piece)
            left -= len(piece)
    except ReadError:
        raise
    except OSError as reason:
        _refuse(path, reason)
    return b"".join(pieces)


def content(path: os.PathLike[str] | str, most: int = MOST_TEXT, *, follow: bool = True) -> bytes:
    """All bytes of a file.

    Raises:
        ReadError: it cannot be read, or has more than ``most`` bytes.
    """
    with opened(path, follow=follow) as stream:
        is_large = os.fstat(stream.fileno()).st_size > most
        # what says that it is small may still be larger: files of the system say that they are empty
        data = b"" if is_large else _bytes(path, stream, most + 1)
    if is_large or len(data) > most:
        raise ReadError(path, f"it has more than {most:,} bytes")
    return data


def text(path: os.PathLike[str] | str, most: int = MOST_TEXT, *, follow: bool = True) -> str:
    """A file's text in UTF-8, without a byte order mark, its line breaks as they are.

    Raises:
        ReadError: it cannot be read, has more than ``most`` bytes, or is not UTF-8.
    """
    try:
        return content(path, most, follow=follow).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ReadError(path, "it is not UTF-8 text") from None


def json_value(path: os.PathLike[str] | str, most: int = MOST_TEXT, *, follow: bool = True) -> Any:
    """What a file of JSON holds.

    Raises:
        ReadError: it cannot be read, is no JSON, or nests deeper than `DEEPEST_JSON`.
    """
    return parsed_json(path, content(path, most, follow=follow))


def parsed_json(path: os.PathLike[str] | str, data: str | bytes) -> Any:
    """JSON that stands in a file; the path is for the message.

    Raises:
        ReadError: it is no JSON, or nests deeper than `DEEPEST_JSON`.
    """
    with decoding(path, "it is no JSON"):
        value = json.loads(data)
    level = [value]
    for _ in range(DEEPEST_JSON):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ReadError(path, f"it nests deeper than {DEEPEST_JSON} levels")


def files_below(folder: os.PathLike[str] | str, suffixes: tuple[str, ...]) -> list[pathlib.Path]:
    """The files of a folder and those below it whose names end like that, in any case of letters, by path.

    Links to folders are not followed, and folders that nobody may look into are passed over.

    Raises:
        ReadError: there are more than `MOST_FOLDERS`: it is no data set, but a whole disk.
    """
    found = []
    for number, (here, _, names) in enumerate(os.walk(folder)):
        if number == MOST_FOLDERS:
            raise ReadError(folder, f"it has more than {MOST_FOLDERS:,} folders below it")
        found += [pathlib.Path(here, each) for each in names if each.lower().endswith(suffixes)]
    return sorted(found)


@contextmanager
def decoding(path: os.PathLike[str] | str, what: str) -> Iterator[None]:
    """Run another library's decoder: whatever it raises becomes a ReadError that says ``what``.

    Keep the block to the decoder's own calls, so that no mistake of ours is taken for one of the file.

    Raises:
        ReadError: the decoder failed.
    """
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what decoders say of damaged files beside failing
            yield
    except ReadError:
        raise
    except MemoryError:
        raise ReadError(path, "it asks for more memory than there is") from None
    except Exception as reason:  # decoders let through whatever damaged bytes lead to
        text = reason.strerror if isinstance(reason, OSError) and reason.errno else None
        raise ReadError(path, text.lower() if text else what) from None
