"""Constructor calls as trees whose leaves are values: what is compared between instances, and what is written out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from typing import Literal as Literal_

from resnet_compiler.operators.base import REQUIRED, Argument


class Open(int):
    """A number that whoever makes the network may choose: it equals its default, and knows the network's parameter.

    Instances of a class that have one there are told it by a parameter of theirs, so that it comes down from the network.
    """

    parameter: str

    @classmethod
    def of(cls, value: int, parameter: str) -> Open:
        found = cls(value)
        found.parameter = parameter
        return found


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written as its ``repr``."""

    value: Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A constructor parameter of the class being written."""

    name: str


@dataclass(frozen=True, slots=True)
class Given:
    """An argument of a call. It is left out when it is a literal equal to ``default``."""

    name: str
    value: Tree
    default: Any = REQUIRED
    positional: bool = False

    @property
    def is_default(self) -> bool:
        if not isinstance(self.value, Literal) or isinstance(self.value.value, Open):
            return False
        return bool(self.value.value == self.default)


@dataclass(frozen=True, slots=True)
class New:
    """A constructor call."""

    callee: str
    arguments: tuple[Given, ...] = ()


Brackets = Literal_["nn.Sequential", "list", "dict", "OrderedDict", "super().__init__"]


@dataclass(frozen=True, slots=True)
class Children:
    """Modules in a row, in brackets of a kind; "dict" and "OrderedDict" write the keys."""

    kind: Brackets
    keys: tuple[str, ...]
    modules: tuple[Tree, ...]


Tree = Literal | Reference | New | Children


def new(callee: str, arguments: tuple[Argument, ...]) -> New:
    """The call of an operator's module."""
    return New(
        callee,
        tuple(Given(a.name, Literal(a.value), a.default, a.positional) for a in arguments),
    )


def leaves(tree: Tree, hint: str = "") -> Iterator[tuple[str, Any]]:
    """Every literal in a tree, left to right, with a hint of what it is: the argument's name."""
    match tree:
        case Literal(value=value):
            yield hint, value
        case New(arguments=arguments):
            for given in arguments:
                yield from leaves(given.value, given.name)
        case Children(modules=modules):
            for module in modules:
                yield from leaves(module, hint)


def replace_leaves(tree: Tree, replace: Callable[[], Tree]) -> Tree:
    """The tree with every literal replaced, in the order of `leaves`."""
    match tree:
        case Literal():
            return replace()
        case New(callee=callee, arguments=arguments):
            given = tuple(
                Given(g.name, replace_leaves(g.value, replace), g.default, g.positional)
                for g in arguments
            )
            return New(callee, given)
        case Children(kind=kind, keys=keys, modules=modules):
            return Children(kind, keys, tuple(replace_leaves(m, replace) for m in modules))
    return tree


def opened(tree: Tree) -> Tree:
    """The network's own tree: what may be chosen is written as the parameter that it is."""
    found = iter([value for _, value in leaves(tree)])

    def written() -> Tree:
        value = next(found)
        return Reference(value.parameter) if isinstance(value, Open) else Literal(value)

    return replace_leaves(tree, written)


def skeleton(tree: Tree) -> Tree:
    """The tree with every value taken out: two trees with one skeleton differ in numbers alone."""
    return replace_leaves(tree, lambda: Literal(None))


def container(kind: str, children: Children) -> New:
    """``nn.ModuleList([…])``, ``nn.ModuleDict({…})`` or ``nn.Sequential(OrderedDict(…))``."""
    return New(kind, (Given("modules", children, positional=True),))
