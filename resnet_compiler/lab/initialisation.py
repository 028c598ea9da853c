"""Initial weights to measure with: those that the emitted source makes, or those of two older rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import nn

Initialisation = Literal["emitted", "glorot", "torch"]
"""emitted: as the source has it, He et al. (2015). glorot: normal, with variance 2 / (fan in + fan out) (Glorot & Bengio
2010). torch: what PyTorch's layers begin with, a uniform variance of 1 / (3 × fan in)."""


def initialise(network: nn.Module, rule: Initialisation) -> None:
    """Draw the weights of every convolution and linear layer anew, from PyTorch's generator. "emitted" changes nothing.

    Biases and norms stay as they are.
    """
    from torch import nn

    if rule == "emitted":
        return
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            if rule == "glorot":
                nn.init.xavier_normal_(module.weight)
            else:
                nn.init.kaiming_uniform_(module.weight, a=5**0.5)
