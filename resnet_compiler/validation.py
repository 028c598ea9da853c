"""From a model's complaint to a diagnostic: pydantic says what is wrong, the source says where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, Span, SpecError, error, misspelt
from resnet_compiler.findings import MOST
from resnet_compiler.forms import (
    dashes,
    lacks_space,
    not_one_operator,
    without_space,
    wrong_type,
)
from resnet_compiler.habits import called_here
from resnet_compiler.mend import Path, mended
from resnet_compiler.source import Mapping, Node, Sequence, locate, locate_key, plain
from resnet_compiler.spelling import nearest

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def validate(root: Mapping, form: Literal["network", "block"]) -> tuple[Mapping, list[Diagnostic]]:
    """Hold a file to the language.

    Returns:
        The file and no findings; or, with the findings in the order of the text, the file mended so far that the rest
        of it can be looked at.

    Raises:
        SpecError: with every finding, where the faults cannot be got around.
    """
    faults = _faults(root, form)
    if not faults:
        return root, []
    found = [diagnostic for _, diagnostic in faults]
    whole = mended(root, faults) if form == "network" and len(faults) < MOST else None
    if whole is None or _faults(whole, form):
        raise SpecError(found)
    return whole, found


def _faults(root: Mapping, form: Literal["network", "block"]) -> list[tuple[Path, Diagnostic]]:
    """What is wrong with the form of a file, each with the path of the value; in the order of the text, and not endless."""
    from pydantic import ValidationError

    from resnet_compiler import spec

    model = spec.Network if form == "network" else spec.Block
    try:
        model.model_validate(plain(root))
    except ValidationError as failure:
        found: dict[Any, tuple[Path, Diagnostic]] = {}
        details = failure.errors(include_url=False)
        lengths = {_path(root, each["loc"]) for each in details if each["type"] in _LENGTHS}
        for detail in details:
            if len(found) >= MOST:
                break
            path = _path(root, detail["loc"])
            if detail["type"] == "missing" and _is_without_space(root, path, detail["loc"]):
                continue
            if path in lengths and detail["type"] not in _LENGTHS:
                continue  # a text of the right length could stand there, so that alone is said
            diagnostic = _diagnostic(root, detail, tuple(model.model_fields))
            if diagnostic.fix is not None and detail["type"] in ("missing", "one_operator"):
                path = (*path, _word_at(root, path, diagnostic.fix.span))
            found.setdefault((diagnostic.span, diagnostic.code), (path, diagnostic))
        return sorted(found.values(), key=lambda each: (each[1].span is None, each[1].span))
    return []


def _is_without_space(root: Mapping, path: Path, location: tuple[int | str, ...]) -> bool:
    """Whether a key that is missing stands there, one with its value: `depth:2`."""
    missing = str(location[-1])
    above = path[:-1] if path and path[-1] == missing else path
    return any(key.startswith(f"{missing}:") for key in _keys(root, above))


def _meant_by(missing: str, keys: tuple[str, ...]) -> str | None:
    """Of the keys that are there, the one that is misspelt for one that is missing, or another word for it."""
    called = next((key for key in keys if called_here(key, (missing,), "key")), None)
    return called or nearest(missing, keys, cutoff=0.7)


def _word_at(root: Mapping, path: Path, span: Span) -> str:
    """The key that stands at a span, of the mapping at a path."""
    node = _at(root, path)
    entries = node.entries if isinstance(node, Mapping) else ()
    return next((str(key.value) for key, _ in entries if key.span == span), "")


def _path(root: Node, location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The location without the names of union branches, which pydantic mixes in."""
    path: list[int | str] = []
    node: Node | None = root
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if isinstance(node, Mapping) and isinstance(step, str) and (node.get(step) is not None):
            path.append(step)
            node = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            path.append(step)
            node = node.items[step]
        elif (
            last
            and isinstance(node, Mapping)
            and step not in ("mapping", "scalar", "list", "[key]")
        ):
            path.append(step)
    return tuple(path)


_LENGTHS = ("string_too_short", "string_too_long")

_TYPES = {
    "string_type": "a word or text",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "`true` or `false`",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "nothing",
}


