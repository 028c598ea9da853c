"""What PyTorch's functions, the methods of tensors and Python's operators on them mean, as steps.

Signatures and defaults are those of PyTorch's documentation (torch, torch.Tensor, torch.nn.functional).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from resnet_compiler.emit.pytorch.read_back.signatures import REQUIRED, Signature, bound
from resnet_compiler.emit.pytorch.read_back.steps import Step, Steps, UnreadableError
from resnet_compiler.emit.pytorch.read_back.values import Chunks, Value

Do = Callable[[Step, tuple[Value, ...]], Value]
"""Adds a step on values to the program; returns its result."""
Row = tuple[Signature, Callable[[Steps, Do, Any, dict[str, Any]], Any]]


def _tuple(dims: Any) -> Any:
    return (dims,) if isinstance(dims, int) else dims


def _flatten(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Value:
    return do(steps("flatten", first=a["start_dim"], last=a["end_dim"]), (x,))


def _unflatten(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Value:
    return do(steps("unflatten", dim=a["dim"], sizes=a["sizes"]), (x,))


def _reduce(by: str) -> Callable[[Steps, Do, Value, dict[str, Any]], Value]:
    def read(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Value:
        step = steps(
            "reduce",
            by=by,
            over=_tuple(a["dim"]),
            keepdim=a["keepdim"],
            correction=a.get("correction"),
        )
        return do(step, (x,))

    return read


def _power(exponent: float | None) -> Callable[[Steps, Do, Value, dict[str, Any]], Value]:
    def read(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Value:
        given = a["exponent"] if exponent is None else exponent
        return do(steps("power", exponent=given), (x,))

    return read


def _chunk(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Chunks:
    return Chunks(x, a["chunks"], a["dim"])


def _softmax(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Value:
    return do(steps("softmax", dim=a["dim"]), (x,))


def _view_as(steps: Steps, do: Do, x: Value, a: dict[str, Any]) -> Value:
    return do(steps("view as"), _values(x, a["other"]))


def _values(*given: Any) -> tuple[Value, ...]:
    if not given or not all(isinstance(each, Value) for each in given):
        raise UnreadableError(f"{given} are not all tensors")
    return given


METHODS: Mapping[str, Row] = MappingProxyType(
    {
        "flatten": ((("start_dim", 0), ("end_dim", -1)), _flatten),
        "unflatten": ((("dim", REQUIRED), ("sizes", REQUIRED)), _unflatten),
        "mean": ((("dim", None), ("keepdim", False)), _reduce("mean")),
        "sum": ((("dim", None), ("keepdim", False)), _reduce("sum")),
        "amax": ((("dim", ()), ("keepdim", False)), _reduce("max")),
        "var": ((("dim", None), ("correction", 1), ("keepdim", False)), _reduce("variance")),
        "square": ((), _power(2)),
        "sqrt": ((), _power(0.5)),
        "rsqrt": ((), _power(-0.5)),
        "reciprocal": ((), _power(-1)),
        "pow": ((("exponent", REQUIRED),), _power(None)),
        "chunk": ((("chunks", REQUIRED), ("dim", 0)), _chunk),
        "softmax": ((("dim", REQUIRED),), _softmax),
        "view_as": ((("other", REQUIRED),), _view_as),
    }
)
"""The methods of a tensor that emitted source calls."""


def _cat(steps: Steps, do: Do, x: Any, a: dict[str, Any]) -> Value:
    return do(steps("concat", dim=a["dim"]), _values(*a["tensors"]))


def _maximum(steps: Steps, do: Do, x: Any, a: dict[str, Any]) -> Value:
    return do(steps("maximum"), _values(a["input"], a["other"]))


def _pad(steps: Steps, do: Do, x: Any, a: dict[str, Any]) -> Value:
    sides = (*a["pad"], *(0,) * (6 - len(a["pad"])))
    step = steps("pad", sides=sides, mode=a["mode"], value=a["value"] or 0)
    return do(step, _values(a["input"]))


FUNCTIONS: Mapping[str, Row] = MappingProxyType(
    {
        "torch.cat": ((("tensors", REQUIRED), ("dim", 0)), _cat),
        "torch.maximum": ((("input", REQUIRED), ("other", REQUIRED)), _maximum),
        "torch.nn.functional.pad": (
            (("input", REQUIRED), ("pad", REQUIRED), ("mode", "constant"), ("value", None)),
            _pad,
        ),
    }
)
"""The functions that emitted source calls, by their full names."""


def method(
    steps: Steps, do: Do, receiver: Value, name: str, given: tuple[Any, ...], named: dict[str, Any]
) -> Any:
    """The result of a tensor's method."""
    if name not in METHODS:
        raise UnreadableError(f"no meaning is known of a tensor's method {name}")
    signature, read = METHODS[name]
    return read(steps, do, receiver, bound(name, signature, given, named))


