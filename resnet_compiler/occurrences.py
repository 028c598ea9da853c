"""Which of two nearly equal words is the misspelt one, where a spec gives the name itself: how often each of them stands in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from resnet_compiler.diagnostics import Fix, Span
from resnet_compiler.support.read import text as read_text

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_TEXT = re.compile(r"\s*(?:title|doc):")


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The words of a user's files, comments and lines of text left out."""

    texts: Mapping[str, str]

    def decided(self, fix: Fix) -> Fix | None:
        """The fix as it is, or the one that changes the other word; None where there is a doubt.

        `from: act1` with no layer `act1`, but `atc1`: either may be misspelt. A word of the language is right, and so is
        the one that stands in more places.
        """
        if fix.word is None or not fix.is_safe:
            return fix
        word, meant = list(self._places(fix.word)), list(self._places(fix.text))
        if not meant:
            return fix
        if is_known(fix.word) is not is_known(fix.text):
            is_right = is_known(fix.text)
        elif (len(word) > 1) is not (len(meant) > 1):
            is_right = len(meant) > 1
        else:
            return None
        if is_right:
            return fix
        return Fix(meant[0], fix.word, True, fix.text) if len(meant) == 1 else None

    def _places(self, word: str) -> Iterator[Span]:
        whole = re.compile(rf"(?<![\w.]){re.escape(word)}(?![\w.])")
        for file, text in self.texts.items():
            for number, line in enumerate(text.splitlines(), 1):
                if word not in line or _TEXT.match(line):
                    continue
                for match in whole.finditer(_COMMENT.sub("", line)):
                    yield Span(file, number, match.start() + 1, number, match.end() + 1)


def is_known(word: str) -> bool:
    """Whether a word is one of the language, or stands in a block that came with the compiler; digits at its end apart."""
    parts = [part for part in word.split(".") if part and not part.isdecimal()]
    return all(part in _language() or part.rstrip("0123456789") in _language() for part in parts)


@lru_cache(maxsize=1)
def _language() -> frozenset[str]:
    from resnet_compiler import spec
    from resnet_compiler.definitions import STAGE_KEYS
    from resnet_compiler.expressions import CONSTANTS, FUNCTIONS, KEYWORDS
    from resnet_compiler.library import shipped_blocks
    from resnet_compiler.operators import OPERATORS

    models = (spec.Network, spec.Block, spec.Stage, spec.Input, spec.Expect, spec.Repeat)
    found = {key for model in models for key in model.model_fields} | {*STAGE_KEYS, *OPERATORS}
    found |= {key for kind in OPERATORS.values() for key in kind.attributes()}
    found |= {*CONSTANTS, *FUNCTIONS, *KEYWORDS, "input", "from", "when", "act", "norm"}
    found |= {"index", "depth", "block_index", "block_count", "stage", "layer", "in_channels"}
    for path in shipped_blocks():
        lines = read_text(path).split("\n")
        text = "\n".join(_COMMENT.sub("", line) for line in lines if not _TEXT.match(line))
        found |= {path.stem, *re.findall(r"[A-Za-z_]\w*", text)}
    return frozenset(found | {word.rstrip("0123456789") for word in found})
