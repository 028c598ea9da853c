"""The public functions: a spec to a graph, a graph to source or to ONNX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_compiler import __version__
from resnet_compiler.graph import Graph
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.pipeline import compile_spec

if TYPE_CHECKING:
    import onnx

    from resnet_compiler.operators.base import Tensor
    from resnet_compiler.passes import Derive
    from resnet_compiler.weights import Value

DEFAULT_OPSET = 18
LARGEST_SINGLE_FILE = 1_900_000_000
"""Weights beyond this stand in a file of their own: protobuf cannot hold 2 GB."""


def compile(
    spec: str = "spec.yaml", *, text: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Graph:
    """The proved graph of a spec.

    Args:
        spec: a path ending in .yaml, `folder/name`, or a shipped name such as "resnet50".
        text: the spec's text, where it is not to be read from a file; ``spec`` then only names it.
        limits: what a spec may ask for; ``Limits(layers=100_000)`` raises one.

    Returns:
        The graph. `graph["layer3.0.conv2"]` is a node; its shape is (channels, height, width) without the batch, with
        height and width as exact functions of the input's. `Measures(graph)` has its counts.

    Raises:
        SpecError: the spec is wrong, or there is none; its ``diagnostics`` say why, where, and what to write instead.
    """
    return compile_spec(spec, text, limits)


@dataclass(frozen=True, slots=True)
class Folded:
    """A network for inference: its graph, and how its weights follow from those of the graph it was made from.

    ``derive`` takes a function that gives the value of a tensor by its full name, such as ``layer1.0.conv1.weight``. It
    returns one for the tensors of ``graph``, which works each out when it is asked for, in float64, rounded to float32.
    """

    graph: Graph
    derive: Derive


def fold(graph: Graph) -> Folded:
    """The network for inference: batch norms folded into the convolutions, weights standardised, no dropout.

    A convolution that takes in a norm keeps its name, and has a bias. What is made of the result computes what the
    graph computes, to rounding, but cannot be trained in its stead.
    """
    from resnet_compiler.passes import PIPELINE, run

    return Folded(*run(graph, PIPELINE))


def graph_of(network: Graph | Folded) -> Graph:
    """The graph itself."""
    return network.graph if isinstance(network, Folded) else network


def emit_pytorch(network: Graph | Folded) -> str:
    """The graph as PyTorch source: one module that imports only torch and that `ruff format` leaves as it is.

    The network takes (N, channels, H, W) float tensors; its `state_dict` has the graph's names.
    """
    from resnet_compiler.emit.pytorch import emit_pytorch

    return emit_pytorch(graph_of(network), __version__)


def build_onnx(
    network: Graph | Folded, *, opset: int = DEFAULT_OPSET, seed: int = 0
) -> onnx.ModelProto:
    """The graph as an ONNX model, checked, with initial weights that depend on the seed and on names alone.

    Input "input" is (batch, channels, height, width) float32, output "output" (batch, …); the batch is dynamic, height
    and width are where the proof allows. The weights of a folded network are derived from the initial ones of the graph
    that it was made from.

    Raises:
        ValueError: the opset is not one of 13 to 22.
    """
    from resnet_compiler.emit.onnx import check_onnx, emit_onnx

    graph, value = _initialised(network, seed)
    model = emit_onnx(graph, value, __version__, opset)
    check_onnx(model)
    return model


def onnx_files(
    network: Graph | Folded, name: str, *, opset: int = DEFAULT_OPSET, seed: int = 0
) -> dict[str, Iterable[bytes]]:
    """The files of a model: one, or beside it `name`.data with the weights where they are too large for one.

    Args:
        network: the graph to write, or a folded one.
        name: the model file's name, such as "model.onnx".

    Returns:
        Each file's content in pieces; the data file is made while it is read, one tensor at a time.
    """
    from resnet_compiler.emit.onnx import (
        check_onnx,
        emit_onnx_pieces,
        weight_bytes,
        weight_chunks,
    )
    from resnet_compiler.emit.onnx import emit_onnx as emit

    graph, value = _initialised(network, seed)
    if weight_bytes(graph) <= LARGEST_SINGLE_FILE:
        return {name: emit_onnx_pieces(graph, value, __version__, opset)}
    data = f"{name}.data"
    model = emit(graph, value, __version__, opset, data)
    check_onnx(model)
    return {
        name: [model.SerializeToString(deterministic=True)],
        data: weight_chunks(graph, value, opset),
    }


def emit_onnx(network: Graph | Folded, *, opset: int = DEFAULT_OPSET, seed: int = 0) -> bytes:
    """The model of `build_onnx` as the bytes of an .onnx file (`onnx_files` for models past 2 GB)."""
    model = build_onnx(network, opset=opset, seed=seed)
    return bytes(model.SerializeToString(deterministic=True))


def _initialised(network: Graph | Folded, seed: int) -> tuple[Graph, Value]:
    """The graph, and the initial values of its tensors."""
    from resnet_compiler import weights

    def value(name: str, tensor: Tensor) -> weights.Array:
        return weights.initial(name, tensor, seed)

    if isinstance(network, Folded):
        return network.graph, network.derive(value)
    return network, value
