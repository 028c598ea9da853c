"""Faults that onnx's own checker accepts, with strict shape inference (onnx 1.23): the verifier refuses each.

For each there is the ONNX file, which must pass the checker for the case to have a point, and the same fault in a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from support.graphs import (
    Mutation,
    change,
    change_operator,
    insert,
    nodes_of,
    rebuilt,
    sound,
)

import resnet_compiler
from resnet_compiler.graph import Graph, GraphError, verify_graph

Fault = Callable[[onnx.GraphProto], None]


def node(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    return next(each for each in graph.node if each.name == name)


# Each fault twice: in the ONNX file, and in the compiler's graph.


def weight_of_63_channels_in_onnx(graph: onnx.GraphProto) -> None:
    weight = next(each for each in graph.initializer if each.name == "layer1.0.conv1.weight")
    assert weight.dims[1] == 64
    values = np.zeros((64, 63, 3, 3), np.float32)
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))


def weight_of_63_channels(graph: Graph) -> Graph:
    """The convolution has weights for the shape it is said to read, and reads 64 channels."""
    changed = change(graph, "wide", shape=(63, *graph["wide"].shape[1:]))
    conv = changed["layer1.0.conv1"]
    assert conv.operator.tensors(changed.input_shapes(conv))[0].shape == (64, 63, 3, 3)
    return changed


def three_groups_in_onnx(graph: onnx.GraphProto) -> None:
    (group,) = [a for a in node(graph, "layer1.0.conv1").attribute if a.name == "group"]
    group.i = 3


def three_groups(graph: Graph) -> Graph:
    return change_operator(graph, "layer1.0.conv1", groups=3)


def one_name_twice_in_onnx(graph: onnx.GraphProto) -> None:
    node(graph, "layer1.0.conv2").name = "layer1.0.conv1"


def one_name_twice(graph: Graph) -> Graph:
    twin = replace(graph["layer1.0.conv2"], name="layer1.0.conv1")
    return rebuilt(graph, {**nodes_of(graph), "layer1.0.conv2": twin})


def dead_node_in_onnx(graph: onnx.GraphProto) -> None:
    graph.node.append(onnx.helper.make_node("Relu", ["conv"], ["unused"], name="unused"))


def dead_node(graph: Graph) -> Graph:
    return insert(graph, "conv", replace(graph["layer1.0.act1"], name="unused", inputs=("conv",)))


def add_of_64_and_1_in_onnx(graph: onnx.GraphProto) -> None:
    add = node(graph, "layer1.0.add")
    assert add.input[1] == "wide"
    add.input[1] = "one"


def add_of_64_and_1(graph: Graph) -> Graph:
    inputs = graph["layer1.0.add"].inputs
    return change(graph, "layer1.0.add", inputs=(inputs[0], "one"))


FAULTS: dict[Fault, tuple[Mutation, str]] = {
    weight_of_63_channels_in_onnx: (weight_of_63_channels, "wide: its shape is not 63 × H × W"),
    three_groups_in_onnx: (three_groups, "layer1.0.conv1: .* 3 groups do not divide"),
    one_name_twice_in_onnx: (one_name_twice, "layer1.0.conv1: the name is taken twice"),
    dead_node_in_onnx: (dead_node, "unused: nothing uses it"),
    add_of_64_and_1_in_onnx: (add_of_64_and_1, "layer1.0.add: joins 64 and 1 "),
}


def broken(fault: Fault) -> onnx.ModelProto:
    model = onnx.load_from_string(resnet_compiler.emit_onnx(sound()))
    fault(model.graph)
    return model


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_checker_of_onnx_accepts_the_file(fault: Fault) -> None:
    model = broken(fault)
    assert model.SerializeToString() != resnet_compiler.emit_onnx(sound())
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_verifier_refuses_the_graph(fault: Fault) -> None:
    mutation, message = FAULTS[fault]
    with pytest.raises(GraphError, match=message):
        verify_graph(mutation(sound()))


def test_an_add_that_broadcasts_runs() -> None:
    """Nothing stops it: ONNX Runtime repeats the one channel, and the result is another."""
    import onnxruntime

    image = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    results = [
        onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(
            None, {"input": image}
        )[0]
        for content in (
            resnet_compiler.emit_onnx(sound()),
            broken(add_of_64_and_1_in_onnx).SerializeToString(),
        )
    ]
    assert results[0].shape == results[1].shape == (1, 10)
    assert not np.allclose(*results)
