"""A process of its own for the onnx library's C++, which files that are wrong on purpose can make abort or take all memory.

Run by path, not imported: it reads requests and writes replies, each a word of 8 characters, a length and bytes.
"""

from __future__ import annotations

import signal
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

HEAD = struct.Struct("<8sQ")
MOST_MEMORY = 2 * 2**30
MOST_SECONDS = 60
_LEAST_MEMORY, _MEMORY_PER_BYTE = 400 * 2**20, 64
_LEAST_SECONDS, _BYTES_PER_SECOND = 10, 2**17


def allowed(size: int, memory: int) -> tuple[int, int]:
    """How much memory (at most so much) and how many seconds a request of a size may take: small ones get little."""
    seconds = min(_LEAST_SECONDS + size // _BYTES_PER_SECOND, MOST_SECONDS)
    return min(_LEAST_MEMORY + size * _MEMORY_PER_BYTE, memory), seconds


def main() -> None:
    """Answer requests until the input ends; the argument is how many bytes of memory they may take."""
    most, granted = int(sys.argv[1]), 0
    is_bounded = hasattr(signal, "alarm")
    if is_bounded:
        import resource

        given = resource.getrlimit(resource.RLIMIT_AS)[1]
        if given != resource.RLIM_INFINITY:
            most = min(most, given)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from onnx import inliner, shape_inference  # noqa: F401  (while the first request is on its way)

    while head := sys.stdin.buffer.read(HEAD.size):
        word, length = HEAD.unpack(head)
        memory, seconds = allowed(length, most)
        if is_bounded:
            granted = max(granted, memory)  # not less than before: not all of that is given back
            resource.setrlimit(resource.RLIMIT_AS, (granted, most))
        data = sys.stdin.buffer.read(length)
        if is_bounded:
            signal.alarm(seconds)  # unanswered, it ends the process
        try:
            reply = b"done", _answer(word.rstrip(), data).SerializeToString()
        except MemoryError:
            reply = b"memory", b""
        except Exception as reason:  # whatever the library raises is its answer
            reply = b"failed", f"{reason or type(reason).__name__}".encode(errors="replace")
        if is_bounded:
            signal.alarm(0)
        sys.stdout.buffer.write(HEAD.pack(reply[0].ljust(8), len(reply[1])) + reply[1])
        sys.stdout.buffer.flush()


def _answer(word: bytes, data: bytes) -> onnx.ModelProto:
    from onnx import inliner, load_model_from_string, shape_inference

    if word == b"expand":
        return inliner.inline_local_functions(load_model_from_string(data))
    is_strict, follows_values = word == b"strict", word != b"plain"
    return shape_inference.infer_shapes(data, strict_mode=is_strict, data_prop=follows_values)


if __name__ == "__main__":
    main()
