"""Counts: parameters, MACs, activations, weighted layers, receptive fields; against torch and the
papers."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import pytest
from support import peers
from support.reference import read_reference
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler import Graph, Measures, weights
from resnet_compiler.library import shipped_specs

PAPERS = read_reference("papers")
KINDS = (
    "imagenet/resnet18",
    "imagenet/resnet50",
    "imagenet/resnet50_v1",
    "imagenet/resnet34_a",
    "imagenet/resnet34_c",
    "imagenet/plain18",
    "imagenet/resnext50_32x4d",
    "imagenet/wide_resnet50_2",
    "cifar/resnet20",
    "cifar/preact_resnet164",
    "cifar/wrn_16_8",
)
WINDOWS = (
    "a: {conv: {out: 12, kernel: [3, 5], stride: [2, 1], groups: 4, bias: true}}",
    "b: {max_pool: {kernel: 3, stride: 2, ceil_mode: true}}",
    "c: {conv: {out: 6, kernel: 2, dilation: 3, padding: [4, 0]}}",
    "norm: batch_norm",
    "pool: global_avg_pool",
    "fc: {linear: {out: 5, bias: false}}",
    "act: relu",
    "last: {linear: {out: 3}}",
)
GATED = """\
name: gated
input: {channels: 3, height: 32, width: 32}
stem: [{conv1: {conv: {out: 16, kernel: 3}}}, {bn1: norm}, {relu: act}]
stages:
  - layer1: {block: basic, depth: 2, width: 16}
  - layer2: {block: basic, depth: 2, width: 32, stride: 2, attention: {squeeze: {reduction: 4}}}
head: [{avgpool: global_avg_pool}, {hidden: {linear: {out: 20}}}, {fc: {linear: {out: 10}}}]
blocks:
  squeeze:
    parameters: {reduction: required}
    layers:
      - pool: global_avg_pool
      - fc1: {conv: {out: in_channels / reduction, kernel: 1, bias: true}}
      - relu: act
      - fc2: {conv: {out: in_channels, kernel: 1, bias: true}}
      - gate: sigmoid
      - scale: {mul: null, from: [input, gate]}
"""


def measures_of(name: str) -> Measures:
    return Measures(resnet_compiler.compile(name))


def on_meta(graph: Graph) -> tuple[Any, Any]:
    """The emitted network and an image of the declared size, without memory behind them."""
    import torch

    with torch.device("meta"):
        network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()
        size = [extent.declared for extent in graph.extents]
        return network.eval(), torch.empty(1, graph.input_shape[0], *size)


def assert_counts_are_torchs(graph: Graph) -> None:
    """Per layer: parameters, MACs, output shape and activations as torch has them of the emitted
    source."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    network, image = on_meta(graph)
    seen: dict[str, tuple[int, ...]] = {}
    modules = {name: module for name, module in network.named_modules() if name}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda *call, name=name: seen.update({name: tuple(call[2].shape[1:])})
        )
    with FlopCounterMode(display=False, depth=None) as counter, torch.no_grad():
        network(image)
    flops = {
        name.partition(".")[2]: sum(by_operator.values())
        for name, by_operator in counter.get_flop_counts().items()
    }
    measures = Measures(graph)
    assert measures.macs * 2 == counter.get_total_flops()
    assert measures.parameters == sum(each.numel() for each in network.parameters())
    for layer in measures.layers:
        assert layer.macs * 2 == flops.get(layer.name, 0), layer
        if layer.parameters:
            of_module = modules[layer.name].parameters()
            assert layer.parameters == sum(each.numel() for each in of_module), layer
            assert layer.output_shape == seen[layer.name]
    weighted = {layer.name: layer.activations for layer in measures.layers if layer.macs}
    assert weighted == {name: torch.Size(seen[name]).numel() for name in weighted}
    assert measures.activations == sum(weighted.values())


@pytest.mark.parametrize("name", KINDS)
def test_counts_of_a_network_are_torchs_layer_by_layer(name: str) -> None:
    assert_counts_are_torchs(resnet_compiler.compile(name))


def test_counts_of_odd_windows_are_torchs() -> None:
    assert_counts_are_torchs(compile_layers(*WINDOWS, size=(37, 50)))


def test_counts_of_gates_are_torchs() -> None:
    assert_counts_are_torchs(compile_text(GATED))


@pytest.mark.parametrize("name", KINDS)
def test_the_totals_are_the_sums_of_the_layers(name: str) -> None:
    graph = resnet_compiler.compile(name)
    measures = Measures(graph)
    tensors = [tensor for _, tensor in weights.tensors(graph) if tensor.trainable]
    assert [layer.name for layer in measures.layers] == [node.name for node in graph]
    assert measures.parameters == sum(layer.parameters for layer in measures.layers)
    assert measures.parameters == sum(math.prod(tensor.shape) for tensor in tensors)
    assert measures.macs == sum(layer.macs for layer in measures.layers)
    assert measures.weighted_layers == sum(layer.weighted for layer in measures.layers)


# --- figures of the papers ------------------------------------------------------------------------


