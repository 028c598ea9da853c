"""The weights of a model: inside it or in a file beside it, one tensor in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from resnet_compiler.emit.message import pieces
from resnet_compiler.emit.onnx.precision import FloatType
from resnet_compiler.faults import CompilerFault
from resnet_compiler.operators.base import Operator, Tensor
from resnet_compiler.weights import Array, Value

if TYPE_CHECKING:
    import onnx

ALIGNMENT = 4096
"""Tensors in a data file begin at multiples of this, so that a runtime can map them."""
CHUNK_BYTES = 2**20
"""How much of a tensor is worked on at a time."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor as the model stores it: its name there, its path in the `state_dict`, and its type."""

    name: str
    path: str
    tensor: Tensor
    operator: Operator
    type: FloatType

    @property
    def length(self) -> int:
        return self.type.width * prod(self.tensor.shape)

    def checked(self, values: Array) -> Array:
        """The values, which have the tensor's shape.

        Raises:
            CompilerFault: they have another.
        """
        if values.shape != self.tensor.shape:
            shapes = f"{values.shape} where the tensor has {self.tensor.shape}"
            raise CompilerFault(f"{self.path}: values of shape {shapes}")
        return values

    def encode(self, values: Array) -> bytes:
        """The bytes of the tensor's values, or of a run of its rows."""
        values = self.operator.inference_value(self.tensor.name, values)
        return self.type.encode(values, self.path)


@dataclass(frozen=True)
class Weights:
    """The initializers of a model. ``derive`` turns values of the graph that was given into those of the one emitted."""

    stored: tuple[Stored, ...]
    constants: tuple[onnx.TensorProto, ...]
    derive: Callable[[Value], Value]

    @property
    def length(self) -> int:
        """How many bytes the values take, constants left out."""
        return sum(each.length for each in self.stored)

    def put_inside(self, model: onnx.ModelProto, values: Value) -> None:
        """Add them with their values."""
        values = self.derive(values)
        # in place, one by one: what is handed to the helpers is copied, and weights are large
        for proto, each in zip(self._empty(model), self.stored, strict=True):
            proto.raw_data = each.encode(each.checked(values(each.path, each.tensor)))
        model.graph.initializer.extend(self.constants)

    def put_beside(self, model: onnx.ModelProto, data_file: str) -> None:
        """Add them as references into a file that holds what `chunks` gives."""
        offset = 0
        for proto, each in zip(self._empty(model), self.stored, strict=True):
            offset += -offset % ALIGNMENT
            _refer(proto, data_file, offset, each.length)
            offset += each.length
        model.graph.initializer.extend(self.constants)

    def leave_empty(self, model: onnx.ModelProto) -> None:
        """Add them without values, for `pieces`."""
        for _ in self._empty(model):
            pass
        model.graph.initializer.extend(self.constants)

    def pieces(self, model: onnx.ModelProto, values: Value) -> Iterator[bytes]:
        """The file of a model that has them without values."""
        derived = self.derive(values)
        by_name = {each.name: each for each in self.stored}

        def data(name: str) -> bytes:
            each = by_name[name]
            return each.encode(each.checked(derived(each.path, each.tensor)))

        return pieces(model, {name: each.length for name, each in by_name.items()}, data)

    def chunks(self, values: Value) -> Iterator[bytes]:
        """The content of the data file, piece by piece."""
        values = self.derive(values)
        written = 0
        for each in self.stored:
            padding = -written % ALIGNMENT
            yield bytes(padding)
            value = each.checked(values(each.path, each.tensor))
            rows = max(1, CHUNK_BYTES // max(1, value[:1].nbytes))
            for start in range(0, len(value), rows):
                yield each.encode(value[start : start + rows])
            del value  # before the next one is made
            written += padding + each.length

    def _empty(self, model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
        for each in self.stored:
            yield model.graph.initializer.add(
                name=each.name,
                data_type=each.type.number,
                dims=each.operator.onnx_dims(each.tensor),
            )


def beside(model: onnx.ModelProto, data_file: str) -> list[bytes]:
    """Take the tensors of a model out, and give the content of the file that it then refers to, piece by piece."""
    content: list[bytes] = []
    offset = 0
    for proto in model.graph.initializer:
        if not proto.HasField("raw_data"):  # small constants stay
            continue
        padding = -offset % ALIGNMENT
        values = proto.raw_data
        proto.ClearField("raw_data")
        _refer(proto, data_file, offset + padding, len(values))
        content += [bytes(padding), values]
        offset += padding + len(values)
    return content


def _refer(proto: onnx.TensorProto, data_file: str, offset: int, length: int) -> None:
    """Have a tensor's values in a file."""
    from onnx import StringStringEntryProto, TensorProto

    proto.data_location = TensorProto.EXTERNAL
    where = {"location": data_file, "offset": str(offset), "length": str(length)}
    proto.external_data.extend(StringStringEntryProto(key=k, value=v) for k, v in where.items())
