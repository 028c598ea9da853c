"""Weights are read from each format and wrapping to the last bit, one tensor at a time, without torch where it can be."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from math import prod
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from support.weight_files import (
    ONE,
    assert_read,
    net,
    read,
    refusal,
    safetensors_bytes,
    state,
    value,
)

import resnet_compiler
from resnet_compiler import codes
from resnet_compiler.checkpoints import check_weights, open_checkpoint, save_safetensors
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.weights import tensors


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    """The weights of the small network as safetensors."""
    path = tmp_path / "weights.safetensors"
    save_safetensors(net(), value, path)
    return path


# --- writing ---


def test_what_is_saved_is_what_the_library_reads(file: pathlib.Path) -> None:
    found = safetensors.numpy.load_file(file)
    wanted = state(net())
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_a_saved_file_loads_into_the_emitted_source(file: pathlib.Path) -> None:
    import safetensors.torch
    from support import peers

    network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(net())))()
    network.load_state_dict(safetensors.torch.load_file(file), strict=True)


def test_saving_is_deterministic_and_spoils_nothing(file: pathlib.Path) -> None:
    before = file.read_bytes()
    size = save_safetensors(net(), value, file)
    assert file.read_bytes() == before and size == len(before)

    def fails(name: str, tensor: Any) -> Any:
        raise OSError(28, "No space left on device")

    with pytest.raises(SpecError) as caught:
        save_safetensors(net(), fails, file)
    assert caught.value.diagnostics[0].code == codes.CANNOT_WRITE
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


# --- safetensors ---


def test_safetensors(file: pathlib.Path) -> None:
    assert_read(file, net())
    assert check_weights(file, net()) == ()


@pytest.mark.parametrize("name", ["weights", "weights.pt", "weights.bin", "weights.onnx"])
def test_the_suffix_does_not_matter(file: pathlib.Path, name: str) -> None:
    assert_read(file.rename(file.with_name(name)), net())


def test_other_types_become_float32(tmp_path: pathlib.Path) -> None:
    numbers = {"F64": "<f8", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"}
    numbers |= {"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"}
    for kind, dtype in numbers.items():
        low = 0 if kind.startswith("U") else -100
        values = np.arange(low, low + 60, 2).astype(dtype)
        np.testing.assert_array_equal(one(tmp_path, kind, values.tobytes()), values)
    flags = np.arange(30) % 3
    np.testing.assert_array_equal(one(tmp_path, "BOOL", flags.astype("u1").tobytes()), flags > 0)


def test_bfloat16_becomes_float32(tmp_path: pathlib.Path) -> None:
    import torch

    values = torch.linspace(-3, 3, 30).to(torch.bfloat16)
    found = one(tmp_path, "BF16", values.view(torch.int16).numpy().tobytes())
    np.testing.assert_array_equal(found, values.float().numpy())


def one(folder: pathlib.Path, kind: str, data: bytes) -> Any:
    """The values of a network with one weight of 10 × 3, as a file holds them."""
    graph = net(ONE)
    entry = {"dtype": kind, "shape": [10, 3, 1, 1], "data_offsets": [0, len(data)]}
    path = folder / kind
    path.write_bytes(safetensors_bytes({"model.0.conv.weight": entry}, data))
    found = read(path, graph)["model.0.conv.weight"]
    assert found.dtype == np.float32 and found.shape == (10, 3, 1, 1)
    return found.reshape(-1)


def test_a_type_that_is_no_number_is_named(tmp_path: pathlib.Path) -> None:
    with pytest.raises(SpecError) as caught:
        one(tmp_path, "C64", bytes(240))
    (found,) = caught.value.diagnostics
    assert found.code == codes.WEIGHTS_MISMATCH and "model.0.conv.weight: C64" in found.notes[0]


def test_in_several_files(tmp_path: pathlib.Path) -> None:
    arrays = state(net())
    names = list(arrays)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for part, held in parts.items():
        safetensors.numpy.save_file({name: arrays[name] for name in held}, tmp_path / part)
    places = {name: part for part, held in parts.items() for name in held}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}, indent=2))
    assert_read(index, net())
    for wrong, said in (
        ("../a.safetensors", "not the name of a file beside it"),
        ([1], "not the name of a file beside it"),
        ("c.safetensors", "no such file"),
        ("b.safetensors", "as the index says"),
    ):
        index.write_text(json.dumps({"weight_map": {**places, names[0]: wrong}}))
        assert said in refusal(index, net()).summary
    index.write_text('{"weights": {}}')
    assert "not the index" in refusal(index, net()).summary


def test_values_outlive_the_file_and_it_is_closed(file: pathlib.Path) -> None:
    name, tensor = next(iter(tensors(net())))
    with open_checkpoint(file, net()) as checkpoint:
        values = checkpoint(name, tensor)
    np.testing.assert_array_equal(values, value(name, tensor))
    with pytest.raises(ValueError, match="closed"):
        checkpoint(name, tensor)


MEASURED = """
import pathlib, resource, sys
import resnet_compiler
from resnet_compiler.checkpoints import open_checkpoint, save_safetensors
from resnet_compiler.weights import initial, tensors
graph, path = resnet_compiler.compile("resnet50"), pathlib.Path("weights.safetensors")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.argv[1] == "save":
    save_safetensors(graph, lambda name, tensor: initial(name, tensor, 0), path)
    raise SystemExit
with open_checkpoint(path, graph) as checkpoint:
    checkpoint(*next(iter(tensors(graph))))  # what reading imports
    before = peak()
    for name, tensor in tensors(graph):
        checkpoint(name, tensor)
print(peak() - before)
assert not {"torch", "onnx"} & sys.modules.keys()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts in KiB as Linux does")
def test_reading_keeps_one_tensor_in_memory(tmp_path: pathlib.Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent.parent)}
    for step in ("save", "read"):
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, step],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=True,
        )
    size = (tmp_path / "weights.safetensors").stat().st_size
    assert int(done.stdout) * 1024 < 3 * size_of_largest() < 0.3 * size


def size_of_largest() -> int:
    return max(4 * prod(tensor.shape) for _, tensor in tensors(resnet_compiler.compile("resnet50")))