def variant(base: str, shortcut: str) -> Graph:
    return compile_text(f'{{name: v, extends: {base}, stages: {{"*": {{shortcut: {shortcut}}}}}}}')


@pytest.mark.parametrize(("name", "parameters"), PAPERS["imagenet_parameters"].items())
def test_parameters_of_imagenet_networks_are_the_published(name: str, parameters: int) -> None:
    base, _, option = name.partition("_")
    shipped = {spec.display for spec in shipped_specs()}
    own = base if option in ("", "B") else f"{base}_{option.lower()}"
    if f"specs/imagenet/{own}.yaml" in shipped:
        assert measures_of(f"imagenet/{own}").parameters == parameters
    shortcut = {"": "none", "A": "zero_pad", "B": "auto", "C": "projection"}[option]
    depth = base.removeprefix("plain").removeprefix("resnet")
    assert Measures(variant(f"imagenet/resnet{depth}", shortcut)).parameters == parameters


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *PAPERS["cifar10_parameters_shortcut_A"].items(),
        *PAPERS["cifar10_preact_bottleneck_parameters"].items(),
        *PAPERS["cifar10_wide_resnet_parameters"].items(),
        *(
            (f"{name}_b", parameters)
            for name, parameters in PAPERS["cifar10_parameters_shortcut_B"].items()
            if name in ("resnet20", "resnet56", "resnet110")
        ),
    ],
)
def test_parameters_of_cifar_networks_are_the_published(name: str, parameters: int) -> None:
    assert measures_of(f"cifar/{name}").parameters == parameters


@pytest.mark.parametrize(("name", "parameters"), PAPERS["cifar10_parameters_shortcut_B"].items())
def test_projections_on_cifar_networks_cost_what_is_published(name: str, parameters: int) -> None:
    assert Measures(variant(f"cifar/{name}", "auto")).parameters == parameters


@pytest.mark.parametrize(
    ("name", "macs"),
    [
        ("resnet50", 4_089_184_256),
        ("resnet101", 7_801_405_440),
        ("resnet152", 11_513_626_624),
    ],
)
def test_the_stride_where_the_paper_has_it_saves_macs(name: str, macs: int) -> None:
    # the first 1×1 convolution of three stages then computes a quarter of the pixels
    saved = 256 * 128 * (56**2 - 28**2) + 512 * 256 * (28**2 - 14**2) + 1024 * 512 * (14**2 - 7**2)
    assert measures_of(f"imagenet/{name}").macs == macs
    assert measures_of(f"imagenet/{name}_v1").macs == macs - saved


# --- weighted layers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        spec.display.removesuffix(".yaml").removeprefix("specs/")
        for spec in shipped_specs()
        if spec.display.split("/")[1] in ("imagenet", "cifar", "lab")
    ],
)
def test_a_network_has_as_many_weighted_layers_as_its_name_says(name: str) -> None:
    (depth,) = re.findall(r"(?:resnet|resnext|plain|wrn_)(\d+)", name)
    # Zagoruyko & Komodakis write 6n + 4 for what are 6n + 2 layers along the trunk
    expected = int(depth) - 2 if "wrn" in name else int(depth)
    assert measures_of(name).weighted_layers == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("imagenet/resnet18", "1 (stem) + 16 (8 blocks × 2) + 1 (fc)"),
        ("imagenet/resnet50", "1 (stem) + 48 (16 blocks × 3) + 1 (fc)"),
        ("imagenet/plain34", "1 (stem) + 32 (16 blocks × 2) + 1 (fc)"),
        ("cifar/preact_resnet1001", "1 (stem) + 999 (333 blocks × 3) + 1 (fc)"),
    ],
)
def test_the_breakdown_says_where_the_weighted_layers_are(name: str, text: str) -> None:
    assert str(measures_of(name).breakdown) == text


def test_the_breakdown_of_mixed_blocks_lists_each_kind() -> None:
    text = GATED.replace(
        "block: basic, depth: 2, width: 16", "block: bottleneck, depth: 3, width: 4"
    )
    breakdown = Measures(compile_text(text)).breakdown
    assert str(breakdown) == "1 (stem) + 13 (3 blocks × 3 + 2 blocks × 2) + 2 (hidden, fc)"
    assert (breakdown.stem, breakdown.blocks, breakdown.total) == (1, (3, 3, 3, 2, 2), 16)


def test_blocks_whose_layers_are_all_left_out_are_none() -> None:
    graph = compile_text(
        "name: net\n"
        "stages:\n"
        "  - layer1: {block: maybe, depth: 2, there: [false, true]}\n"
        "  - layer2: {block: maybe, depth: 2, there: false}\n"
        "head: [{pool: global_avg_pool}]\n"
        "blocks:\n"
        "  maybe:\n"
        "    parameters: {there: required}\n"
        "    layers: [{conv: {conv: {out: 8, kernel: 3}, when: there}}]\n"
    )
    stages = {stage.name: (stage.blocks, stage.exit) for stage in graph.stages}
    assert stages == {
        "layer1": (("layer1.1",), "layer1.1.conv"),
        "layer2": ((), "layer1.1.conv"),
    }
    assert str(Measures(graph).breakdown) == "1 (1 block × 1)"
    compile(resnet_compiler.emit_pytorch(graph), "model.py", "exec")


