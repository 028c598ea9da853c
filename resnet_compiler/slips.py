"""Slips that make a text no YAML: what the parser stumbled over, and what was probably left out before it."""

from __future__ import annotations

import re

Slip = tuple[int, str, str]
"""Where it is (the offset of a character), what is wrong, and what to write."""

BAD_ESCAPE = "an escape names no character"
MISTAKES = (  # what both parsers' wordings have in common, what we say, what to write
    ("mapping values are not", "a `:` cannot stand here", "quote a text that holds `: `"),
    ("entries are not allowed", "a list cannot begin here", "begin it on the next line"),
    ("alphabetic or numeric", "a plain value cannot begin with `*` or `&`", 'quote it: `"*"`'),
    ("node content", "a value is missing", "write it out; `null` stands for none"),
    ("expected ',' or", "a bracket is not closed, or a comma is missing", "write `]` or `}`"),
    ("expected ':'", "a key lacks its `:`", "write `key: value`"),
    ("unknown escape", "an unknown escape in double quotes", "use single quotes"),
    ("invalid Unicode", BAD_ESCAPE, ""),
    ("of stream|unexpected document", "a quoted text is never closed", "close the quote"),
    (
        "expected key|'-' indicator|<block end>|<document start>",
        "the text does not continue what stands above it",
        "indent the keys of one mapping alike, and the items of one list alike",
    ),
    ("a tab", "a tab cannot stand here", "use spaces"),
    ("cannot start any token", "a plain value cannot begin like this", "put it in quotes"),
    ("", "the text is not valid YAML", ""),
)

_NO_SPACE = re.compile(r"(?<![\w.\"':/])([A-Za-z_][\w.]*):(?=[^\s:/,}\]])([^\s,}\]]*)")
_KEY = re.compile(r"([\w.\"'{}*]+)[ ]*:(?=\s|$)", re.M)


def slip_at(text: str, at: int, opening: int | None, wording: str) -> Slip | None:
    """The slip that explains why the parser stopped at an offset; ``opening`` is where what it was in begins."""
    if "expected ',' or" in wording:
        return _bare_brackets(text, at)
    if "mapping values are not" in wording:
        return _no_space(text, at)
    if opening is not None and _column(text, at) == _column(text, opening):
        return _no_dash(text, at, opening)
    return None


def _bare_brackets(text: str, at: int) -> Slip | None:
    """`{depth: depths[0]}`: in braces, brackets begin a list."""
    if text[at : at + 1] != "[" or not re.match(r"[\w)]", text[at - 1 : at]):
        return None
    start = max(text.rfind(mark, 0, at) for mark in (": ", ",", "{", "\n")) + 1
    end = re.compile(r"(?:\[[^\]\n]*\]|[^,}\]\[\n])*").match(text, start)
    value = end[0].strip() if end else ""
    summary = "an expression with brackets stands in quotes inside `{…}` and `[…]`"
    return at, summary, f'quote it: `"{value}"`'


def _no_space(text: str, at: int) -> Slip | None:
    """`name:net`, here or at the end of what stands before."""
    line = text.rfind("\n", 0, at) + 1
    above = text.rfind("\n", 0, max(line - 1, 0)) + 1
    found = _NO_SPACE.search(text, line, at) or _NO_SPACE.search(text, above, at)
    if found is None:
        return None
    value = found[2] if found[2][0] not in "{[" and len(found[2]) <= 40 else "…"
    summary = f"a space is missing behind the colon of `{found[1]}:{value}`"
    return found.start(), summary, f"write `{found[1]}: {value}`"


def _no_dash(text: str, at: int, opening: int) -> Slip | None:
    """An item of a list without its dash, before or behind one that has it."""
    begun, key = text.startswith("- ", opening), _KEY.match(text, at)
    if begun and key:
        return at, f"a dash is missing before `{key[1]}`", f"write `- {key[1]}: …`, as above"
    first = _KEY.match(text, opening)
    if first and text.startswith("- ", at):
        missing = f"a dash is missing before `{first[1]}`, or this one is too much"
        return opening, missing, f"write `- {first[1]}: …`, as below"
    return None


def _column(text: str, at: int) -> int:
    return at - (text.rfind("\n", 0, at) + 1)
