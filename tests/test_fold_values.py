"""Folded networks in ONNX Runtime alone: quick enough to be run for each mutant of the passes (docs/mutation.md)."""

from __future__ import annotations

import pytest
from support.fold_cases import FOLDED, HEADS, KEPT
from support.folding import onnx_difference
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler.verify import TOLERANCE


@pytest.mark.parametrize("case", FOLDED)
def test_a_folded_case_is_right_in_onnx_runtime(case: str) -> None:
    layers, left = FOLDED[case]
    graph = compile_layers(*layers)
    folded = resnet_compiler.fold(graph).graph
    assert [node.name for node in folded] == [f"stage.0.{name}" for name in left.split()]
    assert onnx_difference(graph) <= TOLERANCE


@pytest.mark.parametrize("case", KEPT)
def test_a_case_to_keep_is_kept(case: str) -> None:
    graph = compile_layers(*KEPT[case])
    assert resnet_compiler.fold(graph).graph is graph


def test_what_a_stages_output_is_keeps_its_norm() -> None:
    graph = compile_text(HEADS)
    folded = resnet_compiler.fold(graph).graph
    assert [node.name for node in folded] == ["a.0.c", "b.0.n", "b.0.c", "last", "p"]
    assert onnx_difference(graph) <= TOLERANCE
