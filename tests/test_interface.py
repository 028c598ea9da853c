"""Inputs and outputs of the ONNX model: batch, size, features, classes, and what is refused."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import numpy as np
import onnx
import pytest
from support import peers
from support.architectures import architecture, images, tried
from support.specs import compile_text

import resnet_compiler
from resnet_compiler import Interface, InterfaceError, Preprocess
from resnet_compiler.api import interface_notes, onnx_files

CLASSES = tuple(f"class {index}" for index in range(10))


def dimensions(value: onnx.ValueInfoProto) -> list[str | int]:
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


def build(kind: str = "basic", **options: Any) -> onnx.ModelProto:
    return resnet_compiler.build_onnx(
        architecture(kind), interface=Interface(**options), weights=tried
    )


def run(model: onnx.ModelProto, image: Any) -> dict[str, Any]:
    session = peers.onnx_session(model)
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {"input": image}), strict=True))


def metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {each.key: each.value for each in model.metadata_props}


# --- batch and size ---


@pytest.mark.parametrize(
    ("options", "shape"),
    [
        ({}, ["batch", 3, "height", "width"]),
        ({"batch": 4}, [4, 3, "height", "width"]),
        ({"size": "declared"}, ["batch", 3, 48, 32]),
        ({"size": (64, 40)}, ["batch", 3, 64, 40]),
        ({"size": "dynamic", "batch": 1}, [1, 3, "height", "width"]),
        ({"preprocess": Preprocess()}, ["batch", "height", "width", 3]),
        ({"preprocess": Preprocess(layout="nchw"), "size": (64, 40)}, ["batch", 3, 64, 40]),
        (
            {"preprocess": Preprocess(resize=64, crop=True), "batch": 2},
            [2, "image_height", "image_width", 3],
        ),
    ],
)
def test_the_input_is_of_the_size_asked_for(
    options: dict[str, Any], shape: list[str | int]
) -> None:
    (image,) = build(**options).graph.input
    assert dimensions(image) == shape


@pytest.mark.parametrize("kind", ["basic", "squeeze-and-excite", "weight-standardised"])
@pytest.mark.parametrize("preprocess", [None, Preprocess(resize=80, crop=True)])
@pytest.mark.parametrize("opset", [13, 22])
def test_every_shape_is_concrete_where_batch_and_size_are(
    kind: str, preprocess: Preprocess | None, opset: int
) -> None:
    asked = Interface(batch=2, size=(64, 40), preprocess=preprocess, softmax=True, top_k=3)
    model = resnet_compiler.build_onnx(architecture(kind), opset=opset, interface=asked)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    shapes = {each.name: dimensions(each) for each in (*inferred.value_info, *inferred.output)}
    network = [node for node in model.graph.node if not node.name.startswith("input/")]
    assert len(network) > 20
    for node in network:
        assert all(isinstance(size, int) and size for size in shapes[node.output[0]]), node.name
    assert "Shape" not in {node.op_type for node in network}


def test_a_size_must_be_one_that_works() -> None:
    graph = resnet_compiler.compile("timm/resnetaa50")
    assert not graph.any_size
    for size, said in {
        "dynamic": r"size: the sides of layer2\.0\.add \(.*\) are not equal at every size: at height 227 they are 28 and "
        r"29; give a size, such as 224 × 224",
        (
            227,
            224,
        ): r"at 227 × 224 the sides of layer2\.0\.add .* are 512 × 28 × 28 and 512 × 29 × 28; the nearest .* 226 × 223",
        (
            8,
            9,
        ): r"nothing is left of an image of 8 × 9: the least is 31 × 31; the nearest size that works is 31 × 32",
    }.items():
        with pytest.raises(InterfaceError, match=said):
            resnet_compiler.build_onnx(graph, interface=Interface(size=size))
    model = resnet_compiler.build_onnx(graph, interface=Interface(size=(192, 226)))
    assert dimensions(model.graph.input[0]) == ["batch", 3, 192, 226]


# --- features ---


def test_features_are_the_values_inside() -> None:
    image = images(2, 3, 50, 33)
    found = run(build(features=("stem", "layer1", "layer2"), with_head=True), image)
    assert list(found) == ["stem", "layer1", "layer2", "output"]
    assert [each.shape[1:] for each in found.values()] == [
        (8, 13, 9),
        (8, 13, 9),
        (16, 7, 5),
        (10,),
    ]
    whole = build()
    inside = {"stem": "maxpool", "layer1": "layer1.0.act2", "layer2": "layer2.1.act2"}
    for value in inside.values():
        whole.graph.output.append(onnx.helper.make_empty_tensor_value_info(value))
    theirs = run(whole, image)
    for name in found:
        assert np.array_equal(found[name], theirs[inside.get(name, name)]), name


def test_features_alone_leave_out_what_they_do_not_need() -> None:
    model = build(features=("layer1",))
    whole = build()
    kept = {node.name for node in model.graph.node}
    assert kept == {n.name for n in whole.graph.node if not n.name.startswith(("layer2", "a", "f"))}
    assert not any(t.name.startswith(("layer2", "fc")) for t in model.graph.initializer)
    assert [each.name for each in model.graph.output] == ["layer1"]


def test_features_tell_their_strides() -> None:
    model = build(features=("layer2", "layer1"))
    assert json.loads(metadata(model)["strides"]) == {"layer2": [8, 8], "layer1": [4, 4]}
    assert [each.doc_string for each in model.graph.output] == ["stride 8", "stride 4"]
    assert dimensions(model.graph.output[0]) == ["batch", 16, "height_layer2", "width_layer2"]


def test_features_are_those_of_timm() -> None:
    torch = pytest.importorskip("torch")
    peers.import_torchvision()
    import timm

    theirs = timm.create_model("test_resnet", features_only=True, out_indices=(1, 2, 3, 4)).eval()
    peers.randomise_norms(theirs, 0)
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    graph = resnet_compiler.compile("timm/test_resnet")
    asked = Interface(features=("layer1", "layer2", "layer3", "layer4"))
    model = resnet_compiler.build_onnx(graph, interface=asked, weights=lambda name, _: state[name])
    strides = json.loads(metadata(model)["strides"])
    assert list(strides.values()) == [[each, each] for each in theirs.feature_info.reduction()]
    image = images(1, 3, 96, 65)
    with torch.inference_mode():
        expected = theirs(torch.from_numpy(image))
    for ours, other in zip(run(model, image).values(), expected, strict=True):
        assert peers.relative_difference(ours, other.numpy()) <= 1e-4


def test_the_output_of_a_network_without_a_head_is_there_twice() -> None:
    graph = compile_text(
        "name: headless\ninput: {channels: 3, height: 16, width: 16}\n"
        "stages: [{layer1: {block: basic, depth: 1, width: 3}}]\n"
    )
    asked = Interface(features=("layer1",), with_head=True)
    found = run(resnet_compiler.build_onnx(graph, interface=asked), images(1, 3, 16, 16))
    assert np.array_equal(found["layer1"], found["output"])
    with pytest.raises(InterfaceError, match="there is no stage `stem`; there are layer1"):
        resnet_compiler.build_onnx(graph, interface=Interface(features=("stem",)))


def test_layers_named_like_outputs_keep_their_names() -> None:
    graph = compile_text(
        "name: names\ninput: {channels: 3, height: 16, width: 16}\n"
        "stem:\n  - indices: {conv: {out: 4, kernel: 3}}\n  - output: {parameter: {channels: 4, fill: 2}}\n"
        "  - values: {mul: {}, from: [indices, output]}\n"
        "stages: [{layer1: {block: basic, depth: 1, width: 4}}]\n"
        "head: [{pool: global_avg_pool}, {stem: {linear: {out: 5}}}]\n"
    )
    for asked in (
        Interface(top_k=2, features=("stem",), with_head=True),
        Interface(features=("stem", "layer1"), with_head=True),
    ):
        model = resnet_compiler.build_onnx(graph, interface=asked, weights=tried)
        assert {"indices", "values", "stem"} <= {node.name for node in model.graph.node}
        names = [node.name for node in model.graph.node]
        values = [name for node in model.graph.node for name in node.output]
        held = [tensor.name for tensor in model.graph.initializer]
        assert len(set(names)) == len(names)
        assert len({*values, *held}) == len(values) + len(held)
        found = run(model, images(2, 3, 16, 16))
        bare = resnet_compiler.build_onnx(graph, weights=tried)
        (scores,) = run(bare, images(2, 3, 16, 16)).values()
        if asked.top_k:
            assert np.array_equal(found["indices"][:, 0], scores.argmax(1))
        else:
            assert np.array_equal(found["output"], scores)


def test_a_feature_cannot_have_the_name_of_another_output() -> None:
    graph = compile_text(
        "name: names\ninput: {channels: 3, height: 16, width: 16}\n"
        "stages: [{values: {block: basic, depth: 1, width: 4}}]\n"
        "head: [{pool: global_avg_pool}, {fc: {linear: {out: 5}}}]\n"
    )
    asked = Interface(features=("values",), with_head=True, top_k=1)
    with pytest.raises(InterfaceError, match="features: the model's own `values` is called so"):
        resnet_compiler.build_onnx(graph, interface=asked)
    model = resnet_compiler.build_onnx(graph, interface=Interface(features=("values",)))
    assert [each.name for each in model.graph.output] == ["values"]


# --- classes ---


def test_softmax_and_the_best_classes() -> None:
    image = images(3, 3, 48, 32)
    scores = run(build(), image)["output"].astype(np.float64)
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probabilities = powers / powers.sum(1, keepdims=True)
    (found,) = run(build(softmax=True), image).values()
    assert np.allclose(found, probabilities, rtol=1e-5)
    for softmax, theirs in ((False, scores), (True, probabilities)):
        best = run(build(softmax=softmax, top_k=4), image)
        assert list(best) == ["values", "indices"]
        order = np.argsort(-theirs, axis=1)[:, :4]
        assert np.array_equal(best["indices"], order)
        assert np.allclose(best["values"], np.take_along_axis(theirs, order, 1), rtol=1e-5)


def test_labels_are_in_the_metadata() -> None:
    labels = ("crane", "maillot", "käfer", "crane", *CLASSES[4:])
    assert json.loads(metadata(build(labels=labels))["labels"]) == list(labels)
    notes = interface_notes(architecture("basic"), Interface(labels=labels))
    assert notes == ("several classes are called `crane`",)


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch": 0}, "batch: 0 is no number of images"),
        ({"batch": True}, "batch: True is no number"),
        ({"size": (0, 4)}, r"size: \(0, 4\) is no size"),
        ({"size": "any"}, "size: any is no size"),
        ({"precision": "float61"}, "there is no precision `float61`; did you mean `float16`"),
        ({"precision": "bfloat16"}, "bfloat16 from opset 22 on, and this is opset 18"),
        ({"features": ("layer3",)}, "there is no stage `layer3`; did you mean `layer2`"),
        ({"features": ("layer1", "layer1")}, "features: `layer1` is there twice"),
        ({"features": ("output",), "with_head": True}, "there is no stage `output`"),
        ({"features": ("layer1",), "softmax": True}, "softmax: with features alone there are no"),
        ({"top_k": 0}, "top_k: 0 is no number of classes"),
        ({"top_k": 11}, "top_k: there are 10 classes"),
        ({"labels": CLASSES[1:]}, "labels: 9 labels for 10 classes"),
        ({"labels": (*CLASSES[1:], " ")}, "labels: label 9 is not printable text: ' '"),
        ({"labels": (*CLASSES[1:], "a\nb")}, "label 9 is not printable"),
        ({"labels": (*CLASSES[1:], "x" * 201)}, "label 9 is longer than 200 characters"),
        ({"preprocess": Preprocess(mean=(0.5,))}, "mean: 1 number for 3 channels"),
        ({"preprocess": Preprocess(std=(1, 0, 1))}, "std: finite numbers are needed above 0"),
        ({"preprocess": Preprocess(scale=0)}, "scale: 0 is no number above 0"),
        ({"preprocess": Preprocess(layout="chw")}, "layout: `chw` is neither"),
        ({"preprocess": Preprocess(resize=0)}, "resize: 0 is no length"),
        ({"preprocess": Preprocess(resize=40, crop=True)}, "crop: 48 × 32 does not fit"),
        ({"preprocess": Preprocess(crop=True), "size": "dynamic"}, "crop: images are cut to"),
        ({"preprocess": Preprocess(resize=48), "size": "declared"}, "resize: images keep their"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InterfaceError, match=said):
        build(**options)


def test_everything_wrong_is_told_at_once() -> None:
    asked = Interface(batch=-1, top_k=99, features=("layer9",), with_head=True)
    with pytest.raises(InterfaceError) as caught:
        resnet_compiler.build_onnx(architecture("basic"), opset=12, interface=asked)
    options = [each.option for each in caught.value.problems]
    assert options == ["opset", "batch", "features", "top_k"]
    assert str(caught.value).count("\n") == 3


@pytest.mark.parametrize("option", ["softmax", "top_k", "labels"])
def test_classes_need_a_list_of_numbers(option: str) -> None:
    graph = compile_text(
        "name: headless\ninput: {channels: 3, height: 16, width: 16}\n"
        "stages: [{layer1: {block: basic, depth: 1, width: 8}}]\n"
    )
    given = {"softmax": True, "top_k": 1, "labels": ("a",) * 8}[option]
    with pytest.raises(InterfaceError, match=f"{option}: the output is 8 × H × W, not one number"):
        resnet_compiler.build_onnx(graph, interface=Interface(**{option: given}))


def test_weights_past_the_limit_need_a_file_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = architecture("basic")
    assert list(onnx_files(graph, "m.onnx", external_data="always")) == ["m.onnx", "m.onnx.data"]
    assert list(onnx_files(graph, "m.onnx", external_data="never")) == ["m.onnx"]
    monkeypatch.setattr(resnet_compiler.api, "LARGEST_SINGLE_FILE", 10_000)
    with pytest.raises(InterfaceError, match=r"external_data: .* bytes of weights do not fit"):
        onnx_files(graph, "m.onnx", external_data="never")
    with pytest.raises(InterfaceError, match="there are auto, always and never, not often"):
        onnx_files(graph, "m.onnx", external_data="often")


def test_the_example_of_the_document_runs() -> None:
    text = (pathlib.Path(__file__).parent.parent / "docs" / "export.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    told: dict[str, Any] = {}
    exec(code, told)
    assert [each.name for each in onnx.load_from_string(told["model"]).graph.output] == [
        "values",
        "indices",
    ]
    assert len(told["notes"]) == 2
