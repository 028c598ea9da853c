"""Where Q/DQ pairs stand: around every convolution, linear layer and pooling, and on both sides of every residual add.

A runtime fuses `DequantizeLinear → Conv → (Relu) → QuantizeLinear` into one int8 operator, so a pair stands on each tensor
between two such operators, behind the activation. Weights are int8 per output channel, symmetric; biases int32 with the
scale of the products they are added to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from resnet_compiler.quantize.calibration import Range

if TYPE_CHECKING:
    import numpy as np
    import onnx

Target = Literal["onnxruntime", "tensorrt"]

WEIGHTED = ("Conv", "Gemm")
POINTWISE = ("Add",)
POOLINGS = ("GlobalAveragePool", "AveragePool")
SAME_RANGE = ("MaxPool", "Flatten", "Reshape", "Squeeze")
"""Operators whose output holds values of the input alone, so that one scale serves both."""
COMPUTING = (*WEIGHTED, *POINTWISE, *POOLINGS)
FUSED = ("Relu", "Clip")
"""Activations that the operator before them takes in."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """What is quantised, and how.

    For "onnxruntime" activations are uint8 with a zero point, so that a ReLU costs nothing (its zero is the least value).
    For "tensorrt" they are int8 and symmetric, biases stay float32, and of the two sides of an add only the shortcut has
    a pair: the other side's convolution is fused with the add (NVIDIA, "Working with Quantized Types").
    ``in_float`` names layers that are left as they are.
    """

    target: Target = "onnxruntime"
    in_float: frozenset[str] = frozenset()

    @property
    def is_signed(self) -> bool:
        return self.target == "tensorrt"


@dataclass(frozen=True, slots=True)
class _Scale:
    """A tensor's scale and zero point."""

    scale: float
    zero: int


def place(
    model: onnx.ModelProto, ranges: Mapping[str, Range], scheme: Scheme = Scheme()
) -> onnx.ModelProto:
    """The model with Q/DQ pairs, checked; the given one stays as it is.

    Args:
        model: float32, batch norms folded, with its weights inside.
        ranges: of every tensor, as `calibrate` gives them.
        scheme: what is quantised, and how.

    Raises:
        ValueError: a tensor to quantise has no range.
    """
    import onnx

    work = _Work(model, scheme)
    pairs = work.tensors_to_quantize()
    missing = [name for name in pairs if work.source_of_scale(name) not in ranges]
    if missing:
        raise ValueError(f"no range is known of {', '.join(missing[:5])}")
    made = work.rebuilt(
        {name: _scale_of(ranges[work.source_of_scale(name)], scheme) for name in pairs}
    )
    onnx.checker.check_model(made)
    return made


def _scale_of(seen: Range, scheme: Scheme) -> _Scale:
    """The scale for which the range just fits; zero is exact, as padding and ReLU need it."""
    least, greatest = min(seen.least, 0.0), max(seen.greatest, 0.0)
    if scheme.is_signed:
        return _Scale(max(-least, greatest) / 127 or 1.0, 0)
    scale = (greatest - least) / 255 or 1.0
    return _Scale(scale, round(-least / scale))


