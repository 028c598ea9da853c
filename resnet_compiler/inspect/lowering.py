"""ONNX Runtime's fused operators as what they were made from: a convolution with a sum is a convolution and an Add.

Only what counts is kept: functions that are applied at the end cost nothing here. Sources: docs/ContribOperators.md and
core/graph/contrib_ops/nchwc_schema_defs.cc of ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler.inspect.operators import MICROSOFT, Key
from resnet_compiler.inspect.tensors import text

if TYPE_CHECKING:
    import onnx

NCHWC = "com.microsoft.nchwc"
"""Images in blocks of channels: weights are laid out anew, and filled up with zeros to whole blocks."""
_KEPT = (
    *("kernel_shape", "strides", "pads", "dilations", "group", "auto_pad", "ceil_mode"),
    *("count_include_pad", "transA", "transB", "storage_order"),
)


@dataclass(frozen=True)
class _Lowering:
    """One node on its way: inputs by place, and new names for values in between."""

    index: int
    node: onnx.NodeProto

    def given(self, place: int) -> str:
        """The name of an input, or nothing."""
        return text(self.node.input[place]) if place < len(self.node.input) else ""

    def made(self, place: int = 0) -> str:
        """The name of an output, or one of our own where the node has none."""
        name = text(self.node.output[place]) if place < len(self.node.output) else ""
        return name or self.between(f"output {place}")

    def between(self, what: str) -> str:
        return f"resnetc.inspect {self.index} {what}"

    def integer(self, name: str) -> int:
        return next((int(a.i) for a in self.node.attribute if a.name == name), 0)

    def op(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
        """A node of ONNX's own domain that keeps the attributes which shapes depend on."""
        from onnx import helper

        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        made: onnx.NodeProto = helper.make_node(kind, inputs, [output], **attributes)
        made.name = self.node.name
        made.attribute.extend(a for a in self.node.attribute if a.name in _KEPT)
        return made

    def sum(self, terms: list[str], output: str) -> Iterator[onnx.NodeProto]:
        """Adds, one after the other; no term is nothing."""
        from onnx import helper

        present = [term for term in terms if term]
        total = present[0]
        for number, term in enumerate(present[1:], 2):
            result = output if number == len(present) else self.between(f"sum {number}")
            yield helper.make_node("Add", [total, term], [result], name=text(self.node.name))
            total = result


_Parts = Iterator["onnx.NodeProto"]


def _convolution(it: _Lowering) -> _Parts:
    added = it.given(3)
    result = it.between("convolved") if added else it.made()
    yield it.op("Conv", [it.given(0), it.given(1), it.given(2)], result)
    if added:
        yield from it.sum([result, added], it.made())


def _same(kind: str, count: int) -> Callable[[_Lowering], _Parts]:
    def lower(it: _Lowering) -> _Parts:
        yield it.op(kind, [it.given(place) for place in range(count)], it.made())

    return lower


def _channels_last(kind: str, count: int, domain: str = "") -> Callable[[_Lowering], _Parts]:
    """Between two transposes where the image has its channels last, which is what ``channels_last`` says."""

    def lower(it: _Lowering) -> _Parts:
        inputs = [it.given(place) for place in range(count)]
        if not (it.integer("channels_last") or kind == "MaxPool"):
            yield it.op(kind, inputs, it.made(), domain=domain)
            return
        first, result = it.between("channels first"), it.between("result")
        yield _transposed(inputs[0], first, (0, 3, 1, 2))
        yield it.op(kind, [first, *inputs[1:]], result, domain=domain)
        yield _transposed(result, it.made(), (0, 2, 3, 1))

    return lower


def _transposed(given: str, output: str, order: tuple[int, ...]) -> onnx.NodeProto:
    from onnx import helper

    made: onnx.NodeProto = helper.make_node("Transpose", [given], [output], perm=order)
    return made


def _into_blocks(it: _Lowering) -> _Parts:
    if it.integer("channels_last"):
        yield _transposed(it.given(0), it.made(), (0, 3, 1, 2))
    else:
        yield it.op("Identity", [it.given(0)], it.made())


