"""Arithmetic over a block's parameters: parsed with `ast`, held to a short list of nodes and functions, never `eval`."""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from resnet_compiler.spelling import surely_meant
from resnet_compiler.syntax import parse_expression

MAXIMUM_LENGTH = 500
MAXIMUM_NESTING = 200
"""How deep parentheses, signs and sums may nest: ``a + b + c`` is two deep."""
MAXIMUM_MAGNITUDE = 2**53
"""Beyond this a float no longer holds every integer, and no network has such a number."""


class ExpressionError(Exception):
    """The expression cannot be read or evaluated. ``word`` is the unknown name in it, if that is the reason.

    ``known`` are the words that could stand in its place, where the names of values could not.
    """

    def __init__(self, reason: str, word: str | None = None, known: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.word = word
        self.known = known


def make_divisible(value: float, divisor: int, round_limit: float = 0.9) -> int:
    """The multiple of ``divisor`` nearest to ``value``, at least one, and not below ``round_limit`` × value.

    The rule of MobileNet (Howard et al. 2017), used for the widths of gates; ``round_limit`` 0 rounds to the nearest.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return int(rounded + divisor) if rounded < round_limit * value else int(rounded)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "log2": math.log2,
    "make_divisible": make_divisible,
    "max": max,
    "min": min,
    "round": round,
    "sqrt": math.sqrt,
}
"""The functions an expression may call."""

_OPERATIONS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ALLOWED = {
    *_OPERATIONS,
    *(ast.BinOp, ast.Compare, ast.UnaryOp, ast.USub, ast.Not, ast.BoolOp, ast.And, ast.Or),
    *(ast.IfExp, ast.Call, ast.Name, ast.Load, ast.Constant, ast.Subscript),
}
_ENDS = {ast.Name, ast.Constant}
CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "none": None}
"""The words of an expression that are values."""
KEYWORDS = ("and", "or", "not", "if", "else")
"""The words of an expression that stand between values."""

Lookup = Callable[[str], Any]


def evaluate(text: str, lookup: Lookup) -> Any:
    """The value of an expression. ``lookup`` gives a name's value and raises KeyError for one it does not know.

    Raises:
        ExpressionError: not an expression, a construct or name that is not allowed, or no finite result.
    """
    try:
        return _value(_parse(text)[0], lookup)
    except ZeroDivisionError:
        raise ExpressionError("it divides by zero") from None
    except (OverflowError, ValueError):
        raise ExpressionError("it has no finite value") from None
    except TypeError:
        raise ExpressionError("it computes with something that is not a number") from None
    except RecursionError:
        raise ExpressionError("it nests too deeply") from None


def shown(value: object) -> str:
    """A value as an expression would have it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, tuple):
        plain = len(value) <= 8 and not any(isinstance(each, tuple) for each in value)
        return f"[{', '.join(map(shown, value))}]" if plain else f"a list of {len(value):,}"
    return (
        "none"
        if value is None
        else str(value).lower()
        if value is True or value is False
        else str(value)
    )


def names_in(text: str) -> tuple[str, ...]:
    """The names an expression reads, the outer ones first; empty when it is no expression."""
    try:
        return _parse(text)[1]
    except ExpressionError:
        return ()


