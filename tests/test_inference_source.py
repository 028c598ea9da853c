"""Source for inference: it computes what the network computes, loads what was trained, and overwrites nothing it may not."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from support import peers
from support.architectures import ARCHITECTURES
from support.folding import run_model
from support.random_specs import random_graph, random_instances
from support.specs import compile_text
from support.structures import STRUCTURES
from test_fold import EVERYTHING, LARGEST, MODELS

import resnet_compiler
from resnet_compiler import Graph, SpecError, api, weights
from resnet_compiler.emit.onnx import check_onnx, emit_onnx
from resnet_compiler.operators.fused import FusedConv, FusedConvAdd
from resnet_compiler.passes import INFERENCE, run
from resnet_compiler.verify import TOLERANCE, load_network, randomise_statistics, run_network


def trained(graph: Graph, seed: int = 0) -> tuple[Any, Any]:
    """The network with random norm statistics, and a batch."""
    shape = (2, graph.input_shape[0], *graph.declared.values())
    image = np.random.default_rng(seed).standard_normal(shape, np.float32)
    network = load_network(graph, lambda name, tensor: weights.tried(name, tensor, seed))
    randomise_statistics(network, image, seed)
    return network, image


def inference(graph: Graph, network: Any) -> tuple[Any, Any]:
    """The emitted module, and its network with the weights of one that was trained."""
    module = peers.load_source(api.emit_inference(graph))
    fused = peers.network_class(module)().eval()
    fused.load_state_dict(network.state_dict())
    return module, fused


def differences(graph: Graph, may_vanish: bool = False) -> dict[str, float]:
    """How far the source for inference is from the other, as it is loaded and prepared for oneDNN."""
    network, image = trained(graph)
    wanted = run_network(network, image)
    assert may_vanish or wanted.std() > 0
    module, fused = inference(graph, network)
    found = {"loaded": run_network(fused, image)}
    if "Prepared" in vars(module):
        given = torch.from_numpy(image)
        for name, size in (("prepared", given), ("prepared for another batch", given[:1])):
            found[name] = vars(module)["Prepared"](fused, size)(given).numpy()
    return {name: peers.relative_difference(each, wanted) for name, each in found.items()}


def rounding(graph: Graph) -> float:
    """How far the network in float32 is from itself in float64."""
    network, image = trained(graph)
    found = run_network(network, image)
    return peers.relative_difference(found, run_network(network.double(), image.astype(np.float64)))


@pytest.mark.parametrize("name", EVERYTHING or MODELS)
def test_a_model_computes_the_same(name: str) -> None:
    graph = compile_text(f"name: small\nextends: {name}\ninput: {{height: 64, width: 64}}\n")
    if graph.measures.parameters > LARGEST:
        pytest.skip("too large")
    found = differences(graph)
    # a hundred layers without shortcuts amplify rounding: by as much as float32 differs from float64 anyway
    bound = max(TOLERANCE, 4 * rounding(graph)) if max(found.values()) > TOLERANCE else TOLERANCE
    assert max(found.values()) <= bound, (found, bound)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_computes_the_same(name: str) -> None:
    found = differences(compile_text(ARCHITECTURES[name]))
    assert len(found) == 3 and max(found.values()) <= TOLERANCE, found


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("make", [random_graph, random_instances])
def test_a_random_network_computes_the_same(make: Any, part: int) -> None:
    adds = 0
    for seed in range(2000 + part, 2048, 4):
        try:
            graph = compile_text(make(seed))
        except SpecError:  # some are no networks: sides of an add that differ
            continue
        found = differences(graph, may_vanish=True)
        assert max(found.values()) <= TOLERANCE, (seed, found)
        adds += sum(isinstance(node.operator, FusedConvAdd) for node in run(graph, INFERENCE)[0])
    assert adds or make is random_graph


@pytest.mark.parametrize("name", STRUCTURES)
def test_an_odd_structure_computes_the_same(name: str) -> None:
    found = differences(compile_text(STRUCTURES[name]), may_vanish=True)
    assert max(found.values()) <= TOLERANCE, found


def test_onnx_of_the_fused_graph_computes_the_same() -> None:
    """What the operator says of itself in ONNX is what it computes in torch."""
    graph = compile_text(ARCHITECTURES["basic"])
    network, image = trained(graph)
    state = network.state_dict()
    fused, derive = run(graph, INFERENCE)
    model = emit_onnx(fused, derive(lambda name, _: state[name].numpy()), "test")
    check_onnx(model)
    wanted = run_network(network, image)
    assert peers.relative_difference(run_model(model, image), wanted) <= TOLERANCE


# --- what is fused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "convolutions", "adds"), [("resnet18", 20, 8), ("resnet50", 53, 16)]
)
def test_nothing_is_left_of_norms_adds_and_activations(
    name: str, convolutions: int, adds: int
) -> None:
    graph = run(resnet_compiler.compile(name), INFERENCE)[0]
    fused = [node for node in graph if isinstance(node.operator, FusedConv)]
    assert len(fused) == convolutions
    assert sum(isinstance(node.operator, FusedConvAdd) for node in fused) == adds
    others = {node.operator.word for node in graph if node not in fused}
    assert others == {"max_pool", "global_avg_pool", "linear"}
    assert len(graph.proofs) == adds and graph.any_size


def test_a_proof_stays_with_its_add() -> None:
    graph = resnet_compiler.compile("resnet18")
    fused = run(graph, INFERENCE)[0]
    assert [proof.node for proof in graph.proofs][:2] == ["layer1.0.add", "layer1.1.add"]
    assert [proof.node for proof in fused.proofs][:2] == ["layer1.0.conv2", "layer1.1.conv2"]
    assert fused.scopes["layer1.0"].join == fused.scopes["layer1.0"].exit == "layer1.0.conv2"


def test_the_norm_of_another_container_is_named_from_beside_the_convolution() -> None:
    graph = run(resnet_compiler.compile("timm/resnet50d"), INFERENCE)[0]
    found = {node.name: getattr(node.operator, "norm", "") for node in graph}
    assert found["conv1.0"] == "1" and found["conv1.6"] == "../bn1"
    assert found["layer1.0.conv1"] == "bn1" and found["layer2.0.downsample.1"] == "2"


KEPT = """\
name: net
input: {channels: 3, height: 16, width: 16}
stem: [conv: {conv: {out: 8, kernel: 3}}, bn: norm, relu: act]
stages:
  - one: {block: basic, depth: 2, width: 8}
  - two: {block: basic, depth: 2, width: 8}
