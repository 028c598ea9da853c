"""The copy of a model that goes into shape inference: small, and rewritten where inference would stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from resnet_compiler.inspect.operators import GIVES_FLOATS, MICROSOFT, SAME_SHAPE
from resnet_compiler.inspect.structure import Operation, Structure
from resnet_compiler.inspect.tensors import text

if TYPE_CHECKING:
    import onnx

_KEPT_ATTRIBUTES = (
    *("kernel_shape", "strides", "pads", "dilations", "group", "auto_pad"),
    *("ceil_mode", "transA", "transB", "axes", "keepdims"),
)
_ZERO_POINT = 8
"""Where a QGemm has the zero point of its result; without one the result is float."""
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
            graph.node.extend(_stand_ins(operation, structure, opset))
    if 5 <= opset < max(_FOLLOWED_FROM.values()):
        model.functions.extend(_functions())
        model.opset_import.add(domain=_OURS, version=1)
    return model


def _stand_ins(operation: Operation, structure: Structure, opset: int) -> Iterator[onnx.NodeProto]:
    """The node, or ONNX nodes with the same shape for one that ONNX lacks, or had not yet at this opset."""
    from onnx import TensorProto, helper

    if operation.key == (MICROSOFT, "FusedMatMul"):
        yield from _product(operation, structure)
        return
    known = SAME_SHAPE.get(operation.key)
    is_known = operation.type == "LayerNormalization" and opset >= _HAS_LAYER_NORM
    if known is None or is_known or not operation.outputs:
        yield operation.proto
        return
    kind, taken = known
    names = [operation.inputs[place] for place in taken if place < len(operation.inputs)]
    output = operation.outputs[0]
    gives_floats = operation.key in GIVES_FLOATS and len(operation.inputs) <= _ZERO_POINT
    result = f"{_OURS} product of {operation.index}" if gives_floats else output
    node: onnx.NodeProto = helper.make_node(kind, names, [result])
    node.attribute.extend(a for a in operation.proto.attribute if a.name in _KEPT_ATTRIBUTES)
    yield node
    if gives_floats:
        yield helper.make_node("Cast", [result], [output], to=TensorProto.FLOAT)


def _product(operation: Operation, structure: Structure) -> Iterator[onnx.NodeProto]:
    """A product of matrices, transposed or not: as a MatMul where it is known how many dimensions there are."""
    from onnx import helper

    if len(operation.inputs) < 2 or operation.integer("transBatchA", 0):
        yield operation.proto
        return
    names, turned = list(operation.inputs[:2]), [False, False]
    for side, which in enumerate(("transA", "transB")):
        stored = structure.initializers.get(names[side])
        turned[side] = bool(operation.integer(which, 0))
        if turned[side] and stored is not None and len(stored.dims) > 1:
            *order, last = range(len(stored.dims))
            order.insert(-1, last)
            name = f"{_OURS} {which} of {operation.index}"
            yield helper.make_node("Transpose", [names[side]], [name], perm=order)
            names[side], turned[side] = name, False
    if not any(turned):
        yield helper.make_node("MatMul", names, list(operation.outputs))
        return
    rule = f"...{'ki' if turned[0] else 'ik'},...{'jk' if turned[1] else 'kj'}->...ij"
    yield helper.make_node("Einsum", names, list(operation.outputs), equation=rule)


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
