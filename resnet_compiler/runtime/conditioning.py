"""Weights and statistics like those of a trained network, so that two forms of it can be compared in float32.

The running statistics of a norm are those of what it takes in, and weights are scaled so that what a layer gives has
variance 1 (Mishkin & Matas 2016, "All you need is a good init"). With statistics that have nothing to do with the data,
activations grow or vanish from block to block, gates saturate, and rounding is all that is left to compare.
"""

from __future__ import annotations

from typing import Any

LEAST_OF_MEAN, LEAST_OF_TYPICAL = 1e-2, 2e-2
"""A channel's variance is at least this much of its squared mean, and of the layer's mean variance: what hardly changes
has rounding for a variance, and dividing by it would only show that."""


def condition(network: Any, image: Any, seed: int) -> None:
    """Set weights' scales and norms' statistics from the network's own activations, in float64, in one pass.

    Each norm's mean is then moved by about a fifth of a deviation, and its variance multiplied by 0.5 to 1.5, so that no
    two channels are alike; what lies behind sees the result, so nothing adds up over many layers.

    Args:
        network: a torch module; it ends in inference mode, in the type that it came in.
        image: a batch (N, C, H, W), best with some hundred pixels in its smallest feature map, over all images.
        seed: of the disturbance.
    """
    import torch

    random = torch.Generator().manual_seed(seed)
    kind = next((each.dtype for each in network.parameters()), torch.float32)
    network.double().eval()
    done: set[int] = set()
    handles = []
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            handles.append(module.register_forward_pre_hook(_statistics_from(random, done)))
        elif type(module) in (torch.nn.Conv2d, torch.nn.Linear):
            handles.append(module.register_forward_hook(_scale_from(done)))
    try:
        with torch.no_grad():
            network(torch.from_numpy(image).double())
    finally:
        for handle in handles:
            handle.remove()
        network.to(kind)


def _statistics_from(random: Any, done: set[int]) -> Any:
    """A hook that gives a norm the statistics of its input, somewhat disturbed, before it runs."""
    import torch

    def hook(norm: Any, inputs: tuple[Any, ...]) -> None:
        if id(norm) in done or norm.running_var is None:
            return
        done.add(id(norm))
        values = inputs[0].transpose(0, 1).flatten(1)
        mean, variance = values.mean(1), values.var(1, correction=0)
        least = torch.maximum(
            LEAST_OF_MEAN * mean.square(), LEAST_OF_TYPICAL * variance.mean().expand_as(variance)
        )
        variance = torch.maximum(variance, least)
        variance[variance == 0] = 1.0
        moved = torch.randn(mean.shape, generator=random, dtype=mean.dtype)
        factor = 0.5 + torch.rand(mean.shape, generator=random, dtype=mean.dtype)
        norm.running_mean.copy_(mean + 0.2 * variance.sqrt() * moved)
        norm.running_var.copy_(variance * factor)

    return hook


def _scale_from(done: set[int]) -> Any:
    """A hook that scales a layer's weight so that its output has variance 1, apart from its bias."""
    import torch

    def hook(layer: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        if id(layer) in done:
            return output
        done.add(id(layer))
        bias = torch.zeros(()) if layer.bias is None else layer.bias
        if bias.ndim and output.ndim == 4:
            bias = bias[:, None, None]
        spread = float((output - bias).std(correction=0))
        if not 0 < spread < float("inf"):
            return output
        layer.weight.data /= spread
        return (output - bias) / spread + bias

    return hook
