"""What is said of a join that fails: where, why, the ways out; and which proofs are kept."""

from __future__ import annotations

import pathlib

import pytest

from resnet_compiler.diagnostics import Span
from resnet_compiler.joins import stride_between
from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.shapes import Shape, Size

CASES = sorted((pathlib.Path(__file__).parent / "joins").glob("*.yaml"))
"""Specs with a join that fails, and below each, as comments, what is said of it."""


def compilation(text: str) -> Compilation:
    return compile_file(SpecFile("net.yaml", None), text)


def told(text: str) -> list[str]:
    """The findings as lines; in backquotes what stands at the place that a label is for."""

    def under(span: Span | None) -> str:
        assert span is not None and span.file == "net.yaml" and span.line == span.end_line
        return text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1]

    lines = []
    for found in compilation(text).diagnostics:
        assert found.primary is not None
        lines.append(f"{found.severity} {found.code.id}: {found.summary}")
        reason = f": {found.primary.text}" if found.primary.text else ""
        lines.append(f"at `{under(found.span)}`{reason}")
        lines += [f"see `{under(label.span)}`: {label.text}" for label in found.secondary]
        lines += [f"note: {note}" for note in found.notes]
        lines += [f"help: {help}" for help in found.help]
        if found.fix:
            lines.append(f"fix `{under(found.fix.span)}`: {found.fix.text}, {found.fix.is_safe}")
    return "\n".join(lines).splitlines()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_is_said_of_a_join_that_fails(case: pathlib.Path) -> None:
    text = case.read_text("utf-8")
    assert told(text) == [line[2:] for line in text.splitlines() if line.startswith("# ")]


def test_which_proofs_are_kept() -> None:
    """Those of adds, and those of other joins that hold at some sizes alone."""
    text = (
        "name: net\n"
        "input: {height: 32, width: 32}\n"
        "stem:\n"
        "  - conv: {conv: {out: 8, kernel: 3}}\n"
        "  - twice: {add: {}, from: [conv, conv]}\n"
        "  - gate: global_avg_pool\n"
        "  - scaled: {mul: {}, from: [twice, gate]}\n"
        "  - down: {conv: {out: 8, kernel: 3, stride: 2}}\n"
        "  - pool: {max_pool: {kernel: 2}, from: scaled}\n"
        "  - both: {concat: {}, from: [down, pool]}\n"
        "  - same: {concat: {}, from: [both, both]}\n"
        "stages:\n"
        "  - layer1: {block: basic, depth: 1, width: 8}\n"
    )
    found = compilation(text)
    assert [(p.node, p.residual, p.verdict) for p in found.proofs] == [
        ("twice", False, "all sizes"),
        ("both", False, "declared sizes"),
        ("layer1.0.add", True, "all sizes"),
    ]
    assert found.graph is not None
    assert [(p.left, p.right) for p in found.proofs] == [
        tuple(found.graph.shape(name) for name in found.graph[proof.node].inputs)
        for proof in found.proofs
    ]


H, W = Size("H"), Size("W")


@pytest.mark.parametrize(
    ("start", "end", "stride"),
    [
        ((8, H, W), (8, H, W), 1),
        ((8, H, W), (16, Size("H", 1, 2), Size("W", 1, 2)), 2),
        ((8, H, W), (16, Size("H", 1, 2), W), (2, 1)),
        ((8, Size("H", 1, 2), W), (16, Size("H", 7, 8), Size("W", 1, 3)), (4, 3)),
        ((8, Size("H", 0, 4), Size("W", 0, 4)), (8, H, W), 1),  # larger: nothing strides
        ((8, H, W), (8, 1, 1), 1),
        ((8, 4, 4), (8, H, W), 1),
    ],
)
def test_the_stride_between_two_shapes(
    start: Shape, end: Shape, stride: int | tuple[int, int]
) -> None:
    assert stride_between(start, end) == stride
