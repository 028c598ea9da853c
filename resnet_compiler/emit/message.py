"""An ONNX file in pieces: the weights go straight into the message, so that one tensor is in memory at a time.

The bytes are those that protobuf would write. Source: the Protocol Buffers encoding
(https://protobuf.dev/programming-guides/encoding) and the field numbers in onnx.proto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from resnet_compiler.faults import CompilerFault

if TYPE_CHECKING:
    import onnx

_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
"""Field numbers in ModelProto, GraphProto and TensorProto."""


def pieces(
    model: onnx.ModelProto, lengths: dict[str, int], values: Callable[[str], bytes]
) -> Iterator[bytes]:
    """The file of a model.

    Args:
        model: complete but for the data of some initializers.
        lengths: how many bytes of data these initializers have, by name.
        values: gives the data of one of them.

    Raises:
        CompilerFault: while the pieces are read: the data of one has another length.
    """
    import onnx

    def graph_part(*names: str) -> bytes:
        """Some fields of the graph. Fields of a message stand one behind the other, in the order of their numbers."""
        part = onnx.GraphProto()
        part.CopyFrom(bare)
        for field, _ in bare.ListFields():
            if field.name not in names:
                part.ClearField(field.name)
        return bytes(part.SerializeToString(deterministic=True))

    bare = onnx.GraphProto()
    bare.CopyFrom(model.graph)
    bare.ClearField("initializer")
    before = graph_part("node", "name")
    after = graph_part(*(f.name for f, _ in bare.ListFields() if f.number > _INITIALIZER))
    heads = []
    for tensor in model.graph.initializer:
        head = bytes(tensor.SerializeToString(deterministic=True))
        if tensor.name in lengths:
            head += _opening(_RAW_DATA, lengths[tensor.name])
        heads.append(_opening(_INITIALIZER, len(head) + lengths.get(tensor.name, 0)) + head)
    size = len(before) + sum(map(len, heads)) + sum(lengths.values()) + len(after)

    outside = onnx.ModelProto()
    outside.CopyFrom(model)
    outside.ClearField("graph")
    last = onnx.ModelProto(opset_import=model.opset_import, metadata_props=model.metadata_props)
    for name in ("opset_import", "metadata_props"):
        outside.ClearField(name)
    yield bytes(outside.SerializeToString(deterministic=True)) + _opening(_GRAPH, size) + before
    for tensor, head in zip(model.graph.initializer, heads, strict=True):
        yield head
        if tensor.name in lengths:
            yield of_length(values(tensor.name), lengths[tensor.name], tensor.name)
    yield after + bytes(last.SerializeToString(deterministic=True))


def of_length(data: bytes, length: int, name: str) -> bytes:
    """The data, which has the length that was announced for it.

    Raises:
        CompilerFault: it has another, so that all behind it would be read at a wrong place.
    """
    if len(data) != length:
        raise CompilerFault(f"{name}: {length} bytes were announced, and {len(data)} are written")
    return data


def _opening(field: int, length: int) -> bytes:
    """What stands before a field of ``length`` bytes: its number with the wire type 2, and the length."""
    return bytes([field << 3 | 2]) + _varint(length)


def _varint(value: int) -> bytes:
    """Seven bits to a byte, the lowest first; the eighth bit tells that another byte follows."""
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
