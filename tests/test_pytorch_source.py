"""The emitted source: as people write it, and the same network as the ONNX, whatever the spec's
structure."""

from __future__ import annotations

import ast
import inspect
import pathlib
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from support import peers
from support.random_specs import random_graph, random_instances
from support.specs import compile_text
from support.structures import STRUCTURES, spec

import resnet_compiler
from resnet_compiler import Graph, SpecError, verify, weights
from resnet_compiler.emit.onnx import emit_onnx
from resnet_compiler.library import shipped_specs

ROOT = pathlib.Path(__file__).parent.parent
IMAGENET = [
    spec.display.removeprefix("specs/").removesuffix(".yaml")
    for spec in shipped_specs()
    if spec.display.startswith("specs/imagenet/")
]
CIFAR = ["cifar/resnet20", "cifar/resnet56_b", "cifar/plain20", "cifar/preact_resnet164"]
CIFAR += ["cifar/wrn_16_8"]
RANDOM = range(60)
BATCHES = 4


@cache
def source_of(name: str) -> str:
    return resnet_compiler.emit_pytorch(resnet_compiler.compile(name))


def network_of(graph: Graph, **arguments: int) -> Any:
    return peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))(**arguments)


# --- as text --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder of sources: every shipped network for ImageNet, some others, and every odd
    structure."""
    folder = tmp_path_factory.mktemp("sources")
    texts = {name.replace("/", "_"): source_of(name) for name in (*IMAGENET, *CIFAR)}
    for index, text in enumerate(STRUCTURES.values()):
        texts[f"structure{index}"] = resnet_compiler.emit_pytorch(compile_text(text))
    for seed in RANDOM:
        for number, text in enumerate((random_graph(seed), random_instances(seed))):
            texts[f"random{number}_{seed}"] = resnet_compiler.emit_pytorch(compile_text(text))
    for name, text in texts.items():
        folder.joinpath(f"{name}.py").write_text(text, "utf-8")
    return folder


def tool(*arguments: str) -> str:
    """What a tool says, empty where it finds nothing wrong."""
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize("width", [88, 100])
def test_ruff_finds_nothing_and_leaves_the_format(sources: pathlib.Path, width: int) -> None:
    options = ["--isolated", "--no-cache", "--line-length", str(width), str(sources)]
    assert tool("ruff", "check", *options) == ""
    assert tool("ruff", "format", "--check", *options) == ""


def test_mypy_finds_nothing(sources: pathlib.Path) -> None:
    files = sorted(str(file) for file in sources.glob("*.py"))
    cache_folder = ROOT / ".mypy_cache" / "emitted"
    assert tool("mypy", "--config-file=", f"--cache-dir={cache_folder}", *files) == ""


@pytest.mark.parametrize("name", [*IMAGENET, *CIFAR])
def test_only_torch_is_imported(name: str) -> None:
    modules = set()
    for node in ast.walk(ast.parse(source_of(name))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module))
    assert {module.partition(".")[0] for module in modules - {"collections"}} == {"torch"}


def test_resnet50_is_short() -> None:
    assert len(source_of("imagenet/resnet50").splitlines()) <= 120


@pytest.mark.parametrize("name", [*IMAGENET, *CIFAR])
def test_every_network_is_a_few_classes_with_documentation(name: str) -> None:
    tree = ast.parse(source_of(name))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(classes) <= 3  # a block, a shortcut and the network
    assert not source_of(name).count("ModuleDict")
    assert all(ast.get_docstring(each) for each in (tree, *classes))


# --- as a network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["imagenet/resnet18", "imagenet/resnet50"])
def test_torch_compiles_and_exports_it_whole(name: str) -> None:
    import torch

    network = network_of(resnet_compiler.compile(name)).eval()
    image = torch.randn(2, 3, 64, 96)
    torch._dynamo.reset()
    whole = torch.compile(network, fullgraph=True, backend="eager")
    exported = torch.export.export(network, (image,)).module()
    with torch.inference_mode():
        expected = network(image).numpy()
        assert peers.relative_difference(whole(image).numpy(), expected) <= 1e-5
        assert peers.relative_difference(exported(image).numpy(), expected) <= 1e-5


def test_classes_and_channels_can_be_chosen() -> None:
    import torch

    network = network_of(resnet_compiler.compile("resnet50"), num_classes=7, in_channels=1)
    assert network.conv1.weight.shape == (64, 1, 7, 7)
    assert network.fc.weight.shape == (7, 2048)
    with torch.inference_mode():
        assert network.eval()(torch.zeros(2, 1, 64, 64)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [
        ("imagenet/resnet18", (64, 128, 256, 512), (4, 8, 16, 32)),
        ("imagenet/resnet50", (256, 512, 1024, 2048), (4, 8, 16, 32)),
        ("imagenet/plain34", (64, 128, 256, 512), (4, 8, 16, 32)),
        ("cifar/resnet20", (16, 32, 64), (1, 2, 4)),
    ],
)
def test_the_features_are_the_outputs_of_the_stages(
    name: str, channels: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    import torch

    network = network_of(resnet_compiler.compile(name)).eval()
    with torch.inference_mode():
        features = network.forward_features(torch.zeros(1, 3, 64, 96))
    assert [tuple(each.shape) for each in features] == [
        (1, width, 64 // stride, 96 // stride)
        for width, stride in zip(channels, strides, strict=True)
    ]


def test_training_gives_the_gradients_of_torchvision() -> None:
    import torch

    torch.manual_seed(0)
    theirs = peers.import_torchvision().models.resnet18(num_classes=10).train()
    ours = network_of(resnet_compiler.compile("resnet18"), num_classes=10).train()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    image, labels = torch.randn(4, 3, 64, 64), torch.arange(4)
    for network in (theirs, ours):
        torch.nn.functional.cross_entropy(network(image), labels).backward()
    expected = {name: each.grad.numpy() for name, each in theirs.named_parameters()}
    for name, each in ours.named_parameters():
        assert peers.relative_difference(each.grad.numpy(), expected[name]) <= 1e-4, name
    for name, statistic in theirs.named_buffers():
        found = ours.get_buffer(name).float().numpy()
        assert peers.relative_difference(found, statistic.float().numpy()) <= 1e-5, name


@pytest.mark.parametrize("name", ["imagenet/resnet50", "imagenet/resnext50_32x4d"])
def test_convolutions_begin_as_he_et_al_have_it(name: str) -> None:
    import torch

    torch.manual_seed(0)
    network = network_of(resnet_compiler.compile(name))
    for path, module in network.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            fan_out = module.weight.shape[0] * module.weight[0, 0].numel()
            std = (2 / fan_out) ** 0.5
            assert module.weight.std().item() == pytest.approx(std, rel=0.05), path
            assert abs(module.weight.mean().item()) < 0.05 * std, path
        elif isinstance(module, torch.nn.BatchNorm2d):
            assert (module.weight == 1).all() and (module.bias == 0).all(), path


def test_constants_begin_as_the_spec_has_them() -> None:
    graph = compile_text(STRUCTURES["layers that begin at zero"])
    state = network_of(graph).state_dict()
    for name, tensor in weights.tensors(graph):
        if tensor.initialisation == "constant" and name != "fc.bias":
            assert (state[name].numpy() == weights.initial(name, tensor, 0)).all(), name
    assert (state["layer1.0.bn.weight"] == 0).all()
    assert (state["layer1.0.gain"] == 0.5).all()


# --- of any structure -----------------------------------------------------------------------------


def assert_source_and_onnx_agree(graph: Graph) -> None:
    """Same keys, same outputs; the source trains, and leaves its input as it is."""
    import torch

    worst = verify.verify(graph).relative
    assert worst <= verify.TOLERANCE
    resnet_compiler.build_onnx(graph)  # with ONNX's full check

    network = network_of(graph).train()
    size = [extent.declared for extent in graph.extents]
    image = torch.randn(4, graph.input_shape[0], *size, requires_grad=True)
    before = image.detach().clone()
    network(image).square().mean().backward()
    assert (image.detach() == before).all()
    assert all(
        each.grad is not None and each.grad.isfinite().all() for each in network.parameters()
    )


def assert_parameters_work(graph: Graph) -> None:
    """Where the source takes `num_classes` and `in_channels`, the network runs with others than its
    own."""
    import torch

    source = resnet_compiler.emit_pytorch(graph)
    network = peers.network_class(peers.load_source(source))
    taken = inspect.signature(network).parameters
    chosen = {"num_classes": 7, "in_channels": 2 * graph.input_shape[0]}
    given = {name: number for name, number in chosen.items() if name in taken}
    size = [extent.declared for extent in graph.extents]
    image = torch.randn(2, given.get("in_channels", graph.input_shape[0]), *size)
    with torch.inference_mode():
        output = network(**given).eval()(image)
    own = graph.concrete(graph.output)
    assert output.shape == (2, given.get("num_classes", own[0]), *own[1:])


def assert_features_are_those_of_the_stages(graph: Graph) -> None:
    """What `forward_features` gives equals the stages' values in the ONNX."""
    import torch

    network = verify.load_network(graph, lambda *about: weights.tried(*about, seed=0))
    model = emit_onnx(graph, lambda *about: weights.tried(*about, seed=0), "test")
    values = {stage.exit: stage.exit for stage in graph.stages} | {graph.output: "output"}
    names = [values[stage.exit] for stage in graph.stages]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {*names} - {"output"})
    random = np.random.default_rng(0)
    image = random.standard_normal((2, *graph.concrete("input")), np.float32)
    expected = peers.onnx_session(model).run(names, {"input": image})
    with torch.inference_mode():
        found = network.forward_features(torch.from_numpy(image))
    for ours, theirs in zip(found, expected, strict=True):
        assert peers.relative_difference(ours.numpy(), theirs) <= verify.TOLERANCE


