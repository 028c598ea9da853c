"""Columns and their names: what differs between instances laid side by side becomes a parameter, named after what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from resnet_compiler.emit.names import parameter_name, unique
from resnet_compiler.emit.pytorch.constructors import Given, Literal, Open, Reference, Tree
from resnet_compiler.graph import Scope
from resnet_compiler.operators.base import REQUIRED

CHANNEL_ARGUMENTS = frozenset(
    ("in_channels", "out_channels", "num_features", "num_channels", "in_features", "out_features")
)
WINDOW_ARGUMENTS = frozenset(("kernel_size", "padding", "dilation", "groups", "kernel"))
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A constructor parameter: its name, its type as written, its default (REQUIRED for none)."""

    name: str
    annotation: str
    default: Any = REQUIRED

    @property
    def is_positional(self) -> bool:
        """Whether calls write it without its name: channels, widths and strides, not sizes of windows and the like."""
        return self.name == "stride" or (
            self.default == REQUIRED and self.name not in WINDOW_ARGUMENTS
        )


@dataclass(frozen=True, slots=True)
class Context:
    """What names the columns of one set of instances: their scopes, and channels in and out by instance."""

    scopes: tuple[Scope, ...]
    channels_in: tuple[Any, ...]
    channels_out: tuple[Any, ...]


def unify(
    rows: Sequence[Sequence[tuple[str, Any]]], context: Context, reserved: Iterable[str] = ()
) -> tuple[list[Parameter], list[Tree], list[list[Any]]]:
    """Parameters, the leaves that replace the first instance's, and each instance's argument values."""
    names: dict[tuple[Any, ...], str] = {}
    replacement: list[Tree] = []
    for cells in zip(*rows, strict=True):
        values = tuple(value for _, value in cells)
        if all(same(value, values[0]) for value in values) and not isinstance(values[0], Open):
            replacement.append(Literal(values[0]))
            continue
        key = tuple((type(value), value) for value in values)
        if key not in names:
            names[key] = _parameter_name(cells[0][0], values, context, [*names.values(), *reserved])
        replacement.append(Reference(names[key]))
    columns = [(name, [value for _, value in key]) for key, name in names.items()]
    parameters = [(_parameter(name, values, context), values) for name, values in columns]
    parameters.sort(key=lambda p: p[0].default != REQUIRED)  # stable: those with a default go last
    calls = [[values[i] for _, values in parameters] for i in range(len(rows))]
    return [parameter for parameter, _ in parameters], replacement, calls


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _parameter_name(hint: str, values: tuple[Any, ...], context: Context, taken: Any) -> str:
    """What a column is called: the channels in or out, a parameter of the block, or the argument it fills."""
    attribute, _, argument = hint.rpartition(".")
    candidates = []
    if argument in CHANNEL_ARGUMENTS:
        candidates += ["in_channels"] if values == context.channels_in else []
        candidates += ["out_channels"] if values == context.channels_out else []
    for name in context.scopes[0].values:
        if name == "in_channels" and argument not in CHANNEL_ARGUMENTS:
            continue
        if all(
            same(scope.values.get(name), int(value) if isinstance(value, Open) else value)
            for scope, value in zip(context.scopes, values, strict=True)
        ):
            candidates.append(parameter_name(name))
    used = set(taken)
    for candidate in candidates:
        if candidate not in used:
            return candidate
    plain = argument
    if argument in CHANNEL_ARGUMENTS:  # not the block's own, which are named above
        plain = f"{attribute}_channels".replace(".", "_")
    elif argument in used:
        plain = f"{attribute}_{argument}".replace(".", "_")
    return unique(parameter_name(plain), used)


def _parameter(name: str, values: Sequence[Any], context: Context) -> Parameter:
    kinds = dict.fromkeys(
        "tuple[int, int]"
        if isinstance(v, tuple)
        else "int"
        if isinstance(v, Open)
        else type(v).__name__
        for v in values
    )
    annotation = " | ".join(sorted("None" if kind == "NoneType" else kind for kind in kinds))
    default = context.scopes[0].defaults.get(name, REQUIRED)
    if default is None or not isinstance(default, int | float) or default not in values:
        default = REQUIRED
    return Parameter(name, "float" if annotation == "float | int" else annotation, default)


def arguments_of(parameters: Sequence[Parameter], row: Row) -> tuple[Given, ...]:
    return tuple(
        Given(p.name, Literal(value), p.default, positional=p.is_positional)
        for p, value in zip(parameters, row, strict=True)
    )
