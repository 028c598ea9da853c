"""The bounded process that looks into files, seen from outside: started, asked, ended, and started anew where a file ended it."""

from __future__ import annotations

import io
import json
import os
import pathlib
import pickle
import subprocess
import sys
import threading
from types import TracebackType
from typing import Any, Self

from resnet_compiler import codes
from resnet_compiler.codes import Code
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.faults import CompilerFault
from resnet_compiler.inspect.external import ExternalFile
from resnet_compiler.inspect.inspection import Amount, Endpoint, Inspection, Layer, Precision
from resnet_compiler.inspect.shapes import AS_DECLARED, SizeError, Sizes
from resnet_compiler.inspect.trunk import ResidualAdd
from resnet_compiler.inspect.worker import HEAD, LIBRARY_SECONDS, MEMORY, SECONDS

_WALL_SECONDS = 20 * SECONDS
"""A process that waits takes no processor time; after so long it is ended all the same."""
_READ = {
    (each.__module__, each.__qualname__): each
    for each in (
        *(Inspection, Endpoint, Layer, Amount, Precision, ResidualAdd, ExternalFile),
        *(Diagnostic, Code),
    )
}


class Inspector:
    """Looks into files, each within bounds. Use it in a `with` statement: the process is started at once."""

    def __init__(self, memory: int = MEMORY) -> None:
        self.memory = memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        reason: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def pid(self) -> int | None:
        """The process that is running, if one is."""
        return None if self._process is None else self._process.pid

    def inspect(self, path: str, asked: Sizes = AS_DECLARED) -> Inspection:
        """Look into a file; see `inspect_file`.

        Raises:
            SpecError: it cannot be read, is no ONNX model, does not hold together, or takes more than the bounds.
            SizeError: it does not take the sizes.
            CompilerFault: the process failed in a way that is ours to mend.
        """
        left: float = SECONDS
        without: list[str] = []
        while True:
            request = {
                "folder": os.getcwd(),
                "path": path,
                "sizes": (asked.height, asked.width, asked.batch),
                "without": without,
                "seconds": max(1, left),
            }
            word, reply, began = self._exchange(json.dumps(request).encode())
            match word:
                case b"found":
                    found = _read(reply)
                    assert isinstance(found, Inspection)
                    return found
                case b"wrong":
                    raise SpecError(_read(reply))
                case b"sizes":
                    raise SizeError(reply.decode())
                case b"fault":
                    raise CompilerFault(f"inspecting {path} failed: {reply.decode()}")
            if began is None:
                self._end()
                raise self._exhausted(path)
            call, took = began  # this call ended the process: the rest may be told without it
            without.append(call)
            left -= took + LIBRARY_SECONDS

    def _exhausted(self, path: str) -> SpecError:
        bounds = f"{self.memory >> 20:,} MiB of memory or {SECONDS} seconds of processor time"
        why = f"looking into it takes more than {bounds}"
        return SpecError([error(codes.UNREADABLE_FILE, f"cannot read {path}: {why}")])

    def _exchange(self, request: bytes) -> tuple[bytes, bytes, tuple[str, float] | None]:
        """The answer, or no word where the process ended; then also which call of the library ended it, if one did."""
        if self._process is not None and self._process.poll() is not None:
            self._end()
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        began: tuple[str, float] | None = None
        clock = threading.Timer(_WALL_SECONDS, process.kill)
        clock.start()
        try:
            process.stdin.write(HEAD.pack(b"inspect ", len(request)) + request)
            process.stdin.flush()
            while len(head := process.stdout.read(HEAD.size)) == HEAD.size:
                word, length = HEAD.unpack(head)
                content = process.stdout.read(length)
                if len(content) < length:
                    break
                match word.rstrip():
                    case b"begins":
                        call, took = json.loads(content)
                        began = str(call), float(took)
                    case b"ended":
                        began = None
                    case answer:
                        return answer, content, None
        except BrokenPipeError:
            pass  # it ended before it could be asked: the same as ending without an answer
        finally:
            clock.cancel()
        self._end()
        return b"", b"", began

    def _start(self) -> subprocess.Popen[bytes]:
        worker = pathlib.Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(worker), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # NumPy's threads would each take memory, and there is nothing for them to do
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


class _Reader(pickle.Unpickler):
    """Reads records of ours, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _READ:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a report")
        return _READ[module, name]


def _read(reply: bytes) -> Any:
    return _Reader(io.BytesIO(reply)).load()
