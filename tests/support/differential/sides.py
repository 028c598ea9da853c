"""The two sides of a comparison: the emitted source in torch, the ONNX in ONNX Runtime, one set of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler import Graph, api, verify, weights
from resnet_compiler.emit.onnx import OUTPUT
from resnet_compiler.graph import INPUT
from support import peers

if TYPE_CHECKING:
    import onnx

    from support.peers import Array


class Disagreement(Exception):
    """Torch, ONNX Runtime and the compiler do not say the same. ``kind`` is what of."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Turn whatever fails inside into a disagreement of this kind."""
    try:
        yield
    except Disagreement:
        raise
    except Exception as failure:
        reason = str(failure).strip().splitlines() or [""]
        raise Disagreement(f"{what} raises {type(failure).__name__}", reason[0]) from failure


@dataclass(frozen=True)
class Sides:
    """A graph, and both of its outputs ready to run."""

    graph: Graph
    network: Any
    model: onnx.ModelProto
    session: Any

    def image(self, batch: int, size: tuple[int, int], seed: int = 0) -> Array:
        import numpy as np

        shape = (batch, self.graph.input_shape[0], *size)
        return np.random.default_rng(seed).standard_normal(shape, "float32")  # type: ignore[arg-type]

    def torch(self, image: Array) -> Array:
        result: Array = verify.run_network(self.network, image)
        return result

    def onnx(self, image: Array) -> Array:
        result: Array = self.session.run([OUTPUT], {INPUT: image})[0]
        return result

    def every_layer(self, image: Array) -> dict[str, Array]:
        """The values of all nodes of the ONNX, with nothing fused."""
        import onnx
        from onnx import TensorProto, helper

        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        known = {value.name for value in model.graph.output}
        names = [name for node in model.graph.node for name in node.output if name not in known]
        integers = {node.output[0] for node in model.graph.node if node.op_type == "Shape"}
        types = [TensorProto.INT64 if name in integers else TensorProto.FLOAT for name in names]
        model.graph.output.extend(
            helper.make_tensor_value_info(name, kind, None)
            for name, kind in zip(names, types, strict=True)
        )
        session = peers.onnx_session(model, fused=False)
        return dict(zip([OUTPUT, *names], session.run(None, {INPUT: image}), strict=True))


def make_sides(graph: Graph, opset: int) -> Sides:
    """Load the source and build the ONNX, with random weights and batch statistics that fit them.

    Raises:
        Disagreement: one of them cannot be made.
    """
    import torch

    torch.manual_seed(0)  # dropout, where statistics are taken
    with doing("loading the source"):
        network = verify.load_network(graph, lambda name, tensor: weights.tried(name, tensor, 0))
    empty = Sides(graph, network, None, None)  # type: ignore[arg-type]
    with doing("taking statistics"):
        image = empty.image(4, tuple(graph.declared.values()), seed=1)  # type: ignore[arg-type]
        verify.randomise_statistics(network, image, 0)
    state = network.state_dict()
    with doing("building the ONNX"):
        made = api.prepare_onnx(graph, opset=opset)  # the model is checked, and read back
        model = api.model_of(made, graph, lambda name, tensor: state[name].numpy())
        session = peers.onnx_session(model)
    return Sides(graph, network, model, session)


def agree_in_double(sides: Sides, image: Array, tolerance: float = 1e-6) -> bool:
    """Whether both are the same function: in float64 rounding is too small to hide or to feign a difference.

    The ONNX is run by the evaluator of the onnx package, operator by operator as the standard defines them. Its constants,
    attributes and standardized filters are float32, so that they differ by 6e-8 from those of the source; a network that
    amplifies rounding amplifies that too, and as much is allowed.
    """
    import copy

    import numpy as np
    from onnx.reference import ReferenceEvaluator

    wide = image.astype(np.float64)
    with np.errstate(all="ignore"):  # it works out both branches of a sigmoid
        ours = ReferenceEvaluator(_in_double(sides.model)).run(None, {INPUT: wide})[0]
    theirs = verify.run_network(copy.deepcopy(sides.network).double(), wide)
    rounding = peers.relative_difference(sides.torch(image).astype(np.float64), theirs)
    return peers.relative_difference(ours, theirs) <= max(tolerance, 2 * rounding)


def _in_double(given: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float64 in the place of float32."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.ModelProto()
    model.CopyFrom(given)
    # before 14 the evaluator normalises by the batch's own statistics; all else here means the same at 15
    model.opset_import[0].version = max(15, model.opset_import[0].version)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            double = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(double, tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "ConstantOfShape" and attribute.name == "value":
                double = numpy_helper.to_array(attribute.t).astype(np.float64)
                attribute.t.CopyFrom(numpy_helper.from_array(double))
    for value in (*model.graph.input, *model.graph.output):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.DOUBLE, None))
    return model
