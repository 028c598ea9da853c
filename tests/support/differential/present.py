"""Ways to write down what a stage's blocks are given: a value, a list, an expression, a `let`, `first`."""

from __future__ import annotations

import random
from typing import Any

from support.differential.body import Layer

EXPRESSIONS = (
    "{} * 1",
    "2 * {} // 2",
    "max({}, 0)",
    "min({}, 1000)",
    "floor({} + 0.5)",
    "ceil({} - 0.5)",
    "round({} + 0.25)",
    "abs(0 - {})",
    "{} % 1000",
    "{} ** 1",
    "{} / 1",
    "sqrt({} ** 2)",
    "log2(2 ** ({0} % 32)) + {0} - {0} % 32",
    "make_divisible({}, 1)",  # from 1 on
)
"""Ways to write a number from 0 on."""
FLAGS = {
    True: ("index >= 0", "not false", "depth > 0 and true", "index <= 99"),
    False: ("index < 0", "not true", "false or index == 99", "depth != depth"),
}


def present(
    draw: random.Random, spec: Layer, stage: Layer, name: str, values: list[Any], before: int
) -> None:
    """Write an argument of a stage so that its blocks have these values."""
    let = spec.setdefault("let", {})
    first, *rest = values
    plain = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if values == [8 + 4 * (before + index) for index in range(len(values))] and plain:
        stage[name] = draw.choice(("8 + 4 * block_index", f"{first} + 4 * index"))
        return
    if all(value == first for value in values):
        match draw.randrange(9):
            case 0:
                stage[name] = _named(let, name, first)
            case 1 | 6 | 7 if plain and isinstance(first, int):
                stage[name] = draw.choice(EXPRESSIONS if first > 0 else EXPRESSIONS[:-1]).format(
                    first
                )
            case 1 if isinstance(first, bool):
                stage[name] = draw.choice(FLAGS[first])
            case 2 if not isinstance(first, list):
                stage[name] = [first for _ in values]
            case 3 | 4 | 5 if isinstance(first, list):
                stage[name] = [first for _ in values]  # a list of lists: one for each block
            case _:
                stage[name] = _named(let, name, first) if isinstance(first, list) else first
        return
    if any(isinstance(value, list) for value in values):
        stage[name] = values
        return
    if all(value == rest[0] for value in rest) and draw.random() < 0.5:
        if draw.random() < 0.6 or not plain:
            stage[name] = rest[0]
            stage.setdefault("first", {})[name] = first
        else:
            stage[name] = f"{first} if index == 0 else {rest[0]}"
        return
    if plain and draw.random() < 0.4:
        stage[name] = f"{_named(let, f'{name}s', values)}[index]"
        return
    stage[name] = list(values)


def _named(let: Layer, name: str, value: Any) -> str:
    """The name of a value under the spec's `let`."""
    number = 1
    while let.get(f"{name}{number}", value) != value:
        number += 1
    let[f"{name}{number}"] = value
    return f"{name}{number}"
