"""A file is compared with its network: files that are right pass, files that are wrong in one place do not."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import onnx
import pytest
from support.architectures import architecture, tried

import resnet_compiler
from resnet_compiler import Interface, Preprocess, api, verify, weights
from resnet_compiler.api import onnx_files
from resnet_compiler.verify_onnx import TOLERANCES, Verification, verify_onnx

RESIZED = Preprocess(resize=60, crop=True)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fixed": {"batch": 3, "size": (64, 40)},
    "images": {"preprocess": Preprocess(), "softmax": True},
    "resized": {"preprocess": RESIZED, "top_k": 3},
    "resized alone": {"preprocess": Preprocess(resize=50, layout="nchw", input_type="float32")},
    "features": {"features": ("stem", "layer2"), "with_head": True, "float_io": True},
    "features alone": {"features": ("layer1",), "preprocess": Preprocess(crop=True)},
}


def write(folder: pathlib.Path, kind: str, interface: Interface, opset: int, **how: Any) -> Any:
    files = onnx_files(
        architecture(kind), "m.onnx", opset=opset, interface=interface, weights=tried, **how
    )
    for name, content in files.items():
        (folder / name).write_bytes(b"".join(content))
    return folder / "m.onnx"


def verified(path: Any, kind: str, interface: Interface, opset: int) -> Verification:
    return verify_onnx(path, architecture(kind), tried, interface, opset=opset, images=6)


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_right_passes(name: str, precision: Any, tmp_path: pathlib.Path) -> None:
    interface = Interface(precision=precision, **OPTIONS[name])
    opset = 22 if precision == "bfloat16" else 17 if name == "resized alone" else 18
    path = write(tmp_path, "squeeze-and-excite", interface, opset)
    found = verified(path, "squeeze-and-excite", interface, opset)
    assert found.relative <= TOLERANCES[precision] / (10 if precision == "float32" else 2)
    assert sum(batch for batch, _, _ in found.tried) >= 6
    names = [each.name for each in onnx.load(path).graph.output]
    assert [each.output for each in found.differences] == names
    for each in found.differences:
        assert (each.top1 is None) == (each.output not in ("output", "indices"))
        assert (each.relative is None) == (each.output == "indices")
        assert each.top1 is None or precision == "bfloat16" or each.top1 == 1
    assert bool(found.notes) == (precision != "float32")


def test_weights_in_a_file_of_their_own_are_found(tmp_path: pathlib.Path) -> None:
    for precision in ("float32", "bfloat16"):
        asked = Interface(precision=precision)  # type: ignore[arg-type]
        path = write(tmp_path, "basic", asked, 22, external_data="always")
        assert (tmp_path / "m.onnx.data").exists()
        assert verified(path, "basic", asked, 22).relative <= TOLERANCES[precision]


def changed_weight(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "layer2.0.conv2.weight")
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[0] *= -1
    tensor.raw_data = values.tobytes()


def changed_mean(model: onnx.ModelProto) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == "input/mean.value")
    tensor.float_data[:] = [value / 2 for value in tensor.float_data]


def changed_resize(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "Resize")
    kept = [a for a in node.attribute if a.name not in ("antialias", "exclude_outside")]
    del node.attribute[:]
    node.attribute.extend(kept)


def swapped_order(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.op_type == "TopK")
    node.attribute.append(onnx.helper.make_attribute("largest", 0))


def dropped_shortcut(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if n.name == "layer1.0.add")
    node.input[1] = node.input[0]


LAYERS = {
    changed_weight: "layer2.0.conv2",
    changed_mean: "conv1",
    changed_resize: "conv1",
    swapped_order: None,
    dropped_shortcut: "layer1.0.add",
}
"""The layer at which each must be found; what stands around the network is none of its layers."""


@pytest.mark.parametrize("change", LAYERS)
def test_what_is_wrong_does_not(change: Any, tmp_path: pathlib.Path) -> None:
    asked = Interface(preprocess=RESIZED, top_k=2, features=("layer2",), with_head=True)
    path = write(tmp_path, "basic", asked, 18)
    assert verified(path, "basic", asked, 18).relative <= 1e-5
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)
    found = verified(path, "basic", asked, 18)
    assert found.relative > 1e-3 and found.verdict == "different"
    wanted = LAYERS[change]
    assert (found.parting and found.parting.layer) == wanted, found.parting


@pytest.mark.parametrize("kind", ["basic", "pre-activation", "squeeze-and-excite"])
def test_the_first_layer_of_a_folded_file_is_named(kind: str, tmp_path: pathlib.Path) -> None:
    """Weights of one layer after the other are wrong in the file, whose norms are in the convolutions."""
    graph = architecture(kind)
    model = onnx.load_from_string(
        api.build_onnx(api.fold(graph), weights=tried).SerializeToString()
    )
    weighted = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    assert len(weighted) > 8
    for node in weighted[::3]:
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        tensor = next(t for t in changed.graph.initializer if t.name == node.input[1])
        values = onnx.numpy_helper.to_array(tensor).copy()
        values[0] += values.std()
        tensor.raw_data = values.tobytes()
        onnx.save(changed, tmp_path / "m.onnx")
        found = verify_onnx(tmp_path / "m.onnx", graph, tried, images=2)
        assert found.verdict == "different" and found.parting is not None
        assert found.parting.layer == node.name, found.parting


def test_where_float32_is_far_from_float64_both_figures_are_told(tmp_path: pathlib.Path) -> None:
    """Without shortcuts and with weights that no training made, rounding grows until nothing is left to compare."""
    from dataclasses import replace

    graph = resnet_compiler.compile("cifar/plain110")
    graph = replace(graph, extents=tuple(replace(e, declared=16) for e in graph.extents))
    network = verify.load_network(graph, lambda name, tensor: weights.tried(name, tensor, 0))
    verify.prepare(graph, network, 0)
    state = network.state_dict()

    def value(name: str, tensor: Any) -> Any:
        return state[name].numpy()

    onnx.save(api.build_onnx(api.fold(graph), weights=value), tmp_path / "m.onnx")
    found = verify_onnx(tmp_path / "m.onnx", graph, value, images=2)
    assert found.relative > TOLERANCES["float32"]
    assert (found.verdict, found.parting) == ("agree as far as float32 can", None)
    assert found.from_float64 is not None and min(found.from_float64) > TOLERANCES["float32"]


def test_an_overflow_of_float16_shows(tmp_path: pathlib.Path) -> None:
    def large(name: str, tensor: Any) -> Any:
        return tried(name, tensor) * np.float32(1e5 if name == "bn1.weight" else 1)

    asked = Interface(precision="float16")
    with pytest.raises(ValueError, match=r"bn1\.weight holds"):
        b"".join(onnx_files(architecture("basic"), "m", interface=asked, weights=large)["m"])

    def larger(name: str, tensor: Any) -> Any:
        return tried(name, tensor) * np.float32(3e4 if name == "bn1.weight" else 1)

    path = tmp_path / "m.onnx"
    files = onnx_files(architecture("basic"), "m", interface=asked, weights=larger)
    path.write_bytes(b"".join(files["m"]))
    assert verify_onnx(path, architecture("basic"), larger, asked, images=2).relative == np.inf