class _Work:
    """One model being rewritten: who makes and who reads each tensor, and the nodes made so far."""

    def __init__(self, model: onnx.ModelProto, scheme: Scheme) -> None:
        self.model, self.scheme = model, scheme
        self.weights = {each.name: each for each in model.graph.initializer}
        self.outputs = {each.name for each in model.graph.output}
        self.maker = {name: node for node in model.graph.node for name in node.output}
        self.moving = {each.name for each in model.graph.input}
        for node in model.graph.node:  # what depends on the image, in values and not in shape alone
            if node.op_type != "Shape" and self.moving.intersection(node.input):
                self.moving.update(node.output)
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)

    def is_quantized(self, node: onnx.NodeProto) -> bool:
        """Whether a runtime has an int8 form of this node, and it is not to be left in float."""
        if node.name in self.scheme.in_float:
            return False
        activations = self.activations(node)
        if node.op_type in WEIGHTED:
            return len(activations) == 1 and node.input[1] in self.weights
        if node.op_type in POINTWISE:
            return len(activations) == 2
        if node.op_type in SAME_RANGE:  # worth it only between two that are
            maker = self.maker.get(node.input[0])
            readers = self.readers.get(node.output[0], [])
            return (
                maker is not None
                and self.is_quantized(self.unfused(maker))
                and any(each.op_type in COMPUTING or self.is_quantized(each) for each in readers)
            )
        return node.op_type in POOLINGS

    def activations(self, node: onnx.NodeProto) -> list[str]:
        """The inputs that depend on the image: neither weights nor what is made of weights alone."""
        return [name for name in node.input if name in self.moving]

    def unfused(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """The operator that an activation is fused into, or the node itself."""
        while node.op_type in FUSED:
            before = self.maker.get(node.input[0])
            if before is None:
                return node
            node = before
        return node

    def result(self, node: onnx.NodeProto) -> str:
        """The tensor that leaves an operator, behind the activation that is fused into it."""
        name: str = node.output[0]
        readers = self.readers.get(name, [])
        if len(readers) == 1 and readers[0].op_type in FUSED and name not in self.outputs:
            return str(readers[0].output[0])
        return name

    def tensors_to_quantize(self) -> list[str]:
        """The tensors that a Q/DQ pair stands on, in the graph's order."""
        found: dict[str, None] = {}
        for node in self.model.graph.node:
            if not self.is_quantized(node):
                continue
            inputs = self.activations(node)
            if self.scheme.target == "tensorrt" and node.op_type == "Add":
                inputs = [self._shortcut_side(node)]
            found |= dict.fromkeys(inputs)
            result = self.result(node)
            if not self._is_fused_with_add(result) and result not in self.outputs:
                found[result] = None
        return list(found)

    def _shortcut_side(self, add: onnx.NodeProto) -> str:
        """The input of an add that the add is not fused with: not the last convolution's."""
        first, second = add.input
        maker = self.maker.get(first)
        is_fusable = maker is not None and maker.op_type == "Conv" and len(self.readers[first]) == 1
        return str(second if is_fusable else first)

    def _is_fused_with_add(self, name: str) -> bool:
        readers = self.readers.get(name, [])
        return (
            self.scheme.target == "tensorrt"
            and [each.op_type for each in readers] == ["Add"]
            and self.is_quantized(readers[0])
            and self._shortcut_side(readers[0]) != name
        )

    def source_of_scale(self, name: str) -> str:
        """The tensor whose range gives a tensor its scale: the input's, behind a max pooling."""
        maker = self.maker.get(name)
        while maker is not None and maker.op_type in SAME_RANGE and self.is_quantized(maker):
            name = maker.input[0]
            maker = self.maker.get(name)
        return name

    def rebuilt(self, scales: Mapping[str, _Scale]) -> onnx.ModelProto:
        """The model anew, each pair behind the node that makes its tensor."""
        import onnx

        made = _Making(self.scheme)
        for value in self.model.graph.input:
            if value.name in scales:
                made.pair(value.name, scales[value.name])
        for node in self.model.graph.node:
            inputs = [made.read.get(name, name) for name in node.input]
            if node.op_type in WEIGHTED and self.is_quantized(node):
                inputs[1:] = made.weights(node, self.weights, scales[node.input[0]])
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            del copy.input[:]
            copy.input.extend(inputs)
            made.nodes.append(copy)
            for name in node.output:
                if name in scales:
                    made.pair(name, scales[name])
        whole = onnx.ModelProto()
        whole.CopyFrom(self.model)
        del whole.graph.node[:], whole.graph.initializer[:], whole.graph.value_info[:]
        whole.graph.node.extend(made.nodes)
        still_read = {name for node in made.nodes for name in node.input}
        kept = [each for name, each in self.weights.items() if name in still_read]
        whole.graph.initializer.extend([*kept, *made.initializers])
        return whole


@dataclass
class _Making:
    """The nodes and initializers of the quantised graph, in order."""

    scheme: Scheme
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    read: dict[str, str] = field(default_factory=dict)
    """What to read in the place of a tensor that a pair stands on."""

    def pair(self, name: str, scale: _Scale) -> None:
        """A Q/DQ pair behind a tensor."""
        import numpy as np

        kind = np.int8 if self.scheme.is_signed else np.uint8
        at = [
            self._constant(f"{name}.scale", np.float32(scale.scale)),
            self._constant(f"{name}.zero_point", kind(scale.zero)),
        ]
        quantized = self._node("QuantizeLinear", [name, *at], f"{name}.quantized")
        self.read[name] = self._node("DequantizeLinear", [quantized, *at], f"{name}.dequantized")

    def weights(
        self, node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto], entry: _Scale
    ) -> list[str]:
        """A layer's weight in int8 and bias in int32, each dequantised before it is read."""
        import numpy as np
        from onnx import numpy_helper

        name = node.input[1]
        weight = numpy_helper.to_array(weights[name]).astype(np.float32)
        has_bias = len(node.input) > 2 and bool(node.input[2])
        bias = numpy_helper.to_array(weights[node.input[2]]) if has_bias else None
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        axis = 0 if node.op_type == "Conv" or transposed else 1
        scale = channel_scales(weight, axis, None if bias is None else np.abs(bias) / entry.scale)
        shape = [-1 if index == axis else 1 for index in range(weight.ndim)]
        rounded = np.clip(np.round(weight / scale.reshape(shape)), -127, 127).astype(np.int8)
        found = [self._dequantized(name, rounded, scale, axis)]
        if bias is not None and self.scheme.target == "onnxruntime":
            product = np.float32(entry.scale) * scale
            whole = np.round(bias.astype(np.float64) / product).astype(np.int32)
            found.append(self._dequantized(node.input[2], whole, product, 0))
        elif has_bias:
            found.append(node.input[2])
        return found

    def _dequantized(self, name: str, values: Any, scale: Any, axis: int) -> str:
        import numpy as np

        at = [
            self._constant(f"{name}.quantized", values),
            self._constant(f"{name}.scale", scale.astype(np.float32)),
            self._constant(f"{name}.zero_point", np.zeros(scale.shape, values.dtype)),
        ]
        return self._node("DequantizeLinear", at, f"{name}.dequantized", axis=axis)

    def _constant(self, name: str, value: Any) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def _node(self, op_type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name


def channel_scales(
    weight: np.ndarray[Any, Any], axis: int, least: np.ndarray[Any, Any] | None = None
) -> np.ndarray[Any, Any]:
    """The scale of each output channel of a weight: its greatest magnitude becomes 127.

    ``least`` is each channel's bias in units of the input's scale: the scale is at least so large that the bias fits into
    30 bits, which matters for a channel whose weights are all but zero.
    """
    import numpy as np

    others = tuple(index for index in range(weight.ndim) if index != axis)
    scale = np.abs(weight).max(axis=others).astype(np.float32) / np.float32(127)
    if least is not None:
        scale = np.maximum(scale, (least / 2**30).astype(np.float32))
    return np.where(scale > 0, scale, np.float32(1)).astype(np.float32)


def quantized_layers(nodes: Iterable[onnx.NodeProto]) -> list[str]:
    """The weighted layers that read a dequantised weight."""
    return [
        node.name
        for node in nodes
        if node.op_type in WEIGHTED and node.input[1].endswith(".dequantized")
    ]
