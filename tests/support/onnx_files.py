"""ONNX files to look into: small ones made by hand, and those of our specs without their weights.

``python tests/support/onnx_files.py`` writes those of the golden cases anew.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from resnet_compiler import Graph
from resnet_compiler.emit.onnx import emit_onnx

Dims = Sequence[int | str | None]
DATA = "weights.bin"


def value(
    name: str, dims: Dims | None = None, kind: int = TensorProto.FLOAT
) -> onnx.ValueInfoProto:
    """The declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, dims)


def tensor(name: str, *dims: int, of: str = "float32") -> onnx.TensorProto:
    """A tensor whose values all differ."""
    count = int(np.prod(dims))
    return numpy_helper.from_array(np.arange(1, count + 1).astype(of).reshape(dims), name)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Sequence[onnx.TensorProto] = (),
    opset: int = 18,
    **more: Any,
) -> onnx.ModelProto:
    """A model of some nodes."""
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more)


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A node; names stand in one text."""
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)


def residual_network() -> onnx.ModelProto:
    """A block with a projection and a gate, and an add that broadcasts; sizes are open, names say nothing."""
    nodes = [
        node("Conv", "image w1 b1", "a", name="first", pads=[1, 1, 1, 1]),
        node("Relu", "a", "b"),
        node("Conv", "b w2", "c", pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", "c scale shift mean variance", "d"),
        node("Relu", "d", "e"),
        node("Conv", "e w3", "f", pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", "f", "g"),
        node("Conv", "g w4", "h"),
        node("Sigmoid", "h", "i"),
        node("Mul", "i f", "j"),
        node("Conv", "b w5", "k", strides=[2, 2]),
        node("Add", "k j", "l", name="join"),
        node("GlobalAveragePool", "l", "m"),
        node("Conv", "m w4", "n"),
        node("Add", "l n", "o", name="context"),
        node("GlobalAveragePool", "o", "p"),
        node("Flatten", "p", "q"),
        node("Gemm", "q w6 b6", "answer", transB=1),
    ]
    vectors = [tensor(name, 6) for name in ("scale", "shift", "mean", "variance")]
    weights = [
        *(tensor("w1", 4, 3, 3, 3), tensor("b1", 4), tensor("w2", 6, 4, 3, 3)),
        *(tensor("w3", 6, 6, 3, 3), tensor("w4", 6, 6, 1, 1), tensor("w5", 6, 4, 1, 1)),
        *(tensor("w6", 5, 6), tensor("b6", 5)),
    ]
    made = model(
        nodes,
        [value("image", ["N", 3, "H", "W"])],
        [value("answer", ["N", 5])],
        [*weights, *vectors],
        producer_name="by hand",
        doc_string="a block with a gate\x1b[31m",
    )
    helper.set_model_props(made, {"author": "nobody", "labels": "a, b, c, d, e"})
    return made


def broken() -> onnx.ModelProto:
    """A model with two faults: a value that nothing makes, and two of one name."""
    nodes = [node("Relu", "missing", "a"), node("Relu", "x", "a")]
    return model(nodes, [value("x", [1])], [value("a")])


def with_data_at(location: str) -> onnx.ModelProto:
    """A model with a tensor of 8 bytes somewhere else."""
    stored = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2])
    stored.data_location = TensorProto.EXTERNAL
    stored.external_data.add(key="location", value=location)
    nodes = [node("Add", "x w", "y")]
    return model(nodes, [value("x", [2])], [value("y")], [stored])


def unequal() -> onnx.ModelProto:
    """An add whose sides cannot be joined."""
    nodes = [node("Conv", "x w", "a"), node("Add", "a x", "y", name="join")]
    return model(nodes, [value("x", [1, 2, 4, 4])], [value("y")], [tensor("w", 3, 2, 1, 1)])


GOLDEN = {
    "inspect": residual_network,
    "inspect_json": residual_network,
    "rc0541_broken_model": broken,
    "rc0542_external_data": lambda: with_data_at("../w.bin"),
    "rc0543_unequal_add": unequal,
}
"""The models of golden cases."""


def without_weights(graph: Graph, folder: pathlib.Path, opset: int = 18) -> str:
    """The path of a spec's model, whose weights are a hole in a file: nothing reads them."""
    made = emit_onnx(graph, _no_value, "0", opset, DATA)
    stored = [{e.key: e.value for e in t.external_data} for t in made.graph.initializer]
    size = max(int(each["offset"]) + int(each["length"]) for each in stored if each)
    with (folder / DATA).open("wb") as stream:
        stream.truncate(size)
    path = folder / f"{graph.identity.name}.onnx"
    path.write_bytes(made.SerializeToString())
    return str(path)


def _no_value(name: str, _: object) -> Any:
    raise AssertionError(f"nobody reads the value of {name}")


def main() -> None:
    """Write the models of golden cases."""
    for name, make in GOLDEN.items():
        folder = pathlib.Path(__file__).parent.parent / "golden" / name
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(make().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
