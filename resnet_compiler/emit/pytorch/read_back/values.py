"""What names stand for while emitted source is read: modules that were constructed, tensors under way, and the like."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resnet_compiler.emit.pytorch.read_back.signatures import Layer, Signature
from resnet_compiler.emit.pytorch.read_back.steps import Initial, Lines, Step, UnreadableError


@dataclass(frozen=True, slots=True)
class Dotted:
    """Something of PyTorch or Python by its full name, such as ``torch.nn.Conv2d``."""

    name: str


@dataclass(slots=True, eq=False)
class Definition:
    """A class of the source: its methods, and what its constructor takes, once that is known."""

    name: str
    base: str
    methods: Mapping[str, ast.FunctionDef]
    signature: Signature | None = None


@dataclass(slots=True, eq=False)
class Template:
    """What a construction makes: a layer, a container or an instance of an emitted class.

    Instances that are constructed alike share one template. ``writes`` are the tensors that `reset_parameters` fills
    when it comes to a module of this template, by the layer's path inside it. ``program`` is what its forward computes.
    """

    kind: str
    bases: tuple[str, ...] = ()
    layer: Layer | None = None
    definition: Definition | None = None
    children: dict[str, Made] = field(default_factory=dict)
    stored: dict[str, Any] = field(default_factory=dict)
    hooks: list[str] = field(default_factory=list)
    writes: dict[str, dict[str, Initial]] = field(default_factory=dict)
    final_writes: dict[str, dict[str, Initial]] = field(default_factory=dict)
    program: Program | None = None
    tensors: int = -1

    def is_a(self, name: str) -> bool:
        """Whether it is an instance of a class, by the class's full name."""
        return name == self.kind or name in self.bases


@dataclass(slots=True, eq=False)
class Made:
    """One module: what was constructed, and in which lines. It has one place in the tree of modules."""

    template: Template
    lines: Lines
    placed: bool = False

    def place(self) -> Made:
        """Give it its place.

        Raises:
            UnreadableError: it has one; two names of one module would share its weights.
        """
        if self.placed:
            raise UnreadableError(f"one {self.template.kind} stands in two places", self.lines)
        self.placed = True
        return self


@dataclass(frozen=True, slots=True)
class Reference:
    """A module as ``self.layer1[0]`` names it: its path inside the module ``owner``."""

    template: Template
    path: str
    owner: Template

    def child(self, name: str) -> Reference:
        made = self.template.children[name]
        return Reference(made.template, f"{self.path}.{name}" if self.path else name, self.owner)

    def submodule(self, *given: Any) -> Reference:
        """What ``get_submodule("a.b")`` gives.

        Raises:
            UnreadableError: there is none of that path.
        """
        found = self
        for name in str(given[0]).split(".") if len(given) == 1 else [""]:
            if name not in found.template.children:
                raise UnreadableError(f"there is no {given} in {self.path or 'the module'}")
            found = found.child(name)
        return found


@dataclass(frozen=True, slots=True)
class TensorReference:
    """A layer's tensor, as ``module.bn3.weight`` names it."""

    reference: Reference
    name: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A new tensor of one number: ``torch.zeros(64)``."""

    shape: tuple[Any, ...]
    value: Any


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor that forward works with, by its number in the program."""

    number: int


@dataclass(frozen=True, slots=True)
class Chunks:
    """What ``chunk`` gives: equal parts of a value."""

    value: Value
    count: Any
    dim: Any


@dataclass(frozen=True, slots=True)
class Method:
    """A method that is bound to what it is called on."""

    receiver: Any
    name: str


@dataclass(slots=True, eq=False)
class Item:
    """One value of a program: a step, or a module's own program, on values by their numbers.

    ``path`` is the module's, from the module whose program it is; "" for an expression. ``lines`` are those of the
    statement, or None where a container calls its members: then they are those of its own call.
    """

    what: Step | Program
    inputs: tuple[int, ...]
    path: str
    lines: Lines | None
    overwrites: bool = False


@dataclass(slots=True, eq=False)
class Program:
    """What a module computes: values 0 … ``inputs`` - 1 come in, and each item makes the next one.

    ``features`` is what `forward_features` returned on the way, where there is one.
    """

    inputs: int
    items: list[Item] = field(default_factory=list)
    result: Any = None
    features: Any = None

    def add(
        self,
        what: Step | Program,
        inputs: tuple[Value, ...],
        path: str,
        lines: Lines | None,
        overwrites: bool = False,
    ) -> Value:
        """Add an item; returns its value."""
        numbers = tuple(value.number for value in inputs)
        self.items.append(Item(what, numbers, path, lines, overwrites))
        return Value(self.inputs + len(self.items) - 1)
