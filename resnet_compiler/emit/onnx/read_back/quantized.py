"""A model with Q/DQ pairs, seen through them: what remains is the float network, and the numbers that its weights became."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx.read_back.faults import Reporter
from resnet_compiler.emit.onnx.read_back.message import Constant, Held, Message, Step
from resnet_compiler.emit.onnx.read_back.numbers import FLOAT32

if TYPE_CHECKING:
    import onnx

INT8, INT32 = 3, 6
"""Numbers of types in ONNX."""
_QUANTIZED = ".quantized"


@dataclass(frozen=True, slots=True)
class Unquantized:
    """The message without Q/DQ, and the scale of each quantised weight, by the weight's name."""

    message: Message
    scales: Mapping[str, str]


def unquantized(message: Message, weights: Mapping[str, str], report: Reporter) -> Unquantized:
    """See through every pair: of an activation both nodes have one scale and zero point, a weight has them per channel.

    Args:
        message: with Q/DQ pairs.
        weights: the float model's weights by name, with their paths.
        report: makes faults.

    Raises:
        ReadBackError: a node of a pair stands alone, or its scale or zero point is another than its partner's.
    """
    stands_for: dict[str, str] = {}
    scales: dict[str, str] = {}
    tensors = {n: held for n, held in message.tensors.items() if not n.endswith(_QUANTIZED)}
    read_by_pairs: set[str] = set()
    for step in message.steps:
        if step.op != "DequantizeLinear":
            continue
        value, *at = step.inputs
        maker = message.maker.get(value)
        if maker is not None and maker.op == "QuantizeLinear":
            _activation(message, step, maker, report)
            source = maker.inputs[0]
            stands_for[step.outputs[0]] = stands_for.get(source, source)
            read_by_pairs.add(value)
        else:
            name = value.removesuffix(_QUANTIZED)
            if value == name or name not in weights or value not in message.tensors:
                raise report.fault(step.name, "a DequantizeLinear", "of a weight", f"`{value}`")
            tensors[name] = _weight(message, step, name, report)
            scales[name] = at[0]
            stands_for[step.outputs[0]] = name
    steps = []
    for step in message.steps:
        if step.op == "QuantizeLinear" and step.outputs[0] not in read_by_pairs:
            raise report.fault(step.name, "a QuantizeLinear", "with its DequantizeLinear", "alone")
        if step.op not in ("QuantizeLinear", "DequantizeLinear"):
            inputs = tuple(stands_for.get(value, value) for value in step.inputs)
            if not read_by_pairs.isdisjoint(step.inputs):
                raise report.fault(step.name, "an input", "a float", "an integer of a pair")
            steps.append(replace(step, inputs=inputs))
    for name in message.outputs:
        if name in stands_for or name in read_by_pairs:
            raise report.fault(name, "an output", "the network's value", "one of a Q/DQ pair")
    made_by = {value: step for step in steps for value in step.outputs}
    seen_through = replace(message, steps=tuple(steps), maker=made_by, tensors=tensors)
    return Unquantized(seen_through, scales)


def _activation(message: Message, dequantize: Step, quantize: Step, report: Reporter) -> None:
    if quantize.inputs[1:] != dequantize.inputs[1:]:
        wanted, found = quantize.inputs[1:], dequantize.inputs[1:]
        raise report.fault(quantize.name, "the scale of a pair", wanted, found)
    scale = message.constants.get(quantize.inputs[1])
    if scale is None or scale.type != FLOAT32 or scale.dims or not scale.values[0] > 0:
        raise report.fault(quantize.name, "the scale of a pair", "one number above 0", scale)


def _weight(message: Message, step: Step, name: str, report: Reporter) -> Held:
    """A weight as the layer reads it: float32, of the same dimensions."""
    held = message.tensors[f"{name}{_QUANTIZED}"]
    scale, zero = (message.constants.get(each) for each in step.inputs[1:])
    channels = held.dims[:1]
    if step.attributes["axis"] != 0:
        raise report.fault(name, "the axis of its scale", 0, step.attributes["axis"])
    if scale is None or scale.type != FLOAT32 or scale.dims != channels or min(scale.values) <= 0:
        raise report.fault(name, "its scale", f"{channels} numbers above 0", _dims(scale))
    if zero is None or zero.type != held.type or zero.dims != channels or any(zero.values):
        raise report.fault(name, "its zero point", f"{channels} zeros", _dims(zero))
    return Held(FLOAT32, held.dims)


def _dims(constant: Constant | None) -> tuple[int, ...] | None:
    return constant.dims if constant is not None else None


def read_quantized_weights(
    model: onnx.ModelProto, exact: onnx.ModelProto, pairs: Unquantized, report: Reporter
) -> None:
    """Each weight is within half a step of the float one; those that are left in float are the same bytes.

    Raises:
        ReadBackError: one is not.
    """
    import numpy as np
    from onnx import numpy_helper

    before = {each.name: each for each in exact.graph.initializer}
    after = {each.name: each for each in model.graph.initializer}
    for name in pairs.message.tensors:
        wanted = before[name]
        if name not in pairs.scales:
            if after[name] != wanted:
                raise report.fault(name, "its value", "as in the float32 model", "another")
            continue
        whole = numpy_helper.to_array(after[f"{name}{_QUANTIZED}"])
        scale = numpy_helper.to_array(after[pairs.scales[name]]).astype(np.float64)
        exact_value = numpy_helper.to_array(wanted)
        steps = exact_value / scale.reshape(-1, *[1] * (exact_value.ndim - 1))
        apart = np.abs(steps - whole).max(initial=0)
        # float32 rounds the quotient: a number in the middle between two may go either way
        if not apart <= 0.5 + 1e-4 + np.abs(steps).max(initial=0) * 2**-22:
            what = f"{apart:.3g} steps away"
            raise report.fault(name, "its value", "within half a step of the float one", what)
