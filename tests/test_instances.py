"""Instances of a block that are copied are what they would be if each were made: graph, proofs, findings, limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.architectures import ARCHITECTURES
from support.random_specs import random_graph, random_instances
from support.structures import STRUCTURES

from resnet_compiler import instances
from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.pipeline import Compilation, compile_file

SPECS = (
    "resnet50",
    "cifar/preact_resnet164",
    "timm/resnetrs50",
    "timm/resnetaa50",
    "timm/seresnet50",
)
STAGE = (
    "name: net\ninput: {height: 16, width: 16}\nstages: [a: {block: basic, depth: 9, width: 8%s}]\n"
)


def made_one_by_one(patch: pytest.MonkeyPatch, run: Callable[[], Compilation]) -> Compilation:
    """What comes of a spec where no instance is copied."""
    with patch.context() as inside:
        inside.setattr(instances, "key_of", lambda *_: None)
        return run()


def seen(found: Compilation) -> tuple[Any, ...]:
    """All there is to see of a compilation; the places that a value came from are no part of a scope's values."""
    graph = found.graph
    if graph is None:
        return found.diagnostics, found.proofs
    scopes = {
        name: (replace(scope, values={}), {key: str(value) for key, value in scope.values.items()})
        for name, scope in graph.scopes.items()
    }
    return (
        *(found.diagnostics, found.proofs, list(graph.nodes), dict(graph.nodes)),
        *(list(scopes), scopes, graph.stages, graph.output),
    )


def of_text(text: str, limits: Limits = DEFAULT_LIMITS) -> Compilation:
    return compile_file(SpecFile("net.yaml", None), text, limits)


@pytest.mark.parametrize("name", SPECS)
def test_a_shipped_spec(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> Compilation:
        return compile_file(find_spec(name))

    assert seen(run()) == seen(made_one_by_one(monkeypatch, run))


@pytest.mark.parametrize("text", [*ARCHITECTURES.values(), *STRUCTURES.values()])
def test_another_spec(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen(of_text(text)) == seen(made_one_by_one(monkeypatch, lambda: of_text(text)))


@pytest.mark.parametrize("make", [random_graph, random_instances])
def test_random_specs(make: Callable[[int], str], monkeypatch: pytest.MonkeyPatch) -> None:
    for text in map(make, range(60)):
        assert seen(of_text(text)) == seen(made_one_by_one(monkeypatch, lambda t=text: of_text(t)))


def test_instances_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of nine alike one is made, or else all of the above compares a thing with itself."""
    made: list[str | None] = []
    copied = instances.copied
    monkeypatch.setattr(instances, "copied", lambda *given: made.append(copied(*given)) or made[-1])
    of_text(STAGE % "")
    assert sum(each is None for each in made) == 1 + 1  # the first has another input
    assert sum(each is not None for each in made) == 7


@pytest.mark.parametrize(
    "more",
    [
        ", attention: none if index == 4 else squeeze_excite",
        ", zero_init: [true, true, false, true, true, true, true, true, true]",
        ", drop_path_rate: block_index / 10",
    ],
)
def test_what_differs_is_not_copied(more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = STAGE % more
    found = of_text(text)
    assert found.graph is not None, found.diagnostics
    assert seen(found) == seen(made_one_by_one(monkeypatch, lambda: of_text(text)))


@pytest.mark.parametrize("limit", ["layers", "steps", "parameters", "name_length"])
def test_a_limit_is_passed_at_the_same_number(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least number with which the spec compiles is found for one way, and tried with the other."""

    def run(number: int) -> Compilation:
        return of_text(STAGE % "", replace(DEFAULT_LIMITS, **{limit: number}))

    low, high = 0, 10**6
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if run(middle).graph is not None else (middle, high)
    for number in (low, high):
        found = run(number)
        assert (found.graph is not None) == (number == high)
        assert seen(found) == seen(made_one_by_one(monkeypatch, lambda n=number: run(n)))
