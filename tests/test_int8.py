"""int8: where Q/DQ pairs stand, what a runtime makes of them, and how near the numbers stay."""

from __future__ import annotations

import pathlib
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from support import peers
from support.architectures import ARCHITECTURES, architecture, tried

import resnet_compiler
from resnet_compiler import Interface, InterfaceError, Preprocess
from resnet_compiler.images import random_images
from resnet_compiler.interface import PLAIN
from resnet_compiler.quantize import Int8, Quantized, calibrate, clipping, quantize

SHAPE = (3, 48, 32)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("calibration") / "images.npz"
    np.savez(path, images=random_images(np.random.default_rng(0), 24, *SHAPE))
    return path


@cache
def exact(kind: str, opset: int, interface: Interface) -> onnx.ModelProto:
    folded = resnet_compiler.fold(architecture(kind))
    return resnet_compiler.build_onnx(folded, opset=opset, interface=interface, weights=tried)


def quantized(
    kind: str,
    pictures: pathlib.Path,
    opset: int = 18,
    interface: Interface = PLAIN,
    **given: Any,
) -> Quantized:
    batch = None if interface.batch == "dynamic" else interface.batch
    return quantize(
        exact(kind, opset, interface), Int8(pictures, **given), SHAPE, interface.preprocess, batch
    )


def operators(model: onnx.ModelProto, folder: pathlib.Path) -> Counter[str]:
    """The operators that ONNX Runtime makes of a model."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


@pytest.mark.parametrize("size", ["dynamic", "fixed"])
@pytest.mark.parametrize("opset", [13, 17, 18, 22])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_it_is_valid_and_near(kind: str, opset: int, size: str, pictures: pathlib.Path) -> None:
    interface = Interface() if size == "dynamic" else Interface(batch=2, size=SHAPE[1:])
    made = quantized(kind, pictures, opset, interface)
    onnx.checker.check_model(made.model, full_check=True)
    ours, theirs = peers.onnx_session(made.model), peers.onnx_session(exact(kind, opset, interface))
    for feed in made.feeds:
        found, right = (each.run(None, dict(feed))[0] for each in (ours, theirs))
        assert 0 < peers.relative_difference(found, right) <= 0.1
    if size == "dynamic":  # what was calibrated at one size runs at others
        image = np.zeros((3, 3, 64, 41), np.float32)
        assert ours.run(None, {"input": image})[0].shape == (3, 10)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_the_whole_network_runs_in_int8(
    kind: str, pictures: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    before = Counter(node.op_type for node in exact(kind, 18, Interface()).graph.node)
    after = operators(quantized(kind, pictures).model, tmp_path)
    assert after["QLinearConv"] == before["Conv"] and after["Conv"] == 0
    assert after["QLinearAdd"] == before["Add"] == 3 and after["Add"] == 0
    assert after["Relu"] == 0, "each is part of the operator before it"
    assert after["QuantizeLinear"] == 1, "the image; the head's operator puts out floats itself"
    assert after["DequantizeLinear"] == 0


def test_both_sides_of_each_residual_add_are_quantized(pictures: pathlib.Path) -> None:
    for kind in ARCHITECTURES:
        nodes = {n.output[0]: n for n in quantized(kind, pictures).model.graph.node}
        adds = [n for n in nodes.values() if n.op_type == "Add" and n.name.endswith(".add")]
        assert len(adds) == 3
        for add in adds:
            assert [nodes[name].op_type for name in add.input] == ["DequantizeLinear"] * 2


def test_weights_have_a_scale_for_each_output_channel(pictures: pathlib.Path) -> None:
    model = quantized("bottleneck", pictures).model
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    before = {
        each.name: numpy_helper.to_array(each)
        for each in exact("bottleneck", 18, Interface()).graph.initializer
    }
    names = [
        name.removesuffix(".quantized") for name in stored if name.endswith("weight.quantized")
    ]
    assert len(names) == 3 * 3 + 2 + 2, "three in a block, two projections, a stem and a head"
    for name in names:
        values, scale = stored[f"{name}.quantized"], stored[f"{name}.scale"]
        assert values.dtype == np.int8 and values.min() >= -127
        assert scale.shape == (len(values),) and not stored[f"{name}.zero_point"].any()
        shape = (-1, *[1] * (values.ndim - 1))
        error = np.abs(values * scale.reshape(shape) - before[name])
        assert (error <= 0.5001 * scale.reshape(shape)).all()


def test_zero_is_exact(pictures: pathlib.Path) -> None:
    """Padding adds zeros, and ReLU makes them."""
    model = quantized("basic", pictures).model
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    nodes = [n for n in model.graph.node if n.op_type == "QuantizeLinear"]
    points = [stored[n.input[2]] for n in nodes]
    assert len(points) > 10 and all(p.dtype == np.uint8 for p in points)
    assert any(p > 0 for p in points) and any(p == 0 for p in points)


def test_layers_are_left_in_float(pictures: pathlib.Path, tmp_path: pathlib.Path) -> None:
    made = quantized("basic", pictures, keep_float=("first", "last", "layer2.0.conv1"))
    weighted = [n for n in made.model.graph.node if n.op_type in ("Conv", "Gemm")]
    in_float = [n.name for n in weighted if not n.input[1].endswith(".dequantized")]
    assert in_float == ["conv1", "layer2.0.conv1", "fc"]
    ends = quantized("basic", pictures, keep_float=("first", "last"))
    counts = operators(ends.model, tmp_path)
    assert (counts["Conv"], counts["Gemm"], counts["QLinearConv"]) == (1, 1, 7)


def test_a_layer_that_is_not_there_is_told(pictures: pathlib.Path) -> None:
    with pytest.raises(InterfaceError, match=r"there is no layer `layer2.0.conv7`.*conv"):
        quantized("basic", pictures, keep_float=("layer2.0.conv7",))


def test_the_rules_of_tensorrt(pictures: pathlib.Path) -> None:
    model = quantized("bottleneck", pictures, target="tensorrt").model
    onnx.checker.check_model(model, full_check=True)
    stored = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    points = [values for name, values in stored.items() if name.endswith(".zero_point")]
    assert all(p.dtype == np.int8 and not p.any() for p in points), "symmetric"
    assert stored["conv1.bias"].dtype == np.float32
    nodes = {n.output[0]: n for n in model.graph.node}
    for add in (n for n in nodes.values() if n.op_type == "Add"):
        kinds = [nodes[name].op_type for name in add.input]
        assert kinds == ["Conv", "DequantizeLinear"], "the last convolution is fused with the add"


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_other_ways_to_find_ranges(
    method: str, pictures: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = quantized("basic", pictures, method=method)
    assert made.worst.relative < 0.3
    assert {e.name for e in made.errors} == {e.name for e in quantized("basic", pictures).errors}
    assert capfd.readouterr().out == ""


def activations(name: str, outlier: float) -> Any:
    """Values like a layer's, with some that are far out."""
    random = np.random.default_rng(0)
    normal = random.standard_normal(100_000)
    values = {"relu": np.maximum(normal, 0), "signed": normal}[name]
    return np.append(values, [outlier, -outlier][: 1 if name == "relu" else 2])


