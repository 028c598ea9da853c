"""Other classes: the last layer changes, what follows it fits, and everything else stays as it is."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from support import peers
from support.specs import compile_text
from support.weight_files import NET, net

import resnet_compiler
from resnet_compiler import codes
from resnet_compiler.checkpoints import check_weights
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.emit.onnx import check_onnx, emit_onnx
from resnet_compiler.graph import Graph
from resnet_compiler.library import shipped_specs
from resnet_compiler.rehead import head_layers, rehead
from resnet_compiler.weights import tensors, tried

FAMILIES = (
    *("imagenet/resnet18", "imagenet/resnet50_v1", "imagenet/resnext50_32x4d", "imagenet/plain18"),
    *("cifar/resnet20", "cifar/preact_resnet164", "cifar/wrn_16_8", "cifar/resnet56_b"),
    *("timm/resnet50d", "timm/seresnet50", "timm/ecaresnet26t", "timm/resnetrs50", "timm/senet154"),
    *("timm/resnetv2_50", "timm/resnetv2_50x1_bit", "timm/resnetv2_50d_frn"),
    *("timm/ecaresnet50d_pruned", "timm/resnetblur18", "timm/test_resnet", "lab/resnet20_nonorm"),
)


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {name: tensor.shape for name, tensor in tensors(graph)}


@pytest.mark.parametrize("name", FAMILIES)
def test_only_the_head_changes(name: str) -> None:
    graph = resnet_compiler.compile(name)
    before, after = shapes(graph), shapes(rehead(graph, 37))
    (layer, *_) = head_layers(graph)
    classes = graph.shape(graph.output)[0]
    assert list(before) == list(after)
    for tensor, shape in before.items():
        if tensor.startswith(f"{layer}."):
            assert shape[0] == classes and after[tensor] == (37, *shape[1:])
        else:
            assert after[tensor] == shape
    assert rehead(graph, 37).shape(graph.output) == (37, *graph.shape(graph.output)[1:])


def test_every_family_has_a_head_here() -> None:
    families = {spec.display.split("/")[1] for spec in shipped_specs()}
    assert families == {name.split("/")[0] for name in FAMILIES}


@pytest.mark.parametrize("name", ["cifar/resnet20", "timm/test_resnet"])
def test_the_old_number_gives_the_old_graph(name: str) -> None:
    graph = resnet_compiler.compile(name)
    same = rehead(rehead(graph, 5), int(str(graph.shape(graph.output)[0])))
    assert list(same) == list(graph)
    assert same == graph


HEADS = {
    "linear": "  - pool: global_avg_pool\n  - fc: {linear: {out: 10}}\n",
    "conv": "  - pool: global_avg_pool\n  - fc: {conv: {out: 10, kernel: 1, bias: true}}\n  - flat: {reshape: {to: -1}}\n",
    "conv before the pool": "  - fc: {conv: {out: 10, kernel: 1}}\n  - bn: norm\n  - act: act\n  - pool: global_avg_pool\n",
    "softmax": "  - pool: global_avg_pool\n  - drop: {dropout: {}}\n  - fc: {linear: {out: 10}}\n  - soft: softmax\n",
    "two": "  - pool: global_avg_pool\n  - hidden: {linear: {out: 24}}\n  - act: act\n  - fc: {linear: {out: 10}}\n",
    "in a block": "  - pool: global_avg_pool\n  - classifier: {last: {}}\n",
}
BLOCK = "blocks:\n  last:\n    parameters: {classes: 10}\n    layers:\n      - fc: {linear: {out: classes}}\n"


def with_head(head: str) -> Graph:
    text = NET[: NET.index("head:")] + "head:\n" + head
    return compile_text(text + (BLOCK if "last" in head else ""))


@pytest.mark.parametrize("head", HEADS)
def test_source_and_onnx_of_another_head_agree(head: str) -> None:
    import torch

    graph = rehead(with_head(HEADS[head]), 7)
    state = {n: torch.from_numpy(np.array(tried(n, t, 1))) for n, t in tensors(graph)}
    network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()
    network.load_state_dict(state, strict=True)
    network.eval()
    model = emit_onnx(graph, lambda name, tensor: state[name].numpy(), "test")
    check_onnx(model)
    image = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        theirs = network(image).numpy()
    ours = peers.run_onnx(model, image.numpy())
    assert ours.shape[:2] == (2, 7)
    assert peers.relative_difference(ours, theirs) <= 1e-5


HEADLESS = {
    "no head": "",
    "a pool": "head:\n  - pool: global_avg_pool\n",
    "an add": "head:\n  - pool: global_avg_pool\n  - a: {linear: {out: 9}}\n  - b: {linear: {out: 9}, from: pool}\n"
    "  - sum: {add: {}, from: [a, b]}\n",
    "groups": "head:\n  - pool: global_avg_pool\n  - fc: {conv: {out: 32, kernel: 1, groups: 16}}\n",
    "a fixed shape": "head:\n  - pool: global_avg_pool\n  - fc: {linear: {out: 10}}\n  - pairs: {reshape: {to: [5, 2]}}\n",
    "other dimensions": "head:\n  - pool: global_avg_pool\n  - fc: {linear: {out: 10}}\n  - pairs: {reshape: {to: [-1, 2]}}\n",
}


@pytest.mark.parametrize("head", HEADLESS)
@pytest.mark.parametrize("classes", [7, 8])
def test_a_network_without_a_head_is_told(head: str, classes: int) -> None:
    graph = compile_text(NET[: NET.index("head:")] + HEADLESS[head])
    with pytest.raises(SpecError) as caught:
        rehead(graph, classes)
    (found,) = caught.value.diagnostics
    assert found.code == codes.NO_HEAD and found.span is not None
    assert [
        each.code for each in check_weights(pathlib.Path(__file__), graph, classes=classes)
    ] == [codes.NO_HEAD]


@pytest.mark.parametrize("classes", [0, -1, 2**20 + 1])
def test_numbers_that_are_none(classes: int) -> None:
    with pytest.raises(ValueError, match="number of classes"):
        rehead(net(), classes)