@lru_cache(maxsize=512)
def _parse(text: str) -> tuple[ast.expr, tuple[str, ...]]:
    """The syntax tree of an expression, every node of it on the list of those allowed, and the names in it."""
    if len(text) > MAXIMUM_LENGTH:
        raise ExpressionError(f"it is longer than {MAXIMUM_LENGTH} characters")
    if not text.isascii():  # Python would read `ｗidth`, with another w, as `width`
        raise ExpressionError("only letters from a to z, digits and signs can stand in it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python has to say of `1or 2`
            tree = parse_expression(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        slip = _keyword_slip(text)
        raise ExpressionError("it is not an arithmetic expression", slip, KEYWORDS) from None
    names: dict[str, None] = {}
    level: list[ast.AST] = [tree]
    depth = 0
    while level:
        depth += 1
        if depth > MAXIMUM_NESTING:  # working out its value would go as deep
            raise ExpressionError(f"it nests deeper than {MAXIMUM_NESTING} levels")
        names |= {node.id: None for node in level if isinstance(node, ast.Name)}
        level = [below for node in level for below in _parts(node)]
    return tree, tuple(names)


def _keyword_slip(text: str) -> str | None:
    """The word of a text that is one slip away from a word such as `else`, and no expression for that reason alone."""
    words: list[str] = re.findall(r"[A-Za-z_]\w*", text)
    for word in dict.fromkeys(words):
        meant = surely_meant(word, KEYWORDS)
        if meant is not None and word not in KEYWORDS and _is_expression(text, word, meant):
            return word
    return None


def _is_expression(text: str, word: str, meant: str) -> bool:
    """Whether a text is an expression with a word in the place of another."""
    try:
        parse_expression(re.sub(rf"\b{word}\b", meant, text).strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def _parts(node: ast.AST) -> list[ast.AST]:
    """What a node is made of, after a look at the node itself."""
    kind = type(node)
    if isinstance(node, ast.Constant) and type(node.value) not in (int, float):
        raise ExpressionError("only numbers, names and `true`, `false`, `none` can stand in it")
    if isinstance(node, ast.Call):
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise ExpressionError("only the functions of the language can be called")
        if node.func.id not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            reason = f"there is no function `{node.func.id}`; there are {known}"
            raise ExpressionError(reason, node.func.id, tuple(FUNCTIONS))
        return list(node.args)
    if kind not in _ALLOWED or (isinstance(node, ast.Compare) and len(node.ops) > 1):
        raise ExpressionError(
            "only arithmetic, comparisons, `and`, `or`, `not` and `a if b else c` are read"
        )
    found: list[ast.AST] = []
    for name in () if kind in _ENDS else kind._fields:
        part = getattr(node, name)
        found += part if isinstance(part, list) else [part]
    return found


def _value(node: ast.AST, lookup: Lookup) -> Any:
    match node:
        case ast.Constant(value=value):
            return _bounded(value)
        case ast.Name(id=name):
            return CONSTANTS[name] if name in CONSTANTS else _look_up(name, lookup)
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _number(_value(left, lookup)), _number(_value(right, lookup))
            if isinstance(op, ast.Pow) and abs(b) > 64:  # so that no huge number is ever computed
                raise OverflowError
            return _bounded(_OPERATIONS[type(op)](a, b))
        case ast.Compare(left=left, ops=[comparison], comparators=[right]):
            return _OPERATIONS[type(comparison)](_value(left, lookup), _value(right, lookup))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(_value(operand, lookup))
        case ast.UnaryOp(operand=operand):
            return not _value(operand, lookup)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(value, lookup) for value in values)
        case ast.BoolOp(values=values):
            return any(_value(value, lookup) for value in values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, lookup) else orelse, lookup)
        case ast.Subscript(value=row, slice=place):
            values, index = _value(row, lookup), _value(place, lookup)
            if not isinstance(values, tuple) or not 0 <= _number(index) < len(values):
                raise ExpressionError("there is no such entry in the list")
            return values[int(index)]
        case ast.Call(func=ast.Name(id=name), args=arguments):
            numbers = [_number(_value(argument, lookup)) for argument in arguments]
            try:
                return _bounded(FUNCTIONS[name](*numbers))
            except TypeError:
                raise ExpressionError(f"`{name}` takes another number of arguments") from None
    raise AssertionError(f"not on the list of allowed nodes: {node!r}")


def _look_up(name: str, lookup: Lookup) -> Any:
    try:
        return lookup(name)
    except KeyError:
        raise ExpressionError(f"nothing is called `{name}` here", name) from None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value


def _bounded(value: Any) -> Any:
    if isinstance(value, complex) or not -MAXIMUM_MAGNITUDE <= value <= MAXIMUM_MAGNITUDE:
        raise OverflowError
    return value
