"""What is written in a box: an operator with its kernel, channels and stride, as papers write it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from resnet_compiler.graph import Node
from resnet_compiler.operators.base import Operator, compact

_WRITTEN_APART = ("out", "kernel", "stride")
_NOT_SHOWN = frozenset(
    {"padding", "bias", "standardized", "eps", "momentum", "zero_init", "ceil_mode"}
    | {"count_padding", "fill"}
)
"""What says nothing about the network's structure."""


def operator_text(operator: Operator) -> str:
    """An operator on one line: ``3×3 conv, 64, /2``; groups, dilation and the like where they are not as by default."""
    kernel = getattr(operator, "kernel", None)
    window = f"{times(pair(kernel))} " if kernel is not None else ""
    texts = [f"{window}{operator.word.replace('_', ' ')}"]
    out = getattr(operator, "out", None)
    texts += [str(out)] if out is not None else []
    stride = getattr(operator, "step", getattr(operator, "stride", None))
    texts += [f"/{_stride(stride)}"] if stride not in (None, 1, (1, 1)) else []
    texts += [f"{name} {value}" for name, value in _others(operator)]
    return ", ".join(texts)


def _others(operator: Operator) -> list[tuple[str, str]]:
    found = []
    for field in dataclasses.fields(operator):
        value = getattr(operator, field.name)
        if field.name in _WRITTEN_APART or field.name in _NOT_SHOWN or value == field.default:
            continue
        found.append((field.name, _value(value)))
    return found


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return times(value if len(set(value)) > 1 or len(value) != 2 else value[:1])
    return f"{value:g}" if isinstance(value, float) else str(value)


def pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    """An attribute of one number or two as two; a window along one axis as one."""
    return (value,) if isinstance(value, int) else value


def _stride(value: int | tuple[int, int]) -> str:
    found = value if isinstance(value, int) else compact(value)
    return str(found) if isinstance(found, int) else times(found)


def times(numbers: Sequence[int]) -> str:
    """Numbers with a cross between, close together: ``3×3``."""
    return "×".join(str(number) for number in numbers)


def shape_text(shape: Sequence[int]) -> str:
    """A shape: ``64 × 56 × 56``."""
    return " × ".join(str(number) for number in shape)


def node_note(node: Node, shape: Sequence[int]) -> str:
    """A node in one line, for who points at it: its name, its operator and its output."""
    return f"{node.name}: {operator_text(node.operator)}; output {shape_text(shape)}"
