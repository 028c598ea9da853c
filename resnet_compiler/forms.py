"""What is said of values of the wrong form: what belongs there, with an example, for the slips that YAML invites."""

from __future__ import annotations

import re

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, Span, error, misspelt
from resnet_compiler.operators import OPERATORS
from resnet_compiler.source import Mapping, Node, Scalar, Sequence, locate, plain
from resnet_compiler.spelling import surely_meant

_NO_SPACE = re.compile(r"([A-Za-z_][\w.]*):(\S.*)")
_MODIFIERS = ("from", "when")
_LAYERS = ("stem", "head", "layers", "residual", "shortcut", "after")
_A_LAYER = "`- conv1: {conv: {out: 64, kernel: 3}}`"
_A_STAGE = "`- layer1: {block: basic, depth: 2, width: 64}`"


def lacks_space(key: object) -> bool:
    """Whether a key is one with its value: `out:32`."""
    return isinstance(key, str) and _NO_SPACE.fullmatch(key) is not None


def without_space(key: str, at: Span) -> Diagnostic:
    """The error for a key that is one with its value."""
    match = _NO_SPACE.fullmatch(key)
    assert match is not None
    summary = f"a space is missing behind the colon of `{key}`"
    return error(codes.INVALID_NAME, summary, at, help=[f"write `{match[1]}: {match[2]}`"])


def wrong_type(root: Node, path: tuple[int | str, ...], needed: str, where: str) -> Diagnostic:
    """The error for a value that is not what is ``needed`` at its place."""
    at, node = locate(root, path), _value_at(root, path)
    last = path[-1] if path else None
    if last == "stages" or (last in _LAYERS and len(path) != 4):
        what, example = ("stages", _A_STAGE) if last == "stages" else ("layers", _A_LAYER)
        help = dashes(node) or [f"write a line such as {example} for each"]
        return error(codes.WRONG_TYPE, f"{where} needs a list of {what}", at, help=help)
    if path == ("input",):
        example = f"write `input: {_input(plain(node) if node is not None else None)}`"
        return error(codes.WRONG_TYPE, "`input` needs a mapping", at, help=[example])
    if isinstance(last, int) and isinstance(node, Scalar) and isinstance(node.value, str):
        help = [f"write `- NAME: {node.value}`"]
        if lacks_space(node.value):
            help = [f"a space is missing: write `- {node.value.replace(':', ': ', 1)}`"]
        return error(codes.WRONG_TYPE, f"{where} needs {needed}", at, help=help)
    if needed == "a mapping" and isinstance(last, str) and isinstance(node, Scalar):
        summary = f"{where} needs a mapping"
        if last not in OPERATORS and surely_meant(last, ["use"]) and isinstance(node.value, str):
            key = _key_at(root, path)
            if key is not None:
                return misspelt(codes.WRONG_TYPE, summary, key.span, last, ["use"], kind="name")
        if any(step in _LAYERS for step in path[:-1]):
            help = ["a layer is `NAME: {OPERATOR: {attribute: value}}`"]
            return error(codes.WRONG_TYPE, summary, at, help=help)
    return error(codes.WRONG_TYPE, f"{where} needs {needed}", at)


def dashes(node: Node | None) -> list[str]:
    """Help for a mapping that stands where a list belongs."""
    if not isinstance(node, Mapping) or not node.entries:
        return []
    return [f"begin each entry with a dash: `- {node.entries[0][0].value}: …`"]


def not_one_operator(body: Node, summary: str, at: Span) -> Diagnostic:
    """The error for a layer with no operator, or several: `when` or `from` may be misspelt among them."""
    keys = [key for key, _ in body.entries] if isinstance(body, Mapping) else []
    others = [key for key in keys if key.value not in _MODIFIERS]
    free = [each for each in _MODIFIERS if each not in {key.value for key in keys}]
    for key in others if len(others) > 1 else []:
        found = misspelt(codes.WRONG_FORM, summary, key.span, str(key.value), free, kind="name")
        if found.fix is not None:
            return found
    return error(codes.WRONG_FORM, summary, at)


def _input(value: object) -> str:
    """An example of `input`, with the numbers that were given where they tell what is meant."""
    if isinstance(value, list) and all(isinstance(each, int) for each in value):
        if len(value) == 4:
            value = value[1:]
        if len(value) == 3:
            channels, height, width = value if value[0] <= value[2] else (value[2], *value[:2])
            return f"{{channels: {channels}, height: {height}, width: {width}}}"
        if len(value) == 2:
            return f"{{channels: 3, height: {value[0]}, width: {value[1]}}}"
    size = value if isinstance(value, int) and not isinstance(value, bool) else 224
    return f"{{channels: 3, height: {size}, width: {size}}}"


def _value_at(root: Node, path: tuple[int | str, ...]) -> Node | None:
    node: Node | None = root
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node


def _key_at(root: Node, path: tuple[int | str, ...]) -> Scalar | None:
    around = _value_at(root, path[:-1])
    return around.key(str(path[-1])) if isinstance(around, Mapping) else None