head: [pool: global_avg_pool, fc: {linear: {out: 4}}]
"""


def test_the_features_of_a_stage_are_not_overwritten() -> None:
    """The first block of the second stage adds the first stage's output, which is a feature."""
    graph = compile_text(KEPT)
    fused = run(graph, INFERENCE)[0]
    overwrites = {
        node.name: node.operator.overwrites
        for node in fused
        if isinstance(node.operator, FusedConvAdd)
    }
    assert overwrites == {
        "one.0.conv2": True,
        "one.1.conv2": True,
        "two.0.conv2": False,
        "two.1.conv2": True,
    }
    network, image = trained(graph)
    module, model = inference(graph, network)
    model = vars(module)["Prepared"](model, torch.from_numpy(image)).model
    with torch.inference_mode():
        wanted = network.forward_features(torch.from_numpy(image))
        found = model.forward_features(torch.from_numpy(image))
    for ours, theirs in zip(found, wanted, strict=True):
        assert peers.relative_difference(ours.numpy(), theirs.numpy()) <= TOLERANCE


def test_an_input_is_not_overwritten() -> None:
    graph = compile_text(
        KEPT.replace(
            "stem: [conv: {conv: {out: 8, kernel: 3}}, bn: norm, relu: act]\n", ""
        ).replace("channels: 3", "channels: 8")
    )
    network, image = trained(graph)
    module, model = inference(graph, network)
    given = torch.from_numpy(image.copy()).to(memory_format=torch.channels_last)
    vars(module)["Prepared"](model, given)(given)
    assert np.array_equal(given.numpy(), image)


