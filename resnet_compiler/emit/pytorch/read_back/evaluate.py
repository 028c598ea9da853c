"""Evaluates expressions of emitted source: Python's own values as they are, modules and tensors as what stands for them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from resnet_compiler.emit.pytorch.read_back import functions
from resnet_compiler.emit.pytorch.read_back.steps import Lines, Step, UnreadableError, within
from resnet_compiler.emit.pytorch.read_back.values import (
    Chunks,
    Dotted,
    Method,
    Program,
    Reference,
    TensorReference,
    Value,
)
from resnet_compiler.emit.pytorch.read_back.world import World

MOST_TURNS = 1_000_000
"""A comprehension over more than this is taken for a fault of its own."""

_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.FloorDiv: operator.floordiv,
        ast.Mod: operator.mod,
    }
)
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Is: operator.is_,
        ast.IsNot: operator.is_not,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
    }
)
_BUILTINS = frozenset(("range", "tuple", "list", "len", "int", "isinstance", "super"))


def lines_of(node: ast.stmt | ast.expr) -> Lines:
    """The first and last line of a piece of source."""
    return node.lineno, node.end_lineno or node.lineno


class Evaluator:
    """Expressions inside one function: its variables, and, in a forward function, the program it adds to.

    Subclasses say what calls do.
    """

    def __init__(self, world: World, variables: dict[str, Any], program: Program | None) -> None:
        self.world = world
        self.variables = variables
        self.program = program
        self.lines: Lines | None = None

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression.

        Raises:
            UnreadableError: it is of a kind, or reads a name or attribute, that has no meaning here.
        """
        kind = _KINDS.get(type(node))
        return kind(self, node) if kind else self._unknown(node)

    def do(self, step: Step, inputs: tuple[Value, ...]) -> Value:
        """Add a step of an expression to the program."""
        if self.program is None:
            raise UnreadableError(f"{step.operator} outside of a forward function")
        return self.program.add(step, inputs, "", self.lines)

    # --- what subclasses say ---

    def call(self, callee: Any, given: tuple[Any, ...], named: dict[str, Any], lines: Lines) -> Any:
        raise NotImplementedError

    def attribute(self, reference: Reference, name: str) -> Any:
        raise NotImplementedError

    def places(self, callee: Any) -> Sequence[str] | None:
        """What the arguments of a call are called, if they are modules: for messages. None where they cannot be any."""
        return None

    def tensor(self, value: Any) -> Any:
        """A learned tensor that is named as the value that it is; anything else as it is."""
        return value

    # --- one method for each kind of expression ---

    def _unknown(self, node: ast.expr) -> Any:
        raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        name = node.id
        if name in self.variables:
            return self.variables[name]
        if name in self.world.names:
            return self.world.names[name]
        if name in _BUILTINS:
            return Dotted(name)
        raise UnreadableError(f"the name {name}", lines_of(node))

    def _attribute(self, node: ast.Attribute) -> Any:
        receiver = self.evaluate(node.value)
        if isinstance(receiver, Dotted):
            return Dotted(f"{receiver.name}.{node.attr}")
        if isinstance(receiver, Reference):
            return self.attribute(receiver, node.attr)
        if isinstance(receiver, Value | list | TensorReference):
            return Method(receiver, node.attr)
        raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))

    def _call(self, node: ast.Call) -> Any:
        callee = self.evaluate(node.func)
        names = self.places(callee)
        given = self._elements(node.args, names)
        named = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))
            with within(keyword.arg if names is not None else ""):
                named[keyword.arg] = self.evaluate(keyword.value)
        try:
            return self.call(callee, tuple(given), named, lines_of(node))
        except UnreadableError as fault:
            fault.lines = fault.lines or lines_of(node)
            raise

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self._elements(node.elts, None))

    def _list(self, node: ast.List) -> Any:
        return self._elements(node.elts, None if self.program else ())

    def _elements(self, nodes: list[ast.expr], names: Sequence[str] | None) -> list[Any]:
        """The values of expressions in a row. ``names`` are those that their modules get, or the numbers in their place."""
        found: list[Any] = []
        for each in nodes:
            number = len(found)
            name = "" if names is None else names[number] if number < len(names) else str(number)
            with within("" if _holds_members(each) else name):
                if isinstance(each, ast.Starred):
                    found += self._iterable(each.value)
                else:
                    found.append(self.evaluate(each))
        return found

    def _dict(self, node: ast.Dict) -> Any:
        found = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))
            name = self.evaluate(key)
            with within(str(name)):
                found[name] = self.evaluate(value)
        return found

    def _iterable(self, node: ast.expr) -> list[Any]:
        return list(self.iterate(self.evaluate(node), node))

    def iterate(self, value: Any, node: ast.expr) -> Iterator[Any]:
        """The elements of a value that a loop or a star goes over."""
        if isinstance(value, Reference) and value.template.children:
            return iter([value.child(name) for name in value.template.children])
        if isinstance(value, list | tuple | range) and len(value) <= MOST_TURNS:
            return iter(value)
        raise UnreadableError(f"a loop over `{ast.unparse(node)}`", lines_of(node))

    def _comprehension(self, node: ast.GeneratorExp | ast.ListComp) -> Any:
        generator, *others = node.generators
        if others or not isinstance(generator.target, ast.Name):
            raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))
        kept = dict(self.variables)
        found = []
        for element in self._iterable(generator.iter):
            self.variables[generator.target.id] = element
            if all(self.truth(condition) for condition in generator.ifs):
                found.append(self.evaluate(node.elt))
        self.variables = kept
        return found

    def _binary(self, node: ast.BinOp) -> Any:
        left = self.tensor(self.evaluate(node.left))
        right = self.tensor(self.evaluate(node.right))
        if isinstance(left, Value) or isinstance(right, Value):
            return functions.operate(self.world.steps, self.do, node.op, left, right)
        if isinstance(node.op, ast.BitOr) and not isinstance(left, int):
            return (*self._classes(left), *self._classes(right))
        if type(node.op) in _ARITHMETIC and _are_numbers(left, right):
            return _ARITHMETIC[type(node.op)](left, right)
        raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))

    def _classes(self, value: Any) -> tuple[Any, ...]:
        return value if isinstance(value, tuple) else (value,)

    def _unary(self, node: ast.UnaryOp) -> Any:
        value = self.tensor(self.evaluate(node.operand))
        if isinstance(node.op, ast.USub) and isinstance(value, Value):
            return functions.negated(self.world.steps, self.do, value)
        if isinstance(node.op, ast.Not):
            return not self._truth(value, node)
        if isinstance(node.op, ast.USub) and _are_numbers(value):
            return -value
        raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))

    def _compare(self, node: ast.Compare) -> Any:
        left = self.evaluate(node.left)
        (right,) = [self.evaluate(each) for each in node.comparators[:1]]
        if len(node.ops) > 1 or type(node.ops[0]) not in _COMPARISONS or isinstance(left, Value):
            raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))
        return _COMPARISONS[type(node.ops[0])](left, right)

    def _boolean(self, node: ast.BoolOp) -> Any:
        found = (self.truth(each) for each in node.values)
        return all(found) if isinstance(node.op, ast.And) else any(found)

    def _choice(self, node: ast.IfExp) -> Any:
        return self.evaluate(node.body if self.truth(node.test) else node.orelse)

    def truth(self, node: ast.expr) -> bool:
        """Whether a condition holds; it must not depend on a tensor."""
        return self._truth(self.evaluate(node), node)

    def _truth(self, value: Any, node: ast.expr) -> bool:
        if value is None or isinstance(value, bool | int | float | str):
            return bool(value)
        raise UnreadableError(f"the condition `{ast.unparse(node)}`", lines_of(node))

    def _subscript(self, node: ast.Subscript) -> Any:
        value = self.evaluate(node.value)
        index = self.evaluate(node.slice)
        if isinstance(value, Reference):
            key = str(index)
            if value.template.children and isinstance(index, int | str):
                if isinstance(index, int) and index < 0:
                    key = str(len(value.template.children) + index)
                if key in value.template.children:
                    return value.child(key)
            value = self.tensor(value)
        if isinstance(value, Value | Chunks):
            return functions.indexed(self.world.steps, self.do, value, index)
        is_there = isinstance(index, int) and isinstance(value, list | tuple)
        if is_there and -len(value) <= index < len(value):
            return value[index]
        raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))

    def _slice(self, node: ast.Slice) -> Any:
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if part is None else self.evaluate(part) for part in parts))


def _holds_members(node: ast.expr) -> bool:
    """Whether an expression is brackets around the members of a container, and so no member itself."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "OrderedDict"
    return isinstance(node, ast.List | ast.Dict)


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) for value in values)


_KINDS: Mapping[type[ast.expr], Callable[[Evaluator, Any], Any]] = MappingProxyType(
    {
        ast.Constant: Evaluator._constant,
        ast.Name: Evaluator._name,
        ast.Attribute: Evaluator._attribute,
        ast.Call: Evaluator._call,
        ast.Tuple: Evaluator._tuple,
        ast.List: Evaluator._list,
        ast.Dict: Evaluator._dict,
        ast.GeneratorExp: Evaluator._comprehension,
        ast.ListComp: Evaluator._comprehension,
        ast.BinOp: Evaluator._binary,
        ast.UnaryOp: Evaluator._unary,
        ast.Compare: Evaluator._compare,
        ast.BoolOp: Evaluator._boolean,
        ast.IfExp: Evaluator._choice,
        ast.Subscript: Evaluator._subscript,
        ast.Slice: Evaluator._slice,
    }
)
