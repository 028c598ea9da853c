"""What a training run is asked for: its numbers, the learning rate that follows from them, and how two runs differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from resnet_compiler.lab import LabError

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train. What is written of a run follows from these, the network and the images.

    Attributes:
        epochs: how often every image is seen.
        batch: images of a step, over all processes.
        rate: the highest learning rate.
        momentum: of SGD, in Nesterov's form.
        weight_decay: of the weights of convolutions and linear layers; norms, biases and other parameters have none.
        warm_up: epochs in which the rate rises in a line, before it falls as a cosine.
        augment: whether images are shifted, and mirrored where that is allowed.
        flip: whether they may be mirrored; None: what the images say.
        seed: of the initial weights, the order of the images, and what is random in a step.
        stop_at: the held-out accuracy, 0 to 1, at which training ends before its time; None: it does not.

    Raises:
        LabError: a number is not finite.
    """

    epochs: int = 15
    batch: int = 64
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warm_up: float = 1.0
    augment: bool = True
    flip: bool | None = None
    seed: int = 0
    stop_at: float | None = None

    def __post_init__(self) -> None:
        for name in ("rate", "momentum", "weight_decay", "warm_up", "stop_at"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise LabError(
                    f"--{name.replace('_', '-')}: a finite number is needed, not {value}"
                )

    def rate_at(self, step: int, steps_per_epoch: int) -> float:
        """The learning rate of a step, counted from 0 over the whole run."""
        total = self.epochs * steps_per_epoch
        rising = round(min(self.warm_up * steps_per_epoch, total))
        if step < rising:
            return self.rate * (step + 1) / rising
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What two accounts of a run say differently, each as `name (before, now)`; accounts may nest."""
    found = []
    for key in dict.fromkeys([*before, *now]):
        one, other = before.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other)
        elif one != other:
            found.append(f"{key} ({_short(one)} then, {_short(other)} now)")
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
