"""One training step, watched: what each layer along the trunk puts out, what gradient reaches it, how far it moves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resnet_compiler.lab.records import (
    ACTIVATION_GRADIENT,
    BLOCK_GRADIENT,
    BLOCK_VARIANCE,
    UPDATE_RATIO,
    VARIANCE,
    WEIGHT_GRADIENT,
    Record,
)
from resnet_compiler.lab.trunk import Trunk

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Seen = dict[tuple[str, str], float]
"""What was measured: by layer or block, and by quantity."""


def watched_step(
    network: nn.Module,
    trunk: Trunk,
    step: Callable[[], None],
    spec: str,
    when: int,
) -> list[Record]:
    """Do one training step, and record every quantity of every layer and block of the trunk, in the trunk's order.

    Args:
        network: in training mode; its modules have the graph's names.
        trunk: what to watch.
        step: runs the network on one batch, backward, and the optimiser. Gradients are those that it leaves.
        spec, when: what the records are labelled with.
    """
    weights = {name: network.get_parameter(f"{name}.weight") for name, _ in trunk.layers}
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    seen: Seen = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(_watch(seen, name, variance, gradient))
        for names, variance, gradient in (
            (trunk.layers, VARIANCE, ACTIVATION_GRADIENT),
            (trunk.blocks, BLOCK_VARIANCE, BLOCK_GRADIENT),
        )
        for name, _ in names
    ]
    try:
        step()
    finally:
        for hook in hooks:
            hook.remove()
    for name, weight in weights.items():
        if weight.grad is not None:
            seen[name, WEIGHT_GRADIENT] = _norm(weight.grad)
        size = _norm(before[name])
        moved = _norm(weight.detach() - before[name])
        seen[name, UPDATE_RATIO] = moved / size if size else math.nan
    return [
        Record(spec, when, depth, name, quantity, seen[name, quantity])
        for names, quantities in (
            (trunk.layers, (WEIGHT_GRADIENT, ACTIVATION_GRADIENT, VARIANCE, UPDATE_RATIO)),
            (trunk.blocks, (BLOCK_GRADIENT, BLOCK_VARIANCE)),
        )
        for quantity in quantities
        for name, depth in names
        if (name, quantity) in seen
    ]


def _watch(seen: Seen, name: str, variance: str, gradient: str) -> Callable[..., None]:
    """A forward hook that measures an output at once, for an activation may overwrite it, and its gradient later."""

    def note(value: Tensor) -> None:
        seen[name, gradient] = _norm(value)

    def look(module: nn.Module, inputs: Any, output: Tensor) -> None:
        import torch

        seen[name, variance] = float(output.detach().to(torch.float64).var(correction=0))
        if output.requires_grad:
            output.register_hook(note)  # type: ignore[no-untyped-call]

    return look


def _norm(value: torch.Tensor) -> float:
    import torch

    return float(torch.linalg.vector_norm(value.detach(), dtype=torch.float64))
