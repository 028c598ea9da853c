"""The statements of a forward function: steps nested into expressions where a person would nest them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from resnet_compiler.emit.names import variable
from resnet_compiler.emit.pytorch.bodies import Slot, Step
from resnet_compiler.emit.pytorch.constructors import Literal, Reference
from resnet_compiler.emit.pytorch.layout import INDENT, WIDTH, literal

TIGHTNESS = {"any": 0, "sum": 1, "product": 2, "atom": 3}
RESERVED = ("self", "nn", "torch", "F", "Tensor", "OrderedDict", "features", "stage", "shortcut")
SHORT = 40
"""An arithmetic expression up to this long may stand inside another."""
ROOM = 2 * len(INDENT) + len("shortcut = ")


SHORTCUT = "<shortcut>"
"""The shortcut's value; no layer can have that name."""


def with_shortcut(
    identity: str, steps: Sequence[Step], join: str, slot: Slot | None, optional: bool
) -> list[Step]:
    """The steps with the shortcut as one of them, right after what it reads, and the add reading it.

    Args:
        identity: the value that is added where no module stands in the slot.
        steps, join: of the block's body; the add is the step that gives ``join``.
        slot: the module's place and the value that it reads; None where no instance has one.
        optional: whether some instances have no module there.
    """
    if slot is None:
        shortcut = Step((SHORTCUT,), (identity,), SHORTCUT, template="{0}")
    elif not optional:
        shortcut = Step((SHORTCUT,), (slot.source,), SHORTCUT, template=f"self.{slot.name}({{0}})")
    else:
        choice = f"{{0}} if self.{slot.name} is None else self.{slot.name}({{1}})"
        shortcut = Step((SHORTCUT,), (identity, slot.source), SHORTCUT, template=choice)
    result = [
        replace(step, inputs=(step.inputs[0], SHORTCUT)) if step.output == join else step
        for step in steps
    ]
    read = (*([slot.source] if slot else []), *([identity] if optional or not slot else []))
    after = max((i + 1 for i, step in enumerate(result) if step.output in read), default=0)
    return [*result[:after], shortcut, *result[after:]]


class Statements:
    """Writes steps as statements. ``x`` is the value that runs along; other values are named after their layers."""

    def __init__(
        self, variables: Mapping[str, str], steps: Sequence[Step], results: Iterable[str]
    ) -> None:
        self._steps = steps
        self._results = tuple(results)
        self._uses = Counter(name for step in steps for name in step.inputs)
        self._uses.update(self._results)
        self._left = Counter(self._uses)
        self._variables = dict(variables)
        self._pending: dict[str, tuple[Step, str]] = {}
        self.lines: list[str] = []

    def write(self) -> list[str]:
        """The statements; every result is then held by a variable or can be written by `final`."""
        for index, step in enumerate(self._steps):
            text = self._text(step)
            self._left.subtract(step.inputs)
            self._pending[step.output] = (step, text)
            if not self._stays_pending(step, text, self._steps[index + 1 :]):
                self._assign(step.output)
        return self.lines

    def final(self, value: str) -> str:
        """The expression for a value that is returned."""
        return self._pending[value][1] if value in self._pending else self._variables[value]

    def _text(self, step: Step) -> str:
        """The step's expression; where it would be too long, its operands are written out first."""
        for position, name in enumerate(step.inputs):
            if step.template.count(f"{{{position}}}") > 1 and name in self._pending:
                self._assign(name)  # what is read twice is worked out once
        text = _expression(step, [self._operand(name) for name in step.inputs])
        if len(text) + ROOM > WIDTH:
            for name in step.inputs:
                if name in self._pending:
                    self._assign(name)
            text = _expression(step, [self._operand(name) for name in step.inputs])
        for name in dict.fromkeys(step.inputs):
            self._pending.pop(name, None)
        return text

    def _operand(self, name: str) -> tuple[str, str]:
        if name in self._pending:
            step, text = self._pending[name]
            return text, step.binds
        return self._variables[name], "atom"

    def _stays_pending(self, step: Step, text: str, following: Sequence[Step]) -> bool:
        """Whether a value is best written inside the expression that uses it: a chain, up to its activation."""
        if step.path == (SHORTCUT,):
            return False
        if not step.inputs:  # a learned tensor is written where it is used
            return self._uses[step.output] == 1
        if not following:
            return step.output in self._results
        takes = following[0]
        if self._uses[step.output] != 1 or takes.path == (SHORTCUT,) or step.can_overwrite:
            return False
        is_short = bool(step.template) and len(text) <= SHORT
        if takes.template and takes.operands == "atom":
            return takes.inputs == (step.output,) and (is_short or step.template == "")
        return takes.inputs == (step.output,) or (step.output in takes.inputs and is_short)

    def _assign(self, name: str) -> None:
        step, text = self._pending.pop(name)
        target = self._target(step)
        if text != target:
            self.lines += _broken(f"{target} = ", step, text)
        self._variables[name] = target

    def _target(self, step: Step) -> str:
        """The variable for a step's value: ``x`` where the value in x is needed no more."""
        if step.path == (SHORTCUT,):
            return "shortcut"
        holder = next((value for value, held in self._variables.items() if held == "x"), None)
        if holder is None or self._left[holder] <= 0:
            self._variables.pop(holder or "", None)
            return "x"
        dead = [v for v, left in self._left.items() if left <= 0 and v != step.output]
        for value in dead:
            self._variables.pop(value, None)
        return variable("_".join(step.path), {*self._variables.values(), *RESERVED})


def _broken(prefix: str, step: Step, text: str) -> list[str]:
    """A statement on one line, or with its call's argument on a line of its own where names are very long."""
    call = f"self.{step.attribute}("
    if (
        len(prefix + text) + 2 * len(INDENT) <= WIDTH
        or step.tree is None
        or not text.startswith(call)
    ):
        return [prefix + text]
    return [prefix + call, f"{INDENT}{text[len(call) : -1]},", ")"]


def _expression(step: Step, operands: Sequence[tuple[str, str]]) -> str:
    """A step's expression over its operands, each a text and how tightly it holds together."""
    if step.view is not None:
        return f"self.{step.attribute}{step.view}"
    if step.tree is not None:
        first = step.input_format.format(_bracketed(operands[0], step.input_format))
        return f"self.{step.attribute}({', '.join([first, *(text for text, _ in operands[1:])])})"
    needed = TIGHTNESS[step.operands]
    texts = [text if TIGHTNESS[binds] >= needed else f"({text})" for text, binds in operands]
    values = {}
    for given in step.arguments:
        if isinstance(given.value, Reference):
            values[given.name] = f"self.{given.value.name}"
        elif isinstance(given.value, Literal):
            values[given.name] = literal(given.value.value)
    return step.template.format(*texts, **values)


def _bracketed(operand: tuple[str, str], input_format: str) -> str:
    text, binds = operand
    return text if binds == "atom" or input_format == "{}" else f"({text})"
