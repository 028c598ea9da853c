"""The copy of a model that goes into shape inference: small, and rewritten where inference would stop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from resnet_compiler.inspect.structure import Operation, Structure
from resnet_compiler.inspect.tensors import text

if TYPE_CHECKING:
    import onnx

MICROSOFT = "com.microsoft"
_SAME_SHAPE = {
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearLeakyRelu": ("Relu", (0,)),
    "QLinearSigmoid": ("Relu", (0,)),
    "QGemm": ("Gemm", (0, 3)),
    "FusedConv": ("Conv", (0, 1, 2)),
    "FusedGemm": ("Gemm", (0, 1, 2)),
    "FusedMatMul": ("MatMul", (0, 1)),
    "BiasGelu": ("Add", (0, 1)),
    "FastGelu": ("Relu", (0,)),
    "Gelu": ("Relu", (0,)),
    "QuickGelu": ("Relu", (0,)),
    "QuantizeLinear": ("Relu", (0,)),
    "DequantizeLinear": ("Relu", (0,)),
}
"""Operators of ONNX Runtime's own domain: the ONNX operator with the same shape rule, and which inputs it takes."""
_KEPT_ATTRIBUTES = (
    *("kernel_shape", "strides", "pads", "dilations", "group", "auto_pad"),
    *("ceil_mode", "transA", "transB"),
)

_FOLLOWED_FROM = {"Reshape": 14, "Squeeze": 13, "Unsqueeze": 13}
"""From these opsets on, inference follows computed shapes through an operator; older files borrow the later version.

A local function has an opset of its own, so a call of one with that single node is a node of another opset.
"""
_OURS = "resnetc.inspect"


def bare_model(structure: Structure) -> onnx.ModelProto:
    """A copy for inference: nodes in order, no large values, no functions, known foreign operators replaced."""
    import onnx

    given = structure.model
    opset = next((each.version for each in given.opset_import if not text(each.domain)), 0)
    # from IR version 4 on an initializer that is no input is a constant, which inference may look into; 8 has functions
    model = onnx.ModelProto(ir_version=max(8, given.ir_version), opset_import=given.opset_import)
    graph = model.graph
    graph.name = "graph"
    graph.input.extend(v for v in given.graph.input if text(v.name) in structure.inputs)
    graph.output.extend(given.graph.output)
    graph.value_info.extend(given.graph.value_info)
    graph.sparse_initializer.extend(given.graph.sparse_initializer)
    for name, tensor in structure.initializers.items():
        if tensor.data_location == tensor.EXTERNAL or tensor.HasField("segment"):
            value = onnx.helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
            graph.input.append(value)
        else:
            graph.initializer.append(tensor)
    for operation in structure.operations:
        borrowed = _FOLLOWED_FROM.get(operation.type, 0) if not operation.domain else 0
        if 5 <= opset < borrowed:
            _borrow(graph, operation)
        else:
            graph.node.append(_stand_in(operation))
    if 5 <= opset < max(_FOLLOWED_FROM.values()):
        model.functions.extend(_functions())
        model.opset_import.add(domain=_OURS, version=1)
    return model


def _stand_in(operation: Operation) -> onnx.NodeProto:
    """The node, or for a known one of a foreign domain an ONNX node with the same shape."""
    import onnx

    known = _SAME_SHAPE.get(operation.type) if operation.domain == MICROSOFT else None
    if known is None or operation.integer("channels_last", 0):
        return operation.proto
    kind, taken = known
    names = [operation.inputs[place] for place in taken if place < len(operation.inputs)]
    node = onnx.NodeProto(op_type=kind, input=names, output=operation.outputs[:1])
    node.attribute.extend(a for a in operation.proto.attribute if a.name in _KEPT_ATTRIBUTES)
    return node


def _borrow(graph: onnx.GraphProto, operation: Operation) -> None:
    """Add a call of the later version; its axes are an input, which older versions have as an attribute."""
    from onnx import TensorProto

    node = graph.node.add(op_type=operation.type, domain=_OURS)
    node.input.extend(operation.proto.input)
    node.output.extend(operation.proto.output)
    axes = next((a.ints for a in operation.proto.attribute if a.name == "axes"), None)
    if axes is not None and len(operation.inputs) == 1:
        name = f"{_OURS} axes of {operation.index}"
        node.input.append(name)
        graph.initializer.add(
            name=name, data_type=TensorProto.INT64, dims=[len(axes)], int64_data=axes
        )


def _functions() -> Iterable[onnx.FunctionProto]:
    from onnx import helper

    for kind, opset in _FOLLOWED_FROM.items():
        body = helper.make_node(kind, ["data", "how"], ["result"])
        opsets = [helper.make_opsetid("", opset)]
        yield helper.make_function(_OURS, kind, ["data", "how"], ["result"], [body], opsets)
