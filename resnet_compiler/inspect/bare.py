"""The copy of a model that goes into shape inference: small, and rewritten where inference would stop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from resnet_compiler.inspect.operators import MICROSOFT, SAME_SHAPE
from resnet_compiler.inspect.structure import Operation, Structure
from resnet_compiler.inspect.tensors import text

if TYPE_CHECKING:
    import onnx

_KEPT_ATTRIBUTES = (
    *("kernel_shape", "strides", "pads", "dilations", "group", "auto_pad"),
    *("ceil_mode", "transA", "transB", "axes", "keepdims"),
)
_HAS_LAYER_NORM = 17
"""The opset from which on ONNX has it; ONNX Runtime has it at all."""

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
            graph.node.append(_stand_in(operation, opset))
    if 5 <= opset < max(_FOLLOWED_FROM.values()):
        model.functions.extend(_functions())
        model.opset_import.add(domain=_OURS, version=1)
    return model


def _stand_in(operation: Operation, opset: int) -> onnx.NodeProto:
    """The node, or an ONNX node with the same shape for one that ONNX lacks, or had not yet at this opset."""
    import onnx

    if operation.key == (MICROSOFT, "FusedMatMul"):
        return _product(operation)
    known = SAME_SHAPE.get(operation.key)
    is_known = operation.type == "LayerNormalization" and opset >= _HAS_LAYER_NORM
    if known is None or is_known or operation.integer("channels_last", 0):
        return operation.proto
    kind, taken = known
    names = [operation.inputs[place] for place in taken if place < len(operation.inputs)]
    node = onnx.NodeProto(op_type=kind, input=names, output=operation.outputs[:1])
    node.attribute.extend(a for a in operation.proto.attribute if a.name in _KEPT_ATTRIBUTES)
    return node


def _product(operation: Operation) -> onnx.NodeProto:
    """A product of matrices, transposed or not, as an Einsum, which needs no number of dimensions."""
    from onnx import helper

    left = "ki" if operation.integer("transA", 0) else "ik"
    right = "jk" if operation.integer("transB", 0) else "kj"
    rule = f"...{left},...{right}->...ij"
    if operation.integer("transBatchA", 0) or operation.integer("transBatchB", 0):
        return operation.proto
    made: onnx.NodeProto = helper.make_node(
        "Einsum", list(operation.inputs), list(operation.outputs), equation=rule
    )
    return made


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
