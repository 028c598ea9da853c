"""One input after the other in this process, each within its time; what goes wrong is told by where it went wrong."""

from __future__ import annotations

import pathlib
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.inputs import SPEC, Files, Outcome, try_input, write
from support.minimise import minimised

LIMIT = 2.0
"""Processor seconds that an input may take. Wall time would tell of the machine's other work, too."""
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in what getrusage counts


class Late(BaseException):
    """The time is over. Not an Exception, so that nothing takes it for an error of its own."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise `Late` when this process has worked for so long."""

    def stop(*_: object) -> None:
        raise Late

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong: ``kind`` is the same wherever the cause is; ``text`` is the traceback."""

    kind: str
    text: str


def attempt(files: Files) -> Outcome | Failure:
    """Try an input in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        write(files, pathlib.Path(folder))
        try:
            with within(LIMIT):
                return try_input(pathlib.Path(folder))
        except (Exception, Late) as failure:
            return Failure(_kind(failure), "".join(traceback.format_exception(failure)))


def _kind(failure: BaseException) -> str:
    if isinstance(failure, Late):
        return f"over {LIMIT} s"
    frames = traceback.extract_tb(failure.__traceback__)
    ours = [frame for frame in frames if "resnet_compiler" in pathlib.Path(frame.filename).parts]
    last = (ours or frames)[-1]
    return f"{type(failure).__name__} in {pathlib.Path(last.filename).stem}.{last.name}"


def smallest(files: Files, failure: Failure) -> Files:
    """A smaller input that fails alike."""

    def fails(changed: Files) -> bool:
        found = attempt(changed)
        return isinstance(found, Failure) and found.kind == failure.kind

    return minimised(files, SPEC, fails)


def peak() -> int:
    """The most memory that this process ever held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
