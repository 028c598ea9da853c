"""Characters that no output holds: control and format characters, which move a cursor or turn text round, and private ones.

The ranges are written out, so that every version of Python and every editor that reads the JSON Schema has the same.
"""

from __future__ import annotations

import re

_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x600, 0x605),
    (0x61C, 0x61C),
    (0x6DD, 0x6DD),
    (0x70F, 0x70F),
    (0x890, 0x891),
    (0x8E2, 0x8E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),  # zero width, and marks of direction
    (0x2028, 0x202E),  # separators of lines, and embeddings and overrides of direction
    (0x2060, 0x206F),  # invisible operators, and isolates of direction
    (0xE000, 0xF8FF),
    (0xFDD0, 0xFDEF),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFB),
    (0xFFFE, 0xFFFF),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE00FF),  # tags
    (0xF0000, 0x10FFFF),
)
HIDDEN = "".join(f"{chr(first)}-{chr(last)}" for first, last in _RANGES)
"""The characters as they stand between the brackets of a regular expression; surrogates apart, which no text has."""

_HIDDEN = re.compile(f"[{HIDDEN}\ud800-\udfff]")


def escaped(text: str, keep: str = "") -> str:
    """The text with hidden characters, and what is no character, written as escapes; but for those to keep."""
    return _HIDDEN.sub(lambda m: m[0] if m[0] in keep else repr(m[0])[1:-1], text)
