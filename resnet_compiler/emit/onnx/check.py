"""ONNX's own check of a model of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def check_onnx(model: onnx.ModelProto) -> None:
    """ONNX's own full check with strict shape inference, on the model without its weights' values.

    The weights become typed inputs, so that a model of any size is checked in milliseconds.

    Raises:
        onnx.checker.ValidationError, onnx.shape_inference.InferenceError: the model is not valid.
    """
    import onnx
    from onnx import helper

    constant = ("float_data", "int64_data", "int32_data")  # the last has half precision
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
        value_info=list(model.graph.value_info),
    )
    skeleton = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )
    onnx.checker.check_model(skeleton, full_check=True)
