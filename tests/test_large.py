"""Models past 2 GB: weights in a file beside the model, made one tensor at a time."""

from __future__ import annotations

import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import pytest

import resnet_compiler
from resnet_compiler import api, weights
from resnet_compiler.emit.onnx import check_onnx, weight_bytes, weight_chunks

SMALL = "cifar/resnet20"


def write(folder: pathlib.Path, name: str, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A model with its weights beside it, whatever their size."""
    monkeypatch.setattr(api, "LARGEST_SINGLE_FILE", 0)
    for file, content in api.onnx_files(resnet_compiler.compile(name), "model.onnx").items():
        (folder / file).write_bytes(b"".join(content))
    return folder / "model.onnx"


@pytest.mark.parametrize("name", [SMALL, "timm/resnetblur18", "timm/resnetv2_50x1_bit"])
def test_the_two_forms_hold_the_same_weights(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = resnet_compiler.build_onnx(resnet_compiler.compile(name))
    path = write(tmp_path, name, monkeypatch)
    beside = onnx.load(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert [t.name for t in beside.graph.initializer] == [t.name for t in inside.graph.initializer]
    for a, b in zip(inside.graph.initializer, beside.graph.initializer, strict=True):
        assert np.array_equal(onnx.numpy_helper.to_array(a), onnx.numpy_helper.to_array(b)), a.name
    assert [n.SerializeToString() for n in beside.graph.node] == [
        n.SerializeToString() for n in inside.graph.node
    ]


def test_onnx_runtime_reads_the_file_beside(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    image = np.random.default_rng(0).standard_normal((2, 3, 32, 32), np.float32)
    inside = resnet_compiler.emit_onnx(resnet_compiler.compile(SMALL))
    results = [
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(
            None, {"input": image}
        )[0]
        for model in (inside, str(write(tmp_path, SMALL, monkeypatch)))
    ]
    assert np.array_equal(*results)


def test_tensors_begin_at_page_boundaries(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, SMALL, monkeypatch)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        where = {entry.key: entry.value for entry in tensor.external_data}
        if where:
            assert where["location"] == "model.onnx.data"
            assert int(where["offset"]) % 4096 == 0
            assert int(where["length"]) == 4 * math.prod(tensor.dims)


def test_a_model_past_two_gigabytes_takes_that_way() -> None:
    graph = resnet_compiler.compile("timm/resnetv2_152x4_bit")
    assert weight_bytes(graph) > 2**31
    files = api.onnx_files(graph, "model.onnx")
    assert list(files) == ["model.onnx", "model.onnx.data"]
    (model,) = files["model.onnx"]
    assert len(model) < 2**20
    check_onnx(onnx.load_from_string(model))


MEASURE = """
import json, resource, sys
import resnet_compiler
from resnet_compiler import api
from resnet_compiler.emit.onnx import weight_bytes

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

graph = resnet_compiler.compile(sys.argv[1])
api.LARGEST_SINGLE_FILE = 0
files = api.onnx_files(graph, "model.onnx")
list(files["model.onnx"])
base = peak()
written = sum(len(piece) for piece in files["model.onnx.data"])
print(json.dumps({"base": base, "peak": peak(), "written": written, "bytes": weight_bytes(graph)}))
"""


def test_memory_holds_one_tensor() -> None:
    """At most 1.2 times the largest tensor above what the process takes before; here with one of 85 MB."""
    name = "timm/resnetv2_50x3_bit"
    largest = max(
        4 * math.prod(tensor.shape) for _, tensor in weights.tensors(resnet_compiler.compile(name))
    )
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, name], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["written"] >= found["bytes"]
    assert found["peak"] - found["base"] <= 1.2 * largest


def test_pieces_are_small_and_made_when_asked_for() -> None:
    asked: list[str] = []
    graph = resnet_compiler.compile(SMALL)

    def value(name: str, tensor: weights.Tensor) -> weights.Array:
        asked.append(name)
        return weights.initial(name, tensor, 0)

    pieces = weight_chunks(graph, value)
    assert asked == []
    next(pieces)
    next(pieces)
    assert asked == ["conv1.weight"]
    assert max(len(piece) for piece in pieces) <= 2**20
