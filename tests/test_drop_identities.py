"""Layers that give back their input at inference: which they are, and where one stays all the same."""

from __future__ import annotations

import pytest
from support.folding import folded_differences
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler import Graph
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


def with_shortcut(layers: str) -> Graph:
    return compile_text(
        "name: n\ninput: {channels: 4, height: 8, width: 8}\n"
        "stages: [{a: {block: b, depth: 1, shortcut: projection}}]\n"
        f"blocks: {{b: {{residual: [{{d: dropout}}], shortcut: {layers}}}}}\n"
    )


NETWORKS = {
    "one shape": compile_layers(
        *("p: global_avg_pool", "q: global_avg_pool", "r: {reshape: {to: [8, 1, 1]}}"),
        *("s: {reshape: {to: -1}}", "t: {reshape: {to: 8}}"),
    ),
    "one behind the other": compile_layers(
        "a: silu", "x: dropout", "y: scale", "b: {add: {}, from: [y, x]}"
    ),
    "nothing but identities": compile_text(
        "name: n\ninput: {height: 8, width: 8}\nstages: [{a: {block: nothing, depth: 1}}]\n"
        "head: [{x: dropout}, {y: scale}]\nblocks: {nothing: {layers: [{r: {relu: {}, when: 1 > 2}}]}}\n"
    ),
    "stages of identities": compile_text(
        "name: n\ninput: {height: 8, width: 8}\n"
        "stages: [{a: {block: d, depth: 2}}, {b: {block: r, depth: 1}}, {c: {block: d, depth: 1}}]\n"
        "head: [{x: dropout}]\n"
        "blocks: {d: {layers: [{d: dropout}]}, r: {layers: [{r: silu}, {d: scale}]}}\n"
    ),
    "identity shortcut": with_shortcut("[{s: dropout}]"),
    "projection": with_shortcut("[{s: dropout}, {t: silu}]"),
}


def names_in(graph: Graph) -> list[str]:
    return [node.name for node in graph]


@pytest.mark.parametrize("layer", DROPPED)
def test_dropped(layer: str) -> None:
    folded = resnet_compiler.fold(compile_layers("a: silu", f"x: {layer}", "b: relu")).graph
    assert names_in(folded) == ["stage.0.a", "stage.0.b"]
    assert folded.output == "stage.0.b"


@pytest.mark.parametrize("layer", KEPT)
def test_kept(layer: str) -> None:
    graph = compile_layers("a: silu", f"x: {layer}", "b: relu")
    assert resnet_compiler.fold(graph).graph is graph


def test_what_has_one_shape_already_is_not_reshaped_or_pooled() -> None:
    assert names_in(resnet_compiler.fold(NETWORKS["one shape"]).graph) == ["stage.0.p", "stage.0.s"]


def test_one_behind_the_other_all_go() -> None:
    folded = resnet_compiler.fold(NETWORKS["one behind the other"]).graph
    assert folded["stage.0.b"].inputs == ("stage.0.a", "stage.0.a")


def test_the_output_is_never_the_input() -> None:
    folded = resnet_compiler.fold(NETWORKS["nothing but identities"]).graph
    assert (names_in(folded), folded.output) == (["y"], "y")


def test_each_stage_keeps_an_output_of_its_own() -> None:
    folded = resnet_compiler.fold(NETWORKS["stages of identities"]).graph
    assert names_in(folded) == ["a.1.d", "b.0.r", "c.0.d"]
    assert [stage.exit for stage in folded.stages] == names_in(folded)
    assert [stage.blocks for stage in folded.stages] == [("a.1",), ("b.0",), ("c.0",)]
    assert folded.output == "c.0.d"
    assert resnet_compiler.emit_pytorch(folded).count("def forward_features") == 1


@pytest.mark.parametrize(
    ("case", "kind", "layers"),
    [("identity shortcut", "identity", ()), ("projection", "projection", ("a.0.t",))],
)
def test_a_shortcut_of_which_nothing_is_left_is_the_identity(
    case: str, kind: str, layers: tuple[str, ...]
) -> None:
    scope = resnet_compiler.fold(NETWORKS[case]).graph.scopes["a.0"]
    assert (scope.shortcut, scope.shortcut_layers) == (kind, layers)


@pytest.mark.parametrize("layer", DROPPED)
def test_a_network_without_a_layer_that_is_dropped_computes_the_same(layer: str) -> None:
    differences = folded_differences(compile_layers("a: silu", f"x: {layer}", "b: relu"))
    assert max(differences.values()) <= TOLERANCE, differences


@pytest.mark.parametrize("case", NETWORKS)
def test_a_network_computes_the_same(case: str) -> None:
    differences = folded_differences(NETWORKS[case])
    assert max(differences.values()) <= TOLERANCE, differences