def _diagnostic(root: Mapping, detail: ErrorDetails, top_level: tuple[str, ...]) -> Diagnostic:
    location, kind = detail["loc"], detail["type"]
    path = _path(root, location)
    value = locate(root, path)
    where = f"`{path[-1]}`" if path and isinstance(path[-1], str) else "the value"
    context = detail.get("ctx", {})
    if path and lacks_space(path[-1]):
        return without_space(str(path[-1]), locate_key(root, path))
    if kind == "extra_forbidden":
        key = str(path[-1]) if path else ""
        at, summary = locate_key(root, path), f"there is no key `{key}` here"
        around, siblings = _at(root, path[:-1]), _siblings(location, top_level)
        known = [
            each for each in siblings if not isinstance(around, Mapping) or around.get(each) is None
        ]
        there_are = [f"there are {', '.join(siblings)}"]
        return misspelt(codes.UNKNOWN_KEY, summary, at, key, known, otherwise=there_are)
    if kind == "missing":
        missing = str(location[-1])
        above = path[:-1] if path and path[-1] == missing else path
        near = _meant_by(missing, _keys(root, above))
        if near:
            meant = locate_key(root, (*above, near))
            summary = f"`{missing}` is missing, and `{near}` is not known"
            return misspelt(codes.MISSING_KEY, summary, meant, near, [missing])
        return error(codes.MISSING_KEY, f"`{missing}` is missing", locate_key(root, above))
    if kind == "string_pattern_mismatch":
        at = locate_key(root, path) if "[key]" in location else value
        name = path[-1] if "[key]" in location and path else plain(_at(root, path))
        way_out = _form_of(context)
        if _is_line(context):
            return error(codes.WRONG_VALUE, f"{where} is not a line of text", at, help=[way_out])
        word = re.sub(r"\W+", "_", str(name)).strip("_")
        if word and word != name and word[0].isalpha() and word.isascii():
            way_out = f"{way_out}: `{word}`"
        if "(" in str(name) or ")" in str(name):
            way_out = "quote an expression that holds a comma"
        return error(codes.INVALID_NAME, f"`{name}` cannot stand here", at, help=[way_out])
    if kind in _TYPES or kind.endswith("_type"):
        needed = _TYPES.get(kind, "another kind of value")
        return wrong_type(root, path, needed, where)
    if kind in ("too_short", "too_long"):
        return _wrong_length(kind, context, where, value)
    if kind in _LENGTHS:
        size = (
            "is empty"
            if kind == "string_too_short"
            else f"is over {context['max_length']} characters"
        )
        return error(codes.WRONG_VALUE, f"{where} {size}", value)
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']:,}" if "ge" in context else f"at most {context['le']:,}"
        return error(codes.WRONG_VALUE, f"{where} must be {bound}", value)
    if kind == "not_a_list":
        at, listed = locate(root, (context["key"],)), _at(root, (context["key"],))
        return error(codes.WRONG_FORM, detail["msg"], at, help=dashes(listed))
    if kind == "one_operator":
        return not_one_operator(_at(root, path), detail["msg"], locate_key(root, path))
    return error(codes.WRONG_FORM, detail["msg"], locate_key(root, path))


def _wrong_length(kind: str, context: dict[str, Any], where: str, value: Span) -> Diagnostic:
    """A list or mapping with too few or too many entries."""
    if kind == "too_short":
        return error(codes.WRONG_FORM, f"{where} is empty; an entry is needed", value)
    if context["max_length"] > 1:
        return error(codes.WRONG_FORM, f"{where} has over {context['max_length']:,} entries", value)
    help = "one `name: …` stands in each entry; begin a new line with `- ` for the next"
    return error(
        codes.WRONG_FORM, f"{where} has several entries; one is needed", value, help=[help]
    )


def _is_line(context: dict[str, Any]) -> bool:
    """Whether any text on one line is meant, and not a name."""
    return "\x00" in context.get("pattern", "")


def _form_of(context: dict[str, Any]) -> str:
    """A name's form in words."""
    if context.get("pattern", "").endswith("_]*$"):
        return "write letters, digits and `_`, not beginning with a digit"
    if _is_line(context):
        return "write one line of text, without control characters and others that cannot be seen"
    return "write words of letters, digits and `_`, with dots between"


def _at(root: Node, path: tuple[int | str, ...]) -> Node:
    """The value at a path, or the deepest on the way that exists."""
    node = root
    for step in path:
        below = None
        if isinstance(node, Mapping) and isinstance(step, str):
            below = node.get(step)
        elif isinstance(node, Sequence) and isinstance(step, int):
            below = node.items[step]
        if below is None:
            break
        node = below
    return node


def _keys(root: Node, path: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys of the mapping at a path."""
    node = _at(root, path)
    return node.keys() if isinstance(node, Mapping) else ()


def _siblings(location: tuple[int | str, ...], top_level: tuple[str, ...]) -> tuple[str, ...]:
    """The keys there are where an unknown one was found."""
    from resnet_compiler import spec

    if len(location) == 1:
        return top_level
    owners: dict[str, Any] = {"input": spec.Input, "expect": spec.Expect, "repeat": spec.Repeat}
    owner = next(
        (owners[step] for step in reversed(location[:-1]) if step in owners), spec.BlockBody
    )
    if "height" in location or "width" in location:
        owner = spec.OpenSize
    return tuple(owner.model_fields)