def test_neither_gates_nor_projections_count_as_weighted_layers() -> None:
    measures = Measures(compile_text(GATED))
    with_weights = {layer.name for layer in measures.layers if layer.macs}
    counted = {layer.name for layer in measures.layers if layer.weighted}
    gates = {f"layer2.{block}.se.{fc}" for block in (0, 1) for fc in ("fc1", "fc2")}
    assert with_weights - counted == gates | {"layer2.0.downsample.0"}
    assert measures.weighted_layers == len(counted) == 1 + 8 + 2


@pytest.mark.parametrize(
    ("layers", "counted"),
    [
        # a gate that is written first is still the smaller side
        (("a: {conv: {out: 8, kernel: 3}}", "p: global_avg_pool", "g: {conv: {out: 8, kernel: 1}}",
          "m: {mul: null, from: [a, g]}"), {"a"}),
        # of two equal sides the second is the gate
        (("a: {conv: {out: 8, kernel: 3}}", "g: {conv: {out: 8, kernel: 3}, from: input}",
          "m: {mul: null, from: [a, g]}"), {"a"}),
        # an add inside a block, beside no shortcut, joins two branches of the trunk
        (("a: {conv: {out: 8, kernel: 3}}", "b: {conv: {out: 8, kernel: 3}, from: input}",
          "m: {add: null, from: [a, b]}"), {"a", "b"}),
        # what feeds both a gate and the trunk is on the trunk
        (("a: {conv: {out: 8, kernel: 3}}", "g: {conv: {out: 8, kernel: 1}}",
          "m: {mul: null, from: [a, g]}", "s: {add: null, from: [m, g]}"), {"a", "g"}),
    ],
)  # fmt: skip
def test_the_trunk_is_what_reaches_the_output_other_than_through_a_gate(
    layers: tuple[str, ...], counted: set[str]
) -> None:
    measures = Measures(compile_layers(*layers))
    found = {layer.name.removeprefix("stage.0.") for layer in measures.layers if layer.weighted}
    assert found == counted


# --- receptive fields and strides -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "strides"),
    [
        # 7, then +2·2 by the pool; a stage adds 2 × the stride at each of its 3×3 convolutions
        ("imagenet/resnet50", (7, 11, 35, 91, 267, 427), (2, 4, 4, 8, 16, 32)),
        ("imagenet/resnet50_v1", (7, 11, 35, 99, 291, 483), (2, 4, 4, 8, 16, 32)),
        ("imagenet/resnet18", (7, 11, 43, 99, 211, 435), (2, 4, 4, 8, 16, 32)),
    ],
)
def test_receptive_fields_and_strides_of_known_networks(
    name: str, fields: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    graph = resnet_compiler.compile(name)
    layers = {layer.name: layer for layer in Measures(graph).layers}
    places = ["conv1", "maxpool", *(stage.exit for stage in graph.stages)]
    assert [layers[place].receptive_field for place in places] == [(f, f) for f in fields]
    assert [layers[place].output_stride for place in places] == [(s, s) for s in strides]
    assert [layers[place].receptive_field for place in ("avgpool", "fc")] == [None, None]


def probed_field(graph: Graph, size: int) -> tuple[int, int]:
    """How many rows and columns of the input one pixel in the middle of the output depends on, by
    its gradient."""
    import torch

    network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))().eval()
    with torch.no_grad():
        for each in network.parameters():
            each.fill_(0.1)  # nothing cancels, no unit is switched off
    image = torch.rand(1, graph.input_shape[0], size, size, requires_grad=True, dtype=torch.float64)
    output = network.double()(image)
    output[0, :, output.shape[2] // 2, output.shape[3] // 2].sum().backward()
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0).nonzero()
    height, width = (touched.max(0).values - touched.min(0).values + 1).tolist()
    return height, width


def random_window(draw: random.Random) -> str:
    kernel, stride = draw.choice((1, 3, 5, [3, 1])), draw.choice((1, 1, 2, [1, 2]))
    if draw.random() < 0.3:
        return f"avg_pool: {{kernel: {kernel}, stride: {stride}}}"
    dilation = draw.choice((1, 1, 2))
    return f"conv: {{out: 2, kernel: {kernel}, stride: {stride}, dilation: {dilation}}}"


@pytest.mark.parametrize("seed", range(12))
def test_receptive_fields_are_what_gradients_reach(seed: int) -> None:
    draw = random.Random(seed)
    layers = [f"l{index}: {{{random_window(draw)}}}" for index in range(4)]
    graph = compile_layers(*layers, channels=2, size=(200, 200))
    field = Measures(graph).layers[-1].receptive_field
    assert field is not None
    assert field == probed_field(graph, 200), layers


def test_the_receptive_field_of_a_sum_is_that_of_its_widest_branch() -> None:
    text = GATED.replace(", attention: {squeeze: {reduction: 4}}", "")
    graph = compile_text(re.sub("head: .*\n", "", text))
    assert Measures(graph).layers[-1].receptive_field == probed_field(graph, 65) == (25, 25)
