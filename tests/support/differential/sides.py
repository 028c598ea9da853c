"""The two sides of a comparison: the emitted source in torch, the ONNX in ONNX Runtime, one set of weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler import Graph, verify, weights
from resnet_compiler.emit.onnx import OUTPUT, prepare
from resnet_compiler.graph import INPUT
from resnet_compiler.interface import PLAIN
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
        prepared = prepare(graph, "0", opset, PLAIN)
        prepared.weights.put_inside(prepared.model, lambda name, tensor: state[name].numpy())
        prepared.check()
        session = peers.onnx_session(prepared.model)
    return Sides(graph, network, prepared.model, session)


def is_rounding(sides: Sides, image: Array) -> bool:
    """Whether both are the same function all the same: every layer of the ONNX, run alone on what the source computes in
    float64, gives what the source gives. A network that amplifies rounding may differ as a whole."""
    import copy

    values = verify.recorded(copy.deepcopy(sides.network).double(), image)
    parting, _ = verify.first_parting(sides.graph, sides.model, values, image)
    return parting is None
