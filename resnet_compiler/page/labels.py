"""What a page writes of operators, shapes and values: texts of one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resnet_compiler.graph import Proof
from resnet_compiler.operators.base import Operator
from resnet_compiler.values import BlockCall

_SIGNS = {"add": "+", "mul": "×"}


def sign_of(operator: Operator) -> str:
    """The sign of a join that is drawn as a circle; "" for what has a box."""
    return _SIGNS.get(operator.word, "")


def family(operator: Operator) -> str:
    """The kind of operator, which decides its colour: the name of the file that it is defined in."""
    return type(operator).__module__.rpartition(".")[2]


def attributes(operator: Operator) -> list[list[str]]:
    """Every attribute with its value; a padding that was not given is the one in force."""
    found = []
    for name in operator.attributes():
        value = getattr(operator, name)
        if value is None:
            value = getattr(operator, "pad", None) if name == "padding" else None
        found.append([name, _text(value)])
    return found


def parameter_values(values: Mapping[str, Any]) -> list[list[str]]:
    """The parameters of a block as they stand in one instance: numbers, words, and blocks by their names."""
    return [[name, _text(value)] for name, value in values.items()]


def shape_text(shape: Sequence[object]) -> str:
    """``64 × ⌊(H + 1)/2⌋ × ⌊(W + 1)/2⌋``."""
    return " × ".join(map(str, shape))


def verdict_text(proof: Proof, sizes: str) -> str:
    """What was proved of a join; ``sizes`` says which all are: "every claimed size"."""
    if proof.verdict == "all sizes":
        return f"equal at {sizes}"
    found = proof.counterexample
    if proof.verdict == "declared sizes" and found is not None:
        return (
            f"equal at the declared size, but not at every other: for {found.axis} = {found.extent} "
            f"the sides are {found.left} and {found.right}"
        )
    return "not equal"


def _text(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case BlockCall(word=word):
            return word
        case (int(), int()):
            return _pair(value)
        case list() | tuple():
            return ", ".join(map(_text, value))
        case float():
            return f"{value:g}"
        case int() | str():
            return str(value)
    return "a block"


def _pair(pair: Sequence[object]) -> str:
    return " × ".join(map(str, pair))
