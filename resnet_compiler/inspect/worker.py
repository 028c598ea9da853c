"""The process that looks into ONNX files, with bounds on memory and processor time: a hostile file ends it, and not ours.

Run by path, so that the bounds hold before anything of the package is imported. It reads requests and writes replies, each
a word of 8 characters, a length and bytes. Before the onnx library's C++ is called, which may abort, it says so.
"""

from __future__ import annotations

import gc
import json
import os
import pathlib
import pickle
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

HEAD = struct.Struct("<8sQ")
MEMORY = 400 * 2**20
"""Bytes of memory that a file may take, Python and libraries included; what is mapped from files does not count."""
SECONDS = 9
"""Processor time for one file."""
LIBRARY_SECONDS = 3
"""Processor time for one call of the onnx library; then the file is looked into anew without that call."""
LARGEST_REPLY = 64 * 2**20


def main() -> None:
    """Answer requests until the input ends; the argument is how many bytes of memory they may take."""
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # what a library prints is no reply
    bounds = _Bounds(int(sys.argv[1]))
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    import onnx  # noqa: F401  (while the first request is on its way)
    from onnx import inliner, shape_inference  # noqa: F401

    from resnet_compiler.inspect import inspection  # noqa: F401

    gc.disable()  # a graph of many nodes is walked again and again for circles it does not have
    while head := sys.stdin.buffer.read(HEAD.size):
        asked = json.loads(sys.stdin.buffer.read(HEAD.unpack(head)[1]))
        bounds.grant(asked["seconds"])
        word, reply = _answer(asked, _Announced(out, bounds))
        if len(reply) > LARGEST_REPLY:
            word, reply = b"memory", b""
        _send(out, word, reply)


def _send(out: IO[bytes], word: bytes, content: bytes) -> None:
    out.write(HEAD.pack(word.ljust(8), len(content)) + content)
    out.flush()


def _answer(asked: dict[str, Any], announced: _Announced) -> tuple[bytes, bytes]:
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.inspect.inspection import inspect_file
    from resnet_compiler.inspect.library import Library
    from resnet_compiler.inspect.shapes import SizeError, Sizes

    library = Library(frozenset(asked["without"]), announced.call)
    os.chdir(asked["folder"])
    try:
        found = inspect_file(asked["path"], library, Sizes(*asked["sizes"]))
        return b"found", pickle.dumps(found)
    except SpecError as failure:
        return b"wrong", pickle.dumps(failure.diagnostics)
    except SizeError as reason:
        return b"sizes", str(reason).encode(errors="backslashreplace")
    except MemoryError:
        return b"memory", b""
    except Exception:
        return b"fault", traceback.format_exc().encode(errors="backslashreplace")


@dataclass(frozen=True)
class _Announced:
    """Tells the other side when a call of the library begins, and bounds it."""

    out: IO[bytes]
    bounds: _Bounds

    @contextmanager
    def call(self, request: str) -> Iterator[None]:
        took = time.process_time() - self.bounds.start
        _send(self.out, b"begins", json.dumps([request, took]).encode())
        self.bounds.until(time.process_time() + LIBRARY_SECONDS)
        yield
        self.bounds.until(self.bounds.end)
        _send(self.out, b"ended", b"")


class _Bounds:
    """Limits of the operating system, where it has them; each request's processor time is counted on its own."""

    def __init__(self, memory: int) -> None:
        self.start = self.end = 0.0
        if os.name == "posix":
            import resource

            self._lower(resource.RLIMIT_DATA, memory)
            self._lower(resource.RLIMIT_CORE, 0)

    def grant(self, seconds: float) -> None:
        """Let the request that follows take so many seconds from now on."""
        self.start = time.process_time()
        self.end = self.start + seconds
        self.until(self.end)

    def until(self, end: float) -> None:
        """End the process once it has taken so many seconds, or those of the request, if that is sooner."""
        if os.name == "posix":
            import resource

            # the system counts whole seconds, from the process's beginning
            self._lower(resource.RLIMIT_CPU, int(min(end, self.end)) + 1)

    @staticmethod
    def _lower(which: int, soft: int) -> None:
        import resource

        hard = resource.getrlimit(which)[1]
        allowed = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(which, (allowed, hard))


if __name__ == "__main__":
    main()
