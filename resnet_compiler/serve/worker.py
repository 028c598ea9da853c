"""The process in which `serve` compiles: bounded in time and memory, and with no thread but its own.

It reads jobs from its standard input and writes replies to its standard output, each a word of 8 characters, a length and
bytes. It ends with its input, which is when the process that started it ends, however that comes about.
"""

from __future__ import annotations

import gc
import json
import os
import pathlib
import signal
import struct
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from resnet_compiler.library import SpecFile
from resnet_compiler.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from resnet_compiler.pipeline import Compilation

HEAD = struct.Struct("<8sQ")
SECONDS = 10.0
"""Of processor time, for each piece of a reply."""

Task = Literal["compile", "picture", "source", "onnx"]
"""What there is to say of a text, the data of its picture, its `model.py`, its `model.onnx`."""


class UnfitError(Exception):
    """The text has no such output; the message says why."""


@dataclass(frozen=True, slots=True)
class Job:
    """A text to be compiled, as the file ``path`` that diagnostics call ``display``."""

    display: str
    path: str | None
    text: str
    limits: Limits = DEFAULT_LIMITS
    least_seconds: float = SECONDS

    @property
    def seconds(self) -> float:
        """The processor time it may take: more, where the user raised what takes it."""
        raised: float = max(
            getattr(self.limits, name) / getattr(DEFAULT_LIMITS, name)
            for name in ("text_bytes", "text_nodes", "layers", "steps")
        )
        return self.least_seconds * max(raised, 1)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Job:
        fields = json.loads(data)
        return cls(**{**fields, "limits": Limits(**fields["limits"])})


def main() -> None:
    """Answer jobs until the input ends; the first argument is how many bytes of memory they may take."""
    if hasattr(signal, "SIGPIPE"):  # nobody is there to read: end without a word
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    replies = _own_output()
    _bound(int(sys.argv[1]))
    gc.set_threshold(10_000)
    from resnet_compiler.serve import outcome  # noqa: F401  (while the first job is on its way)

    gc.collect()
    gc.freeze()  # what is loaded by now stays; to look through it again and again takes long
    worker = _Worker()
    while head := sys.stdin.buffer.read(HEAD.size):
        word, length = HEAD.unpack(head)
        job = Job.from_json(sys.stdin.buffer.read(length))
        for reply, data in worker.replies(word.rstrip().decode(), job):
            replies.write(HEAD.pack(reply.ljust(8), len(data)))
            replies.write(data)
            replies.flush()


def _own_output() -> BinaryIO:
    """Standard output for replies alone; what anything else prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return replies


def _bound(memory: int) -> None:
    """Take at most so many bytes, where the system can see to that, and leave no file behind on a crash."""
    try:
        import resource
    except ImportError:  # Windows
        return
    given = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = memory if given == resource.RLIM_INFINITY else min(memory, given)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow(seconds: float) -> None:
    """Let a signal end the process after so much processor time from now on; 0 for never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


class _Worker:
    """Answers jobs, and keeps the last compilation for the picture that is asked for next."""

    def __init__(self) -> None:
        self._last: tuple[Job, Compilation] | None = None

    def replies(self, task: str, job: Job) -> Iterator[tuple[bytes, bytes]]:
        """The reply to a job in pieces, and how it ended."""
        try:
            _allow(job.seconds)
            for piece in self._pieces(task, job):
                _allow(0)  # whoever reads it may take their time
                yield b"piece", piece
                _allow(job.seconds)
            end = b"done", b""
        except UnfitError as reason:
            end = b"unfit", str(reason).encode()
        except MemoryError:
            end = b"memory", b""
        except Exception as reason:  # a fault of the compiler: told in one line, and traced here
            traceback.print_exc()
            line = " ".join(f"{type(reason).__name__}: {reason}".split())
            end = b"fault", line.encode(errors="replace")
        _allow(0)
        yield end

    def _pieces(self, task: str, job: Job) -> Iterable[bytes]:
        from resnet_compiler import api
        from resnet_compiler.pipeline import compile_file
        from resnet_compiler.serve.outcome import outcome_of, picture, to_json

        if task != "picture" or self._last is None or self._last[0] != job:
            self._last = None  # a picture is of what was compiled, other files may have changed
            path = pathlib.Path(job.path) if job.path is not None else None
            made = compile_file(SpecFile(job.display, path), text=job.text, limits=job.limits)
            self._last = job, made
        compilation = self._last[1]
        if task == "compile":
            return [to_json(outcome_of(job.text, compilation))]
        if task == "picture":
            return [picture(compilation)]
        if compilation.graph is None:
            raise UnfitError("the spec is wrong; mend it first")
        if task == "source":
            return [api.emit_pytorch(compilation.graph).encode()]
        files = api.onnx_files(compilation.graph, "model.onnx")
        if len(files) > 1:
            raise UnfitError("the weights need a file of their own: use `resnetc build`")
        return files["model.onnx"]


if __name__ == "__main__":
    main()
