"""ONNX's own check of a model of any size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def check_onnx(model: onnx.ModelProto, rounded_up: Sequence[onnx.ValueInfoProto] = ()) -> None:
    """ONNX's own full check with strict shape inference, on the model without its weights' values.

    The weights become typed inputs, so that a model of any size is checked in milliseconds.

    Where a pooling rounds its size up, the inference of onnx (1.23) keeps a last window that starts in the padding; the
    specification, PyTorch, ONNX Runtime and the proof drop it. So the shapes of such values are told: they become typed
    inputs too, and the rest of the network is inferred from them.

    Args:
        model: with its initializers, empty or not.
        rounded_up: what poolings in ceil mode give, as the proof has it.

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
    told = {each.name for each in rounded_up}
    graph = helper.make_graph(
        [_without(node, told) for node in model.graph.node],
        model.graph.name,
        [*model.graph.input, *typed, *rounded_up],
        list(model.graph.output),
        kept,
        value_info=[each for each in model.graph.value_info if each.name not in told],
    )
    skeleton = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )
    onnx.checker.check_model(skeleton, full_check=True)


def _without(node: onnx.NodeProto, told: set[str]) -> onnx.NodeProto:
    """The node, its value under another name where its shape is told."""
    import onnx

    if told.isdisjoint(node.output):
        return node
    other = onnx.NodeProto()
    other.CopyFrom(node)
    other.output[:] = [f"{name}/inferred" if name in told else name for name in node.output]
    return other
