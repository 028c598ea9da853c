"""Where the weights' values come from and go to: each initializer, the tensor whose value it gets, and its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx.read_back.faults import Reporter
from resnet_compiler.emit.onnx.read_back.numbers import WIDTHS
from resnet_compiler.operators.base import Operator, Tensor

if TYPE_CHECKING:
    import onnx

    from resnet_compiler.emit.onnx.data import Stored

ALIGNMENT = 4096
"""Tensors in a data file begin at multiples of a page, so that a runtime can map them."""


def read_weights(
    model: onnx.ModelProto,
    stored: Sequence[Stored],
    owned: Mapping[str, tuple[Tensor, Operator]],
    data_file: str | None,
    report: Reporter,
) -> None:
    """Every initializer gets the value of the tensor of its name, as many bytes as its dimensions say, in its place.

    Args:
        model: with its initializers, empty or not.
        stored: what each gets, in the order in which a data file has them.
        owned: the graph's tensors by their full names, and the operators that they belong to.
        data_file: the file that must hold the values; None: the model holds them, or will.
        report: makes faults.

    Raises:
        ReadBackError: one gets another tensor's value, or bytes of another place.
    """
    protos = {proto.name: proto for proto in model.graph.initializer}
    outputs = {each.name for each in model.graph.output}
    if len({each.name for each in stored}) != len(stored):
        raise report.fault("model", "the weights", "each there once", "one is there twice")
    end = 0
    for each in stored:
        wanted = owned.get(each.path)
        if wanted != (each.tensor, each.operator):
            raise report.fault(each.path, "its tensor", wanted, (each.tensor, each.operator))
        is_renamed = each.path in outputs and each.name.startswith(f"{each.path}.value")
        if each.name != each.path and not is_renamed and each.name not in outputs:
            raise report.fault(each.path, "the initializer of its value", each.path, each.name)
        proto = protos.get(each.name)
        if proto is None:
            raise report.fault(each.path, "its initializer", each.name, None)
        width = WIDTHS.get(proto.data_type)
        if width is None or each.type.number != proto.data_type:
            raise report.fault(each.path, "its type", each.type.name, proto.data_type)
        length = width * prod(proto.dims)
        if length != width * prod(each.tensor.shape):
            raise report.fault(each.path, "its shape", each.tensor.shape, tuple(proto.dims))
        place = {entry.key: entry.value for entry in proto.external_data}
        if data_file is None:
            if place or (proto.raw_data and len(proto.raw_data) != length):
                found = place or f"{len(proto.raw_data)} bytes"
                raise report.fault(each.path, "its data", f"{length} bytes", found)
            continue
        start = -(-end // ALIGNMENT) * ALIGNMENT
        place_wanted = {"location": data_file, "offset": str(start), "length": str(length)}
        if place != place_wanted or proto.data_location != 1:
            raise report.fault(each.path, "its place", place_wanted, place)
        end = start + length