def function(steps: Steps, do: Do, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """The result of a function of PyTorch's."""
    if name not in FUNCTIONS:
        raise UnreadableError(f"no meaning is known of {name}")
    signature, read = FUNCTIONS[name]
    return read(steps, do, None, bound(name, signature, given, named))


def operate(steps: Steps, do: Do, operator: ast.operator, left: Any, right: Any) -> Value:
    """The result of a binary operator of which at least one side is a tensor."""
    match operator, left, right:
        case ast.Add(), Value(), Value():
            return do(steps("add"), (left, right))
        case ast.Mult(), Value(), Value():
            return do(steps("mul"), (left, right))
        case ast.Add(), Value(), int() | float():
            return do(steps("shift by a constant", offset=right), (left,))
        case ast.Add(), int() | float(), Value():
            return do(steps("shift by a constant", offset=left), (right,))
        case ast.Sub(), Value(), int() | float():
            return do(steps("shift by a constant", offset=-right), (left,))
        case ast.Sub(), int() | float(), Value():
            return do(steps("shift by a constant", offset=left), (negated(steps, do, right),))
        case ast.Mult(), Value(), int() | float():
            return do(steps("scale", factor=right), (left,))
        case ast.Mult(), int() | float(), Value():
            return do(steps("scale", factor=left), (right,))
        case ast.Pow(), Value(), int() | float():
            return do(steps("power", exponent=right), (left,))
    given = tuple(each for each in (left, right) if isinstance(each, Value))
    other = [each for each in (left, right) if not isinstance(each, Value)]
    return do(steps(type(operator).__name__, constants=tuple(other)), given)


def negated(steps: Steps, do: Do, value: Value) -> Value:
    """Minus a tensor."""
    return do(steps("scale", factor=-1), (value,))


def indexed(steps: Steps, do: Do, value: Any, index: Any) -> Value:
    """A tensor, or what `chunk` gave, with brackets behind it."""
    if isinstance(value, Chunks):
        step = steps("part", index=index, of=value.count, dim=value.dim)
        return do(step, (value.value,))
    given = index if isinstance(index, tuple) else (index,)
    whole = slice(None, None, None)
    match given:
        case (slice() as a, slice() as b, slice() as c, slice() as d) if (
            (a, b) == (whole, whole)
            and c == slice(None, None, c.step)
            and d == slice(None, None, d.step)
        ):
            return do(steps("subsample", stride=(c.step or 1, d.step or 1)), (value,))
        case (slice() as a, slice() as b) if a == whole and b.step is None:
            return do(steps("part", start=b.start or 0, stop=b.stop, dim=1), (value,))
    written = tuple(_index(each) for each in given)
    return do(steps("view", index=written), (value,))


def _index(each: Any) -> Any:
    if not isinstance(each, slice):
        return each
    if each.step is None and each.start is None and each.stop is None:
        return ":"
    return (each.start, each.stop, each.step)
