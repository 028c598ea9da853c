"""A model of half precision as one in float32 that rounds each operator's result, as an accelerator does.

On a CPU, ONNX Runtime (as of 1.31) has no bfloat16 operators at all, and computes chains of float16 ones in float32
without rounding in between: neither shows what a GPU will give, an overflow least of all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx.precision import BFLOAT16, FLOAT16, FLOAT32, FloatType

if TYPE_CHECKING:
    import onnx

HALVES = {each.number: each for each in (FLOAT16, BFLOAT16)}


def in_float32(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model in float32, with each value that was of half precision rounded to it. Weights must be in the model."""
    import onnx
    from onnx import helper

    typed = onnx.shape_inference.infer_shapes(model).graph
    types = {e.name: _type_of(e) for e in (*typed.input, *typed.value_info, *typed.output)}
    half = {name: HALVES[kind] for name, kind in types.items() if kind in HALVES}
    nodes: list[onnx.NodeProto] = []
    read_as = {}
    for each in model.graph.input:
        if each.name in half:
            read_as[each.name] = f"{each.name}/rounded"
            nodes += _rounding(each.name, read_as[each.name], half[each.name])
    for node in model.graph.node:
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        changed.input[:] = [read_as.get(name, name) for name in node.input]
        for attribute in changed.attribute:
            if node.op_type == "Cast" and attribute.i in HALVES:
                attribute.i = FLOAT32.number
            if attribute.HasField("t"):
                attribute.t.CopyFrom(_in_float32(attribute.t))
        nodes.append(changed)
        for index, name in enumerate(node.output):
            if name in half:
                changed.output[index] = f"{name}/exact"
                nodes += _rounding(f"{name}/exact", name, half[name])
    graph = helper.make_graph(
        nodes,
        model.graph.name,
        [_retyped(each) for each in model.graph.input],
        [_retyped(each) for each in model.graph.output],
        [_in_float32(each) for each in model.graph.initializer],
    )
    opset_ids = list(model.opset_import)
    return helper.make_model(graph, opset_imports=opset_ids, ir_version=model.ir_version)


def _rounding(value: str, name: str, kind: FloatType) -> list[onnx.NodeProto]:
    from onnx import helper

    short = f"{name}/{kind.name}"
    return [
        helper.make_node("Cast", [value], [short], name=short, to=kind.number),
        helper.make_node("Cast", [short], [name], name=f"{name}/float32", to=FLOAT32.number),
    ]


def _type_of(each: onnx.ValueInfoProto | onnx.TensorProto) -> int:
    import onnx

    return each.data_type if isinstance(each, onnx.TensorProto) else each.type.tensor_type.elem_type


def _retyped(each: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    import onnx

    changed = onnx.ValueInfoProto()
    changed.CopyFrom(each)
    if _type_of(each) in HALVES:
        changed.type.tensor_type.elem_type = FLOAT32.number
    return changed


def _in_float32(tensor: onnx.TensorProto) -> onnx.TensorProto:
    """A tensor whose numbers of half precision are written as float32, which holds all of them."""
    import numpy as np
    from onnx import numpy_helper

    if tensor.data_type not in HALVES:
        return tensor
    data = tensor.raw_data or np.asarray(tensor.int32_data, "<u2").tobytes()
    values = HALVES[tensor.data_type].decode(data).reshape(tuple(tensor.dims))
    return numpy_helper.from_array(values, tensor.name)
