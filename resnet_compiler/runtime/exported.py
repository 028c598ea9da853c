"""A file for a runtime, layer by layer, against the float32 network that it was made from.

Passes fold layers into each other, so a layer of the file is not looked up by its name: it is right if what it gives is
a value of the network. What is no such value may still be a step on the way to one; a layer from which on nothing is a
value of the network any more is where the two part.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from typing import TYPE_CHECKING

from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.interface import INDICES, OUTPUT, VALUES
from resnet_compiler.operators.arithmetic import Parameter
from resnet_compiler.runtime.layers import Pool, allowed, cannot_run, parted, relative
from resnet_compiler.runtime.onnx_layers import LayerwiseModel
from resnet_compiler.runtime.verdict import Parting
from resnet_compiler.weights import Array, Value

if TYPE_CHECKING:
    import onnx

IN_NETWORK = "in the float32 network"
TOLERANCE = 3e-5
"""How far a layer may be off, relative: folding rounds a norm's weights once more, and leaves out a rounding."""


def every_value(path: str | os.PathLike[str], ready: Array) -> list[Array]:
    """Every value of a plain model's layers, run in ONNX Runtime as it is.

    Args:
        path: the model, its weights inside or beside it.
        ready: what it takes in.
    """
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    model = onnx.load(path)
    known = {each.name for each in model.graph.output}
    whole = {name for node in model.graph.node if node.op_type == "Shape" for name in node.output}
    names = [name for node in model.graph.node for name in node.output if name not in known | whole]
    model.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "every.onnx"
        onnx.save(model, file, save_as_external_data=True, location="every.data")
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        return [ready, *session.run(None, {INPUT: ready})]


def file_parting(
    path: str | os.PathLike[str], graph: Graph, given: Array, values: list[Array]
) -> Parting | None:
    """The first layer of a float32 file that computes something else than the network.

    Args:
        path: the file; its weights are inside or beside it.
        graph: the network, as it was before any pass.
        given: what the file takes in.
        values: every value of the network on the same image.
    """
    import onnx

    model = onnx.load(path)
    layers = LayerwiseModel(model)
    pool = Pool(values)
    known: dict[str, Array] = {INPUT: given}
    apart: dict[str, Parting] = {}
    reads: dict[str, list[str]] = {}
    node_of = {stage.name: stage.exit for stage in graph.stages} | {OUTPUT: graph.output}
    for name in _layers_of(model, graph):
        node = name if name in graph.nodes else node_of.get(name, name)
        word = graph[node].operator.word if node in graph.nodes else "output"
        reads[name] = layers.nodes_of(name, known.keys())[1]
        try:
            ours, again = layers.run(name, known)
        except Exception as reason:  # whatever a wrong model makes ONNX Runtime say
            return next(iter(apart.values()), cannot_run(node, word, reason))
        near = pool.nearest(ours)
        far = float("inf") if near is None else relative(ours, near)
        if near is not None and (far <= TOLERANCE or far <= allowed(again, ours)):
            known[name] = near
            steps = list(reads[name])
            while steps:  # what led to a value of the network was right
                step = steps.pop()
                if apart.pop(step, None) is not None:
                    steps += reads[step]
        else:
            known[name] = ours
            apart[name] = parted(node, word, ours, near, IN_NETWORK)
    return next(iter(apart.values()), None)


def _layers_of(model: onnx.ModelProto, graph: Graph) -> list[str]:
    """The values of a file that are those of layers, or what the network puts out, in order."""
    outputs = {each.name for each in model.graph.output} - {VALUES, INDICES, OUTPUT}
    named = {name for name in graph.nodes if not isinstance(graph[name].operator, Parameter)}
    if not any(node.op_type in ("Softmax", "TopK") for node in model.graph.node[-3:]):
        outputs.add(OUTPUT)
    return [node.output[0] for node in model.graph.node if node.output[0] in named | outputs]


def float64_outputs(graph: Graph, weights: Value, ready: Array) -> Array | None:
    """What the network gives in float64, by its source in torch; None where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        return None
    from resnet_compiler.verify import load_network, run_network

    network = load_network(graph, weights).double()
    exact: Array = run_network(network, ready.astype("float64"))
    return exact
