"""Standard input, output and error as commands have them: UTF-8, there even where they were closed, and failing in one way.

What cannot be written to standard output is an OSError without a file's name; what cannot be written to standard error is
lost, since nobody could be told.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

OF_THE_MACHINE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP),
)
"""Errors that this program is not to blame for, wherever it meets them: a full disk, a read-only file system, …"""


OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF, errno.EFBIG)
"""Errors of a stream that takes no more. Those of a file have its name, or were told where it is written."""


class _Mute(io.FileIO):
    """The file behind standard error: what it does not take is lost."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Write bytes; how many there were."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            raise
        except OSError:
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
    # standard output has no code of ours behind it: Ctrl-C between its write and the note of it would write twice
    if sys.stdout is sys.__stdout__:  # else a caller in this process wants the output
        sys.stdout = _text(io.FileIO(1, "w", closefd=False))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Mute(2, "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _text(raw: io.FileIO) -> io.TextIOWrapper:
    is_prompt = raw.isatty() or raw.fileno() == 2
    buffer: Any = io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, "utf-8", errors="replace", line_buffering=is_prompt)


def told_by_output(reason: BaseException) -> str | None:
    """What to say of an error that standard output gave; None for any other."""
    if not isinstance(reason, OSError) or reason.filename is not None:
        return None
    if reason.errno not in OF_OUTPUT:
        return None
    text = (reason.strerror or str(reason)).lower()
    return f"cannot write to standard output: {'it is closed' if reason.errno == errno.EBADF else text}"


def finish() -> None:
    """Write what is still kept.

    Raises:
        OSError: it cannot be.
    """
    sys.stdout.flush()


def give_up() -> None:
    """Let go of what could not be written, so that it is not tried again when the process ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # the reader went away, or nothing more is taken
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
