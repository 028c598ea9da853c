"""A failing tree made small: parts are taken out and numbers lowered while it goes on failing.

Delta debugging (Zeller & Hildebrandt 2002) over a tree of mappings, lists and plain values.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Tree = Any
Path = tuple[Any, ...]


def shrink(tree: Tree, fails: Callable[[Tree], bool], budget: int = 2000) -> Tree:
    """The smallest tree found that still fails, after trying ``budget`` others at most.

    Args:
        tree: one that fails.
        fails: whether a tree fails in the same way; it is never asked twice of one.
        budget: how many trees may be tried.
    """
    tried = {_key(tree)}
    progress = True
    while progress:
        progress = False
        for candidate in candidates(tree):
            key = _key(candidate)
            if key in tried:
                continue
            if len(tried) > budget:
                return tree
            tried.add(key)
            if fails(candidate):
                tree, progress = candidate, True
                break
    return tree


def _key(tree: Tree) -> str:
    return json.dumps(tree)


def size(tree: Tree) -> int:
    """How many values a tree holds, every key and plain value counted."""
    if isinstance(tree, dict):
        return sum(1 + size(value) for value in tree.values())
    return sum(map(size, tree)) if isinstance(tree, list) else 1


def candidates(tree: Tree) -> Iterator[Tree]:
    """Simpler trees, those that take the most out first. None is the tree itself."""
    places = list(_places(tree))
    removals = [(path, run) for path, value in places for run in _runs(value)]
    removals.sort(key=lambda each: -_weight(tree, *each))
    for path, run in removals:
        yield replaced(tree, path, _without(_at(tree, path), run))
    for path, value in sorted(places, key=lambda place: -size(place[1])):
        for simpler in _simpler(value):
            yield replaced(tree, path, simpler)


def _places(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Tree]]:
    yield path, tree
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _places(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from _places(value, (*path, index))


def _at(tree: Tree, path: Path) -> Tree:
    for key in path:
        tree = tree[key]
    return tree


def replaced(tree: Tree, path: Path, value: Tree) -> Tree:
    """The tree with another value at a place; nothing else is copied."""
    if not path:
        return value
    key, *rest = path
    inner = replaced(tree[key], tuple(rest), value)
    if isinstance(tree, dict):
        return {k: inner if k == key else v for k, v in tree.items()}
    return [inner if index == key else v for index, v in enumerate(tree)]


def _runs(value: Tree) -> Iterator[tuple[Any, ...]]:
    """Keys or positions to take out together: halves, quarters, and so on to single ones."""
    if not isinstance(value, dict | list):
        return
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    length = len(keys)
    while length >= 1:
        for start in range(0, len(keys), length):
            yield tuple(keys[start : start + length])
        length //= 2


def _without(value: Tree, run: tuple[Any, ...]) -> Tree:
    if isinstance(value, dict):
        return {key: each for key, each in value.items() if key not in run}
    return [each for index, each in enumerate(value) if index not in run]


def _weight(tree: Tree, path: Path, run: tuple[Any, ...]) -> int:
    value = _at(tree, path)
    return sum(size(value[key]) for key in run)


def _simpler(value: Tree) -> Iterator[Tree]:
    """Plainer values in the place of one: what it holds, smaller numbers, a part of an expression."""
    if isinstance(value, bool):
        if value:
            yield False
    elif isinstance(value, int):
        yield from (n for n in dict.fromkeys((0, 1, value // 2, value - 1)) if 0 <= n < value)
    elif isinstance(value, float):
        if value:
            yield 0
    elif isinstance(value, str):
        words = value.split()
        if len(words) > 1:
            yield from words
            yield 1
    elif isinstance(value, dict):
        yield from value.values()
        if len(value) == 1:
            yield next(iter(value))
    elif isinstance(value, list):
        yield from value
