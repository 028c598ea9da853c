"""What a spec claims: `expect`, sizes of the input, and their proofs."""

from __future__ import annotations

import pytest
from support.language import ROUNDING, compilation, compile, covered, failure, failures, net, stage

from resnet_compiler import Measures


def test_expect() -> None:
    graph = compile(net())
    measures = Measures(graph)
    facts = {
        "weighted_layers": measures.weighted_layers,
        "parameters": measures.parameters,
        "macs": measures.macs,
        "output_shape": [10],
    }
    true = ", ".join(f"{name}: {value}" for name, value in facts.items())
    assert compilation(net() + f"expect: {{{true}}}\n").valid
    for name in facts:
        wrong = "[11]" if name == "output_shape" else "11"
        text = net() + f"expect: {{{name}: {wrong}}}\n"
        found = failure(text)
        assert found.code.id == "RC0401" and covered(text, found.span) == wrong
        assert f"`{name}`" in found.summary
    everything = net() + "expect: {weighted_layers: 1, parameters: 1, macs: 1, output_shape: [1]}\n"
    assert len(failures(everything)) == 4


AA = stage("block: aa, depth: 1, width: 16", ROUNDING, input="INPUT")


@pytest.mark.parametrize(
    ("given", "verdict", "severity"),
    [
        ("{height: 32, width: 32}", "declared sizes", "warning"),
        ("{height: {}, width: 32}", "declared sizes", "error"),
        ("{height: {multiple_of: 2}, width: {multiple_of: 2}}", "all sizes", None),
        ("{height: {multiple_of: 2}, width: 32}", "declared sizes", "warning"),
        (
            "{height: {multiple_of: 6, minimum: 12, default: 18}, width: {multiple_of: 2}}",
            "all sizes",
            None,
        ),
        ("{height: {multiple_of: 3, default: 30}, width: 32}", "declared sizes", "error"),
        ("{height: 33, width: 32}", "no", "error"),
    ],
)
def test_open_sizes_claim_and_declared_sizes_do_not(
    given: str, verdict: str, severity: str | None
) -> None:
    found = compilation(AA.replace("INPUT", given))
    (proof,) = found.proofs
    assert proof.verdict == verdict
    assert [each.severity for each in found.diagnostics] == ([severity] if severity else [])
    assert found.valid is (severity != "error")


def test_a_proof_has_its_counterexample() -> None:
    (proof,) = compile(AA.replace("INPUT", "{height: 32, width: 32}")).proofs
    assert (proof.node, proof.residual) == ("layer1.0.add", True)
    assert proof.left[0] == proof.right[0] == 16
    found = proof.counterexample
    assert found is not None
    assert (found.axis, found.extent, found.left, found.right) == ("H", 33, 16, 17)
    (proof,) = compile(net()).proofs
    assert (proof.verdict, proof.counterexample) == ("all sizes", None)
    (proof,) = compilation(
        AA.replace("INPUT", "{height: {multiple_of: 5, default: 50}, width: 32}")
    ).proofs
    assert proof.counterexample is not None and proof.counterexample.extent == 55


@pytest.mark.parametrize(
    ("given", "declared"),
    [
        ("{}", (3, 224, 224)),
        ("{channels: 1, height: 64, width: 96}", (1, 64, 96)),
        ("{height: {}, width: {multiple_of: 50}}", (3, 224, 250)),
        ("{height: {minimum: 300}, width: {minimum: 7, multiple_of: 100}}", (3, 300, 300)),
        (
            "{height: {default: 32}, width: {multiple_of: 32, minimum: 64, default: 64}}",
            (3, 32, 64),
        ),
    ],
)
def test_the_size_that_is_counted_at(given: str, declared: tuple[int, ...]) -> None:
    assert compile(net(input=given)).concrete("input") == declared


@pytest.mark.parametrize(
    "given",
    [
        "{height: 0}",
        "{height: -32}",
        "{height: 32.5}",
        "{height: true}",
        "{height: [32]}",
        "{height: {minimum: 64, default: 32}}",
        "{height: {multiple_of: 32, default: 100}}",
        "{height: {multiple_of: 0}}",
        "{height: {maximum: 64}}",
        "{channels: 0}",
        "{height: 100000}",
    ],
)
def test_an_input_that_cannot_be(given: str) -> None:
    text = net(input=given)
    found = failure(text)
    assert found.code.id in ("RC0201", "RC0203", "RC0204")
    assert found.span is not None and found.span.line == 2


def test_the_smallest_input() -> None:
    stem = "  - conv: {conv: {out: 8, kernel: 7, padding: 0}}\n"
    assert compile(net(stem=stem)).minimum_extents == {"H": 7, "W": 7}
    assert failure(net(stem=stem, input="{height: 6, width: 32}")).code.id == "RC0306"
    assert compilation(net(stem=stem, input="{height: {minimum: 7}, width: 32}")).valid
    text = net(stem=stem, input="{height: {minimum: 6}, width: 32}")
    found = failure(text)
    assert found.code.id == "RC0307" and "7" in "".join(found.help)
