"""How far each quantised layer is from its float32 self, on the same images: which layer suffers most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler.quantize.calibration import Feed

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True, slots=True)
class LayerError:
    """One tensor's error: the norm of the difference over the norm of the float32 values (0 is exact)."""

    name: str
    relative: float


def layer_errors(
    exact: onnx.ModelProto, quantized: onnx.ModelProto, feeds: Iterable[Feed]
) -> list[LayerError]:
    """The error at every Q/DQ pair on an activation, in the order of the graph.

    It is what has gathered up to there: the quantised model runs as a whole.
    """
    import numpy as np

    made = {name for node in exact.graph.node for name in node.output}
    ending = ".dequantized"
    names = [
        output.removesuffix(ending)
        for node in quantized.graph.node
        if node.op_type == "DequantizeLinear"
        for output in node.output
        if output.removesuffix(ending) in made
    ]
    ours = session_for(quantized, [f"{name}{ending}" for name in names])
    theirs = session_for(exact, names)
    squares = np.zeros((2, len(names)))
    for feed in feeds:
        right = theirs.run(names, dict(feed))
        found = ours.run([f"{name}{ending}" for name in names], dict(feed))
        for index, (a, b) in enumerate(zip(right, found, strict=True)):
            wide = a.astype(np.float64)
            squares[:, index] += np.sum((wide - b) ** 2), np.sum(wide**2)
    errors = np.sqrt(squares[0] / np.maximum(squares[1], np.finfo(np.float64).tiny))
    return [LayerError(name, float(each)) for name, each in zip(names, errors, strict=True)]


def session_for(model: onnx.ModelProto, names: list[str]) -> Any:
    """A session on a copy of the model that gives these tensors too."""
    import onnx
    import onnxruntime

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    known = {output.name for output in whole.graph.output}
    whole.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in names
        if name not in known
    )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
