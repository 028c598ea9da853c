"""How many channels there really are where ONNX Runtime has filled weights up with zeros, to whole blocks of 8 or 16.

A convolution of ``com.microsoft.nchwc`` has its weight in blocks of output channels, the channels of a block last. How many
of them are real is told by what leaves the blocks (ReorderOutput says so), by what enters them, or by a last channel that
is not zero: what is filled up is zero. Source: core/optimizer/nchwc_transformer.cc and the reordering in MLAS.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

from resnet_compiler.inspect.lowering import NCHWC
from resnet_compiler.inspect.shapes import Typed
from resnet_compiler.inspect.structure import Operation, Structure, integer
from resnet_compiler.inspect.tensors import last_values, text
from resnet_compiler.inspect.wire import OnnxFile

LEAST_BLOCK, LARGEST_BLOCK = 8, 16
_KEEPS_CHANNELS = (
    *("Add", "Sum", "Mul", "Relu", "Identity", "Sigmoid", "Tanh", "Clip", "LeakyRelu"),
    *("HardSigmoid", "HardSwish", "Elu", "Erf", "Softplus", "Gelu", "QuickGelu"),
    *("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool"),
)
"""Operators whose inputs and output have as many channels, where all are in blocks: nothing broadcasts there."""


@dataclass(frozen=True)
class Blocked:
    """Convolutions in blocks: by index, their real output channels and input channels to a group; those not known."""

    channels: Mapping[int, tuple[int, int]]
    unknown: tuple[Operation, ...]

    def elements(self, operation: Operation, dims: Iterable[int], is_weight: bool) -> int:
        """The real elements of a weight or bias of a convolution."""
        outputs, inputs = self.channels[operation.index]
        return outputs * inputs * prod(list(dims)[2:]) if is_weight else outputs


def blocked(file: OnnxFile, structure: Structure, typed: Typed) -> Blocked:
    """What is known of the channels of convolutions in blocks."""
    convolutions = {o.index: o for o in structure.operations if _is_blocked(o, structure)}
    if not convolutions:
        return Blocked({}, ())
    known = _evidence(file, structure, typed, convolutions.values())
    _spread(structure, known, convolutions)
    channels: dict[int, tuple[int, int]] = {}
    unknown: list[Operation] = []
    for index, operation in convolutions.items():
        stored = list(structure.initializers[operation.inputs[1]].dims)
        outputs = known.get(operation.outputs[0])
        inputs = stored[1] if _is_whole(operation, stored) else known.get(operation.inputs[0])
        if _is_filled(outputs, stored[0]) and _is_filled(inputs, stored[1]):
            assert outputs is not None and inputs is not None
            channels[index] = (outputs, inputs)
        else:
            unknown.append(operation)
    return Blocked(channels, tuple(unknown))


def _is_blocked(operation: Operation, structure: Structure) -> bool:
    """Whether it is a convolution whose weight may have been filled up."""
    if operation.written != (NCHWC, "Conv") or operation.type != "Conv":
        return False
    weight = structure.initializers.get(operation.inputs[1])
    return weight is not None and len(weight.dims) > 2 and weight.dims[0] % LEAST_BLOCK == 0


def _is_filled(real: int | None, stored: int) -> bool:
    return real is not None and 0 < real <= stored < real + LARGEST_BLOCK


def _is_whole(operation: Operation, stored: list[int]) -> bool:
    """Whether the input channels of a weight are as they were: the image itself is read, or there are groups."""
    return stored[1] % LEAST_BLOCK != 0 or operation.integer("group", 1) > 1


def _is_depthwise(operation: Operation, structure: Structure) -> bool:
    stored = structure.initializers[operation.inputs[1]].dims
    return bool(stored[1] == 1 and operation.integer("group", 1) == stored[0])


def _evidence(
    file: OnnxFile, structure: Structure, typed: Typed, convolutions: Iterable[Operation]
) -> dict[str, int]:
    """The channels of values, where the file itself says how many there are."""
    known: dict[str, int] = {}
    for operation in structure.operations:
        if operation.written == (NCHWC, "ReorderOutput"):
            count = integer(operation.whole, "channels")
            if count:
                known[text(operation.whole.input[0])] = count
        elif operation.written == (NCHWC, "ReorderInput"):
            shape = typed.shape(operation.inputs[0])
            axis = 3 if integer(operation.whole, "channels_last") else 1
            if shape is not None and len(shape) > axis and isinstance(shape[axis], int):
                known[operation.outputs[0]] = int(shape[axis] or 0)
    for operation in convolutions:
        weight = structure.initializers[operation.inputs[1]]
        window = prod(weight.dims[1:])
        last = last_values(file, weight, max(LARGEST_BLOCK, 4 * window))
        has_groups = operation.integer("group", 1) > 1 and not _is_depthwise(operation, structure)
        # the last of each 16, from the end, is of the last channel for blocks of 8 and of 16
        if has_groups or (last is not None and last[::-LARGEST_BLOCK].any()):
            known.setdefault(operation.outputs[0], int(weight.dims[0]))
    return known


def _spread(
    structure: Structure, known: dict[str, int], convolutions: Mapping[int, Operation]
) -> None:
    """Add the values that have as many channels as others: forwards and backwards, until nothing is new."""
    groups: list[tuple[str, ...]] = []
    inside: set[str] = set()  # values in blocks
    for operation in structure.operations:
        domain, kind = operation.written
        is_inside = all(name in inside for name in operation.reads)
        if (domain == NCHWC and kind != "ReorderOutput") or (
            is_inside and operation.type in _KEEPS_CHANNELS
        ):
            inside.update(operation.outputs)
        if operation.index in convolutions:
            if _is_depthwise(operation, structure):
                groups.append((operation.inputs[0], operation.outputs[0]))
        elif is_inside and operation.type in _KEEPS_CHANNELS and kind != "ReorderOutput":
            groups.append((*operation.reads, *operation.outputs[:1]))
    before = -1
    while before != len(known):
        before = len(known)
        for group in (*groups, *groups[::-1]):
            count = next((known[name] for name in group if name in known), None)
            if count is not None:
                for name in group:
                    known.setdefault(name, count)
