"""The contenders, by name: what the compiler emits, and what people would run in its place. A file for each kind."""

from __future__ import annotations

from resnet_compiler.bench.contenders.compiled import TORCH_COMPILE, TORCH_INFERENCE_COMPILED
from resnet_compiler.bench.contenders.emitted import TORCH_GRAPH, TORCH_INFERENCE, TORCH_SOURCE
from resnet_compiler.bench.contenders.onnx_runtime import ONNXRUNTIME
from resnet_compiler.bench.contenders.open_vino import OPENVINO
from resnet_compiler.bench.contenders.peers import TIMM, TORCHVISION
from resnet_compiler.bench.jobs import Contender

CONTENDERS: dict[str, Contender] = {
    each.name: each
    for each in (
        TORCH_SOURCE,
        TORCH_INFERENCE,
        TORCH_GRAPH,
        TORCHVISION,
        TIMM,
        TORCH_COMPILE,
        TORCH_INFERENCE_COMPILED,
        ONNXRUNTIME,
        OPENVINO,
    )
}
"""In the order in which tables have them."""

OURS = tuple(name for name, each in CONTENDERS.items() if each.ours)
PEERS = tuple(name for name, each in CONTENDERS.items() if not each.ours)

__all__ = ["CONTENDERS", "OURS", "PEERS"]
