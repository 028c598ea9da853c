"""How wide a text is, before anything is rendered: an estimate that no common sans-serif face exceeds.

Each width is the largest of those in DejaVu Sans, Liberation Sans (which is as wide as Arial and Helvetica) and Noto Sans,
so what fits here fits in any of them.
"""

from __future__ import annotations

import unicodedata

_WIDTHS = {
    0.30: "'ijl",
    0.34: " ,.:;I·",
    0.38: "-/\\f",
    0.42: "!()[]rt⌊⌋",
    0.48: '"',
    0.54: "J`sz",
    0.58: "*?L_ck|–",
    0.62: "FTaeovxy",
    0.65: "$0123456789bdghnpqu{}",
    0.70: "ABEKPSVXYZ",
    0.76: "CHNRU",
    0.80: "&DGOQ",
    0.88: "#+<=>^w~×",
    0.95: "M",
    1.02: "%@Wm…",
}
_EM = {character: width for width, characters in _WIDTHS.items() for character in characters}
_BOLD = 1.15
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
