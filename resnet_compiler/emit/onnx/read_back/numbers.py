"""Numbers as ONNX stores them: small constants decoded, and what a number becomes in each float type."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

FLOAT32, UINT8, INT64, FLOAT16, BFLOAT16 = 1, 2, 7, 10, 16
"""Numbers of types in ONNX (TensorProto.DataType)."""
NAMES = {FLOAT32: "float32", FLOAT16: "float16", BFLOAT16: "bfloat16"}
WIDTHS = {FLOAT32: 4, FLOAT16: 2, BFLOAT16: 2}
"""Bytes of a float."""
_RAW = {FLOAT32: "f", UINT8: "B", 3: "b", 6: "i", INT64: "q", FLOAT16: "e"}
"""How `struct` reads a type's little-endian bytes."""


def decoded(proto: onnx.TensorProto) -> tuple[float | int, ...]:
    """A constant's values in row-major order, whichever field of the message holds them."""
    kind = proto.data_type
    if raw := proto.raw_data:
        if kind == BFLOAT16:
            return tuple(_bfloat(bits) for (bits,) in struct.iter_unpack("<H", raw))
        return tuple(value for (value,) in struct.iter_unpack(f"<{_RAW[kind]}", raw))
    if kind == FLOAT32:
        return tuple(proto.float_data)
    if kind == INT64:
        return tuple(proto.int64_data)
    if kind == FLOAT16:
        bits = struct.pack(f"<{len(proto.int32_data)}H", *proto.int32_data)
        return tuple(value for (value,) in struct.iter_unpack("<e", bits))
    if kind == BFLOAT16:
        return tuple(map(_bfloat, proto.int32_data))
    return tuple(proto.int32_data)


def single(value: float) -> float:
    """The nearest float32; infinite where it is too large for one."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def is_stored(value: float, found: float, kind: int) -> bool:
    """Whether a constant that was found is what this number becomes in a float type.

    bfloat16 may be rounded either way: both neighbours are right.
    """
    if kind == FLOAT16:
        try:
            return bool(struct.unpack("<e", struct.pack("<e", single(value)))[0] == found)
        except OverflowError:
            return False
    if kind == BFLOAT16:
        return abs(single(value) - found) <= abs(value) * 2**-7
    return single(value) == found


def _bfloat(bits: int) -> float:
    return float(struct.unpack("<f", struct.pack("<I", bits << 16))[0])
