"""Five kinds of residual network, small: what options of the ONNX emitter are tried on."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from resnet_compiler import Graph, weights
from resnet_compiler.operators.base import Tensor
from support.specs import compile_text

_POST = (
    "- conv1: {conv: {out: 8, kernel: 3, stride: 2}}\n  - bn1: norm\n  - relu: act\n"
    "  - maxpool: {max_pool: {kernel: 3, stride: 2, padding: 1}}"
)
_BEHIND = "- avgpool: global_avg_pool\n  - fc: {linear: {out: 10}}"
_BEHIND_NORM = f"- norm: norm\n  - act: act\n  {_BEHIND}"


def _spec(
    block: str, stem: str = _POST, head: str = _BEHIND, more: str = "", each: str = ""
) -> str:
    return (
        f"name: probe\ninput: {{channels: 3, height: 48, width: 32}}\n{more}"
        f"stem:\n  {stem}\n"
        f"stages:\n  - layer1: {{block: {block}, depth: 1, width: 8{each}}}\n"
        f"  - layer2: {{block: {block}, depth: 2, width: 16, stride: 2{each}}}\n"
        f"head:\n  {head}\n"
    )


ARCHITECTURES = {
    "basic": _spec("basic"),
    "bottleneck": _spec("bottleneck", each=", groups: 2"),
    "pre-activation": _spec(
        "preact_basic", "- conv1: {conv: {out: 8, kernel: 3}}", _BEHIND_NORM, "act: silu\n"
    ),
    "squeeze-and-excite": _spec("bottleneck", each=", attention: squeeze_excite"),
    "weight-standardised": _spec(
        "preact_bottleneck",
        "- conv1: {conv: {out: 8, kernel: 3, stride: 2, padding: 0}}",
        _BEHIND_NORM,
        "norm: {group_norm: {groups: 4}}\ndefaults: {conv: {standardized: true}}\n",
    ),
}
"""Images are 3 × 48 × 32, and there are 10 classes."""


@cache
def architecture(name: str) -> Graph:
    return compile_text(ARCHITECTURES[name])


def tried(name: str, tensor: Tensor) -> Any:
    """Weights with random norm statistics."""
    return weights.tried(name, tensor, 0)


def images(*shape: int, seed: int = 0) -> Any:
    """Normalised images."""
    return np.random.default_rng(seed).standard_normal(shape, np.float32)