def _out_of_blocks(it: _Lowering) -> _Parts:
    """The channels that are real, and last where that is asked for."""
    from onnx import helper

    is_last = it.integer("channels_last")
    real = it.between("real") if is_last else it.made()
    bounds = []
    for what, number in (("first", 0), ("end", it.integer("channels") or 2**31), ("axis", 1)):
        bounds.append(it.between(what))
        value = helper.make_tensor("", 7, [1], [number])
        yield helper.make_node("Constant", [], [bounds[-1]], value=value)
    yield it.op("Slice", [it.given(0), *bounds], real)
    if is_last:
        yield _transposed(real, it.made(), (0, 2, 3, 1))


def _with_bias(it: _Lowering) -> _Parts:
    """BiasGelu, FastGelu: a function of a sum, whose second term may be missing."""
    summed = it.between("sum") if it.given(1) else it.given(0)
    yield from it.sum([it.given(0), it.given(1)], summed)
    yield it.op("Relu", [summed], it.made())


def _skip_norm(kind: str, parameters: tuple[int, ...], bias: int) -> Callable[[_Lowering], _Parts]:
    """A residual add and a norm; the sum is the fourth output."""

    def lower(it: _Lowering) -> _Parts:
        summed = it.made(3)
        yield from it.sum([it.given(0), it.given(1), it.given(bias)], summed)
        yield it.op(kind, [summed, *map(it.given, parameters)], it.made())

    return lower


def _group_norm(it: _Lowering) -> _Parts:
    yield it.op("GroupNormalization", [it.given(0), it.given(1), it.given(2)], it.made())


def _skip_group_norm(it: _Lowering) -> _Parts:
    summed = it.made(1)
    yield from it.sum([it.given(0), it.given(3), it.given(4)], summed)
    yield it.op("GroupNormalization", [summed, it.given(1), it.given(2)], it.made())


def _bias_add(it: _Lowering) -> _Parts:
    yield from it.sum([it.given(0), it.given(1), it.given(2)], it.made())


_LOWERINGS: Mapping[Key, tuple[int, Callable[[_Lowering], _Parts]]] = {
    (MICROSOFT, "FusedConv"): (2, _convolution),
    (MICROSOFT, "FusedGemm"): (2, _same("Gemm", 3)),
    (MICROSOFT, "QLinearConv"): (8, _channels_last("QLinearConv", 9)),
    **{
        (MICROSOFT, kind): (5, _channels_last(kind, 5, MICROSOFT))
        for kind in ("QLinearGlobalAveragePool", "QLinearAveragePool")
    },
    (MICROSOFT, "NhwcMaxPool"): (1, _channels_last("MaxPool", 1)),
    (MICROSOFT, "BiasGelu"): (2, _with_bias),
    (MICROSOFT, "FastGelu"): (1, _with_bias),
    (MICROSOFT, "BiasAdd"): (3, _bias_add),
    (MICROSOFT, "GroupNorm"): (3, _group_norm),
    (MICROSOFT, "SkipGroupNorm"): (4, _skip_group_norm),
    (MICROSOFT, "SkipLayerNormalization"): (3, _skip_norm("LayerNormalization", (2, 3), 4)),
    (MICROSOFT, "SkipSimplifiedLayerNormalization"): (
        3,
        _skip_norm("SimplifiedLayerNormalization", (2,), 3),
    ),
    (NCHWC, "Conv"): (2, _convolution),
    (NCHWC, "MaxPool"): (1, _same("MaxPool", 1)),
    (NCHWC, "AveragePool"): (1, _same("AveragePool", 1)),
    (NCHWC, "GlobalMaxPool"): (1, _same("GlobalMaxPool", 1)),
    (NCHWC, "GlobalAveragePool"): (1, _same("GlobalAveragePool", 1)),
    (NCHWC, "ReorderInput"): (1, _into_blocks),
    (NCHWC, "ReorderOutput"): (1, _out_of_blocks),
}
"""How an operator is lowered, and how many inputs it must have for that."""


def lowered(index: int, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The nodes that a node stands for, the one that makes its first output last; itself, where it is not a fused one."""
    found = _LOWERINGS.get((text(node.domain), text(node.op_type)))
    if found is None:
        return [node]
    least, lower = found
    it = _Lowering(index, node)
    if not node.output or not all(map(it.given, range(least))):
        return [node]
    parts = list(lower(it))
    made = {text(name) for part in parts for name in part.output}
    return parts if all(text(name) in made for name in node.output if name) else [node]
