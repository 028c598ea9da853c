"""A list of layers in the making: names, what each reads, and the values that are known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from support.differential.values import IN_CHANNELS, Step, Steps, Value, extended

Layer = dict[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A block's parameter: the default it is declared with, and what can be given instead."""

    default: Any
    choices: tuple[Any, ...]


@dataclass
class Body:
    """The layers of one block. Every move reads ``current`` and leaves a new one, so none is left unused."""

    draw: random.Random
    free: bool = False
    """Whether windows may change the size other than by the stride."""
    helpers: tuple[str, ...] = ()
    """Blocks that layers may use."""
    layers: list[Layer] = field(default_factory=list)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    values: list[Value] = field(default_factory=lambda: [Value("input", IN_CHANNELS)])
    sizes: dict[Steps, int] = field(default_factory=lambda: {(): 1})
    """Every size there is on the way, with the least it must be."""
    last: str = "input"
    used: set[str] = field(default_factory=set)
    compares_stride: bool = False
    dotted: bool = False
    numbered: bool = False
    """Whether layers are called 1, 2, 3."""
    groups: tuple[str, ...] = ("body", "path", "m")
    """What stands before the number in dotted names."""
    _numbers: dict[str, int] = field(default_factory=dict)

    @property
    def current(self) -> Value:
        return self.values[-1]

    def chance(self, probability: float) -> bool:
        return self.draw.random() < probability

    def fresh(self, word: str) -> str:
        """A new name: `conv2`, or where names are dotted `body.3`, now and then with a gap."""
        if self.numbered:
            return self.word("")
        if self.dotted and self.chance(0.7):
            group = self.draw.choice(self.groups)
            number = self._numbers.get(group, 0) + self.draw.choice((0, 0, 0, 0, 2))
            self._numbers[group] = number + 1
            return f"{group}.{number}"
        return self.word(word)

    def word(self, word: str) -> str:
        """A new name of one word."""
        self._numbers[word] = self._numbers.get(word, 0) + 1
        return f"{word}{self._numbers[word]}"

    def parameter(self, name: str, default: Any, *choices: Any) -> str:
        """A parameter of the block, declared where it is first asked for."""
        self.parameters.setdefault(name, Parameter(default, (default, *choices)))
        return name

    def line(
        self,
        word: str,
        arguments: Layer | None = None,
        sources: Sequence[str] | None = None,
        name: str | None = None,
        **more: Any,
    ) -> str:
        """Write a layer; returns its name. It reads the line before unless sources are given."""
        name = name or self.fresh(word)
        reads: Layer = {}
        if sources is not None and (list(sources) != [self.last] or self.chance(0.2)):
            reads = {"from": sources[0] if len(sources) == 1 else list(sources)}
        if arguments or reads or more:
            body = {word: arguments or {}, **reads, **more}
        else:
            body = self.draw.choice((word, word, {word: {}}, {"use": word}))
        self.layers.append({name: body})
        self.last = name
        return name

    def put(
        self,
        word: str,
        arguments: Layer | None = None,
        sources: Sequence[str] | None = None,
        *,
        like: Value | None = None,
        step: Step | None = None,
        channels: Any = None,
        **more: Any,
    ) -> Value:
        """Write a layer whose output is the new current value: like the one before but for what is said."""
        before = like or self.current
        if sources is None:
            sources = [self.current.name]
        name = self.line(word, arguments, sources, **more)
        return self.keep(name, before, step, channels)

    def keep(self, name: str, like: Value, step: Step | None = None, channels: Any = None) -> Value:
        """Make a line that was written the current value."""
        steps = extended(like.steps, step) if step else like.steps
        self.sizes.setdefault(steps, 1)
        self.values.append(Value(name, channels or like.channels, steps))
        return self.current

    def needs(self, size: int) -> None:
        """Say that the current value must have at least so many rows and columns."""
        steps = self.current.steps
        self.sizes[steps] = max(self.sizes.get(steps, 1), size)

    def take(self) -> list[Layer]:
        """The layers written so far; the next ones are another list."""
        taken, self.layers = self.layers, []
        return taken

    def begin_at(self, value: Value) -> None:
        """Begin a list of layers that reads this value first."""
        self.values = [*(each for each in self.values if each != value), value]
        self.last = value.name
