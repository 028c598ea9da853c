"""A small network with weights of its own, and files of weights: whole, wrapped, or bent."""

from __future__ import annotations

import functools
import json
import pathlib
import struct
from typing import Any

import numpy as np

from resnet_compiler import Graph
from resnet_compiler.checkpoints import open_checkpoint
from resnet_compiler.diagnostics import Diagnostic, SpecError
from resnet_compiler.operators.base import Tensor
from resnet_compiler.weights import tensors, tried
from tests.support.specs import compile_text

NET = """\
name: net
input: {channels: 3, height: 16, width: 16}
stem:
  - conv1: {conv: {out: 8, kernel: 3}}
  - bn1: norm
  - relu: act
stages:
  - layer1: {block: basic, depth: 1, width: 8}
  - layer2: {block: basic, depth: 1, width: 16, stride: 2}
head:
  - avgpool: global_avg_pool
  - fc: {linear: {out: 10}}
"""

ONE = """\
name: one
input: {channels: 3, height: 1, width: 1}
stages:
  - model: {block: pointwise, depth: 1}
blocks:
  pointwise:
    layers:
      - conv: {conv: {out: 10, kernel: 1}}
"""
"""One weight of 10 × 3 × 1 × 1."""

Array = np.ndarray[Any, np.dtype[Any]]


@functools.cache
def net(text: str = NET) -> Graph:
    """The graph of a spec; the small network when none is given."""
    return compile_text(text)


def value(name: str, tensor: Tensor) -> Array:
    """What the files of these tests hold: values of which no two tensors have the same."""
    return tried(name, tensor, seed=5)


def state(graph: Graph) -> dict[str, Array]:
    """Every tensor of a graph with its value, counters among them."""
    return {name: value(name, tensor) for name, tensor in tensors(graph)}


def torch_state(graph: Graph) -> dict[str, Any]:
    """The same as torch tensors."""
    import torch

    return {name: torch.from_numpy(np.array(array)) for name, array in state(graph).items()}


def safetensors_bytes(header: object, data: bytes = b"") -> bytes:
    """A file with this header, given as JSON values, text or bytes, and these data."""
    text = header if isinstance(header, str | bytes) else json.dumps(header)
    encoded = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(encoded)) + encoded + data


def read(path: pathlib.Path, graph: Graph, **options: Any) -> dict[str, Array]:
    """All values of a file for a network."""
    with open_checkpoint(path, graph, **options) as checkpoint:
        return {name: checkpoint(name, tensor) for name, tensor in tensors(graph)}


def refusal(path: pathlib.Path, graph: Graph, **options: Any) -> Diagnostic:
    """The one error that a file gives for a network."""
    try:
        read(path, graph, **options)
    except SpecError as failure:
        (found,) = failure.diagnostics
        return found
    raise AssertionError(f"{path.name} was read")


def assert_read(path: pathlib.Path, graph: Graph, **options: Any) -> None:
    """A file gives just the values of these tests, float32."""
    found = read(path, graph, **options)
    for name, tensor in tensors(graph):
        if tensor.initialisation != "counter":
            assert found[name].dtype == np.float32, name
            np.testing.assert_array_equal(found[name], value(name, tensor), err_msg=name)
