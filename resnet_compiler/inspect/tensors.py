"""Tensors of an ONNX file: types by their usual names, elements, bytes, and whether the data is what the header says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from resnet_compiler.inspect.wire import OnnxFile

if TYPE_CHECKING:
    import numpy as np
    import onnx

LARGEST_COUNT = 2**63 - 1
"""More elements than this no tensor has; runtimes count in signed 64 bits."""
LONGEST_READ = 2**22
"""Values are looked at only where they take fewer bytes."""

FLOATING = (
    *("float32", "float16", "bfloat16", "float64", "complex64", "complex128", "float4e2m1"),
    *("float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "float8e8m0"),
)
QUANTISED = ("int8", "uint8", "int4", "uint4", "int2", "uint2", "int16", "uint16", "int32")
"""Integers that stand for real numbers, where a scale goes with them; biases are int32."""

_NAMES = {"float": "float32", "double": "float64"}
_NARROW = {"int4": 4, "uint4": 4, "float4e2m1": 4, "int2": 2, "uint2": 2, "bool": 8}


def text(value: str | bytes) -> str:
    """A protobuf string; the reader gives bytes where it is not UTF-8."""
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")


@cache
def type_name(number: int) -> str:
    """The name of an element type: ``float32``, ``int8``."""
    from onnx import TensorProto

    if number not in TensorProto.DataType.values():
        return f"type {number}"
    name = str(TensorProto.DataType.Name(number)).lower()
    return _NAMES.get(name, name)


def bits(name: str) -> int | None:
    """The bits of an element; None where they are not fixed or not known."""
    if name in _NARROW:
        return _NARROW[name]
    if name.startswith("float8"):
        return 8
    digits = name.lstrip("abcdefghijklmnopqrstuvwxyz")
    return int(digits) if digits.isdigit() and not name.startswith("type") else None


def byte_count(name: str, elements: int) -> int:
    """How many bytes so many elements take."""
    return -(-elements * (bits(name) or 0) // 8)


def element_count(tensor: onnx.TensorProto) -> int:
    return prod(tensor.dims)


def header_problem(tensor: onnx.TensorProto) -> str | None:
    """What is wrong with a tensor's name, type and dimensions, or None."""
    name = text(tensor.name)
    if any(dim < 0 for dim in tensor.dims):
        return f"the tensor `{name}` has a negative dimension"
    if element_count(tensor) > LARGEST_COUNT:
        return f"the tensor `{name}` has more elements than 64 bits count"
    if not tensor.data_type or type_name(tensor.data_type).startswith("type"):
        return f"the tensor `{name}` has the element type {tensor.data_type}, which there is not"
    return None


def is_external(tensor: onnx.TensorProto) -> bool:
    return tensor.data_location == tensor.EXTERNAL


_FIELD_NAMES = {
    "float_data": 4,
    "int32_data": 5,
    "int64_data": 7,
    "double_data": 10,
    "uint64_data": 11,
}
_RAW, _TEXTS = 9, 6


def tensor_problem(tensor: onnx.TensorProto) -> str | None:
    """What is wrong with a tensor, its data included, or None. Data that was left out has been looked at before."""
    problem = header_problem(tensor)
    if problem or is_external(tensor) or tensor.HasField("segment"):
        return problem
    found = {number: len(getattr(tensor, name)) for name, number in _FIELD_NAMES.items()}
    found |= {_RAW: len(tensor.raw_data), _TEXTS: len(tensor.string_data)}
    return values_problem(tensor, {number: count for number, count in found.items() if count})


def values_problem(tensor: onnx.TensorProto, found: Mapping[int, int]) -> str | None:
    """What is wrong with a tensor whose fields of values hold so many elements (raw data: bytes)."""
    problem = header_problem(tensor)
    if problem:
        return problem
    elements, kind = element_count(tensor), type_name(tensor.data_type)
    name = text(tensor.name)
    if len(found) > 1:
        return f"the tensor `{name}` has its values twice, in different fields"
    if not found:
        return f"the tensor `{name}` has no values" if elements else None
    ((number, count),) = found.items()
    if number == _RAW:
        wanted, what = byte_count(kind, elements), "bytes"
        if bits(kind) is None:
            return f"the tensor `{name}` of {kind} has raw data"
    else:
        wanted, what = elements, "values"
        if kind in _NARROW and _NARROW[kind] < 8:
            wanted = -(-elements * _NARROW[kind] // 8)
        if kind.startswith("complex"):
            wanted = 2 * elements
    if count != wanted:
        return f"the tensor `{name}` has {count:,} {what} where its dimensions ask for {wanted:,}"
    return None


def values_of(file: OnnxFile, tensor: onnx.TensorProto) -> np.ndarray[Any, np.dtype[Any]] | None:
    """The values of a floating tensor in a row, or None where they are not at hand or too many to look at."""
    import numpy as np

    kind = type_name(tensor.data_type)
    form = {"float32": "<f4", "float16": "<f2", "float64": "<f8"}.get(kind)
    if (
        form is None
        or is_external(tensor)
        or byte_count(kind, element_count(tensor)) > LONGEST_READ
    ):
        return None
    if tensor.HasField("segment"):
        data = file.read(tensor.segment.begin, tensor.segment.end)
    elif tensor.float_data:
        return np.asarray(tensor.float_data, np.float32)
    else:
        data = tensor.raw_data
    if len(data) != byte_count(kind, element_count(tensor)):
        return None
    return np.frombuffer(data, form)


def last_values(
    file: OnnxFile, tensor: onnx.TensorProto, count: int
) -> np.ndarray[Any, np.dtype[Any]] | None:
    """The last values of a float32 tensor, at most so many, or None where they are not at hand."""
    import numpy as np

    if type_name(tensor.data_type) != "float32" or is_external(tensor):
        return None
    size = 4 * min(count, LONGEST_READ // 4)
    if tensor.HasField("segment"):
        begin = max(tensor.segment.begin, tensor.segment.end - size)
        data = file.read(begin, tensor.segment.end)
    elif tensor.float_data:
        return np.asarray(tensor.float_data[-size // 4 :], np.float32)
    else:
        data = tensor.raw_data[-size:]
    return np.frombuffer(data[len(data) % 4 :], "<f4")


def integers_of(tensor: onnx.TensorProto) -> list[int] | None:
    """The values of a small int64 tensor, or None."""
    import numpy as np

    if type_name(tensor.data_type) != "int64" or is_external(tensor) or tensor.HasField("segment"):
        return None
    if tensor.int64_data:
        return list(tensor.int64_data)
    return [int(each) for each in np.frombuffer(tensor.raw_data, "<i8")]


def tensors_in(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor that is stored in a graph and in the bodies inside it: initializers and attributes."""
    waiting = [graph]
    while waiting:
        each = waiting.pop()
        yield from each.initializer
        for sparse in each.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in each.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                if attribute.HasField("sparse_tensor"):
                    yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
                yield from attribute.tensors
                if attribute.HasField("g"):
                    waiting.append(attribute.g)
                waiting.extend(attribute.graphs)
