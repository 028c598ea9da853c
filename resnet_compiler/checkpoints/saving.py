"""Weights as safetensors: written one tensor at a time, the same bytes for the same values."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator
from math import prod

from resnet_compiler.graph import Graph
from resnet_compiler.output import write_all
from resnet_compiler.weights import Value, tensors


def save_safetensors(graph: Graph, value: Value, path: pathlib.Path) -> int:
    """Write every tensor of a graph under its name; the emitted source loads the file as its `state_dict`.

    Returns:
        The file's size in bytes.

    Raises:
        SpecError: it cannot be written; what was there before is still there.
    """
    return write_all({path: _pieces(graph, value)})[path]


def _pieces(graph: Graph, value: Value) -> Iterator[bytes]:
    # counters have eight bytes each: in front, everything lies at a multiple of its size
    ordered = sorted(tensors(graph), key=lambda each: each[1].initialisation != "counter")
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in ordered:
        dtype, width = ("I64", 8) if tensor.initialisation == "counter" else ("F32", 4)
        begin, end = end, end + width * prod(tensor.shape)
        header[name] = {"dtype": dtype, "shape": tensor.shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for name, tensor in ordered:
        dtype = "<i8" if tensor.initialisation == "counter" else "<f4"
        yield value(name, tensor).astype(dtype, copy=False).tobytes()
