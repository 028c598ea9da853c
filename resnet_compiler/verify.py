"""Does what was emitted compute the same? The source in torch against the ONNX model in ONNX Runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resnet_compiler import __version__, weights
from resnet_compiler.emit.names import network_class_name
from resnet_compiler.emit.onnx import DEFAULT_OPSET, OUTPUT, emit_onnx
from resnet_compiler.emit.pytorch import emit_pytorch
from resnet_compiler.graph import INPUT, Graph

TOLERANCE = 1e-4
"""Greatest absolute difference allowed, relative to the output's largest magnitude, in float32."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One input tried: batch, height, width, and the greatest differences between the two outputs."""

    batch: int
    height: int
    width: int
    absolute: float
    relative: float


def verify(graph: Graph, seed: int = 0, opset: int = DEFAULT_OPSET) -> tuple[Comparison, ...]:
    """Run both forms with the same weights and random norm statistics, over several batches and sizes.

    Needs torch and onnxruntime. Inputs are standard normal.
    """
    import numpy as np
    import onnxruntime

    random = np.random.default_rng(seed)
    network = load_network(graph, lambda name, tensor: weights.tried(name, tensor, seed))
    randomise_statistics(network, _image(graph, random, 2, *graph.declared.values()), seed)
    state = network.state_dict()
    model = emit_onnx(graph, lambda name, tensor: state[name].numpy(), __version__, opset)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = []
    for batch, height, width in inputs_to_try(graph):
        image = _image(graph, random, batch, height, width)
        theirs = run_network(network, image)
        ours = session.run([OUTPUT], {INPUT: image})[0]
        absolute = float(np.abs(theirs - ours).max())
        magnitude = float(np.abs(theirs).max())
        finite = bool(np.isfinite(theirs).all() and np.isfinite(ours).all())
        relative = absolute / magnitude if magnitude else absolute
        found.append(
            Comparison(batch, height, width, absolute, relative if finite else float("inf"))
        )
    return tuple(found)


def inputs_to_try(graph: Graph) -> list[tuple[int, int, int]]:
    """Batches and sizes: the declared one, and where the proof allows others, the next ones up and an odd one."""
    height, width = (extent.declared for extent in graph.extents)
    tried = [(1, height, width), (2, height, width)]
    if graph.any_size:
        tall, wide = (extent.multiple_of for extent in graph.extents)
        tried += [(1, height + tall, width), (1, height + tall, width + 3 * wide)]
    return tried


def load_network(graph: Graph, value: weights.Value) -> Any:
    """The emitted source as a torch module in inference mode, its tensors set by name (all of them, strictly)."""
    import torch

    namespace: dict[str, Any] = {"__name__": "emitted_model"}
    source = emit_pytorch(graph, __version__)
    exec(compile(source, f"<{graph.identity.name}>", "exec"), namespace)
    network = namespace[network_class_name(graph.identity.title)]()
    state = {
        name: torch.from_numpy(value(name, tensor).copy())
        for name, tensor in weights.tensors(graph)
    }
    network.load_state_dict(state, strict=True)
    return network.eval()


def randomise_statistics(network: Any, image: Any, seed: int) -> None:
    """Set the running statistics of batch norms to those of one batch, then disturb each at random.

    Statistics that have nothing to do with the data would let a network of a thousand layers overflow, and then
    nothing could be compared.
    """
    import torch

    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    network.train()
    with torch.no_grad():
        network(torch.from_numpy(image))
    network.eval()
    random = torch.Generator().manual_seed(seed)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        assert norm.running_mean is not None and norm.running_var is not None
        # a channel that hardly changes has rounding for a variance, and dividing by it would tell nothing
        norm.running_var.clamp_(min=1e-3 * norm.running_mean.square())
        norm.running_var[norm.running_var == 0] = 1.0
        spread = norm.running_var.sqrt()
        norm.running_mean += 0.2 * spread * torch.randn(spread.shape, generator=random)
        norm.running_var *= 0.5 + torch.rand(spread.shape, generator=random)


def _image(graph: Graph, random: Any, batch: int, height: int, width: int) -> Any:
    return random.standard_normal((batch, graph.input_shape[0], height, width), "float32")


def run_network(network: Any, image: Any) -> Any:
    """The network's output for an image batch, as a numpy array."""
    import torch

    with torch.inference_mode():
        return network(torch.from_numpy(image)).numpy()
