"""Graph → ONNX, built directly: one node per layer where ONNX has one, everything named after its layer.

The graph mirrors the PyTorch source one to one; batch norms stay nodes of their own. Source: the ONNX specification,
operators of the default domain, opsets 13 to 22.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from resnet_compiler.emit.message import pieces
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.measure import Measures
from resnet_compiler.operators.base import Operator, Tensor
from resnet_compiler.shapes import Size
from resnet_compiler.weights import Array, Value, owned_tensors, tensors

if TYPE_CHECKING:
    import onnx


OPSETS = range(13, 23)
DEFAULT_OPSET = 18
OUTPUT = "output"
ALIGNMENT = 4096
"""Tensors in a data file begin at multiples of this, so that a runtime can map them."""
CHUNK_BYTES = 2**20
"""How much of a tensor is worked on at a time."""


@dataclass
class LayerBuilder:
    """Collects the nodes and initializers of a graph; one layer at a time, everything under that layer's name."""

    opset: int
    layer: str = ""
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def node(self, op_type: str, inputs: Sequence[str], suffix: str = "", **attributes: Any) -> str:
        """Add a node; its name and its output's are the layer's, with a suffix where the layer needs several."""
        from onnx import helper

        name = f"{self.layer}.{suffix}" if suffix else self.layer
        if isinstance(attributes.get("value"), float):
            fill = attributes["value"]
            attributes["value"] = helper.make_tensor("value", _float_type(), [1], [fill])
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], name=name, **attributes))
        return name

    def parameter(self, name: str) -> str:
        """The initializer of one of the layer's tensors."""
        return f"{self.layer}.{name}" if name else self.layer

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

        full = f"{self.layer}.{name}"
        self.constants.append(helper.make_tensor(full, TensorProto.INT64, [len(values)], values))
        return full

    def number(self, name: str, value: float) -> str:
        """A constant float scalar under the layer's name."""
        from onnx import helper

        full = f"{self.layer}.{name}"
        self.constants.append(helper.make_tensor(full, _float_type(), [], [value]))
        return full

    def numbers(self, name: str, values: Sequence[float], shape: Sequence[int]) -> str:
        """A constant float tensor under the layer's name."""
        from onnx import helper

        full = f"{self.layer}.{name}"
        self.constants.append(helper.make_tensor(full, _float_type(), list(shape), list(values)))
        return full


def _float_type() -> int:
    from onnx import TensorProto

    return int(TensorProto.FLOAT)


def emit_onnx(
    graph: Graph,
    weights: Value,
    version: str,
    opset: int = DEFAULT_OPSET,
    data_file: str | None = None,
) -> onnx.ModelProto:
    """The ONNX model of a graph.

    Input "input": (batch, channels, height, width) float32; output "output". The batch is dynamic; height and width
    are, where every join is proved for every size.

    Args:
        graph: a verified graph.
        weights: gives each tensor's value by its full name.
        version: the compiler's version, for the metadata.
        opset: 13 to 22.
        data_file: the name of a file beside the model that holds the weights, as `weight_chunks` gives them; without
            one they are inside the model, which protobuf limits to 2 GB.

    Raises:
        ValueError: the opset is out of range.
    """
    model, stored, constants = _without_weights(graph, version, opset)
    # added in place, one by one: what is handed to the helpers is copied, and weights are large
    if data_file is None:
        for proto, (name, tensor, operator) in zip(_empty(model, stored), stored, strict=True):
            values = operator.inference_value(tensor.name, weights(name, tensor))
            proto.raw_data = _as_bytes(values)
    else:
        model.graph.initializer.extend(_external_initializers(stored, data_file))
    model.graph.initializer.extend(constants)
    return model


def emit_onnx_pieces(
    graph: Graph, weights: Value, version: str, opset: int = DEFAULT_OPSET
) -> Iterator[bytes]:
    """The file of `emit_onnx` in pieces, checked before the first: one tensor is in memory at a time.

    Raises:
        ValueError: the opset is out of range.
    """
    model, stored, constants = _without_weights(graph, version, opset)
    owned = {name: (tensor, operator) for name, tensor, operator in stored}
    for _ in _empty(model, stored):
        pass
    model.graph.initializer.extend(constants)
    check_onnx(model)

    def data(name: str) -> bytes:
        tensor, operator = owned[name]
        return _as_bytes(operator.inference_value(tensor.name, weights(name, tensor)))

    lengths = {name: 4 * prod(tensor.shape) for name, (tensor, _) in owned.items()}
    return pieces(model, lengths, data)


def _without_weights(
    graph: Graph, version: str, opset: int
) -> tuple[onnx.ModelProto, list[tuple[str, Tensor, Operator]], list[onnx.TensorProto]]:
    """The model without initializers; the tensors that are to be some, and the constants that follow them."""
    from onnx import helper

    if opset not in OPSETS:
        raise ValueError(f"opset {opset} is not one of {OPSETS.start} to {OPSETS.stop - 1}")
    builder, result = _build(graph, opset)
    _name_output(builder, result)
    stored = _stored(graph, builder)
    onnx_graph = helper.make_graph(
        builder.nodes,
        graph.identity.name,
        [helper.make_tensor_value_info(INPUT, _float_type(), _dimensions(graph, INPUT))],
        [helper.make_tensor_value_info(OUTPUT, _float_type(), _dimensions(graph, graph.output))],
    )
    opset_ids = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        onnx_graph,
        opset_imports=opset_ids,
        ir_version=helper.find_min_ir_version_for(opset_ids),
        producer_name="resnetc",
        producer_version=version,
    )
    helper.set_model_props(model, _metadata(graph, version))
    return model, stored, builder.constants


