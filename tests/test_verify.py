"""`verify`: healthy networks are not called different, and a planted fault is found at its layer."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from support.architectures import ARCHITECTURES, architecture
from support.planted import planted
from support.specs import compile_text

import resnet_compiler
from resnet_compiler import verify, weights
from resnet_compiler.emit.onnx import emit_onnx
from resnet_compiler.emit.pytorch import emit_pytorch
from resnet_compiler.runtime.verdict import judge

CASES = pathlib.Path(__file__).parent / "cases" / "verify"
SILU_AND_GATES = """
name: gated
input: {channels: 3, height: 32, width: 32}
act: silu
stem:
  - conv1: {conv: {out: 16, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 6, width: 16, attention: squeeze_excite}
  - layer2: {block: basic, depth: 6, width: 32, stride: 2, attention: squeeze_excite}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_planted_fault_is_found_at_its_layer(kind: str) -> None:
    seen = []
    for plant in planted(architecture(kind), seed=0):
        found = plant.verify()
        assert found.verdict == "different", (plant.kind, plant.layer)
        assert found.parting is not None and found.parting.layer == plant.layer, (
            plant.kind,
            found.parting,
        )
        seen.append(plant.kind)
    assert len(seen) >= 12 and {kind.partition(":")[0] for kind in seen} == {"source", "ONNX"}


@pytest.mark.parametrize(
    ("kind", "before", "after", "layer"),
    [
        ("basic", "self.relu(x + shortcut)", "self.relu(x - shortcut)", "layer1.0.add"),
        ("basic", "self.relu(x + shortcut)", "x + shortcut", "layer1.0.act2"),
        ("basic", "self.relu(x + shortcut)", "self.relu(shortcut)", "layer1.0.add"),
        ("basic", "nn.MaxPool2d(3, 2, 1)", "nn.AvgPool2d(3, 2, 1)", "maxpool"),
        ("basic", "self.maxpool(x)", "x", "maxpool"),
        ("basic", "nn.BatchNorm2d(8)", "nn.BatchNorm2d(8, 0.01)", "bn1"),
        ("squeeze-and-excite", "x * gate", "x + gate", "layer1.0.se.scale"),
        ("basic", "nn.Linear(16, num_classes)", "nn.Linear(16, num_classes, bias=False)", "fc"),
    ],
)
def test_a_fault_in_the_text_is_found(kind: str, before: str, after: str, layer: str) -> None:
    graph = architecture(kind)
    source = emit_pytorch(graph, "0")
    assert before in source, source
    found = verify.verify(graph, source=source.replace(before, after))
    assert found.verdict == "different" and not found.passed
    assert found.parting is not None and found.parting.layer == layer, found.parting


def test_the_values_are_those_that_differ() -> None:
    graph = architecture("basic")
    source = emit_pytorch(graph, "0").replace("nn.MaxPool2d(3, 2, 1)", "nn.AvgPool2d(3, 2, 1)")
    parting = verify.verify(graph, source=source).parting
    assert parting is not None and parting.onnx is not None and parting.source is not None
    assert parting.onnx > parting.source, "the greatest of nine against their mean"
    assert parting.index[1:] < graph.concrete("maxpool") and len(parting.index) == 4
    assert parting.difference is not None and parting.difference > 0.01
    assert f"maxpool (max_pool): {parting.onnx:.7g} in the ONNX" in str(parting)


def test_what_is_no_number_is_different() -> None:
    import torch

    graph = architecture("basic")
    network = verify.load_network(graph, lambda name, tensor: weights.tried(name, tensor, 0))
    with torch.no_grad():
        network.layer2[0].conv1.weight[0, 0, 0, 0] = float("nan")
    state = network.state_dict()
    model = emit_onnx(graph, lambda name, tensor: state[name].numpy(), "0")
    found = verify.compare(graph, network, model)
    assert found.verdict == "different"
    assert found.parting is not None and found.parting.layer == "layer2.0.conv1"


def test_a_source_that_does_not_run_is_told() -> None:
    graph = architecture("basic")
    source = emit_pytorch(graph, "0")
    for broken in (source.replace("self.fc(", "self.no_such_layer("), "1 +", source + "\nraise X"):
        found = verify.verify(graph, source=broken)
        assert found.verdict == "different" and found.parting is not None and found.parting.why


def test_a_network_that_amplifies_is_not_called_different() -> None:
    """At its declared size, which takes longer, the same network agrees to 1e-4."""
    found = verify.verify(small(resnet_compiler.compile(str(CASES / "se_resnet101.yaml")), 32))
    assert found.passed and found.layers > 500


@pytest.mark.parametrize("name", ["sk_tiny", "split_attention_net", "gated"])
def test_gates_and_branches_agree(name: str) -> None:
    path = CASES / f"{name}.yaml"
    text = path.read_text("utf-8") if path.exists() else SILU_AND_GATES
    assert verify.verify(compile_text(text), seed=1).verdict == "agree"


def test_what_float32_cannot_is_said_with_both_figures() -> None:
    found = verify.verify(small(resnet_compiler.compile("cifar/plain110"), 16))
    assert found.verdict == "agree as far as float32 can" and found.passed
    assert found.parting is None and found.layers > 300
    for each in found.comparisons:
        assert each.onnx_from_float64 > verify.TOLERANCE < each.torch_from_float64


def small(graph: Any, size: int) -> Any:
    from dataclasses import replace

    return replace(graph, extents=tuple(replace(e, declared=size) for e in graph.extents))


def test_the_verdict_follows_from_the_figures() -> None:
    assert judge(1e-5, 9e-5, 1e-4, None) == "agree"
    assert judge(2e-3, 1e-3, 1e-4, None) == "agree as far as float32 can"
    assert judge(2e-3, 1e-5, 1e-4, None) == "different"
    assert judge(float("inf"), 1e-3, 1e-4, None) == "different"
    assert judge(float("inf"), float("inf"), 1e-4, None) == "different", "it is no number"
    assert judge(1e-5, float("inf"), 1e-4, None) == "agree as far as float32 can"
    assert judge(1e-6, 1e-6, 1e-4, verify.Parting("fc", "linear")) == "different"


@pytest.mark.parametrize("name", ["lab/plain20_nonorm", "cifar/resnet20", "timm/resnet10t"])
def test_activations_are_conditioned_like_those_of_a_trained_network(name: str) -> None:
    """Each norm takes in what its statistics say, and no layer's values grow or vanish."""
    import torch

    graph = small(resnet_compiler.compile(name), 32)
    network = verify.load_network(graph, lambda full, tensor: weights.tried(full, tensor, 1))
    verify.prepare(graph, network, 1)
    seen: list[float] = []
    spreads: list[float] = []

    def norm(module: Any, inputs: Any) -> None:
        spread = module.running_var.sqrt()
        off = (inputs[0].mean((0, 2, 3)) - module.running_mean).abs() / spread
        seen.append(float(off.median()))

    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_pre_hook(norm)
        elif isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda *given: spreads.append(float(given[2].std())))
    shape = (8, graph.input_shape[0], 32, 32)
    image = np.random.default_rng(5).standard_normal(shape, "float32")  # type: ignore[arg-type]
    with torch.no_grad():
        network(torch.from_numpy(image))
    assert len(spreads) > 9 and all(0.3 < each < 3 for each in spreads), spreads
    assert all(each < 0.6 for each in seen), seen
    assert bool(seen) == ("nonorm" not in name)