@pytest.mark.parametrize("kind", ["relu", "signed"])
@pytest.mark.parametrize("outlier", [20.0, 50.0, 300.0])
def test_what_is_rare_is_clipped(kind: str, outlier: float) -> None:
    """Both keep the bulk of the values, and neither the outlier; what has no outlier is kept nearly whole."""
    levels = 255 if kind == "relu" else 128
    for clip in (clipping.of_percentile, lambda counts: clipping.of_entropy(counts, levels)):
        counts, _ = np.histogram(abs(activations(kind, outlier)), clipping.BINS, (0, outlier))
        bound = outlier * clip(counts) / clipping.BINS
        # no less than the levels, each a bin
        assert 3.0 < bound < max(7, outlier * (levels + 2) / clipping.BINS), bound
    counts, _ = np.histogram(np.random.default_rng(0).random(100_000), clipping.BINS, (0, 1))
    assert clipping.of_percentile(counts) >= 0.999 * clipping.BINS
    assert clipping.of_entropy(counts, levels) >= 0.99 * clipping.BINS


def test_scales_are_smaller_than_those_of_the_extremes(pictures: pathlib.Path) -> None:
    """One pixel of each image is far out, and the scales of what it reaches follow from it with minmax alone."""
    model = exact("basic", 18, Interface())
    images = np.random.default_rng(0).standard_normal((32, *SHAPE), np.float32)
    images[0, :, 5, 5] = 60
    feeds = [{"input": images[at : at + 8]} for at in range(0, 32, 8)]
    plain, percentile, entropy = (
        calibrate(model, feeds, method)  # type: ignore[arg-type]
        for method in ("minmax", "percentile", "entropy")
    )
    assert plain.keys() == percentile.keys() == entropy.keys()
    for found in (percentile, entropy):
        assert found["input"].greatest < plain["input"].greatest / 4
        assert found["relu"].greatest < 0.8 * plain["relu"].greatest
        assert all(found[name].greatest <= plain[name].greatest for name in plain)
        assert all(found[name].least >= plain[name].least for name in plain)
    assert percentile != entropy


def test_each_layers_error(pictures: pathlib.Path) -> None:
    made = quantized("basic", pictures)
    errors = {each.name: each.relative for each in made.errors}
    assert next(iter(errors)) == "relu" and "layer2.1.conv2" in errors
    assert all(0 < value < 0.1 for value in errors.values())
    assert made.worst.relative == max(errors.values())
    # one layer with a range far too small is the worst
    from resnet_compiler.quantize import Range, Scheme, calibrate, layer_errors, place

    model = exact("basic", 18, Interface())
    ranges = calibrate(model, made.feeds)
    name = "layer1.0.act1"
    ranges[name] = Range(0, ranges[name].greatest / 20)
    found = layer_errors(model, place(model, ranges, Scheme()), made.feeds)
    before = next(each for each in found if each.name == "maxpool")
    assert next(e for e in found if e.name == name).relative > 5 * before.relative


def test_the_frame_stays_as_it_is(pictures: pathlib.Path) -> None:
    interface = Interface(
        preprocess=Preprocess(), softmax=True, top_k=2, features=("layer1",), with_head=True
    )
    made = quantized("basic", pictures, interface=interface)
    session = peers.onnx_session(made.model)
    shown = random_images(np.random.default_rng(1), 4, *SHAPE)
    ours = session.run(None, {"input": shown})
    theirs = peers.onnx_session(exact("basic", 18, interface)).run(None, {"input": shown})
    assert [each.name for each in session.get_outputs()] == ["layer1", "values", "indices"]
    assert np.abs(ours[1] - theirs[1]).max() < 0.1
    assert peers.relative_difference(ours[0], theirs[0]) < 0.1
    assert {p.key: p.value for p in made.model.metadata_props}["precision"] == "int8"


def test_the_same_call_gives_the_same_bytes(pictures: pathlib.Path) -> None:
    first, second = (
        quantized("squeeze-and-excite", pictures).model.SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second
