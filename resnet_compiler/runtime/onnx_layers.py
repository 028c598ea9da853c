"""One layer of an ONNX model at a time, run in ONNX Runtime on values that are given to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from resnet_compiler.weights import Array

if TYPE_CHECKING:
    import onnx


class LayerwiseModel:
    """A model whose layers are run alone. Each layer is the nodes between the values before it and its own value.

    Args:
        model: with its weights inside.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._nodes = list(model.graph.node)
        self._maker = {name: at for at, node in enumerate(self._nodes) for name in node.output}
        self._weights = {each.name: each for each in model.graph.initializer}
        self._types = {each.name: each.type for each in model.graph.input}

    def has(self, value: str) -> bool:
        """Whether a node gives this value."""
        return value in self._maker

    def nodes_of(
        self, value: str, given: Collection[str]
    ) -> tuple[list[onnx.NodeProto], list[str]]:
        """The nodes that make a value of those given, and which of these they read; in order."""
        found: set[int] = set()
        read: dict[str, None] = {}
        waiting = [value]
        while waiting:
            name = waiting.pop()
            if name != value and name in given:
                read[name] = None
            elif (at := self._maker.get(name)) is not None and at not in found:
                found.add(at)
                waiting += self._nodes[at].input
        return [self._nodes[at] for at in sorted(found)], list(read)

    def run(
        self, value: str, given: Mapping[str, Array]
    ) -> tuple[Array, Callable[[Callable[[Array], Array]], Array]]:
        """A layer's value, and a function that computes it again with each value that it takes in changed.

        Raises:
            Exception: what ONNX Runtime says where it cannot run the layer.
        """
        nodes, read = self.nodes_of(value, given.keys())
        session = self._session(nodes, read, value)
        kinds = {each.name: each.type for each in session.get_inputs()}

        def run(change: Callable[[Array], Array]) -> Array:
            feeds = {name: _typed(change(given[name]), kind) for name, kind in kinds.items()}
            result: Array = session.run([value], feeds)[0]
            return result

        return run(lambda each: each), run

    def _session(self, nodes: Sequence[onnx.NodeProto], read: Sequence[str], value: str) -> Any:
        import onnx
        import onnxruntime
        from onnx import TensorProto, helper

        used = {name for node in nodes for name in node.input}
        inputs = []
        for name in read:
            kind = TensorProto.FLOAT
            if name in self._types:
                kind = self._types[name].tensor_type.elem_type
            inputs.append(helper.make_tensor_value_info(name, kind, None))
        part = onnx.ModelProto(ir_version=self.model.ir_version)
        part.opset_import.extend(self.model.opset_import)
        part.graph.name = "layer"
        part.graph.node.extend(nodes)
        part.graph.input.extend(inputs)
        part.graph.output.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, None))
        part.graph.initializer.extend(
            self._weights[name] for name in sorted(used & self._weights.keys())
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(
            part.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )


def _typed(values: Array, kind: str) -> Array:
    import numpy as np

    types = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int64)": np.int64}
    return np.ascontiguousarray(values, types[kind])
