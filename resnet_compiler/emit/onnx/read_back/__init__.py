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
from resnet_compiler.emit.onnx.read_back.message import read_message
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

__all__ = ["read_back"]


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
    shared = normalisation(graph, settled.interface.preprocess, settled.nodes)
    weights = {each.name: each.path for each in stored}
    reading = Reading(
        read_message(model, settled.opset, frozenset(weights), report),
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
    reading.layers()
    read_outputs(reading, settled)
    read_declared(reading, settled)
    reading.left_over()
    read_weights(model, stored, _owned(graph, shared), data_file, report)


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