# --- loading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["basic", "weight-standardised"])
def test_its_own_weights_are_loaded_as_they_are(name: str) -> None:
    graph = compile_text(ARCHITECTURES[name])
    network, image = trained(graph)
    module, fused = inference(graph, network)
    again = peers.network_class(module)().eval()
    again.load_state_dict(fused.state_dict())
    wanted = run_network(fused, image)
    assert peers.relative_difference(run_network(again, image), wanted) <= 2e-5


def test_what_was_trained_is_left_as_it_is_and_what_is_missing_is_told() -> None:
    graph = compile_text(ARCHITECTURES["basic"])
    network, _ = trained(graph)
    state = network.state_dict()
    before = {name: value.clone() for name, value in state.items()}
    module, fused = inference(graph, network)
    assert list(state) == list(before)
    assert all(torch.equal(state[name], before[name]) for name in before)
    del state["layer1.0.conv1.weight"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"layer1\.0\.conv1\.weight"'):
        fused.load_state_dict(state)
    del state["layer2.0.bn1.running_var"]
    with pytest.raises(RuntimeError, match=r'Missing key.*"layer2\.0\.conv1\.bias"'):
        fused.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"Unexpected key.*extra"):
        peers.network_class(module)().load_state_dict(
            network.state_dict() | {"extra": torch.ones(1)}
        )


def test_the_folded_weights_are_those_of_the_pass() -> None:
    graph = compile_text(ARCHITECTURES["bottleneck"])
    network, _ = trained(graph)
    state = network.state_dict()
    _, fused = inference(graph, network)
    folded, derive = run(graph, INFERENCE)
    value = derive(lambda name, _: state[name].numpy())
    own = fused.state_dict()
    for name, tensor in weights.tensors(folded):
        np.testing.assert_allclose(own.pop(name).numpy(), value(name, tensor), rtol=1e-6, atol=1e-7)
    assert not own


def test_bfloat16_agrees() -> None:
    graph = compile_text(ARCHITECTURES["basic"])
    network, image = trained(graph)
    module, fused = inference(graph, network)
    given = torch.from_numpy(image)
    found = vars(module)["Prepared"](fused, given, torch.bfloat16)(given)
    assert found.dtype == torch.bfloat16
    assert {each.dtype for each in fused.parameters()} == {torch.float32}, "the model is left alone"
    assert peers.relative_difference(found.float().numpy(), run_network(network, image)) <= 5e-2


def test_torchvisions_checkpoint_is_loaded() -> None:
    torchvision = peers.import_torchvision()
    theirs = torchvision.models.resnet18().eval()
    peers.randomise_norms(theirs, 0)
    module = peers.load_source(api.emit_inference(resnet_compiler.compile("resnet18")))
    ours = peers.network_class(module)()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    found = vars(module)["Prepared"](ours, image)(image).numpy()
    assert peers.relative_difference(found, run_network(theirs, image.numpy())) <= TOLERANCE


# --- as text ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("sources")
    graphs = {name.replace("/", "_"): resnet_compiler.compile(name) for name in MODELS}
    graphs |= {f"odd{index}": compile_text(text) for index, text in enumerate(STRUCTURES.values())}
    for name, graph in graphs.items():
        folder.joinpath(f"{name}.py").write_text(api.emit_inference(graph), "utf-8")
    return folder


@pytest.mark.parametrize(
    "tool",
    [
        "ruff check --isolated --no-cache --line-length 88",
        "ruff format --check --isolated --no-cache --line-length 88",
        "ruff format --check --isolated --no-cache --line-length 100",
        "mypy --config-file= --cache-dir=.mypy_cache/inference",
    ],
)
def test_tools_find_nothing(tool: str, sources: pathlib.Path) -> None:
    files = sorted(map(str, sources.glob("*.py")))
    root = pathlib.Path(__file__).parent.parent
    command = [sys.executable, "-m", *tool.split(), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_stands_alone_on_torch_and_is_short() -> None:
    source = api.emit_inference(resnet_compiler.compile("resnet50"))
    imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {alias.name for n in imports if isinstance(n, ast.Import) for alias in n.names}
    names |= {str(n.module) for n in imports if isinstance(n, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names - {"copy"}} == {"torch"}
    assert len(source.splitlines()) <= 295
