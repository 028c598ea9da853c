"""Standard input, output and error as commands have them: UTF-8, there even where they were closed, and failing in one way.

What cannot be written to standard output is a StreamError; what cannot be written to standard error is lost, since
nobody could be told.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import Any

OF_THE_MACHINE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),
)
"""Errors that this program is not to blame for, wherever it meets them: a full disk, a read-only file system, …"""


class StreamError(Exception):
    """Standard output takes no more."""


class _Output(io.FileIO):
    """The file behind a stream of text: it hands an error of the system to ``fail``, and goes on where that returns."""

    def __init__(self, number: int, fail: Callable[[OSError], None]) -> None:
        super().__init__(number, "w", closefd=False)
        self.fail = fail

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Write bytes; how many there were."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            raise
        except OSError as reason:
            self.fail(reason)
            return len(data)


def set_up() -> None:
    """Make the three streams what the module says. The numbers 0, 1 and 2 are never given to another file then."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed: writing to what is open for reading alone fails, as it should
            place = os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
            if place == number:
                os.set_inheritable(number, True)
            else:
                os.dup2(place, number)
                os.close(place)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), "utf-8")
    sys.stdout = _text(1, _complain)
    sys.stderr = _text(2, lambda reason: None)


def _text(number: int, fail: Callable[[OSError], None]) -> io.TextIOWrapper:
    raw = _Output(number, fail)
    is_prompt = raw.isatty() or number == 2
    buffer: Any = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, "utf-8", errors="replace", line_buffering=is_prompt)


def _complain(reason: OSError) -> None:
    text = (reason.strerror or str(reason)).lower()
    if reason.errno == errno.EBADF:
        text = "it is closed"
    raise StreamError(f"cannot write to standard output: {text}")


def finish() -> None:
    """Write what is still kept.

    Raises:
        StreamError: it cannot be.
    """
    sys.stdout.flush()


def give_up() -> None:
    """Let go of what could not be written, so that it is not tried again when the process ends."""
    for stream in (sys.stdout, sys.stderr):
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, _Output):
            raw.fail = lambda reason: None
        try:
            stream.flush()
        except OSError:  # the reader went away
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
