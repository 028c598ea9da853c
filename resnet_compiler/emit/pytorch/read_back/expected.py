"""What an operator of the graph means, in the steps that source is read into: the graph's side of the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resnet_compiler.emit.pytorch.read_back.meanings import TABLE, Source
from resnet_compiler.emit.pytorch.read_back.steps import (
    COUNTER,
    HE,
    TORCH,
    Initial,
    Owned,
    Step,
    Steps,
)
from resnet_compiler.operators.base import Operator, Tensor
from resnet_compiler.shapes import Shape


@dataclass(frozen=True, slots=True)
class Expected:
    """The steps that compute a layer; it gives on the last one's result, or its input where there is none.

    ``initial`` is what its tensors begin with, in their order; they belong to the step of the number ``owner``.
    """

    steps: tuple[tuple[Step, tuple[Source, ...]], ...]
    owner: int | None = None
    initial: tuple[Initial, ...] = ()


@dataclass(slots=True)
class Expectations:
    """Makes what is expected of layers, once for all layers that are alike."""

    steps: Steps
    _known: dict[Any, Expected] = field(default_factory=dict)

    def of(self, operator: Operator, shapes: Sequence[Shape]) -> Expected:
        """What is expected of an operator on inputs of these shapes."""
        numbers = [tuple(d if isinstance(d, int) else None for d in shape) for shape in shapes]
        key = (id(operator), *numbers)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._make(operator, shapes)
        return found

    def _make(self, operator: Operator, shapes: Sequence[Shape]) -> Expected:
        owned = operator.tensors(shapes)
        tensors = tuple(Owned(t.name, tuple(t.shape), t.trainable) for t in owned)
        made = TABLE[type(operator)](self.steps, operator, shapes, tensors)
        owner = next((i for i, (step, _) in enumerate(made) if step.tensors), None)
        return Expected(tuple(made), owner, tuple(_initial(operator, each) for each in owned))


def _initial(operator: Operator, tensor: Tensor) -> Initial:
    """What a tensor begins with in PyTorch. A layer that multiplies begins with a random bias there, as is usual."""
    if tensor.initialisation == "he":
        return HE
    if tensor.initialisation == "counter":
        return COUNTER
    if tensor.initialisation == "uniform" or operator.weighted:
        return TORCH
    return tensor.fill
