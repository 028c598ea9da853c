"""The public functions: a spec to a graph, a graph to source or to ONNX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from resnet_compiler import __version__
from resnet_compiler.graph import Graph
from resnet_compiler.interface import DEFAULT_OPSET, PLAIN, Interface, InterfaceError, Problem
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.pipeline import compile_spec

if TYPE_CHECKING:
    import onnx

    from resnet_compiler.emit.onnx import Prepared
    from resnet_compiler.passes import Derive
    from resnet_compiler.weights import Value

ExternalData = Literal["auto", "always", "never"]
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

    The network takes (N, channels, H, W) float tensors; its `state_dict` has the graph's names. What is returned was
    read back, and is the network of the graph.

    Raises:
        ReadBackError: it is not: the compiler is at fault.
    """
    return _source(graph_of(network), "model.py")


def emit_inference(graph: Graph) -> str:
    """The network for inference as PyTorch source: norms in the weights, adds and ReLUs in the convolutions.

    Its `load_state_dict` takes the state_dict of the network that was trained (that of `emit_pytorch`) and folds it; its
    own names are those without the norms. `prepare` makes it ready for a device: channels-last, oneDNN's or cuDNN's fused
    operators, half precision, a CUDA graph. It is read back as `emit_pytorch`'s is.

    Raises:
        ReadBackError: it is not the network of the fused graph: the compiler is at fault.
    """
    from resnet_compiler.passes import INFERENCE, run

    return _source(run(graph, INFERENCE)[0], "inference.py")


def _source(graph: Graph, file: str) -> str:
    """The source of a graph, read back and compared with it."""
    from resnet_compiler.emit.pytorch import emit_pytorch
    from resnet_compiler.emit.pytorch.read_back import read_back

    text = emit_pytorch(graph, __version__)
    read_back(graph, text, file)
    return text


def build_onnx(
    network: Graph | Folded,
    *,
    opset: int = DEFAULT_OPSET,
    seed: int = 0,
    interface: Interface = PLAIN,
    weights: Value | None = None,
) -> onnx.ModelProto:
    """The graph as an ONNX model, checked.

    Args:
        network: the graph to write, or a folded one.
        opset: 13 to 22.
        seed: of the initial weights, which depend on it and on names alone.
        interface: inputs and outputs. By default "input" is (batch, channels, height, width) float32, "output" (batch,
            …); the batch is dynamic, height and width are where the proof allows.
        weights: gives each tensor's value by its full name, in the place of initial ones: the tensors of the graph, also
            where ``network`` was folded from it.

    Raises:
        InterfaceError: the network cannot have this interface or opset.
        ReadBackError: what was made is not the graph, which is a fault of the compiler.
    """
    return model_of(prepare_onnx(network, opset=opset, interface=interface), network, weights, seed)


def onnx_files(
    network: Graph | Folded,
    name: str,
    *,
    opset: int = DEFAULT_OPSET,
    seed: int = 0,
    interface: Interface = PLAIN,
    weights: Value | None = None,
    external_data: ExternalData = "auto",
) -> dict[str, Iterable[bytes]]:
    """The files of a model: one, or beside it `name`.data with the weights.

    Args:
        name: the model file's name, such as "model.onnx".
        network, opset, seed, interface, weights: as for `build_onnx`.
        external_data: whether the weights stand in a file of their own; "auto": where they are too large for one.

    Returns:
        Each file's content in pieces, made while it is read, one tensor at a time.

    Raises:
        InterfaceError: the network cannot have this interface or opset, or the weights are too large for one file. While
            the pieces are read: a weight is too large for half precision.
        ReadBackError: what was made is not the graph, which is a fault of the compiler.
    """
    prepared = prepare_onnx(network, opset=opset, interface=interface)
    return files_of(prepared, network, name, weights, seed, external_data)


def emit_onnx(
    network: Graph | Folded,
    *,
    opset: int = DEFAULT_OPSET,
    seed: int = 0,
    interface: Interface = PLAIN,
    weights: Value | None = None,
) -> bytes:
    """The model of `build_onnx` as the bytes of an .onnx file (`onnx_files` for models past 2 GB)."""
    model = build_onnx(network, opset=opset, seed=seed, interface=interface, weights=weights)
    return bytes(model.SerializeToString(deterministic=True))


def prepare_onnx(
    network: Graph | Folded, *, opset: int = DEFAULT_OPSET, interface: Interface = PLAIN
) -> Prepared:
    """A model without the values of its weights, for one call of `model_of` or `files_of`. Its ``notes`` are `interface_notes`.

    Raises:
        InterfaceError: the network cannot have this interface or opset.
    """
    from resnet_compiler.emit.onnx import prepare

    return prepare(graph_of(network), __version__, opset, interface)


def model_of(
    prepared: Prepared, network: Graph | Folded, weights: Value | None = None, seed: int = 0
) -> onnx.ModelProto:
    """The model of `build_onnx` from what `prepare_onnx` made of the network.

    Raises:
        ReadBackError: what was made is not the graph, which is a fault of the compiler.
    """
    prepared.weights.put_inside(prepared.model, _values(network, weights or initial_weights(seed)))
    prepared.check()
    prepared.read_back()
    return prepared.model


def files_of(
    prepared: Prepared,
    network: Graph | Folded,
    name: str,
    weights: Value | None = None,
    seed: int = 0,
    external_data: ExternalData = "auto",
) -> dict[str, Iterable[bytes]]:
    """The files of `onnx_files` from what `prepare_onnx` made of the network.

    Raises:
        InterfaceError, ReadBackError: as `onnx_files`.
    """
    value = _values(network, weights or initial_weights(seed))
    fits = prepared.weights.length <= LARGEST_SINGLE_FILE
    if external_data not in get_args(ExternalData):
        known = "auto, always and never"
        raise InterfaceError([Problem("external_data", f"there are {known}, not {external_data}")])
    if external_data == "never" and not fits:
        size = f"{prepared.weights.length:,} bytes of weights"
        why = f"{size} do not fit into one file, which ends at {LARGEST_SINGLE_FILE:,}"
        raise InterfaceError([Problem("external_data", why, "leave them to `auto`")])
    if external_data == "never" or (external_data == "auto" and fits):
        prepared.weights.leave_empty(prepared.model)
        prepared.check()
        prepared.read_back(file=name)
        return {name: prepared.weights.pieces(prepared.model, value)}
    data = f"{name}.data"
    prepared.weights.put_beside(prepared.model, data)
    prepared.check()
    prepared.read_back(data, name)
    return {
        name: [prepared.model.SerializeToString(deterministic=True)],
        data: prepared.weights.chunks(value),
    }


def interface_notes(
    network: Graph | Folded, interface: Interface, *, opset: int = DEFAULT_OPSET
) -> tuple[str, ...]:
    """What was decided in the making of a model that its user should know: what was folded, and what was not, and why.

    Raises:
        InterfaceError: the network cannot have this interface or opset.
    """
    return prepare_onnx(network, opset=opset, interface=interface).notes


def initial_weights(seed: int) -> Value:
    """Initial values, which depend on the seed and on names alone."""
    from resnet_compiler.weights import initial

    return lambda name, tensor: initial(name, tensor, seed)


def _values(network: Graph | Folded, weights: Value) -> Value:
    """The values of the tensors of the graph that is emitted."""
    return network.derive(weights) if isinstance(network, Folded) else weights
