"""Slips of the fingers in shipped specs: `--fix` gives back what was there, or leaves the file alone. More of them:
tests/campaigns/typos.py."""

from __future__ import annotations

from collections import Counter

from support.typos import SLIPS, attempt, texts, typo

COUNT = 150


def test_a_typo_is_mended_or_left_alone() -> None:
    found = {number: attempt(typo(number)) for number in range(COUNT)}
    changed = {
        n: each for n, each in found.items() if each[0] in ("same network", "half", "other network")
    }
    assert changed == {}
    counts = Counter(outcome for outcome, _ in found.values())
    assert counts["mended"] >= 0.9 * (COUNT - counts["valid"]), counts
    assert counts["valid"] < COUNT / 2


def test_the_typos_are_of_every_kind() -> None:
    some = [typo(number) for number in range(COUNT)]
    assert {each.slip for each in some} == set(SLIPS)
    assert all(each.word != each.wrong for each in some)
    assert {each.file.startswith("whole_") for each in some} == {True, False}
    assert len(texts()) % 2 == 0
