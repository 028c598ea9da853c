"""What only training does is in the source, and leaves no trace in the inference graph."""

from __future__ import annotations

import re

import pytest
from support import peers

import resnet_compiler
from resnet_compiler.verify import verify

STOCHASTIC = """
name: stochastic
input: {height: 32, width: 32}
stem:
  - conv1: {conv: {out: 16, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 3, width: 16, drop_path_rate: 0.3 * block_index / (block_count - 1)}
  - layer2:
      {block: basic, depth: 2, width: 32, stride: 2, zero_init: true,
       drop_path_rate: 0.3 * block_index / (block_count - 1)}
head:
  - pool: global_avg_pool
  - drop: {dropout: {rate: 0.2}}
  - fc: {linear: {out: 10}}
"""


def test_stochastic_depth_has_a_linear_schedule_in_the_source() -> None:
    source = resnet_compiler.emit_pytorch(resnet_compiler.compile("s.yaml", text=STOCHASTIC))
    module = peers.load_source(source)
    network = peers.network_class(module)()
    rates = [m.rate for m in network.modules() if type(m).__name__ == "DropPath"]
    assert rates == pytest.approx([0, 0.075, 0.15, 0.225, 0.3])
    assert len(re.findall(r"^class BasicBlock", source, re.M)) == 2  # zero-initialised ones apart
    assert "nn.Dropout(0.2)" in source


def test_training_drops_paths_and_inference_does_not() -> None:
    import torch

    source = resnet_compiler.emit_pytorch(resnet_compiler.compile("s.yaml", text=STOCHASTIC))
    drop = peers.load_source(source).DropPath(0.25)
    x = torch.ones(4000, 2, 3, 3)
    dropped = drop(x)
    kept = dropped.flatten(1).any(1)
    assert 0.7 < kept.float().mean() < 0.8
    assert torch.allclose(dropped[kept], torch.full_like(dropped[kept], 1 / 0.75))
    assert torch.equal(drop.eval()(x), x)


def test_the_inference_graph_has_neither() -> None:
    graph = resnet_compiler.compile("s.yaml", text=STOCHASTIC)
    model = resnet_compiler.build_onnx(graph)
    assert not any("drop" in node.name.lower() for node in model.graph.node)
    assert "Dropout" not in {node.op_type for node in model.graph.node}
    assert verify(graph).verdict == "agree"


@pytest.mark.parametrize(("name", "last"), [("timm/resnet50", "bn3"), ("timm/resnet18", "bn2")])
def test_the_last_norm_begins_at_zero(name: str, last: str) -> None:
    import torch

    graph = resnet_compiler.compile(name)
    network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()
    for path, module in network.named_modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            begins = 0.0 if path.endswith(f".{last}") else 1.0
            assert torch.equal(module.weight.data, torch.full_like(module.weight.data, begins)), (
                path
            )
