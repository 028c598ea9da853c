"""Sizes that a spec claims, decided exactly: against trying every one of them, and how they are told."""

from __future__ import annotations

import pathlib

import pytest
from support.claims import claims_number, verdict
from support.language import ROUNDING, compilation, compile, covered, failures, net, stage

from resnet_compiler import pipeline
from resnet_compiler.graph import Graph
from resnet_compiler.report import summary_dict, summary_text

CASES = pathlib.Path(__file__).parent / "cases" / "claims"


def test_against_trying_every_claimed_size() -> None:
    said: set[str] = set()
    for number in range(60):
        spec = claims_number(number)
        found, wrong = verdict(spec)
        assert not wrong, (number, wrong, spec.text())
        said.add(found)
    assert {"ok", "RC0302", "RC0306", "RC0307"} <= said


def test_it_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict over the written minimum, and not over the sizes that are claimed, is found out."""

    def over_the_minimum(graph: Graph, root: object) -> list[object]:
        least = graph.minimum_extents
        found = (e for e in graph.extents if 1 < e.minimum < least[e.axis])
        return [failures("name: net\n")[0] for _ in found][:1]

    monkeypatch.setattr(pipeline, "_sizes_below_minimum", over_the_minimum)
    assert any(verdict(claims_number(number))[1] for number in range(60))


@pytest.mark.parametrize(
    ("name", "helps"),
    [("one", ["minimum: 13"] * 2), ("mult", ["minimum: 48"] * 2), ("rejected", [])],
)
def test_the_cases(name: str, helps: list[str]) -> None:
    text = (CASES / f"{name}.yaml").read_text("utf-8")
    found = compilation(text)
    assert [d.code.id for d in found.diagnostics] == ["RC0307"] * len(helps)
    assert [d.help[0] for d in found.diagnostics] == [f"write `{each}`" for each in helps]
    for each in found.diagnostics:
        written = covered(text, each.span)
        assert written == "1" if each.fix else written == "{multiple_of: 16}"


def test_what_is_proved_is_said_of_the_claimed_sizes() -> None:
    stem = "  - conv: {conv: {out: 8, kernel: 31, padding: 0}}\n"
    text = net(stem=stem, input="{height: {multiple_of: 32}, width: {multiple_of: 32}}")
    said = summary_text(compile(text), "stage")
    assert "1, equal at every claimed size" in said and "every input size" not in said
    assert "smallest input   32 × 32 of those claimed" in said
    assert summary_dict(compile(text))["minimum_size"] == [32, 32]
    any_size = summary_text(
        compile(net(stem=stem.replace("31", "7"), input="{height: 64}")), "stage"
    )
    assert "equal at every input size" in any_size and "smallest input   7 × 7" in any_size


@pytest.mark.parametrize(
    ("given", "declared"),
    [
        ("{height: 32, width: 32}", "height: {multiple_of: 2}, width: {multiple_of: 2}"),
        ("{height: {multiple_of: 2}, width: {}}", "width: {multiple_of: 2}"),
        ("{height: {}, width: {multiple_of: 4}}", "height: {multiple_of: 2}"),
        ("{height: 32, width: {default: 32}}", "height: {multiple_of: 2}, width: {multiple_of: 2}"),
    ],
)
def test_the_sizes_to_declare_are_those_of_the_axis_at_fault(given: str, declared: str) -> None:
    (found,) = compilation(
        stage("block: aa, depth: 1, width: 16", ROUNDING, input=given)
    ).diagnostics
    assert found.code.id == "RC0302" and f"`input: {{{declared}}}`" in found.help[0]


def test_a_claimed_axis_comes_before_one_that_is_not() -> None:
    """The add fails along both; that it fails for the claimed width is the error."""
    given = "{height: 32, width: {default: 32}}"
    found = compilation(stage("block: aa, depth: 1, width: 16", ROUNDING, input=given))
    assert [each.severity for each in found.diagnostics] == ["error"]
    (proof,) = found.proofs
    assert proof.counterexample is not None and proof.counterexample.axis == "W"
