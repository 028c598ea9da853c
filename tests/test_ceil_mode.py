"""Poolings that round their size up: onnx's inference keeps a last window that starts in the padding; PyTorch, ONNX
Runtime and the proof drop it, and so must every model with a fixed size."""

from __future__ import annotations

import pathlib
import random

import numpy as np
import pytest
from support import peers
from support.specs import compile_text

from resnet_compiler import Graph, api, verify, weights
from resnet_compiler.graph import INPUT
from resnet_compiler.interface import Interface, Pair
from resnet_compiler.operators.base import Tensor

CASES = pathlib.Path(__file__).parent / "cases" / "ceil_mode"


def assert_equal_to_torch(graph: Graph, size: Pair | None, batch: int | None) -> None:
    """A model of this size (None: the declared one, or dynamic), run in ONNX Runtime and in torch."""

    def tried(name: str, tensor: Tensor) -> weights.Array:
        return weights.tried(name, tensor, 0)

    network = verify.load_network(graph, tried)
    model = api.build_onnx(
        graph, weights=tried, interface=Interface(size=size or "auto", batch=batch or "dynamic")
    )
    height, width = size or tuple(graph.declared.values())
    shape = (batch or 2, graph.concrete(INPUT)[0], height, width)
    image = np.random.default_rng(0).standard_normal(shape, np.float32)
    theirs = verify.run_network(network, image)
    ours = peers.onnx_session(model).run(None, {INPUT: image})[0]
    assert ours.shape == theirs.shape
    assert peers.relative_difference(ours, theirs) < 1e-5


@pytest.mark.parametrize(("name", "size"), [("a", (8, 8)), ("b", (8, 8)), ("c-build", None)])
def test_the_model_is_that_of_torch(name: str, size: Pair | None) -> None:
    graph = compile_text((CASES / f"{name}.yaml").read_text())
    assert_equal_to_torch(graph, size, 1 if size else None)


@pytest.mark.parametrize("number", range(12))
def test_random_chains_of_poolings_are_those_of_torch(number: int) -> None:
    """Windows, strides, borders and dilations at random, all rounded up, at sizes that are fixed."""
    draw = random.Random(number)
    layers = []
    for index in range(draw.randint(1, 3)):
        kernel = draw.randint(1, 3)
        word = draw.choice(("max_pool", "avg_pool"))
        given = f"kernel: {kernel}, stride: {draw.randint(1, 4)}, ceil_mode: true"
        given += f", padding: {draw.randint(0, kernel // 2)}"
        layers.append(f"  - p{index}: {{{word}: {{{given}}}}}")
        layers.append(
            f"  - c{index}: {{conv: {{out: {2 + index}, kernel: {draw.choice((1, 3))}}}}}"
        )
    graph = compile_text(
        "name: chain\ninput: {channels: 3, height: 33, width: 29}\nstem:\n"
        + "\n".join(layers)
        + "\nstages: [s: {block: one, depth: 1}]\nblocks: {one: {layers: [r: relu]}}\n"
    )
    size = (draw.randint(20, 50), draw.randint(20, 50))
    assert_equal_to_torch(graph, size, draw.choice((None, 1, 3)))
