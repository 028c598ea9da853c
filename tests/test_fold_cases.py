"""Folding by hand-made cases: what is left of each, and that it computes the same with random norm statistics."""

from __future__ import annotations

import pytest
from support.folding import folded_differences, values_of
from support.peers import relative_difference
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler import Graph, weights
from resnet_compiler.verify import TOLERANCE, load_network, randomise_statistics

CONV = "c: {conv: {out: 6, kernel: 3}}"

FOLDED: dict[str, tuple[tuple[str, ...], str]] = {
    # --- behind a convolution ---
    "plain": ((CONV, "n: norm"), "c"),
    "a bias that was there": (("c: {conv: {out: 6, kernel: 3, bias: true}}", "n: norm"), "c"),
    "groups": (("c: {conv: {out: 12, kernel: 3, groups: 4}}", "n: norm"), "c"),
    "depthwise": (("c: {conv: {out: 16, kernel: 3, groups: 8}}", "n: norm", "r: relu"), "c r"),
    "dilation": (("c: {conv: {out: 6, kernel: 3, dilation: 2}}", "n: norm"), "c"),
    "stride": (("c: {conv: {out: 6, kernel: [3, 1], stride: [2, 1]}}", "n: norm"), "c"),
    "padding": (("c: {conv: {out: 6, kernel: 2, padding: [0, 3]}}", "n: norm"), "c"),
    "another eps": ((CONV, "n: {batch_norm: {eps: 0.5}}"), "c"),
    "norm behind norm": ((CONV, "n: norm", "m: {batch_norm: {eps: 0.1}}"), "c"),
    "dropout between": ((CONV, "d: dropout", "n: norm", "e: {drop_path: {rate: 0.5}}"), "c"),
    "a scale that does nothing": ((CONV, "s: scale", "n: norm"), "c"),
    "standardised": (("c: {conv: {out: 6, kernel: 3, standardized: true}}", "n: norm"), "c"),
    "standardised alone": (("c: {conv: {out: 6, kernel: 3, standardized: true, eps: 0.1}}",), "c"),
    "standardised with a bias and groups": (
        (
            "c: {conv: {out: 6, kernel: 3, groups: 2, bias: true, standardized: true}}",
            "n: norm",
        ),
        "c",
    ),
    "two that read one value": (
        (
            "a: {conv: {out: 6, kernel: 3}}",
            "m: norm",
            "b: {conv: {out: 6, kernel: 1}, from: input}",
            "n: norm",
            "s: {add: {}, from: [m, n]}",
        ),
        "a b s",
    ),
    # --- ahead of a convolution or a linear layer ---
    "ahead of a pointwise one": (("n: norm", "c: {conv: {out: 6, kernel: 1}}"), "c"),
    "ahead of one without padding": (
        ("n: norm", "c: {conv: {out: 6, kernel: 3, padding: 0, stride: 2, bias: true}}"),
        "c",
    ),
    "ahead of groups": (
        ("n: norm", "c: {conv: {out: 12, kernel: 2, padding: 0, groups: 4}}"),
        "c",
    ),
    "ahead of a standardised one": (
        ("n: norm", "c: {conv: {out: 6, kernel: 1, standardized: true}}"),
        "c",
    ),
    "two ahead of two": (
        (
            "m: norm",
            "n: {batch_norm: {eps: 0.1}}",
            "a: {conv: {out: 6, kernel: 1}}",
            "b: {conv: {out: 6, kernel: 1}, from: n}",
            "s: {add: {}, from: [a, b]}",
        ),
        "a b s",
    ),
    "on both sides": (("m: norm", "c: {conv: {out: 6, kernel: 1}}", "n: norm"), "c"),
    "ahead of a linear layer": (
        ("p: global_avg_pool", "n: norm", "f: {linear: {out: 5}}"),
        "p f",
    ),
    "ahead of a linear layer that flattens": (
        (
            "p: global_avg_pool",
            "r: {reshape: {to: [2, 2, 2]}}",
            "n: norm",
            "f: {linear: {out: 5, bias: false}}",
        ),
        "p r f",
    ),
}
KEPT: dict[str, tuple[str, ...]] = {
    "a convolution that another layer reads": (CONV, "n: norm", "s: {add: {}, from: [n, c]}"),
    "a convolution that is read by two norms": (
        CONV,
        "m: norm",
        "n: {batch_norm: {}, from: c}",
        "s: {add: {}, from: [m, n]}",
    ),
    "an activation between": (CONV, "r: relu", "n: norm", "q: relu"),
    "no convolution": ("r: relu", "n: norm"),
    "another norm": (CONV, "n: {group_norm: {groups: 2}}"),
    "ahead of one that pads": ("n: norm", "c: {conv: {out: 6, kernel: 3}}"),
    "ahead of one that pads and one that does not": (
        "n: norm",
        "a: {conv: {out: 6, kernel: 1}}",
        "b: {conv: {out: 6, kernel: 3}, from: n}",
        "s: {add: {}, from: [a, b]}",
    ),
    "ahead of a convolution and an add": (
        "n: norm",
        "c: {conv: {out: 8, kernel: 1}}",
        "s: {add: {}, from: [c, n]}",
    ),
}
HEADS = """\
name: heads
input: {channels: 3, height: 8, width: 8}
stages: [{a: {block: plain, depth: 1}}, {b: {block: norm_first, depth: 1}}]
head: [{last: norm}, {p: {conv: {out: 4, kernel: 3}}}, {n: norm}]
blocks:
  plain: {layers: [{c: {conv: {out: 6, kernel: 3}}}]}
  norm_first: {layers: [{n: norm}, {c: {conv: {out: 6, kernel: 3}}}, {m: norm}]}
"""


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
