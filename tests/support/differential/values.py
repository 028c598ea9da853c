"""What is known of a value while a spec is made: channels as an expression, and how its size came
about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Channels:
    """Channels as a spec writes them, and a number that divides them whatever the parameters are."""

    text: str
    by: int

    @property
    def written(self) -> int | str:
        """As YAML has it."""
        return int(self.text) if self.text.isdigit() else self.text

    @property
    def operand(self) -> str:
        """As part of a larger expression."""
        return self.text if self.text.isidentifier() or self.text.isdigit() else f"({self.text})"

    def times(self, factor: int | str) -> Channels:
        if self.text.isdigit() and isinstance(factor, int):
            return literal(int(self.text) * factor)
        by = self.by * factor if isinstance(factor, int) else self.by
        return Channels(f"{self.operand} * {factor}", by)

    def over(self, divisor: int) -> Channels:
        assert self.by % divisor == 0
        if self.text.isdigit():
            return literal(int(self.text) // divisor)
        return Channels(f"{self.operand} // {divisor}", self.by // divisor)

    def plus(self, other: Channels) -> Channels:
        if self.text.isdigit() and other.text.isdigit():
            return literal(int(self.text) + int(other.text))
        by = next(n for n in (4, 2, 1) if self.by % n == 0 and other.by % n == 0)
        return Channels(f"{self.operand} + {other.operand}", by)

    def at(self, arguments: Arguments) -> int:
        return int(evaluate(self.text, arguments))


def literal(count: int) -> Channels:
    return Channels(str(count), count)


IN_CHANNELS = Channels("in_channels", 4)


def evaluate(text: str, arguments: Arguments) -> Any:
    """An expression of the part of the language that Python shares."""
    return eval(text, {"__builtins__": {}, "max": max, "min": min}, dict(arguments))


@dataclass(frozen=True)
class Step:
    """A window: ``excess`` is what it takes off the size beyond its stride, 0 for half padding.

    The stride is a number or the block's parameter. ``drops`` is a window as long as its stride, without padding and
    rounded down, which leaves the rest at the edge out.
    """

    excess: tuple[int, int] = (0, 0)
    stride: int | str = 1
    drops: bool = False

    def after(self, size: tuple[int, int], arguments: Arguments) -> tuple[int, int]:
        given = arguments["stride"] if self.stride == "stride" else self.stride
        strides = given if isinstance(given, list) else [given, given]
        excess = [s - 1 for s in strides] if self.drops else self.excess
        height, width = (
            (x - e - 1) // s + 1 for x, e, s in zip(size, excess, strides, strict=True)
        )
        return height, width


Steps = tuple[Step, ...]


def extended(steps: Steps, step: Step) -> Steps:
    """One step more; steps without a stride are one, and none where they cancel out."""
    if step.stride == 1 and steps and steps[-1].stride == 1:
        before = steps[-1].excess
        merged = Step((before[0] + step.excess[0], before[1] + step.excess[1]))
        return (*steps[:-1], merged) if any(merged.excess) else steps[:-1]
    if step.stride == 1 and not any(step.excess):
        return steps
    return (*steps, step)


def size_after(steps: Steps, size: tuple[int, int], arguments: Arguments) -> tuple[int, int]:
    for step in steps:
        size = step.after(size, arguments)
    return size


def keeps_rounding_up(steps: Steps) -> bool:
    """Whether the size is the input's over the stride, rounded up: what a subsampling gives."""
    return all(not any(step.excess) and not step.drops for step in steps)


@dataclass(frozen=True)
class Value:
    """A feature map that layers can read."""

    name: str
    channels: Channels
    steps: Steps = ()

    def fits(self, other: Value) -> bool:
        return (self.channels.text, self.steps) == (other.channels.text, other.steps)
