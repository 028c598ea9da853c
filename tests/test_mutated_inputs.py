"""Random and mutated inputs end with findings or a graph, never with a traceback; those that once did not are replayed."""

from __future__ import annotations

import pathlib
import random

import pytest
from support import mutators
from support.inputs import SPEC, Outcome, a_spec, input_of, read
from support.minimise import minimised
from support.trial import attempt

COUNT, GROUPS = 1000, 20
REGRESSIONS = pathlib.Path(__file__).parent / "regressions" / "inputs"
CASES = sorted(path.name for path in REGRESSIONS.iterdir() if path.is_dir())


@pytest.mark.parametrize("group", range(GROUPS))
def test_any_input_ends_without_a_traceback(group: int) -> None:
    """The first thousand; tests/campaigns/inputs.py tries the others, and holds them to their memory too."""
    exits = set()
    for number in range(group, COUNT, GROUPS):
        found = attempt(input_of(number).files)
        assert isinstance(found, Outcome), f"input {number}: {found.text}"
        exits.add(found.exit)
    assert exits == {0, 1}  # inputs that are all wrong, or all right, try little


@pytest.mark.parametrize("name", CASES)
def test_an_input_that_once_went_wrong(name: str) -> None:
    found = attempt(read(REGRESSIONS / name))
    assert isinstance(found, Outcome), found.text


def test_an_input_is_known_by_its_number() -> None:
    assert [input_of(number) for number in range(40)] == [input_of(number) for number in range(40)]


@pytest.mark.parametrize(
    "mutator",
    [*mutators.OF_TEXTS, *mutators.OF_TREES, *mutators.FROM_NOTHING],
    ids=lambda m: m.__name__,
)
def test_a_mutator_gives_another_text_and_the_same_one_again(mutator: mutators.Mutator) -> None:
    texts = [a_spec(random.Random(seed)) for seed in range(20)]
    once, again = ([mutator(random.Random(7), text) for text in texts] for _ in range(2))
    assert once == again
    assert once != texts
    assert all(mutators.decoded(mutators.encoded(text)) == text for text in once)


def test_what_is_made_smaller_still_goes_wrong() -> None:
    files = {SPEC: "a\nb\nsome words\nc\n", "beside.yaml": "x\ny\n", "more.yaml": "z\n"}

    def is_wrong(changed: dict[str, str]) -> bool:
        return "word" in changed[SPEC] and "y" in changed.get("beside.yaml", "")

    assert minimised(files, SPEC, is_wrong) == {SPEC: "word", "beside.yaml": "y"}
