"""Images made ready inside the model: what is folded into the first convolution, and the same numbers as torchvision's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from support import peers
from support.specs import compile_layers

import resnet_compiler
from resnet_compiler import Graph, Interface, Preprocess, weights
from resnet_compiler.api import interface_notes
from resnet_compiler.images import preprocessed, random_images

LEVEL = 1 / 255 / min(Preprocess().std)
"""What one level of an image comes to behind the normalisation."""
IDENTITIES = {
    "folded": "op: {conv: {out: 3, kernel: 1, groups: 3}}",
    "nodes": "op: {leaky_relu: {slope: 1}}",
}
"""Networks that give back what they take in: one into which the normalisation can be folded, and one into which not."""


def identity(way: str, size: tuple[int, int] = (40, 32)) -> Graph:
    return compile_layers(IDENTITIES[way], channels=3, size=size)


def ones(name: str, tensor: weights.Tensor) -> Any:
    return np.ones(tensor.shape, np.float32)


def tried(name: str, tensor: weights.Tensor) -> Any:
    return weights.tried(name, tensor, 3)


def shown(batch: int, height: int, width: int) -> Any:
    return random_images(np.random.default_rng(height), batch, 3, height, width)


def build(graph: Graph, given: Preprocess, values: Any = ones, **options: Any) -> onnx.ModelProto:
    opset = options.pop("opset", 18)
    asked = Interface(preprocess=given, **options)
    return resnet_compiler.build_onnx(graph, interface=asked, opset=opset, weights=values)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


# --- folding ---


@pytest.mark.parametrize(
    ("first", "nodes", "notes"),
    [
        (
            "{conv: {out: 4, kernel: 3, padding: 0}}",
            ["Transpose", "Cast"],
            ["std and scale are folded into the weights", "mean is folded into the bias of"],
        ),
        (
            "{conv: {out: 6, kernel: 2, padding: 0, groups: 3, bias: true, stride: 2}}",
            ["Transpose", "Cast"],
            ["std and scale are folded", "mean is folded into the bias of stage.0.op"],
        ),
        (
            "{conv: {out: 4, kernel: 3, padding: 0, standardized: true}}",
            ["Transpose", "Cast"],
            ["std and scale are folded", "mean is folded"],
        ),
        (
            "{conv: {out: 4, kernel: 3, bias: true}}",
            ["Transpose", "Cast", "Sub"],
            ["std and scale are folded", "mean is not folded: stage.0.op pads with zeros"],
        ),
        (
            "{conv: {out: 4, kernel: 3, standardized: true}}",
            ["Transpose", "Cast", "Sub"],
            ["std and scale are folded", "mean is not folded"],
        ),
        (
            "batch_norm",
            ["Transpose", "Cast", "Sub", "Mul"],
            ["the normalisation is not folded: only convolutions can take it in, and stage.0.op"],
        ),
    ],
)
def test_what_is_folded_changes_no_number(first: str, nodes: list[str], notes: list[str]) -> None:
    graph = compile_layers(f"op: {first}", "after: relu", channels=3, size=(20, 24))
    given = Preprocess(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
    model = build(graph, given, tried)
    bare = resnet_compiler.build_onnx(graph, weights=tried)
    assert kinds(model) == nodes + kinds(bare)
    said = interface_notes(graph, Interface(preprocess=given))
    assert len(said) == len(notes)
    assert all(a.startswith(b) for a, b in zip(said, notes, strict=True)), said
    images = shown(2, 21, 30)
    theirs = peers.run_onnx(bare, preprocessed(images, given, None))
    assert peers.relative_difference(peers.run_onnx(model, images), theirs) <= 2e-6


@pytest.mark.parametrize(("padding", "subtracted"), [(0, 0), (1, 1)])
def test_two_readers_share_what_one_of_them_needs(padding: int, subtracted: int) -> None:
    graph = compile_layers(
        "a: {conv: {out: 4, kernel: 3, padding: 0}, from: input}",
        f"b: {{conv: {{out: 4, kernel: {3 + 2 * padding}, padding: {padding}}}, from: input}}",
        "sum: {add: {}, from: [a, b]}",
        channels=3,
    )
    model = build(graph, Preprocess(), tried)
    assert kinds(model).count("Sub") == subtracted
    bare = resnet_compiler.build_onnx(graph, weights=tried)
    images = shown(2, 12, 13)
    theirs = peers.run_onnx(bare, preprocessed(images, Preprocess(), None))
    assert peers.relative_difference(peers.run_onnx(model, images), theirs) <= 2e-6


def test_nothing_stands_there_that_does_nothing() -> None:
    graph = compile_layers("op: {conv: {out: 4, kernel: 3}}", channels=3)
    plain = Preprocess((0, 0, 0), (1, 1, 1), 1.0, layout="nchw", input_type="float32")
    assert kinds(build(graph, plain)) == ["Conv"]
    assert interface_notes(graph, Interface(preprocess=plain)) == ("the images are taken as they are",)  # fmt: skip
    black = Preprocess((0, 0, 0), layout="nchw")
    assert kinds(build(graph, black)) == ["Cast", "Conv"]
    half = build(graph, black, opset=13, precision="float16", float_io=True)
    assert kinds(half) == ["Cast", "Conv", "Cast"], "the pixels become float16 at once"


def test_the_parameters_told_are_the_networks() -> None:
    graph = compile_layers("op: {conv: {out: 4, kernel: 3, padding: 0}}", channels=3)
    model = build(graph, Preprocess())
    assert {e.key: e.value for e in model.metadata_props}["parameters"] == str(4 * 27)
    assert len(model.graph.initializer) == 2, "a weight, and a bias that the network does not have"


# --- the same as torchvision ---


def as_torchvision(image: Any, given: Preprocess, size: tuple[int, int]) -> Any:
    """Resize, CenterCrop, ToTensor and Normalize on a Pillow image."""
    from PIL import Image

    picture = Image.fromarray(image)
    if given.resize is not None:
        short, long = sorted(picture.size)
        longer = int(given.resize * long / short)
        wide = picture.width > picture.height
        to = (longer, given.resize) if wide else (given.resize, longer)
        picture = picture.resize(to, Image.Resampling.BILINEAR)
    if given.crop:
        top, left = (round((a - b) / 2) for a, b in zip(picture.size[::-1], size, strict=True))
        picture = picture.crop((left, top, left + size[1], top + size[0]))
    values = np.asarray(picture).astype(np.float32) / 255
    return ((values - given.mean) / given.std).transpose(2, 0, 1)


@pytest.mark.parametrize("way", IDENTITIES)
@pytest.mark.parametrize("opset", [18, 22])
@pytest.mark.parametrize(
    "image", [(60, 90), (91, 57), (200, 163), (44, 44), (40, 48), (45, 40), (399, 41), (23, 30)]
)
def test_resize_and_crop_are_those_of_torchvision(
    way: str, opset: int, image: tuple[int, int]
) -> None:
    """To one level: Pillow rounds to whole levels behind each of two passes."""
    pytest.importorskip("PIL")
    given = Preprocess(resize=44, crop=True)
    session = peers.onnx_session(build(identity(way), given, opset=opset))
    images = shown(2, *image)
    found = session.run(None, {"input": images})[0]
    assert found.shape == (2, 3, 40, 32)
    theirs = np.stack([as_torchvision(each, given, (40, 32)) for each in images])
    assert np.abs(found - theirs).max() <= 1.01 * LEVEL
    assert np.abs(found - preprocessed(images, given, (40, 32))).max() <= 0.01 * LEVEL


@pytest.mark.parametrize("height", range(40, 46))
@pytest.mark.parametrize("width", [32, 33, 35])
def test_the_centre_is_torchvisions(height: int, width: int) -> None:
    pytest.importorskip("PIL")
    given = Preprocess(crop=True)
    images = shown(1, height, width)
    found = peers.run_onnx(build(identity("folded"), given), images)
    assert np.abs(found[0] - as_torchvision(images[0], given, (40, 32))).max() <= 1e-5


def test_older_opsets_resize_without_antialiasing_and_say_so() -> None:
    given = Preprocess(resize=44, crop=True)
    asked = Interface(preprocess=given)
    graph = identity("folded")
    assert "without antialiasing" in interface_notes(graph, asked, opset=17)[-1]
    assert "antialiasing" not in "".join(interface_notes(graph, asked, opset=18))
    images = shown(2, 150, 101)
    for opset in (13, 17):
        found = peers.run_onnx(build(graph, given, opset=opset), images)
        theirs = preprocessed(images, given, (40, 32), antialias=False)
        assert np.abs(found - theirs).max() <= 0.01 * LEVEL
        assert np.abs(found - preprocessed(images, given, (40, 32))).max() > LEVEL


def test_a_resize_alone_keeps_the_aspect() -> None:
    found = peers.run_onnx(build(identity("folded"), Preprocess(resize=50)), shown(1, 30, 47))
    assert found.shape == (1, 3, 50, 50 * 47 // 30)


def test_an_image_smaller_than_the_crop_is_an_error() -> None:
    session = peers.onnx_session(build(identity("folded"), Preprocess(crop=True)))
    for size in ((39, 40), (40, 31), (20, 20), (39, 31)):
        with pytest.raises(Exception, match="input/cropped"):
            session.run(None, {"input": shown(1, *size)})


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
@pytest.mark.parametrize("input_type", ["uint8", "float32"])
def test_every_layout_and_type_gives_the_same(precision: Any, layout: Any, input_type: Any) -> None:
    given = Preprocess(layout=layout, input_type=input_type)
    images = shown(2, 40, 32)
    images = images if layout == "nhwc" else images.transpose(0, 3, 1, 2)
    for way in IDENTITIES:
        model = build(identity(way), given, precision=precision, float_io=True)
        found = peers.run_onnx(model, images.astype(input_type))
        theirs = preprocessed(images, given, None)
        assert np.abs(found - theirs).max() <= (1e-5 if precision == "float32" else 0.5 * LEVEL)
