"""Variants: a spec's keys laid over those of the spec it extends, every value keeping its place in its own file."""

from __future__ import annotations

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, listed, misspelt
from resnet_compiler.findings import MOST
from resnet_compiler.source import Mapping, Node, Scalar, Sequence

NOT_INHERITED = ("name", "title", "doc", "extends", "expect")
"""Keys that say what one spec is; a variant has its own or none."""
MERGED = ("input", "let", "blocks", "defaults")
"""Keys whose entries are laid over one by one."""


def merge(base: Mapping, variant: Mapping) -> tuple[Mapping, list[Diagnostic]]:
    """The variant laid over its base. Lists replace; mappings in the place of lists override items by name.

    Also gives an error for each override of a stage or layer that the base does not have; it is left out.
    """
    problems: list[Diagnostic] = []
    entries: dict[str, tuple[Scalar, Node]] = {
        str(key.value): (key, value)
        for key, value in base.entries
        if key.value not in NOT_INHERITED
    }
    for key, value in variant.entries:
        name = str(key.value)
        if _is_null(value) or name == "extends":
            continue
        below = entries.get(name)
        if below is not None and name in MERGED:
            value = _overlay(below[1], value, depth=2 if name == "defaults" else 1)
        elif name in ("stem", "stages", "head") and isinstance(value, Mapping):
            value, wrong = _override(below[1] if below else None, value, name)
            problems += wrong
        entries[name] = (key, value)
    return Mapping(tuple(entries.values()), variant.span), problems


def _overlay(base: Node, over: Node, depth: int) -> Node:
    """Entry by entry, ``depth`` levels down; a null takes an entry away."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    entries = {key.value: (key, value) for key, value in base.entries}
    for key, value in over.entries:
        if _is_null(value):
            entries.pop(key.value, None)
        elif key.value in entries and depth > 1:
            entries[key.value] = (key, _overlay(entries[key.value][1], value, depth - 1))
        else:
            entries[key.value] = (key, value)
    return Mapping(tuple(entries.values()), over.span)


def _override(base: Node | None, over: Mapping, section: str) -> tuple[Node, list[Diagnostic]]:
    """A list of single-entry mappings with some bodies changed, by name; "*" changes every one."""
    items = (
        [item for item in base.items if isinstance(item, Mapping)]
        if isinstance(base, Sequence)
        else []
    )
    names = dict.fromkeys(item.keys()[0] for item in items)
    problems: list[Diagnostic] = []
    for key, change in over.entries:
        name = str(key.value)
        if name != "*" and name not in names:
            what = "stage" if section == "stages" else "layer"
            if len(problems) >= MOST:
                continue
            others = [f"there are {listed(names)}"] if names else []
            summary = f"the spec that is extended has no {what} `{name}`"
            at = (codes.UNKNOWN_OVERRIDE, summary, key.span)
            problems.append(misspelt(*at, name, names, otherwise=others))
            continue
        changed = [
            _changed(item, change, section) if name in ("*", item.keys()[0]) else item
            for item in items
        ]
        items = [item for item in changed if item is not None]
    return Sequence(tuple(items), over.span), problems


def _changed(item: Mapping, change: Node, section: str) -> Mapping | None:
    ((key, body),) = item.entries
    if _is_null(change):
        return None
    if isinstance(body, Mapping) and isinstance(change, Mapping):
        if section == "stages":
            return Mapping(((key, _overlay(body, change, depth=1)),), item.span)
        if _operator(body) == _operator(change):
            return Mapping(((key, _overlay(body, change, depth=2)),), item.span)
    return Mapping(((key, change),), item.span)


def _operator(body: Mapping) -> str | None:
    names = body.keys()
    return next((key for key in names if key not in ("from", "when")), None)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
