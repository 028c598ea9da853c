"""An ONNX file read without its large tensors: what is left of a model of gigabytes takes a few megabytes.

The file is mapped and walked field by field; messages up to a few kilobytes are parsed as they are, in runs, larger
ones are walked themselves, and the values of a tensor that is walked stay in the file. Source: the Protocol Buffers
encoding (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler import codes
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.support.read import beginning, opened

if TYPE_CHECKING:
    import onnx

SMALL = 4096
"""Messages up to this many bytes are parsed as they are."""
LARGEST = 128 * 2**20
"""How many bytes of a file may be something other than the values of tensors."""
DEEPEST = 100
"""Messages inside each other; protobuf itself takes no more."""

_RAW, _FLOATS = 9, 4
_PACKED = {4: 4, 10: 8}
"""Fields of TensorProto whose elements have a fixed size, with it; in the others the last byte of each is below 128."""
_VALUES = (_FLOATS, 5, 7, _RAW, 10, 11)
"""The fields of TensorProto that hold numbers: float, int32, int64, raw, double, uint64."""
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
_BEGINNINGS = (
    (b"PK\x03\x04", "it is a zip archive, as PyTorch's checkpoints are"),
    (b"\x80\x02", "it looks like a pickle, as old PyTorch checkpoints are"),
    (b"\x89HDF", "it is an HDF5 file, as Keras weights are"),
    (b"\x1f\x8b", "it is compressed with gzip"),
    (b"version https://git-lfs", "it is a pointer of Git LFS: the model itself was not fetched"),
    (b"<", "it looks like a web page or XML"),
    (b"{", "it looks like JSON"),
    (b"name:", "it looks like YAML: `resnetc summary` reads specs"),
)
"""What files given by mistake begin with."""


class WireError(Exception):
    """The bytes are no message of this format."""


@dataclass(frozen=True)
class OnnxFile:
    """A model without the values of its large tensors: their ``segment`` says where in the file they are.

    ``faults`` is what is wrong with the values that were left out.
    """

    path: str
    size: int
    model: onnx.ModelProto
    faults: tuple[str, ...] = ()

    def read(self, begin: int, end: int) -> bytes:
        """A stretch of the file."""
        with opened(self.path) as stream:
            stream.seek(begin)
            return stream.read(max(0, end - begin))


def open_model(path: str) -> OnnxFile:
    """Read a file.

    Raises:
        SpecError: it cannot be read, or is no ONNX model.
        MemoryError: it takes more than there is.
    """
    import onnx
    from google.protobuf.message import DecodeError, EncodeError

    model = onnx.ModelProto()
    faults: list[str] = []
    try:
        with opened(path) as stream:
            status = os.fstat(stream.fileno())
            if status.st_size:
                with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                    _Walk(data, faults).fill(model, 0, len(data))
            # parts were parsed on their own; nothing may lie deeper in the whole than can be copied
            onnx.ModelProto.FromString(model.SerializeToString())
    except OSError as reason:
        why = (reason.strerror or str(reason)).lower()
        raise SpecError([error(codes.UNREADABLE_FILE, f"cannot read {path}: {why}")]) from None
    except WireError as reason:
        raise _not_onnx(path, str(reason)) from None
    except (DecodeError, EncodeError) as reason:
        if "alloc" in str(reason):  # protobuf's word for it; the bytes may be as they should
            raise MemoryError from None
        raise _not_onnx(path, "its bytes do not decode as the format has them") from None
    if not status.st_size:
        raise _not_onnx(path, "it is empty")
    if not model.HasField("graph"):
        raise _not_onnx(path, "it holds no graph")
    return OnnxFile(path, status.st_size, model, tuple(faults))


def _not_onnx(path: str, why: str) -> SpecError:
    start = beginning(path, 64)
    notes = [what for begin, what in _BEGINNINGS if start.startswith(begin)]
    return SpecError(
        [error(codes.NOT_ONNX, f"{path} cannot be read as an ONNX model: {why}", notes=notes)]
    )


class _Walk:
    """Fills messages from mapped bytes, values of large tensors left out."""

    def __init__(self, data: mmap.mmap, faults: list[str]) -> None:
        self.data, self.faults = data, faults
        self.kept = 0

    def fill(self, message: Any, start: int, end: int, depth: int = 0) -> None:
        """Fill ``message`` with the fields between two offsets."""
        if depth > DEEPEST:
            raise WireError(f"messages lie more than {DEEPEST} deep inside each other")
        fields = message.DESCRIPTOR.fields_by_number
        is_tensor = message.DESCRIPTOR.name == "TensorProto"
        found: dict[int, int] = {}
        run = start  # what was seen since here is parsed in one go
        for number, wire, field_start, value_start, value_end in self._fields(start, end):
            is_values = is_tensor and number in _VALUES
            size = value_end - value_start
            inner = None
            if wire == _BYTES and size > SMALL and number in fields:
                inner = fields[number] if fields[number].message_type is not None else None
            if not is_values and inner is None:
                continue
            self._merge(message, run, field_start)
            run = value_end
            if is_values:
                found[number] = found.get(number, 0) + self._count(
                    number, wire, value_start, value_end
                )
                message.segment.begin, message.segment.end = (
                    (value_start, value_end)
                    if number in (_RAW, _FLOATS) and wire == _BYTES
                    else (0, 0)
                )
            elif inner is not None and inner.name != "training_info":
                child = getattr(message, inner.name)
                self.fill(
                    child.add() if _is_repeated(inner) else child, value_start, value_end, depth + 1
                )
        self._merge(message, run, end)
        if found:
            from resnet_compiler.inspect.tensors import values_problem

            problem = values_problem(message, found)
            if problem:
                self.faults.append(problem)

    def _merge(self, message: Any, start: int, end: int) -> None:
        if start < end:
            self.kept += end - start
            if self.kept > LARGEST:
                raise WireError(f"more than {LARGEST >> 20} MiB of it are not values of tensors")
            message.MergeFromString(self.data[start:end])

    def _fields(self, start: int, end: int) -> Iterator[tuple[int, int, int, int, int]]:
        """Number, wire type, and where the field, its value and what follows begin, of each field."""
        at = start
        while at < end:
            tag, value = self._varint(at, end)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                _, stop = self._varint(value, end)
            elif wire == _BYTES:
                length, value = self._varint(value, end)
                stop = value + length
            elif wire in (_EIGHT, _FOUR):
                stop = value + (8 if wire == _EIGHT else 4)
            else:
                raise WireError(f"byte {at:,} begins no field of a message")
            if not number:
                raise WireError(f"byte {at:,} begins no field of a message")
            if stop > end:
                raise WireError(
                    f"a field at byte {at:,} ends past the end: the file is truncated or damaged"
                )
            yield number, wire, at, value, stop
            at = stop

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        """The number at an offset, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                break
            byte = self.data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value, at
        raise WireError(f"the number at byte {at:,} does not end: the file is truncated or damaged")

    def _count(self, number: int, wire: int, start: int, end: int) -> int:
        """How many elements a field of values holds; for raw data, how many bytes."""
        if number == _RAW:
            return end - start
        if wire != _BYTES:
            return 1
        if number in _PACKED:
            return (end - start) // _PACKED[number]
        import numpy as np

        step = 2**20
        parts = (self.data[at : min(at + step, end)] for at in range(start, end, step))
        return sum(int(np.count_nonzero(np.frombuffer(part, np.uint8) < 128)) for part in parts)


def _is_repeated(field: Any) -> bool:
    return bool(
        field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
    )
