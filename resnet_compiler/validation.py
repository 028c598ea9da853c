"""From a model's complaint to a diagnostic: pydantic says what is wrong, the source says where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from resnet_compiler import codes
from resnet_compiler.diagnostics import (
    Diagnostic,
    Fix,
    Span,
    SpecError,
    did_you_mean,
    error,
    is_surely,
    misspelt,
    nearest,
)
from resnet_compiler.findings import MOST
from resnet_compiler.mend import Path, mended
from resnet_compiler.source import Mapping, Node, Sequence, locate, locate_key, plain

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
            if path in lengths and detail["type"] not in _LENGTHS:
                continue  # a text of the right length could stand there, so that alone is said
            diagnostic = _diagnostic(root, detail, tuple(model.model_fields))
            if diagnostic.fix is not None and detail["type"] == "missing":
                path = (*path, _word_at(root, path, diagnostic.fix.span))
            found.setdefault((diagnostic.span, diagnostic.code), (path, diagnostic))
        return sorted(found.values(), key=lambda each: (each[1].span is None, each[1].span))
    return []


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
        near = nearest(missing, _keys(root, above), cutoff=0.7)
        if near:
            meant = locate_key(root, (*above, near))
            summary = f"`{missing}` is missing, and `{near}` is not known"
            fix = Fix(meant, missing, is_surely(near, missing))
            help = [f"did you mean `{missing}`?"]
            return error(codes.MISSING_KEY, summary, meant, help=help, fix=fix)
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
        item = plain(_at(root, path))
        in_list = bool(path) and isinstance(path[-1], int) and isinstance(item, str)
        hints = [f"write `- NAME: {item}`"] if in_list else []
        if needed == "a mapping" and location[0] in ("stem", "head") and not in_list:
            hints = ["a layer is `NAME: {OPERATOR: {attribute: value}}`"]
        return error(codes.WRONG_TYPE, f"{where} needs {needed}", value, help=hints)
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
        return error(codes.WRONG_FORM, detail["msg"], locate(root, (context["key"],)))
    if kind == "one_operator":
        body = _at(root, path)
        others = body.keys() if isinstance(body, Mapping) else ()
        wrong = [key for key in others if key not in ("from", "when")]
        hints = [hint for key in wrong for hint in did_you_mean(key, ("from", "when"))]
        return error(codes.WRONG_FORM, detail["msg"], locate_key(root, path), help=hints[:1])
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
