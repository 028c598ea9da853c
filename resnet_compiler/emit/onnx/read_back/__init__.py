"""An emitted ONNX message read back: turned into layers again, and compared with the graph that it was emitted from.

The nodes are read by a table of their own (`forms`), written from the specification of ONNX; what each operator of the
graph must be stands in another (`meaning`). Neither looks at how operators write themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx.read_back.ends import read_declared, read_input, read_outputs
from resnet_compiler.emit.onnx.read_back.faults import Reporter
from resnet_compiler.emit.onnx.read_back.images import (
    Normalisation,
    network_input,
    normalisation,
)
from resnet_compiler.emit.onnx.read_back.layers import NUMBERS, Reading
from resnet_compiler.emit.onnx.read_back.message import Message, read_message
from resnet_compiler.emit.onnx.read_back.quantized import read_quantized_weights, unquantized
from resnet_compiler.emit.onnx.read_back.weights import read_weights
from resnet_compiler.graph import Graph
from resnet_compiler.operators.base import Operator, Tensor
from resnet_compiler.operators.linear import Conv
from resnet_compiler.settle import Settled
from resnet_compiler.weights import owned_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from resnet_compiler.emit.onnx.data import Stored

__all__ = ["read_back", "read_back_int8"]


def read_back(
    model: onnx.ModelProto,
    graph: Graph,
    settled: Settled,
    stored: Sequence[Stored],
    data_file: str | None = None,
    file: str = "model.onnx",
) -> None:
    """Compare a model with its graph: layers under their names with all attributes, inputs in their order, tensors,
    constants, outputs, declared shapes, and where each weight's value comes from.

    Args:
        model: with its initializers; the weights' values need not be there.
        graph: what it was emitted from.
        settled: the interface that was asked for.
        stored: what each initializer gets.
        data_file: the file beside the model that holds the weights, if there is one.
        file: what the model is called in a fault.

    Raises:
        ReadBackError: the first difference.
    """
    report = Reporter(graph.nodes, file)
    weights = {each.name: each.path for each in stored}
    message = read_message(model, settled.opset, frozenset(weights), report)
    shared = _compare(message, graph, settled, weights, report)
    read_weights(model, stored, _owned(graph, shared), data_file, report)


def read_back_int8(
    model: onnx.ModelProto,
    exact: onnx.ModelProto,
    graph: Graph,
    settled: Settled,
    stored: Sequence[Stored],
    file: str = "model.onnx",
) -> None:
    """Compare an int8 model with its graph, seen through its Q/DQ pairs, and its weights with the float32 ones.

    Args:
        model: with Q/DQ pairs, its weights inside.
        exact: the float32 model it was made from, which was read back, its weights inside.
        graph, settled, stored, file: as for `read_back`, of the float32 model.

    Raises:
        ReadBackError: the first difference; of a weight, one by more than half a step of its scale.
    """
    report = Reporter(graph.nodes, file)
    weights = {each.name: each.path for each in stored}
    held = frozenset((*weights, *(f"{name}.quantized" for name in weights)))
    message = read_message(model, settled.opset, held, report)
    pairs = unquantized(message, weights, report)
    _compare(pairs.message, graph, settled, weights, report, has_shapes=False)
    read_quantized_weights(model, exact, pairs, report)


def _compare(
    message: Message,
    graph: Graph,
    settled: Settled,
    weights: dict[str, str],
    report: Reporter,
    has_shapes: bool = True,
) -> Normalisation:
    """Compare everything but the weights' values; gives how the normalisation of images is shared out."""
    shared = normalisation(graph, settled.interface.preprocess, settled.nodes)
    reading = Reading(
        message,
        graph,
        report,
        weights,
        dict(zip("HW", settled.size, strict=True)) if settled.size is not None else None,
        settled.nodes,
        network_input(graph, settled, shared),
        NUMBERS[settled.interface.precision],
        shared,
    )
    read_input(reading, settled)
    reading.entry_is_read()
    reading.layers()
    read_outputs(reading, settled)
    if has_shapes:
        read_declared(reading, settled)
    reading.left_over()
    return shared


def _owned(graph: Graph, shared: Normalisation) -> dict[str, tuple[Tensor, Operator]]:
    """Each tensor by its full name, with the operator that says what becomes of its values. A convolution that takes in
    the normalisation of images has final values, and a bias where it takes in the shift."""
    found = {name: (tensor, operator) for name, tensor, operator in owned_tensors(graph)}
    for name in shared.convolutions:
        node = graph[name]
        assert isinstance(node.operator, Conv)
        has_bias = node.operator.bias or shared.in_bias
        operator = replace(node.operator, standardized=False, bias=has_bias)
        for tensor in operator.tensors(graph.input_shapes(node)):
            found[f"{name}.{tensor.name}"] = (tensor, operator)
    return found
