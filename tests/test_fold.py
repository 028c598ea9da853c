"""Folded networks compute what the unfolded ones do; and the folded weights are exact, lazy and made in little memory."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
from support.folding import folded_differences
from support.random_specs import random_graph, random_instances
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler import Measures, SpecError, weights
from resnet_compiler.library import shipped_specs
from resnet_compiler.operators.base import Tensor
from resnet_compiler.operators.linear import Conv
from resnet_compiler.verify import TOLERANCE

MODELS = (
    "cifar/resnet20",
    "cifar/plain20",
    "cifar/preact_resnet164",
    "imagenet/resnet18",
    "imagenet/resnet34_a",
    "imagenet/resnet50",
    "imagenet/resnext50_32x4d",
    "timm/ecaresnet26t",
    "timm/resnetaa34d",
    "timm/resnetblur18",
    "timm/resnetrs50",
    "timm/resnetv2_18d",
    "timm/resnetv2_50x1_bit",
    "timm/seresnext26d_32x4d",
)
"""Every kind of block, stem, shortcut and attention that the shipped specs have with batch norms, or standardised."""

EVERYTHING = tuple(
    spec.display.removeprefix("specs/").removesuffix(".yaml")
    for spec in shipped_specs()
    if os.environ.get("RESNETC_FOLD") == "all"
)
"""All of them, for the campaign of docs/campaigns.md; it leaves out those that are too large for most machines."""
LARGEST = 150_000_000

NORM = ("weight", "bias", "running_mean", "running_var")


@pytest.mark.parametrize("name", EVERYTHING or MODELS)
def test_a_model_computes_the_same(name: str) -> None:
    graph = compile_text(f"name: small\nextends: {name}\ninput: {{height: 64, width: 64}}\n")
    if Measures(graph).parameters > LARGEST:
        pytest.skip("too large")
    differences = folded_differences(graph)
    # a hundred layers without shortcuts amplify rounding, before folding as after it
    bound = max(TOLERANCE, min(2 * differences.pop("onnx"), 5e-3))
    assert max(differences.values()) <= bound, differences


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("make", [random_graph, random_instances])
def test_a_random_network_computes_the_same(make: object, part: int) -> None:
    assert callable(make)
    folded = 0
    for seed in range(1000 + part, 1060, 4):
        try:
            graph = compile_text(make(seed))
        except SpecError:  # some are no networks: sides of an add that differ
            continue
        differences = folded_differences(graph, may_vanish=True)
        assert max(differences.values()) <= TOLERANCE, (seed, differences)
        folded += resnet_compiler.fold(graph).graph is not graph
    assert folded >= 5


# --- values ----------------------------------------------------------------------------------------------------------


def test_the_formula() -> None:
    """w' = 2 · 3 / √(3.75 + 0.25), b' = (11 − 7) · 3 / √(3.75 + 0.25) + 5."""
    graph = compile_layers(
        "c: {conv: {out: 1, kernel: 1, bias: true}}", "n: {batch_norm: {eps: 0.25}}", channels=1
    )
    given = dict(zip((f"n.{name}" for name in NORM), (3, 5, 7, 3.75), strict=True))
    given |= {"c.weight": 2, "c.bias": 11}
    folded = resnet_compiler.fold(graph)
    value = folded.derive(
        lambda name, tensor: np.full(tensor.shape, given[name.removeprefix("stage.0.")])
    )
    found = {name: value(name, tensor) for name, tensor in weights.tensors(folded.graph)}
    assert {name: float(each.item()) for name, each in found.items()} == {
        "stage.0.c.weight": 3,
        "stage.0.c.bias": 11,
    }


def test_the_formula_ahead() -> None:
    """w' = 2 · 1.5, b' = 11 + 2 · (5 − 7 · 1.5), with a norm of factor 3 / √(3.75 + 0.25)."""
    graph = compile_layers(
        "n: {batch_norm: {eps: 0.25}}", "c: {conv: {out: 1, kernel: 1, bias: true}}", channels=1
    )
    given = dict(zip((f"n.{name}" for name in NORM), (3, 5, 7, 3.75), strict=True))
    given |= {"c.weight": 2, "c.bias": 11}
    folded = resnet_compiler.fold(graph)
    value = folded.derive(
        lambda name, tensor: np.full(tensor.shape, given[name.removeprefix("stage.0.")])
    )
    found = {name: value(name, tensor) for name, tensor in weights.tensors(folded.graph)}
    assert {name: float(each.item()) for name, each in found.items()} == {
        "stage.0.c.weight": 3,
        "stage.0.c.bias": 0,
    }


def test_weights_are_rounded_once() -> None:
    """What is made in float64 is the nearest float32, whatever the statistics are."""
    graph = compile_layers("c: {conv: {out: 64, kernel: 3}}", "n: norm")
    folded = resnet_compiler.fold(graph)
    value = folded.derive(lambda name, tensor: weights.tried(name, tensor, 0))
    (weight, bias) = (value(name, tensor) for name, tensor in weights.tensors(folded.graph))
    before = {
        name.removeprefix("stage.0."): weights.tried(name, tensor, 0).astype(np.float64)
        for name, tensor in weights.tensors(graph)
    }
    scale, shift, mean, variance = (before[f"n.{name}"] for name in NORM)
    factor = scale / np.sqrt(variance + 1e-5)
    exact = before["c.weight"] * factor[:, None, None, None]
    assert weight.dtype == bias.dtype == np.float32
    assert np.array_equal(weight, exact.astype(np.float32))
    assert np.array_equal(bias, (shift - mean * factor).astype(np.float32))


def test_only_what_a_tensor_is_made_of_is_asked_for_and_only_then() -> None:
    asked: list[str] = []
    folded = resnet_compiler.fold(resnet_compiler.compile("cifar/resnet20"))

    def value(name: str, tensor: Tensor) -> weights.Array:
        asked.append(name)
        return weights.initial(name, tensor, 0)

    derived = folded.derive(value)
    assert asked == []
    for name, tensor in weights.tensors(folded.graph):
        derived(name, tensor)
        layer, _, part = name.rpartition(".")
        norm = layer.replace("conv", "bn").replace("downsample.0", "downsample.1")
        own = [name] if name == "fc.bias" or part == "weight" else []
        assert sorted(asked) == sorted([*own, *(f"{norm}.{n}" for n in NORM if layer != "fc")])
        asked.clear()


LARGE = {
    "fold_batch_norm": ("c: {conv: {out: 1024, kernel: 3}}", "n: norm"),
    "fold_leading_batch_norm": ("n: norm", "c: {conv: {out: 1024, kernel: 3, padding: 0}}"),
    "standardize_weights": ("c: {conv: {out: 1024, kernel: 3, standardized: true}}",),
}


@pytest.mark.parametrize("name", LARGE)
def test_a_weight_is_made_in_little_memory(name: str) -> None:
    """Beside the weight that is given, the one that is made, and less than a tenth of that for what is between."""
    graph = compile_layers(*LARGE[name], channels=1024)
    folded = resnet_compiler.fold(graph)
    assert folded.graph.passes == (name,)
    given = {full: weights.initial(full, tensor, 0) for full, tensor in weights.tensors(graph)}
    value = folded.derive(lambda full, _: given[full])
    for full, tensor in weights.tensors(folded.graph):
        tracemalloc.start()
        made = value(full, tensor)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert made.nbytes == 4 * made.size
        assert peak <= made.nbytes + given["stage.0.c.weight"].nbytes / 10


@pytest.mark.parametrize(("channels", "out", "kernel"), [(64, 512, 3), (100_000, 3, 1)])
def test_filters_are_standardised_a_few_at_a_time(
    channels: int, out: int, kernel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them at once take memory, and one by one time; a large filter is one by itself."""
    layer = f"c: {{conv: {{out: {out}, kernel: {kernel}, standardized: true}}}}"
    graph = compile_layers(layer, channels=channels)
    folded = resnet_compiler.fold(graph)
    ((name, tensor),) = weights.tensors(folded.graph)
    pieces: list[weights.Array] = []
    of_all = Conv.inference_value

    def of_piece(self: Conv, part: str, piece: weights.Array) -> weights.Array:
        pieces.append(piece)
        return of_all(self, part, piece)

    given = weights.initial(name, tensor, 0)
    monkeypatch.setattr(Conv, "inference_value", of_piece)
    made = folded.derive(lambda *_: given)(name, tensor)
    assert np.array_equal(np.concatenate(pieces), given)
    assert all(2**17 <= piece.nbytes <= 2**19 for piece in pieces[:-1])
    operator = graph["stage.0.c"].operator
    assert isinstance(operator, Conv)
    assert np.array_equal(made, of_all(operator, "weight", given).astype(np.float32))