@pytest.mark.parametrize("name", STRUCTURES)
def test_source_and_onnx_agree_for_odd_structures(name: str) -> None:
    assert_source_and_onnx_agree(compile_text(STRUCTURES[name]))


@pytest.mark.parametrize("name", STRUCTURES)
def test_classes_and_channels_of_odd_structures_can_be_chosen(name: str) -> None:
    assert_parameters_work(compile_text(STRUCTURES[name]))


@pytest.mark.parametrize("name", [name for name in STRUCTURES if name != "head from the stem"])
def test_features_of_odd_structures_are_those_of_the_stages(name: str) -> None:
    assert_features_are_those_of_the_stages(compile_text(STRUCTURES[name]))


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("make", [random_graph, random_instances])
def test_source_and_onnx_agree_for_random_blocks(make: Any, batch: int) -> None:
    for seed in RANDOM[batch::BATCHES]:
        graph = compile_text(make(seed))
        try:
            assert_source_and_onnx_agree(graph)
            assert_parameters_work(graph)
        except Exception as failure:
            failure.add_note(f"{make.__name__}({seed}):\n{make(seed)}")
            raise


@pytest.mark.parametrize(
    "stem",
    [
        "- a: {conv: {out: 8, kernel: 3}}\n- a.b: norm",
        "- a.b: {conv: {out: 8, kernel: 3}}\n- a: norm",
        "- a: {conv: {out: 8, kernel: 3}}\n- a.weight: {conv: {out: 8, kernel: 3}}",
        "- layer1: {conv: {out: 8, kernel: 3}}",
        "- layer1.0: {conv: {out: 8, kernel: 3}}",
        "- layer1.0.conv1: {conv: {out: 8, kernel: 3}}",
        "- layer1.0.other: {conv: {out: 8, kernel: 3}}",
    ],
)
def test_a_layer_inside_another_layer_is_refused(stem: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_text(spec("- layer1: {block: basic, depth: 2, width: 8}", stem=stem))
    assert all(each.primary is not None for each in caught.value.diagnostics)
