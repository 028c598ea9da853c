"""The ONNX emitter: the network's layers, what stands around them, their precision, and where the weights go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from resnet_compiler import __version__
from resnet_compiler.emit.onnx.check import check_onnx
from resnet_compiler.emit.onnx.model import Prepared, prepare
from resnet_compiler.graph import Graph
from resnet_compiler.interface import DEFAULT_OPSET, OPSETS, OUTPUT, PLAIN, Interface
from resnet_compiler.weights import Value

if TYPE_CHECKING:
    import onnx

__all__ = [
    "DEFAULT_OPSET",
    "OPSETS",
    "OUTPUT",
    "Prepared",
    "check_onnx",
    "emit_onnx",
    "prepare",
    "weight_bytes",
    "weight_chunks",
]


def emit_onnx(
    graph: Graph,
    weights: Value,
    version: str,
    opset: int = DEFAULT_OPSET,
    data_file: str | None = None,
    interface: Interface = PLAIN,
) -> onnx.ModelProto:
    """The ONNX model of a graph.

    Args:
        graph: a verified graph.
        weights: gives each tensor's value by its full name.
        version: the compiler's version, for the metadata.
        opset: 13 to 22.
        data_file: the name of a file beside the model that holds the weights, as `weight_chunks` gives them; without
            one they are inside the model, which protobuf limits to 2 GB.
        interface: inputs and outputs. By default "input" is (batch, channels, height, width) float32 and "output" what
            the network gives; the batch is dynamic, and height and width are, where every join is proved for every size.

    Raises:
        InterfaceError: the network cannot have this interface or opset.
    """
    prepared = prepare(graph, version, opset, interface)
    if data_file is None:
        prepared.weights.put_inside(prepared.model, weights)
    else:
        prepared.weights.put_beside(prepared.model, data_file)
    return prepared.model


def weight_chunks(
    graph: Graph, weights: Value, opset: int = DEFAULT_OPSET, interface: Interface = PLAIN
) -> Iterator[bytes]:
    """The content of the data file of `emit_onnx`, piece by piece: one tensor is in memory at a time.

    Args:
        graph: the graph of the model.
        weights: gives each tensor's value by its full name.
        opset: the model's.
        interface: the model's.
    """
    return prepare(graph, __version__, opset, interface).weights.chunks(weights)


def weight_bytes(graph: Graph, opset: int = DEFAULT_OPSET, interface: Interface = PLAIN) -> int:
    """How many bytes the weights of a graph take in an ONNX model."""
    return prepare(graph, __version__, opset, interface).weights.length
