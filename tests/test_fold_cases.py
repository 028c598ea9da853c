"""Folding by hand-made cases: what is left of each, and that it computes the same with random norm statistics."""

from __future__ import annotations

import pytest
from support.fold_cases import FOLDED, HEADS, KEPT
from support.folding import folded_differences, values_of
from support.peers import relative_difference
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler import Graph, weights
from resnet_compiler.verify import TOLERANCE, load_network, randomise_statistics


def names_in(graph: Graph) -> str:
    return " ".join(node.name.removeprefix("stage.0.") for node in graph)


@pytest.mark.parametrize("case", FOLDED)
def test_folded(case: str) -> None:
    layers, left = FOLDED[case]
    graph = compile_layers(*layers)
    assert names_in(resnet_compiler.fold(graph).graph) == left
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


@pytest.mark.parametrize("case", KEPT)
def test_kept(case: str) -> None:
    """Where a norm has to stay, the graph does, as it is."""
    graph = compile_layers(*KEPT[case])
    assert resnet_compiler.fold(graph).graph is graph


@pytest.mark.parametrize("shortcut", ["auto", "projection", "zero_pad", "{average_projection: {}}"])
@pytest.mark.parametrize("block", ["basic", "bottleneck", "preact_basic", "preact_bottleneck"])
def test_shortcuts(block: str, shortcut: str) -> None:
    """Where a projection and the residual path read one value, each convolution takes in its own norm."""
    graph = compile_text(
        "name: probe\ninput: {channels: 8, height: 8, width: 8}\n"
        f"stages:\n  - a: {{block: {block}, depth: 2, width: 8, stride: 2, shortcut: {shortcut}}}\n"
    )
    folded = resnet_compiler.fold(graph).graph
    assert len(folded) < len(graph)
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


def test_two_that_read_one_value_have_a_bias_each() -> None:
    """An exporter once named the new bias after what is read, and so made one of two."""
    graph = compile_layers(*FOLDED["two that read one value"][0])
    folded = resnet_compiler.fold(graph)
    model = resnet_compiler.build_onnx(folded)
    read = {node.name: list(node.input) for node in model.graph.node}
    for name in ("stage.0.a", "stage.0.b"):
        assert read[name] == ["input", f"{name}.weight", f"{name}.bias"]
    value = folded.derive(lambda name, tensor: weights.tried(name, tensor, 0))
    biases = [
        value(f"stage.0.{name}.bias", weights.Tensor("bias", (6,), "constant")) for name in "ab"
    ]
    assert relative_difference(*biases) > 0.1


def test_a_convolution_that_is_a_stages_output_keeps_it() -> None:
    """`a` gives its convolution's output as features, so the norm behind it stays; others are folded."""
    graph = compile_text(HEADS)
    folded = resnet_compiler.fold(graph)
    assert [node.name for node in folded.graph] == ["a.0.c", "b.0.n", "b.0.c", "last", "p"]
    assert [stage.exit for stage in folded.graph.stages] == ["a.0.c", "b.0.c"]
    assert folded.graph.output == "p"
    differences = folded_differences(graph)
    assert max(differences.values()) <= TOLERANCE, differences


def test_the_features_of_the_stages_stay_the_same() -> None:
    import torch

    graph = compile_text(HEADS)
    folded = resnet_compiler.fold(graph)
    image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    network = load_network(graph, lambda name, tensor: weights.tried(name, tensor, 0))
    randomise_statistics(network, image.numpy(), 0)
    after = load_network(folded.graph, folded.derive(values_of(network)))
    with torch.inference_mode():
        ours, theirs = (each.forward_features(image) for each in (after, network))
    assert len(ours) == len(theirs) == 2
    for a, b in zip(ours, theirs, strict=True):
        assert b.std() > 0
        assert relative_difference(a.numpy(), b.numpy()) <= TOLERANCE
