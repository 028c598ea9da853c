"""A file with faults of form, mended so far that the rest of it can be looked at too.

What is wrong is renamed to what was meant, left out, or replaced by a word that stands for something unknown, of which
nothing more is said. The result only serves to find more errors; nothing is ever emitted from it.
"""

from __future__ import annotations

from collections.abc import Iterable

from resnet_compiler.diagnostics import Diagnostic
from resnet_compiler.names import NAME
from resnet_compiler.source import Mapping, Node, Scalar, Sequence

NOT_KNOWN = "not_known_"
"""The word for an operator or block that could not be read."""

Path = tuple[int | str, ...]

_LISTS = ("stem", "head", "layers", "residual", "shortcut", "after")


def mended(root: Mapping, faults: Iterable[tuple[Path, Diagnostic]]) -> Mapping | None:
    """The file without these faults, each given by its path; None where one of them cannot be got around."""
    node: Node = root
    for path, fault in sorted(faults, key=lambda each: len(each[0]), reverse=True):
        fix = fault.fix
        if fix is not None and path and _has_key(node, path):
            is_new = not _has_key(node, (*path[:-1], fix.text))
            node = _changed(node, path, fix.text if is_new else None)
            continue
        place = _unknown_from(path)
        if place is None:
            return None
        is_stage = place[0] == "stages"
        node = _changed(node, place, None) if _can_go(place) else _replaced(node, place, is_stage)
    return node if isinstance(node, Mapping) else None


def _has_key(node: Node, path: Path) -> bool:
    return _at(node, path) is not None and isinstance(path[-1], str)


def _at(node: Node, path: Path) -> Node | None:
    """The value at a path, or None."""
    found: Node | None = node
    for step in path:
        if isinstance(found, Mapping) and isinstance(step, str):
            found = found.get(step)
        elif isinstance(found, Sequence) and isinstance(step, int) and step < len(found.items):
            found = found.items[step]
        else:
            return None
    return found


def _can_go(path: Path) -> bool:
    """Whether what stands at a path is an entry that may be absent."""
    return not isinstance(path[-1], int)


def _unknown_from(path: Path) -> Path | None:
    """The least part around a fault that can go, or be replaced by something unknown."""
    for index in range(len(path) - 1, 0, -1):
        if isinstance(path[index], int) and path[index - 1] in _LISTS:
            return path[: index + 1]  # a layer
    match path:
        case ("stages", int(), str(), str() as key, *_) if key not in ("block", "depth"):
            return path[:4]
        case ("stages", str(), str(), *_):
            return path[:3]
        case ("stages", int() | str(), *_) | ("stem" | "head", str(), *_):
            return path[:2]
        case ("input" | "expect" | "let" | "defaults", str(), *_):
            return path[:2]
        case ("title" | "doc" | "norm" | "act" | "names" | "input" | "expect" | "defaults", *_):
            return path[:1]
    return None


def _changed(node: Node, path: Path, name: str | None) -> Node:
    """The tree with the key that ends the path renamed, or its entry left out."""
    step, *rest = path
    if isinstance(node, Mapping):
        entries = []
        for key, value in node.entries:
            if key.value != step:
                entries.append((key, value))
            elif rest:
                entries.append((key, _changed(value, tuple(rest), name)))
            elif name is not None:
                entries.append((Scalar(name, key.span), value))
        return Mapping(tuple(entries), node.span)
    if isinstance(node, Sequence) and isinstance(step, int) and rest:
        items = [
            _changed(item, tuple(rest), name) if index == step else item
            for index, item in enumerate(node.items)
        ]
        return Sequence(tuple(items), node.span)
    return node


def _replaced(node: Node, path: Path, is_stage: bool) -> Node:
    """The tree with the layer or stage at a path replaced by one of which nothing is known but its name."""
    step, rest = path[0], path[1:]
    if isinstance(node, Mapping) and rest:
        entries = [
            (key, _replaced(value, rest, is_stage) if key.value == step else value)
            for key, value in node.entries
        ]
        return Mapping(tuple(entries), node.span)
    if not isinstance(node, Sequence):  # replaced as a whole already
        return node
    items = [
        (_replaced(item, rest, is_stage) if rest else _unknown(item, index, is_stage))
        if index == step
        else item
        for index, item in enumerate(node.items)
    ]
    return Sequence(tuple(items), node.span)


def _unknown(item: Node, index: int, is_stage: bool) -> Node:
    """A layer, or stage, of which nothing is known but its name."""
    at = item.span
    name, word = Scalar(f"{NOT_KNOWN}{index}", at), Scalar(NOT_KNOWN, at)
    if isinstance(item, Mapping) and item.entries and _is_name(item.entries[0][0].value):
        name = item.entries[0][0]
    block = Mapping(((Scalar("block", at), word), (Scalar("depth", at), Scalar(1, at))), at)
    return Mapping(((name, block if is_stage else word),), at)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 200 and NAME.fullmatch(value) is not None
