"""Does what was emitted compute the same? The source in torch, and the ONNX model in ONNX Runtime, against float64.

The source in float64 is the referee. Each layer of the ONNX is run on the referee's own values, so the first layer that
computes something else is found however much a deep network amplifies rounding; and both forms are run as a whole in
float32, at several sizes and batches.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler import __version__, weights
from resnet_compiler.emit.names import network_class_name
from resnet_compiler.emit.onnx import DEFAULT_OPSET, OUTPUT, emit_onnx
from resnet_compiler.emit.pytorch import emit_pytorch
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.runtime.conditioning import condition as randomise_statistics
from resnet_compiler.runtime.layers import first_parting, relative
from resnet_compiler.runtime.recording import recorded
from resnet_compiler.runtime.verdict import DIFFERENT, Parting, Verdict, judge

if TYPE_CHECKING:
    import onnx

TOLERANCE = 1e-4
"""Greatest absolute difference allowed, relative to the output's largest magnitude, in float32."""
PIXELS = 64
"""Height and width at which layers are compared, where a network takes every size."""
VALUES_FOR_STATISTICS = 8 * 64 * 64
"""Pixels of a batch that statistics are taken from, if the image is small; two images at least."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One input tried, and the greatest differences of the whole network's output.

    Attributes:
        batch: images.
        height: of the images.
        width: of the images.
        absolute: between ONNX Runtime and torch, both in float32.
        relative: the same, relative to the output's greatest magnitude.
        onnx_from_float64: ONNX Runtime in float32 from torch in float64, relative.
        torch_from_float64: torch in float32 from torch in float64, relative.
    """

    batch: int
    height: int
    width: int
    absolute: float
    relative: float
    onnx_from_float64: float
    torch_from_float64: float


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found of one network.

    Attributes:
        verdict: whether both forms agree.
        comparisons: the whole network, at each input that was tried.
        layers: how many layers were compared one by one.
        parting: the first that differs; None where none does.
    """

    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    layers: int
    parting: Parting | None = None

    @property
    def passed(self) -> bool:
        return self.verdict != DIFFERENT

    @property
    def relative(self) -> float:
        """The greatest relative difference of the whole network."""
        return max((each.relative for each in self.comparisons), default=float("inf"))


def verify(
    graph: Graph,
    seed: int = 0,
    opset: int = DEFAULT_OPSET,
    tolerance: float = TOLERANCE,
    *,
    source: str | None = None,
) -> Verified:
    """Run both forms with the same weights, conditioned like those of a trained network.

    Needs torch and onnxruntime. Inputs are standard normal.

    Args:
        graph: the network.
        seed: of weights, statistics and images.
        opset: of the ONNX, 13 to 22.
        tolerance: the greatest difference of the whole network that is no matter, relative to the output's largest
            magnitude. More is none either where torch's own float32 is about as far from float64.
        source: its source, where that is not to be emitted from the graph.
    """
    try:
        network = load_network(
            graph, lambda name, tensor: weights.tried(name, tensor, seed), source
        )
    except SourceError as failure:
        return Verified(DIFFERENT, (), 0, failure.parting)
    try:
        prepare(graph, network, seed)
    except Exception as reason:  # emitted source may be wrong in any way: its layers tell where
        stopped = f"the source cannot be run: {type(reason).__name__}: {reason}"
    else:
        stopped = ""
    state = network.state_dict()
    model = emit_onnx(graph, lambda name, tensor: state[name].numpy(), __version__, opset)
    if not stopped:
        return compare(graph, network, model, seed, tolerance)
    found, layers = _layers(graph, network, model, seed)
    return Verified(DIFFERENT, (), layers, found or Parting("the network", "source", stopped))


def prepare(graph: Graph, network: Any, seed: int) -> None:
    """Condition a network's weights on random images of its declared size.

    Raises:
        Exception: what the network raises, where its source is wrong.
    """
    import numpy as np

    size = tuple(graph.declared.values())
    batch = min(8, max(2, VALUES_FOR_STATISTICS // (size[0] * size[1])))
    randomise_statistics(network, _image(graph, np.random.default_rng(seed), batch, *size), seed)


def compare(
    graph: Graph,
    network: Any,
    model: onnx.ModelProto,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> Verified:
    """A torch network and an ONNX model of the same graph and weights: layer by layer, then each as a whole.

    Args:
        graph: what both were made from.
        network: a torch module in inference mode.
        model: plain float32, its weights inside.
        seed: of the images.
        tolerance: as for `verify`.
    """
    import numpy as np

    parting, layers = _layers(graph, network, model, seed)
    if parting is not None:
        return Verified(DIFFERENT, (), layers, parting)
    random = np.random.default_rng([seed, 1])
    referee = copy.deepcopy(network).double()
    session = _session(model)
    found: list[Comparison] = []
    for batch, height, width in inputs_to_try(graph):
        image = _image(graph, random, batch, height, width)
        found.append(_compared(network, referee, session, image))
        if _verdict(found[-1:], tolerance) == DIFFERENT:  # at this size alone, perhaps
            parting, layers = first_parting(graph, model, recorded(referee, image), image)
            break
    return Verified(_verdict(found, tolerance, parting), tuple(found), layers, parting)


def _layers(
    graph: Graph, network: Any, model: onnx.ModelProto, seed: int
) -> tuple[Parting | None, int]:
    """The first layer that differs on a small image, and how many were compared."""
    import numpy as np

    image = _image(graph, np.random.default_rng([seed, 2]), 2, *_size_for_layers(graph))
    return first_parting(graph, model, recorded(copy.deepcopy(network).double(), image), image)


def _verdict(
    found: Sequence[Comparison], tolerance: float, parting: Parting | None = None
) -> Verdict:
    """The worst of the verdicts on each input."""
    order: tuple[Verdict, ...] = ("agree", "agree as far as float32 can", DIFFERENT)
    said = [
        judge(each.onnx_from_float64, each.torch_from_float64, tolerance, parting) for each in found
    ]
    return max(said, key=order.index)


def _compared(network: Any, referee: Any, session: Any, image: Any) -> Comparison:
    import numpy as np

    exact = run_network(referee, image.astype(np.float64))
    theirs = run_network(network, image)
    ours = session.run([OUTPUT], {INPUT: image})[0]
    apart = relative(ours, theirs)
    batch, _, height, width = image.shape
    return Comparison(
        batch,
        height,
        width,
        apart * float(np.abs(theirs).max()) if apart else 0.0,
        apart,
        relative(ours, exact),
        relative(theirs, exact),
    )


def _session(model: onnx.ModelProto) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _size_for_layers(graph: Graph) -> tuple[int, int]:
    """A size at which every layer has something to do, and which does not take long."""
    height, width = (extent.declared for extent in graph.extents)
    if not graph.any_size:
        return height, width
    tall, wide = (
        extent.declared
        if extent.declared <= PIXELS
        else -(-max(PIXELS, extent.minimum) // extent.multiple_of) * extent.multiple_of
        for extent in graph.extents
    )
    return tall, wide


def inputs_to_try(graph: Graph) -> list[tuple[int, int, int]]:
    """Batches and sizes: the declared one, and where the proof allows others, the next ones up and an odd one."""
    height, width = (extent.declared for extent in graph.extents)
    tried = [(1, height, width), (2, height, width)]
    if graph.any_size:
        tall, wide = (extent.multiple_of for extent in graph.extents)
        tried += [(1, height + tall, width), (1, height + tall, width + 3 * wide)]
    return tried


class SourceError(Exception):
    """The source cannot be loaded with the network's tensors; ``parting`` says which layer's."""

    def __init__(self, parting: Parting) -> None:
        super().__init__(str(parting))
        self.parting = parting


def load_network(graph: Graph, value: weights.Value, source: str | None = None) -> Any:
    """The emitted source as a torch module in inference mode, its tensors set by name (all of them, strictly).

    Raises:
        SourceError: it cannot be made, or has other tensors.
    """
    import torch

    namespace: dict[str, Any] = {"__name__": "emitted_model"}
    text = emit_pytorch(graph, __version__) if source is None else source
    try:
        exec(compile(text, f"<{graph.identity.name}>", "exec"), namespace)
        network = namespace[network_class_name(graph.identity.title)]()
    except Exception as reason:
        why = f"the source cannot be made: {type(reason).__name__}: {reason}"
        raise SourceError(Parting("the network", "source", why)) from reason
    state = {
        name: torch.from_numpy(value(name, tensor).copy())
        for name, tensor in weights.tensors(graph)
    }
    theirs = network.state_dict()
    for node, name in ((name.rpartition(".")[0], name) for name in (*state, *theirs)):
        shapes = [tuple(each[name].shape) if name in each else None for each in (state, theirs)]
        if shapes[0] != shapes[1]:
            kind = graph[node].operator.word if node in graph.nodes else "not in the graph"
            said = [
                " × ".join(map(str, s)) or "a number" if s is not None else "none" for s in shapes
            ]
            why = f"`{name}` is {said[0]} in the graph and {said[1]} in the source"
            raise SourceError(Parting(node or name, kind, why))
    network.load_state_dict(state, strict=True)
    return network.eval()


def _image(graph: Graph, random: Any, batch: int, height: int, width: int) -> Any:
    return random.standard_normal((batch, graph.input_shape[0], height, width), "float32")


def run_network(network: Any, image: Any) -> Any:
    """The network's output for an image batch, as a numpy array."""
    import torch

    with torch.inference_mode():
        return network(torch.from_numpy(image)).numpy()