def _empty(
    model: onnx.ModelProto, stored: Sequence[tuple[str, Tensor, Operator]]
) -> Iterator[onnx.TensorProto]:
    """Add an initializer for each tensor, without its data."""
    for name, tensor, operator in stored:
        dims = operator.onnx_dims(tensor)
        yield model.graph.initializer.add(name=name, data_type=_float_type(), dims=dims)


def _as_bytes(values: Array) -> bytes:
    """Little-endian bytes, as the format has them on every machine."""
    return values.astype("<f4", copy=False).tobytes()


def weight_chunks(graph: Graph, weights: Value, opset: int = DEFAULT_OPSET) -> Iterator[bytes]:
    """The content of the data file of `emit_onnx`, piece by piece: one tensor is in memory at a time.

    Args:
        graph: the graph of the model.
        weights: gives each tensor's value by its full name, once.
        opset: the model's.
    """
    builder, _ = _build(graph, opset)
    written = 0
    for name, tensor, operator in _stored(graph, builder):
        padding = -written % ALIGNMENT
        yield bytes(padding)
        values = weights(name, tensor)
        rows = max(1, CHUNK_BYTES // max(1, values[:1].nbytes))
        for start in range(0, len(values), rows):
            piece = operator.inference_value(tensor.name, values[start : start + rows])
            yield _as_bytes(piece)
        del values  # before the next one is made
        written += padding + 4 * prod(tensor.shape)


def weight_bytes(graph: Graph) -> int:
    """How many bytes the weights of a graph take in an ONNX model."""
    counted = (t for _, t in tensors(graph) if t.initialisation != "counter")
    return sum(4 * prod(tensor.shape) for tensor in counted)


def _build(graph: Graph, opset: int) -> tuple[LayerBuilder, str]:
    """The nodes of the whole graph, and the name of its result."""
    builder = LayerBuilder(opset)
    value_of = {INPUT: INPUT}
    for node in graph:
        builder.layer = node.name
        inputs = [value_of[name] for name in node.inputs]
        value_of[node.name] = node.operator.onnx_form(builder, inputs, graph.input_shapes(node))
    return builder, value_of[graph.output]


def _stored(graph: Graph, builder: LayerBuilder) -> list[tuple[str, Tensor, Operator]]:
    """The tensors that the nodes read, in the graph's order."""
    used = {name for node in builder.nodes for name in node.input}
    return [each for each in owned_tensors(graph) if each[0] in used]


def _external_initializers(
    stored: Sequence[tuple[str, Tensor, Operator]], data_file: str
) -> list[onnx.TensorProto]:
    """Initializers that say where in the data file their values are."""
    from onnx import StringStringEntryProto, TensorProto

    protos, offset = [], 0
    for name, tensor, operator in stored:
        offset += -offset % ALIGNMENT
        length = 4 * prod(tensor.shape)
        dims = operator.onnx_dims(tensor)
        proto = TensorProto(name=name, data_type=_float_type(), dims=dims)
        proto.data_location = TensorProto.EXTERNAL
        where = {"location": data_file, "offset": str(offset), "length": str(length)}
        proto.external_data.extend(StringStringEntryProto(key=k, value=v) for k, v in where.items())
        protos.append(proto)
        offset += length
    return protos


def _name_output(builder: LayerBuilder, value: str) -> None:
    """Give the graph's result its public name; a layer that is called so keeps its name, and its value gets another."""
    renamed = {value: OUTPUT} if value == OUTPUT else {OUTPUT: f"{OUTPUT}.value", value: OUTPUT}
    for node in builder.nodes:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = renamed.get(name, name)
    if value == INPUT:
        builder.layer = OUTPUT
        builder.node("Identity", [INPUT])


def _dimensions(graph: Graph, name: str) -> list[str | int]:
    names = {"H": "height", "W": "width"}
    dimensions: list[str | int] = ["batch"]
    for dim, number in zip(graph.shape(name), graph.concrete(name), strict=True):
        if isinstance(dim, Size) and graph.any_size:
            dimensions.append(
                names[dim.axis] if dim == Size(dim.axis) else f"{names[dim.axis]}_out"
            )
        else:
            dimensions.append(number)
    return dimensions


def _metadata(graph: Graph, version: str) -> dict[str, str]:
    measures = Measures(graph)
    return {
        "name": graph.identity.name,
        "version": version,
        "title": graph.identity.title,
        "spec": graph.identity.source,
        "spec_sha256": graph.identity.sha256,
        "weighted_layers": str(measures.weighted_layers),
        "parameters": str(measures.parameters),
        "macs": str(measures.macs),
        "macs_at": " x ".join(str(extent.declared) for extent in graph.extents),
        **({"passes": ", ".join(graph.passes)} if graph.passes else {}),
    }


def check_onnx(model: onnx.ModelProto) -> None:
    """ONNX's own full check with strict shape inference, on the model without its weights' values.

    The weights become typed inputs, so that a model of any size is checked in milliseconds.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: the model is not valid.
    """
    import onnx
    from onnx import helper

    constant = ("float_data", "int64_data")
    stored = {
        t.name for t in model.graph.initializer if not any(getattr(t, name) for name in constant)
    }
    kept = [t for t in model.graph.initializer if t.name not in stored]
    typed = [
        helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
        for t in model.graph.initializer
        if t.name in stored
    ]
    graph = helper.make_graph(
        list(model.graph.node),
        model.graph.name,
        [*model.graph.input, *typed],
        list(model.graph.output),
        kept,
    )
    skeleton = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )
    onnx.checker.check_model(skeleton, full_check=True)
