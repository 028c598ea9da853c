"""A network and its folded form side by side: the source of both in torch, and the ONNX of both in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import resnet_compiler
from resnet_compiler import Folded, Graph, weights
from resnet_compiler.emit.onnx import check_onnx, emit_onnx
from resnet_compiler.verify import load_network, randomise_statistics, run_network
from support import peers

if TYPE_CHECKING:
    import onnx

    Array = peers.Array


def folded_differences(
    graph: Graph, size: Sequence[int] | None = None, seed: int = 0, may_vanish: bool = False
) -> dict[str, float]:
    """How far each form is from the unfolded source in torch, relative, with random norm statistics.

    ``may_vanish``: the output may be the same everywhere, as that of a random graph is where all behind is negative.
    """
    import numpy as np

    folded = resnet_compiler.fold(graph)
    shape = (2, graph.input_shape[0], *(size or graph.declared.values()))
    image = np.random.default_rng(seed).standard_normal(shape, np.float32)
    network = load_network(graph, lambda name, tensor: weights.tried(name, tensor, seed))
    randomise_statistics(network, image, seed)
    value = values_of(network)
    wanted = run_network(network, image)
    assert may_vanish or wanted.std() > 0
    found = {
        "onnx": run_model(onnx_of(graph, value), image),
        "folded onnx": run_model(onnx_of(folded, value), image),
        "folded source": run_network(load_network(folded.graph, folded.derive(value)), image),
    }
    return {name: peers.relative_difference(each, wanted) for name, each in found.items()}


def onnx_difference(graph: Graph, seed: int = 0) -> float:
    """How far the folded network is from the unfolded one where ONNX Runtime runs both; it is quick, as torch is not."""
    import numpy as np

    shape = (2, graph.input_shape[0], *graph.declared.values())
    image = np.random.default_rng(seed).standard_normal(shape, np.float32)

    def value(name: str, tensor: weights.Tensor) -> Array:
        return weights.tried(name, tensor, seed)

    wanted = run_model(onnx_of(graph, value), image)
    assert wanted.std() > 0
    return peers.relative_difference(
        run_model(onnx_of(resnet_compiler.fold(graph), value), image), wanted
    )


def values_of(network: Any) -> weights.Value:
    """The tensors of a torch module, by name."""
    state = network.state_dict()
    return lambda name, _: state[name].numpy()


def onnx_of(network: Graph | Folded, value: weights.Value) -> onnx.ModelProto:
    """The checked model of a graph, or of a folded one, whose weights follow from those of the graph it came from."""
    if isinstance(network, Folded):
        model = emit_onnx(network.graph, network.derive(value), "test")
    else:
        model = emit_onnx(network, value, "test")
    check_onnx(model)
    return model


def run_model(model: onnx.ModelProto, image: Array) -> Array:
    return peers.run_onnx(model, image)
