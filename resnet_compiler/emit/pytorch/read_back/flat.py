"""The network's program with every module's own program in its place: one list of calls on numbered values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from resnet_compiler.emit.pytorch.read_back.steps import Lines, Step
from resnet_compiler.emit.pytorch.read_back.values import Program, Value


@dataclass(slots=True)
class Flat:
    """The calls in order; call ``i`` makes value ``i + 1``, and value 0 is the network's input.

    Calls that compute the same thing make the same value, where nothing is learned or random: then the first stands for
    all. ``overwrites`` are the calls that overwrite what they read, ``readers`` how often each value is read.
    ``output`` and ``features`` are what comes out, by its number. ``entered`` are
    the lines in which modules that are no layers are called, by their names. ``again`` are the paths and lines of calls
    that compute what another one does.
    """

    steps: list[Step | None] = field(default_factory=lambda: [None])
    inputs: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    paths: list[str] = field(default_factory=lambda: [""])
    lines: list[Lines | None] = field(default_factory=lambda: [None])
    overwrites: list[int] = field(default_factory=list)
    readers: dict[int, int] = field(default_factory=dict)
    output: Any = None
    features: Any = None
    entered: dict[str, Lines] = field(default_factory=dict)
    again: dict[int, list[tuple[str, Lines | None]]] = field(default_factory=dict)
    by_path: dict[str, list[int]] = field(default_factory=dict)
    by_inputs: dict[Any, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, program: Program) -> Flat:
        """The calls of a network."""
        flat = cls()
        numbers = flat._play(program, "", (0,), None)
        flat.output = _numbered(program.result, numbers)
        flat.features = _numbered(program.features, numbers)
        return flat

    def call(self, number: int, name: str) -> tuple[str, Lines | None]:
        """The module's path and the lines of the call that makes a value; of several, the one of a module of that name."""
        found: list[tuple[str, Lines | None]] = [(self.paths[number], self.lines[number])]
        found += self.again.get(number, ())
        return next((each for each in found if each[0] == name), found[0])

    def times(self) -> Counter[str]:
        """How often each layer is called, by its path."""
        found = Counter(path for path in self.paths if path)
        found.update(path for calls in self.again.values() for path, _ in calls if path)
        return found

    def _play(
        self, program: Program, prefix: str, given: tuple[int, ...], lines: Lines | None
    ) -> list[int]:
        """Add a program's calls; returns the numbers that its values have here."""
        numbers = list(given)
        for item in program.items:
            inputs = tuple([numbers[number] for number in item.inputs])
            path = f"{prefix}.{item.path}" if prefix and item.path else item.path or ""
            here = item.lines or lines
            if isinstance(item.what, Program):
                if here is not None:
                    self.entered[path] = here
                inner = self._play(item.what, path, inputs, here)
                numbers.append(inner[item.what.result.number])
            else:
                numbers.append(self._call(item.what, inputs, path, here, item.overwrites))
        return numbers

    def _call(
        self, step: Step, inputs: tuple[int, ...], path: str, lines: Lines | None, over: bool
    ) -> int:
        for each in inputs:
            self.readers[each] = self.readers.get(each, 0) + 1
        if step.tensors:
            known = self.by_path.setdefault(path, [])
            is_again = step.operator == "parameter"
        else:
            known = self.by_inputs.setdefault((step, inputs), [])
            is_again = not step.is_random
        if known and is_again:
            if over:
                self.overwrites.append(known[0])
            self.again.setdefault(known[0], []).append((path, lines))
            return known[0]
        number = len(self.steps)
        known.append(number)
        self.steps.append(step)
        self.inputs.append(inputs)
        self.paths.append(path)
        self.lines.append(lines)
        if over:
            self.overwrites.append(number)
        return number


def _numbered(result: Any, numbers: list[int]) -> Any:
    if isinstance(result, Value):
        return numbers[result.number]
    if isinstance(result, list | tuple):
        return [_numbered(each, numbers) for each in result]
    return None
