"""The parameters of an ONNX graph: which stored numbers were learned, by the places where operators read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from resnet_compiler.inspect.lowering import NCHWC
from resnet_compiler.inspect.nchwc import Blocked, blocked
from resnet_compiler.inspect.operators import (
    DYNAMIC,
    INTEGER_WEIGHTS,
    JOINS,
    PLACES,
    STATISTICS,
    WEIGHTED,
)
from resnet_compiler.inspect.shapes import Typed
from resnet_compiler.inspect.structure import CONTROL_FLOW, Operation, Structure
from resnet_compiler.inspect.tensors import (
    FLOATING,
    QUANTISED,
    byte_count,
    element_count,
    type_name,
    values_of,
)
from resnet_compiler.inspect.wire import OnnxFile

if TYPE_CHECKING:
    import numpy as np
    import onnx

_FROM_FIRST = (
    *("Identity", "Cast", "CastLike", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"),
    *("Expand", "Tile", "Slice", "Split", "Gather", "Pad", "Clip", "Pow", "Resize", "Upsample"),
    *("QuantizeLinear", "DequantizeLinear"),
)
"""Operators whose result, on constants, is the first input's: the others say how."""
_FROM_SHAPES = ("Shape", "Size")
_QUANTISES = "DynamicQuantizeLinear"


@dataclass(frozen=True, slots=True)
class Leaf:
    """Stored numbers: the place of the operation that reads them first, how many, and of which type."""

    name: str
    reader: int
    elements: int
    type: str

    @property
    def bytes(self) -> int:
        return byte_count(self.type, self.elements)


