"""Which known word a misspelt one was: by what two words have in common, and by the slips that fingers make."""

from __future__ import annotations

import difflib
import re
from bisect import bisect
from collections.abc import Iterable
from functools import lru_cache

_LONGEST_WORD = 100
"""Nothing that is known is longer, and comparing long texts takes long."""
_MOST_COMPARED = 200_000
"""How many pairs of letters are compared for one suggestion."""
_SHORTEST_SURE = 3
"""Shorter words are one slip away from too many others."""
_MOST_NAMED = 3
"""Known words that are named for one that is not."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word nearest to ``word``, or None when none is near.

    Case, underscores and a trailing "2d" do not count: BatchNorm2d means batch_norm. ``cutoff`` is how much of the two
    must agree, of 1.
    """
    return next(iter(near(word, known, cutoff)), None)


def near(word: str, known: Iterable[str], cutoff: float = 0.6) -> tuple[str, ...]:
    """The known words near to ``word``, the nearest first, three at most."""
    if not word or len(word) > _LONGEST_WORD:
        return ()
    return _near(word, tuple(sorted(set(known) - {word})), cutoff)


def surely_meant(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` can hardly be anything but: the same letters, or the only one that is one slip of the
    fingers away. None where there is a doubt.

    Digits are never a slip: `resnet51` is another name than `resnet50`.
    """
    meant = nearest(word, known)
    return meant if meant is not None and is_surely(word, meant, known) else None


def is_surely(word: str, meant: str, known: Iterable[str] = ()) -> bool:
    """Whether ``word`` can hardly be anything but ``meant``, and nothing else of what is ``known``."""
    if is_same(word, meant):
        return True
    return (
        len(meant) >= _SHORTEST_SURE
        and is_slip(word, meant)
        and not any(is_slip(word, each) for each in known if each not in (word, meant))
    )


def is_slip(word: str, meant: str) -> bool:
    """Whether one letter was left out, put in, changed, or swapped with the next to make ``word`` of ``meant``."""
    if abs(len(word) - len(meant)) > 1 or word == meant or digits(word) != digits(meant):
        return False
    same = next((i for i, (a, b) in enumerate(zip(word, meant, strict=False)) if a != b), None)
    at = min(len(word), len(meant)) if same is None else same
    rest, right = word[at:], meant[at:]
    if len(word) != len(meant):
        return rest[1:] == right or rest == right[1:]
    return rest[1:] == right[1:] or (rest[1::-1] == right[:2] and rest[2:] == right[2:])


def digits(word: str) -> str:
    """The digits of a word, in order."""
    return re.sub(r"[^0-9]", "", word)


def is_same(word: str, meant: str) -> bool:
    """Whether two words differ in nothing but their writing: BatchNorm2d and batch_norm."""
    return _letters(meant) in (_letters(word), _letters(word).removesuffix("2d"))


@lru_cache(maxsize=256)  # one mistake in a block is met wherever the block stands
def _near(word: str, words: tuple[str, ...], cutoff: float) -> tuple[str, ...]:
    same = [each for each in words if is_same(word, each)]
    if same:
        return tuple(same[:1])
    # of very many words those that stand around it in the alphabet: they begin alike
    most = max(8, _MOST_COMPARED // len(word) ** 2)
    around = max(0, bisect(words, word) - most // 2)
    compared = words[around : around + most] if len(words) > most else words
    compared = tuple(each for each in compared if len(each) <= 2 * _LONGEST_WORD)
    slips = [each for each in compared if is_slip(word, each)]
    close = difflib.get_close_matches(word, compared, n=_MOST_NAMED, cutoff=cutoff)
    return tuple(dict.fromkeys([*(each for each in close if each in slips), *slips, *close]))[
        :_MOST_NAMED
    ]


def _letters(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
