"""`benchmarks/instructions.py`: what it says of figures, without counting any."""

from __future__ import annotations

import importlib
import pathlib
import sys
from types import ModuleType

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "benchmarks"
VERSIONS = {"python": "3.11.7", "typer": "0.29.2"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])
    return importlib.import_module("instructions")


@pytest.mark.parametrize(
    ("count", "code", "said"),
    [
        (1050, 0, "+5.0%"),
        (1051, 1, "more than 5% worse"),
        (500, 0, "-50.0%"),
    ],
)
def test_more_than_five_per_cent_is_worse(
    script: ModuleType, count: int, code: int, said: str
) -> None:
    before = script.Figures(VERSIONS, {"check": 1000, "--help": 10})
    text, found = script.judged(script.Figures(VERSIONS, {"check": count, "--help": 10}), before)
    assert found == code and said in text


def test_other_versions_are_no_comparison(script: ModuleType) -> None:
    before = script.Figures(VERSIONS, {"check": 1000})
    found = script.Figures({**VERSIONS, "typer": "0.30.0"}, {"check": 9000})
    text, code = script.judged(found, before)
    assert code == 0 and "no comparison, the versions differ: typer 0.30.0, kept 0.29.2" in text


def test_without_figures_it_says_how_to_get_them(script: ModuleType) -> None:
    text, code = script.judged(script.Figures(VERSIONS, {"check": 1}), None)
    assert code == 2 and "--update" in text


def test_a_new_command_is_no_worse(script: ModuleType) -> None:
    before = script.Figures(VERSIONS, {"check": 1000})
    text, code = script.judged(script.Figures(VERSIONS, {"check": 1000, "list": 5}), before)
    assert code == 0 and "new" in text


def test_what_callgrind_says(script: ModuleType) -> None:
    assert script.collected("==1== Collected : 1489772748\n") == 1489772748
    with pytest.raises(RuntimeError, match="no instructions"):
        script.collected("==1== nothing")


def test_the_figures_that_are_kept(script: ModuleType) -> None:
    kept = script.kept(script.KEPT)
    assert kept.instructions.keys() == {" ".join(each) for each in script.COMMANDS}
    assert script.kept(FOLDER / "results" / "no_such_file.json") is None
    _, code = script.judged(kept, kept)
    assert code == 0