@dataclass(frozen=True)
class Roles:
    """What the values of a graph are for: computed from the inputs or not, learned or not."""

    file: OnnxFile
    structure: Structure
    typed: Typed

    @cached_property
    def computed(self) -> frozenset[str]:
        """The values that depend on the elements of an input.

        What depends on its size alone does not, nor the scale and zero point that one is quantised by as it comes.
        """
        found = set(self.structure.inputs)
        for operation in self.structure.operations:
            if operation.type in _FROM_SHAPES and not operation.domain:
                continue
            made_up = operation.type.startswith("Random") or operation.type in CONTROL_FLOW
            if made_up or any(name in found for name in operation.reads):
                made = operation.outputs[: 1 if operation.type == _QUANTISES else None]
                found.update(name for name in made if name)
        return frozenset(found)

    @cached_property
    def _sized(self) -> frozenset[str]:
        """The values that are not computed and yet follow from the sizes of those that are."""
        found: set[str] = set()
        for operation in self.structure.operations:
            if self.is_computed(operation):
                continue
            is_size = operation.type in _FROM_SHAPES and not operation.domain
            if any(
                each in found or (is_size and each in self.computed) for each in operation.reads
            ):
                found.update(name for name in operation.outputs if name)
        return frozenset(found)

    def is_computed(self, operation: Operation) -> bool:
        return any(name in self.computed for name in operation.outputs if name)

    def branches(self, operation: Operation) -> list[str]:
        """The computed values that an operation reads, in order."""
        return [name for name in operation.inputs if name in self.computed]

    def weight(self, operation: Operation) -> str | None:
        """The constant that a convolution or linear layer multiplies by; None for all else, fixed filters among it."""
        places = WEIGHTED.get(operation.key)
        if places is None or not self.is_computed(operation):
            return None
        taken = [operation.inputs[place] for place in places if place < len(operation.inputs)]
        constant = [name for name in taken if name and name not in self.computed]
        if len(taken) < 2 or len(constant) != 1 or self.is_norm_or_filter(operation):
            return None
        return None if self._is_fixed_filter(operation, constant[0]) else constant[0]

    def is_norm_or_filter(self, operation: Operation) -> bool:
        """Whether it is a depthwise convolution of one pixel in blocks of channels: ONNX Runtime writes batch norms so too,
        and the file does not tell which it was."""
        if operation.written != (NCHWC, "Conv"):
            return False
        stored = self.structure.initializers.get(operation.inputs[1])
        return stored is not None and list(stored.dims[1:]) == [1, 1, 1] and stored.dims[0] > 1

    @cached_property
    def _fixed_filters(self) -> dict[tuple[str, int], bool]:
        """What has been found of weights, by name and groups: several layers may read one."""
        return {}

    def _is_fixed_filter(self, operation: Operation, name: str) -> bool:
        """Whether each channel is convolved on its own, by one and the same window that varies: blurring, not learning."""
        tensor = self.structure.initializers.get(name) or self._constant(name)
        group = operation.integer("group", 1)
        if (
            operation.type != "Conv"
            or tensor is None
            or group < 2
            or list(tensor.dims[:2]) != [group, 1]
        ):
            return False
        if (name, group) not in self._fixed_filters:
            values = values_of(self.file, tensor)
            self._fixed_filters[name, group] = values is not None and _is_one_window(values, group)
        return self._fixed_filters[name, group]

    @property
    def unclear(self) -> Sequence[tuple[str, Operation]]:
        """Stored integers of which it cannot be told whether they are parameters, and who reads them."""
        return self._leaves[2]

    def _constant(self, name: str) -> onnx.TensorProto | None:
        maker = self.structure.maker.get(name)
        if maker is None or maker.type != "Constant":
            return None
        return maker.tensor("value")

    @cached_property
    def _leaves(self) -> tuple[list[Leaf], list[Leaf], list[tuple[str, Operation]]]:
        learned_leaves: list[Leaf] = []
        statistics: list[Leaf] = []
        unclear: list[tuple[str, Operation]] = []
        seen: set[str] = set()
        learned: set[str] = set()  # values downstream of a parameter
        for operation in self.structure.operations:
            if not self.is_computed(operation):
                continue
            key = operation.key
            joined = range(len(operation.inputs))[JOINS[key]] if key in JOINS else ()
            is_after = any(name in learned for name in operation.reads)
            before = len(learned_leaves)
            for place, name in enumerate(operation.inputs):
                if not name or name in self.computed or self._is_trivial(operation, name):
                    continue
                if place in PLACES.get(key, ()):
                    gathered = self._gather(name, operation, seen, unclear, single=True)
                    learned_leaves += (self._real(leaf, operation) for leaf in gathered)
                elif place in STATISTICS.get(key, ()):
                    statistics += self._gather(name, operation, seen, unclear, single=True)
                elif is_after and place in joined:
                    learned_leaves += self._gather(name, operation, seen, unclear, single=False)
            if is_after or len(learned_leaves) > before or WEIGHTED.get(key):
                learned.update(name for name in operation.outputs if name)
        return learned_leaves, statistics, unclear

    @cached_property
    def blocked(self) -> Blocked:
        """The convolutions whose weights may be filled up with zeros."""
        return blocked(self.file, self.structure, self.typed)

    def _real(self, leaf: Leaf, reader: Operation) -> Leaf:
        """The leaf without the zeros that it is filled up with."""
        tensor = self.structure.initializers.get(leaf.name)
        if reader.index not in self.blocked.channels or tensor is None:
            return leaf
        is_weight = leaf.name == reader.inputs[1]
        return replace(leaf, elements=self.blocked.elements(reader, tensor.dims, is_weight))

    @property
    def parameters(self) -> list[Leaf]:
        """What was learned, in the order in which it is read; nothing twice."""
        return self._leaves[0]

    @property
    def statistics(self) -> list[Leaf]:
        """The running means and variances of batch norms."""
        return self._leaves[1]

    def _is_trivial(self, operation: Operation, name: str) -> bool:
        """A filter that was not learned; the ones and zeros of an instance norm that stands in for a group norm."""
        if operation.type == "Conv":
            return name in operation.inputs[1:2] and self._is_fixed_filter(operation, name)
        if operation.type == "Concat":
            return self._fills(name, 0.0)  # channels that a shortcut is filled up with
        if operation.type != "InstanceNormalization" or len(operation.inputs) < 3:
            return False
        source = self.structure.maker.get(operation.inputs[0])
        if source is None or source.type != "Reshape":
            return False
        return self._fills(operation.inputs[1], 1.0) and self._fills(operation.inputs[2], 0.0)

    def _fills(self, name: str, number: float) -> bool:
        """Whether every element of a constant is this number."""
        maker = self.structure.maker.get(name)
        tensor = self.structure.initializers.get(name) or self._constant(name)
        if maker is not None and maker.type == "ConstantOfShape":
            tensor = maker.tensor("value")
            if tensor is None:
                return number == 0.0
        values = None if tensor is None else values_of(self.file, tensor)
        return values is not None and bool((values == number).all())

    def _gather(
        self,
        name: str,
        reader: Operation,
        seen: set[str],
        unclear: list[tuple[str, Operation]],
        single: bool,
    ) -> Iterator[Leaf]:
        """The stored numbers that a constant is made of.

        With ``single`` one number counts too, where it is only laid out anew on its way; in arithmetic it does not.
        """
        is_quantised = reader.key in INTEGER_WEIGHTS
        waiting = [(name, single, is_quantised)]
        is_weight = single
        while waiting:
            name, single, is_quantised = waiting.pop()
            if name in seen or name in self.computed:
                continue
            seen.add(name)
            maker = self.structure.maker.get(name)
            if maker is None or maker.type in ("Constant", "ConstantOfShape"):
                leaf = None if name in self._sized else self._leaf(name, reader.index)
                accepted = FLOATING if not (is_quantised or single) else (*FLOATING, *QUANTISED)
                if leaf and (single or leaf.elements > 1) and leaf.type in accepted:
                    yield leaf
                elif leaf and is_weight and leaf.elements > 1 and leaf.type in QUANTISED:
                    unclear.append((name, reader))
                continue
            if maker.type in (*_FROM_SHAPES, _QUANTISES):
                continue
            follows_first = maker.type in _FROM_FIRST and not maker.domain
            sources = maker.inputs[:1] if maker.type in _FROM_FIRST else maker.inputs
            is_quantised = is_quantised or maker.type == "DequantizeLinear"
            waiting += [
                (each, single and follows_first, is_quantised) for each in sources[::-1] if each
            ]

    def _leaf(self, name: str, reader: int) -> Leaf | None:
        if name in self.structure.initializers:
            tensor = self.structure.initializers[name]
            return Leaf(name, reader, element_count(tensor), type_name(tensor.data_type))
        if name in self.structure.sparse:
            values = self.structure.sparse[name].values
            return Leaf(name, reader, element_count(values), type_name(values.data_type))
        constant = self._constant(name)
        if constant is not None:
            return Leaf(name, reader, element_count(constant), type_name(constant.data_type))
        shape = self.typed.numbers(name)
        return None if shape is None else Leaf(name, reader, prod(shape), self.typed.types[name])

    def weight_type(self, name: str) -> str:
        """The type in which a weight is stored, or quantised to before it is used."""
        origin = self._origin(name)
        dequantised = self._dequantised(origin)
        return self.typed.types.get(origin if dequantised is None else dequantised, "unknown")

    def quantised_by(self, operation: Operation, weight: str) -> str | None:
        """How a layer is quantised: "QDQ", "QLinear", "dynamic", or not at all."""
        if operation.key in INTEGER_WEIGHTS:
            return "dynamic" if operation.key in DYNAMIC else "QLinear"
        return None if self._dequantised(self._origin(weight)) is None else "QDQ"

    @cached_property
    def _origins(self) -> dict[str, str]:
        """What has been found by `_origin`, so that no way is gone twice."""
        return {}

    def _origin(self, name: str) -> str:
        """The value that a constant is only laid out anew from: stored, computed, or dequantised."""
        way = []
        while name not in self._origins:
            maker = self.structure.maker.get(name)
            is_end = maker is None or maker.type not in _FROM_FIRST or not maker.inputs
            if maker is None or is_end or self._dequantised(name) is not None:
                self._origins[name] = name
            else:
                way.append(name)
                name = maker.inputs[0]
        origin = self._origins[name]
        self._origins.update(dict.fromkeys(way, origin))
        return origin

    def _dequantised(self, name: str) -> str | None:
        """What a value is dequantised from, where it is."""
        maker = self.structure.maker.get(name)
        if maker is None or maker.type != "DequantizeLinear" or not maker.inputs:
            return None
        return maker.inputs[0]


def _is_one_window(values: np.ndarray[Any, np.dtype[Any]], channels: int) -> bool:
    """Whether every channel has the same window, and it varies."""
    if not values.size:
        return False
    windows = values.reshape(channels, -1)
    return bool((windows == windows[0]).all() and (windows[0] != windows[0][0]).any())
