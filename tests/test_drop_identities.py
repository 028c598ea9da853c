"""Layers that give back their input at inference: which they are, and where one stays all the same."""

from __future__ import annotations

import pytest
from support.folding import folded_differences
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler.verify import TOLERANCE

DROPPED = (
    "{dropout: {rate: 0.3}}",
    "{drop_path: {rate: 0.3}}",
    "scale",
    "{power: {exponent: 1}}",
    "{subsample: {stride: 1}}",
    "{pad: {border: 0}}",
    "{pad: {channels: 8}}",
    "{part: {index: 0, of: 1}}",
    "{part: {start: 0, stop: 8}}",
    "{shuffle: {groups: 1}}",
    "{shuffle: {groups: 8}}",
    "{max_pool: {kernel: 1}}",
    "{avg_pool: {kernel: 1, ceil_mode: true}}",
)
KEPT = (
    "{scale: {factor: 2}}",
    "{scale: {offset: 1}}",
    "{power: {exponent: 2}}",
    "{subsample: {stride: [1, 2]}}",
    "{pad: {border: [0, 1]}}",
    "{pad: {channels: 9}}",
    "{part: {index: 0, of: 2}}",
    "{part: {start: 1, stop: 8}}",
    "{shuffle: {groups: 2}}",
    "{max_pool: {kernel: 1, stride: 2}}",
    "{max_pool: {kernel: [1, 3], stride: 1, padding: [0, 1]}}",
    "global_avg_pool",
    "relu",
)


def names_in(graph: resnet_compiler.Graph) -> list[str]:
    return [node.name for node in graph]


@pytest.mark.parametrize("layer", DROPPED)
def test_dropped(layer: str) -> None:
    graph = compile_layers("a: silu", f"x: {layer}", "b: relu")
    assert names_in(resnet_compiler.fold(graph).graph) == ["stage.0.a", "stage.0.b"]
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


@pytest.mark.parametrize("layer", KEPT)
def test_kept(layer: str) -> None:
    graph = compile_layers("a: silu", f"x: {layer}", "b: relu")
    assert resnet_compiler.fold(graph).graph is graph


def test_what_has_one_shape_already_is_not_reshaped_or_pooled() -> None:
    layers = ("p: global_avg_pool", "q: global_avg_pool", "r: {reshape: {to: [8, 1, 1]}}")
    graph = compile_layers(*layers, "s: {reshape: {to: -1}}", "t: {reshape: {to: 8}}")
    assert names_in(resnet_compiler.fold(graph).graph) == ["stage.0.p", "stage.0.s"]
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


def test_one_behind_the_other_all_go() -> None:
    graph = compile_layers("a: silu", "x: dropout", "y: scale", "b: {add: {}, from: [y, x]}")
    folded = resnet_compiler.fold(graph).graph
    assert folded["stage.0.b"].inputs == ("stage.0.a", "stage.0.a")
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


def test_the_output_is_never_the_input() -> None:
    graph = compile_text(
        "name: n\ninput: {height: 8, width: 8}\nstages: [{a: {block: nothing, depth: 1}}]\n"
        "head: [{x: dropout}, {y: scale}]\nblocks: {nothing: {layers: [{r: {relu: {}, when: 1 > 2}}]}}\n"
    )
    folded = resnet_compiler.fold(graph).graph
    assert (names_in(folded), folded.output) == (["y"], "y")
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


def test_each_stage_keeps_an_output_of_its_own() -> None:
    graph = compile_text(
        "name: n\ninput: {height: 8, width: 8}\n"
        "stages: [{a: {block: d, depth: 2}}, {b: {block: r, depth: 1}}, {c: {block: d, depth: 1}}]\n"
        "head: [{x: dropout}]\n"
        "blocks: {d: {layers: [{d: dropout}]}, r: {layers: [{r: silu}, {d: scale}]}}\n"
    )
    folded = resnet_compiler.fold(graph).graph
    assert names_in(folded) == ["a.1.d", "b.0.r", "c.0.d"]
    assert [stage.exit for stage in folded.stages] == names_in(folded)
    assert [stage.blocks for stage in folded.stages] == [("a.1",), ("b.0",), ("c.0",)]
    assert folded.output == "c.0.d"
    assert resnet_compiler.emit_pytorch(folded).count("def forward_features") == 1
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


@pytest.mark.parametrize(
    ("shortcut", "kind", "layers"),
    [("[{s: dropout}]", "identity", ()), ("[{s: dropout}, {t: silu}]", "projection", ("a.0.t",))],
)
def test_a_shortcut_of_which_nothing_is_left_is_the_identity(
    shortcut: str, kind: str, layers: tuple[str, ...]
) -> None:
    graph = compile_text(
        "name: n\ninput: {channels: 4, height: 8, width: 8}\n"
        "stages: [{a: {block: b, depth: 1, shortcut: projection}}]\n"
        f"blocks: {{b: {{residual: [{{d: dropout}}], shortcut: {shortcut}}}}}\n"
    )
    scope = resnet_compiler.fold(graph).graph.scopes["a.0"]
    assert (scope.shortcut, scope.shortcut_layers) == (kind, layers)
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences
