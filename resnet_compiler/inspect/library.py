"""Calls of the onnx library's C++ in another process, so that a hostile file ends that one and not ours."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from resnet_compiler.inspect.worker import HEAD, MOST_MEMORY, allowed

if TYPE_CHECKING:
    import onnx

Request = Literal["expand", "strict", "lenient", "plain"]
"""Expand local functions; infer shapes strictly, or as far as it goes, or without following the values of shapes."""


class LibraryError(Exception):
    """The library does not take the model; the message says why, in one line."""


class ExhaustedError(LibraryError):
    """It aborts on the model, or takes more memory or time than it is given."""


class Library:
    """The process, started at once, and anew where it has ended. Use it in a `with` statement."""

    def __init__(self, memory: int = MOST_MEMORY) -> None:
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

    def call(self, request: Request, model: onnx.ModelProto) -> onnx.ModelProto:
        """What the library makes of a model.

        Raises:
            LibraryError: it fails, or its process does.
        """
        import onnx
        from google.protobuf.message import DecodeError, EncodeError

        try:
            data = model.SerializeToString()
            word, reply = self._exchange(request, data)
            if word == b"done":
                made = onnx.ModelProto()
                made.ParseFromString(reply)
                return made
        except (DecodeError, EncodeError, ValueError) as reason:
            raise LibraryError(_first_line(str(reason))) from None
        if word == b"memory":
            raise self._exhausted(len(data))
        raise LibraryError(_first_line(reply.decode(errors="replace")))

    def _exchange(self, request: str, data: bytes) -> tuple[bytes, bytes]:
        process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(HEAD.pack(request.encode().ljust(8), len(data)))
            process.stdin.write(data)
            process.stdin.flush()
            head = process.stdout.read(HEAD.size)
        except BrokenPipeError:
            head = b""
        if len(head) == HEAD.size:
            word, length = HEAD.unpack(head)
            reply = process.stdout.read(length)
            if len(reply) == length:
                return word.rstrip(), reply
        self._end()
        raise self._exhausted(len(data))

    def _exhausted(self, size: int) -> ExhaustedError:
        memory, seconds = allowed(size, self.memory)
        bounds = f"{memory >> 20:,} MiB or {seconds} seconds"
        return ExhaustedError(f"the onnx library aborts on it, or would take more than {bounds}")

    def _start(self) -> subprocess.Popen[bytes]:
        worker = pathlib.Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(worker), str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _first_line(reason: str) -> str:
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return (lines or ["it gives no reason"])[0][:300]
