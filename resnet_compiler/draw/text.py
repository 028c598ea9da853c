"""How wide a text is, before anything is rendered: an estimate that no common sans-serif face exceeds.

The widths are those of DejaVu Sans, the widest of the faces that browsers fall back to; what fits here fits anywhere.
"""

from __future__ import annotations

import unicodedata

_WIDTHS = {
    0.30: "'ijl",
    0.34: " ,.·IJ/:;\\|",
    0.40: "f-()[]⌊⌋t!r",
    0.54: '"*_`–sz?',
    0.58: "cLFkvxy",
    0.64: "PTYoaeEhnuSbdgpq$0123456789{}",
    0.70: "KAVXZBRC",
    0.79: "UNHDGOQ&",
    0.87: "w#+<=>^~×M",
    1.00: "%mW@…",
}
_EM = {character: width for width, characters in _WIDTHS.items() for character in characters}
_BOLD = 1.13
"""How much wider bold is."""
_OTHER, _WIDE = 1.0, 1.4


def text_width(text: str, size: float, bold: bool = False) -> float:
    """The width of a line in the units of its font size."""
    return sum(map(_em, text)) * size * (_BOLD if bold else 1)


def _em(character: str) -> float:
    known = _EM.get(character)
    if known is not None:
        return known
    if unicodedata.combining(character):
        return 0.0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _OTHER


def fitted(text: str, size: float, room: float, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits with an ellipsis behind it."""
    if text_width(text, size, bold) <= room:
        return text
    kept = []
    left = room - text_width("…", size, bold)
    for character in text:
        left -= text_width(character, size, bold)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"
