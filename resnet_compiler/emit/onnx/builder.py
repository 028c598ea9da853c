"""Nodes and constants of an ONNX graph, collected layer by layer, everything under its layer's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resnet_compiler.emit.onnx.precision import FLOAT32, FloatType
from resnet_compiler.interface import Pair
from resnet_compiler.shapes import Shape, shape_at

if TYPE_CHECKING:
    import onnx


@dataclass
class LayerBuilder:
    """Collects the nodes and initializers of a graph.

    ``layer`` is what they are named after, and ``separator`` stands behind it; ``float_type`` is what constants have.
    ``size`` is the network's (height, width) where it is not dynamic.
    """

    opset: int
    size: Pair | None = None
    layer: str = ""
    separator: str = "."
    float_type: FloatType = FLOAT32
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    types: dict[str, FloatType] = field(default_factory=dict)
    """The type of each value handed from one layer to another."""
    _casts: dict[tuple[str, str], str] = field(default_factory=dict)

    def enter(self, layer: str, float_type: FloatType, separator: str = ".") -> None:
        """Name what follows after this layer."""
        self.layer, self.float_type, self.separator = layer, float_type, separator

    def _full(self, suffix: str) -> str:
        return f"{self.layer}{self.separator}{suffix}" if suffix else self.layer

    def node(self, op_type: str, inputs: Sequence[str], suffix: str = "", **attributes: Any) -> str:
        """Add a node; its name and its output's are the layer's, with a suffix where the layer needs several."""
        if isinstance(attributes.get("value"), float):
            attributes["value"] = self._floats("value", [attributes["value"]], [1])
        return self.add(op_type, inputs, self._full(suffix), **attributes)

    def add(self, op_type: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node under a full name, which is its output's too."""
        from onnx import helper

        self.nodes.append(helper.make_node(op_type, list(inputs), [name], name=name, **attributes))
        return name

    def cast(self, value: str, to: FloatType) -> str:
        """A value in another type, converted once, just before it is first needed."""
        if self.types.get(value, to) == to:
            return value
        key = (value, to.name)
        if key not in self._casts:
            name = f"{value}.{to.name}"
            self._casts[key] = self.add("Cast", [value], name, to=to.number)
            self.types[name] = to
        return self._casts[key]

    def parameter(self, name: str) -> str:
        """The initializer of one of the layer's tensors."""
        return self._full(name)

    def fixed(self, shape: Shape) -> tuple[int, ...] | None:
        """A shape in numbers; None where it depends on the input's size and that is dynamic."""
        if self.size is None and any(not isinstance(dim, int) for dim in shape):
            return None
        return shape_at(shape, dict(zip("HW", self.size or (0, 0), strict=True)))

    def shape(self, value: str, shape: Shape) -> str:
        """The shape of a value, for reshaping back to it: a constant where the network's size is one."""
        fixed = self.fixed(shape)
        if fixed is None:
            return self.node("Shape", [value], "shape")
        return self.integers("shape", (0, *fixed))

    def reduce_mean(self, inputs: Sequence[str], suffix: str, axes: Sequence[int]) -> str:
        """The mean over axes, which are kept with size 1."""
        return self._reduce("ReduceMean", inputs, suffix, axes)

    def reduce_max(self, inputs: Sequence[str], suffix: str, axes: Sequence[int]) -> str:
        """The greatest over axes, which are kept with size 1."""
        return self._reduce("ReduceMax", inputs, suffix, axes)

    def _reduce(self, op_type: str, inputs: Sequence[str], suffix: str, axes: Sequence[int]) -> str:
        """The axes are an attribute until opset 17, an input from 18 on."""
        if self.opset < 18:
            return self.node(op_type, inputs, suffix, axes=list(axes), keepdims=1)
        name = f"{suffix}.axes" if suffix else "axes"
        return self.node(op_type, [*inputs, self.integers(name, axes)], suffix, keepdims=1)

    def integers(self, name: str, values: Sequence[int]) -> str:
        """A constant int64 vector under the layer's name."""
        from onnx import TensorProto, helper

        full = self._full(name)
        self.constants.append(helper.make_tensor(full, TensorProto.INT64, [len(values)], values))
        return full

    def number(self, name: str, value: float) -> str:
        """A constant float scalar under the layer's name."""
        return self.numbers(name, [value], [])

    def numbers(self, name: str, values: Sequence[float], shape: Sequence[int]) -> str:
        """A constant float tensor under the layer's name."""
        full = self._full(name)
        self.constants.append(self._floats(full, values, shape))
        return full

    def _floats(self, name: str, values: Sequence[float], shape: Sequence[int]) -> onnx.TensorProto:
        from onnx import helper

        self.float_type.refuse_overflow(max(map(abs, values)), name)
        return helper.make_tensor(name, self.float_type.number, list(shape), list(values))
