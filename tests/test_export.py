"""`resnetc export`: its options, what it writes and prints, its exit codes, and that nothing unverified is published."""

from __future__ import annotations

import json
import pathlib
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
import safetensors.numpy
from support import peers
from support.weight_files import NET, net, value
from typer.testing import CliRunner, Result

from resnet_compiler import verify_onnx
from resnet_compiler.checkpoints import save_safetensors
from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE, UNVERIFIED, WRONG
from resnet_compiler.images import random_images


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    save_safetensors(net(), value, tmp_path / "weights.safetensors")
    channels, height, width = net().concrete("input")
    shown = random_images(np.random.default_rng(0), 16, channels, height, width)
    np.savez(tmp_path / "images.npz", images=shown)
    np.savez(tmp_path / "black.npz", images=np.zeros_like(shown))
    values = np.random.default_rng(0).standard_normal((4, channels, height, width), np.float32)
    values[:, :, 3, 3] = np.nan
    np.save(tmp_path / "nans.npy", values)
    np.savez(tmp_path / "two.npz", a=shown, b=shown)
    return tmp_path


def export(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["export", "net.yaml", *arguments], catch_exceptions=False)


def files() -> list[str]:
    given = ("net.yaml", "weights.safetensors", "labels.txt", "nans.npy")
    return sorted(
        p.name for p in pathlib.Path().iterdir() if p.name not in given and p.suffix != ".npz"
    )


def shape_of(value: Any) -> list[Any]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def initializer(model: onnx.ModelProto, name: str) -> Any:
    return onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == name))


def test_the_file_has_the_weights_and_is_verified() -> None:
    result = export("--weights", "weights.safetensors", "--no-fold")
    assert (result.exit_code, files()) == (FINE, [f"{net().identity.name}.onnx"])
    assert "against the float32 network" in result.stdout and "wrote " in result.stdout
    model = onnx.load(files()[0])
    name, tensor = next(iter(verify_tensors()))
    assert np.array_equal(initializer(model, name), value(name, tensor))


def verify_tensors() -> Any:
    from resnet_compiler.weights import tensors

    return [(n, t) for n, t in tensors(net()) if n.endswith("conv1.weight")]


def test_norms_are_folded_unless_they_are_not_to_be() -> None:
    for option, count in (("--fold", 0), ("--no-fold", 1)):
        assert export("-o", "m.onnx", option).exit_code == FINE
        kinds = [node.op_type for node in onnx.load("m.onnx").graph.node]
        assert min(1, kinds.count("BatchNormalization")) == count


@pytest.mark.parametrize(
    ("options", "input", "outputs"),
    [
        ("", ["float", "batch", 3, "height", "width"], {"output": ["batch", 10]}),
        ("--batch 4", ["float", 4, 3, "height", "width"], {"output": [4, 10]}),
        ("--size 40x24", ["float", "batch", 3, 40, 24], {"output": ["batch", 10]}),
        (
            "--precision float16",
            ["float16", "batch", 3, "height", "width"],
            {"output": ["batch", 10]},
        ),
        (
            "--precision float16 --float-io",
            ["float", "batch", 3, "height", "width"],
            {"output": ["batch", 10]},
        ),
        ("--preprocess --size declared", ["uint8", "batch", 16, 16, 3], {"output": ["batch", 10]}),
        (
            "--preprocess --resize 36 --crop --layout nchw --input-type float32",
            ["float", "batch", 3, "image_height", "image_width"],
            {"output": ["batch", 10]},
        ),
        (
            "--top-k 3 --softmax",
            ["float", "batch", 3, "height", "width"],
            {"values": ["batch", 3], "indices": ["batch", 3]},
        ),
        ("--num-classes 7", ["float", "batch", 3, "height", "width"], {"output": ["batch", 7]}),
        (
            "--precision int8 --calibration images.npz --batch 2 --size declared",
            ["float", 2, 3, 16, 16],
            {"output": [2, 10]},
        ),
    ],
)
def test_each_option(options: str, input: list[Any], outputs: dict[str, list[Any]]) -> None:
    result = export("-o", "m.onnx", "--opset", "20", *options.split())
    assert result.exit_code == FINE, result.output
    model = onnx.load("m.onnx")
    assert model.opset_import[0].version == 20
    (given,) = model.graph.input
    kinds = {
        onnx.TensorProto.FLOAT: "float",
        onnx.TensorProto.FLOAT16: "float16",
        onnx.TensorProto.UINT8: "uint8",
    }
    assert [kinds[given.type.tensor_type.elem_type], *shape_of(given)] == input
    assert {each.name: shape_of(each) for each in model.graph.output} == outputs


def test_features_and_labels() -> None:
    pathlib.Path("labels.txt").write_text("\n".join(f"digit {n}" for n in range(10)))
    result = export(
        "-o", "m.onnx", "--features", "stem,layer1", "--with-head", "--labels", "labels.txt"
    )
    assert result.exit_code == FINE, result.output
    model = onnx.load("m.onnx")
    assert [each.name for each in model.graph.output] == ["stem", "layer1", "output"]
    facts = {each.key: each.value for each in model.metadata_props}
    assert json.loads(facts["labels"])[3] == "digit 3"
    assert set(json.loads(facts["strides"])) == {"stem", "layer1"}


@pytest.mark.parametrize("more", [[], ["--precision", "int8", "--calibration", "images.npz"]])
def test_a_backbones_weights_are_enough_for_features(more: list[str]) -> None:
    """What no output reads may be missing, or that of another network; what one reads may not."""
    features = ["--features", "stem,layer1", "--weights", "backbone.safetensors", *more]
    whole = safetensors.numpy.load_file("weights.safetensors")
    backbone = {name: each for name, each in whole.items() if not name.startswith("fc.")}
    backbone["layer2.0.conv1.weight"] = np.zeros((1, 2, 3), np.float32)
    safetensors.numpy.save_file(backbone, "backbone.safetensors")
    for weights, path in (("backbone", "m.onnx"), ("weights", "whole.onnx")):
        features[3] = f"{weights}.safetensors"
        result = export("-o", path, *features)
        assert result.exit_code == FINE, result.output
    shape = (2, *net().concrete("input"))
    feeds = {"input": np.random.default_rng(1).standard_normal(shape, np.float32)}
    made, expected = (
        peers.onnx_session(path).run(None, feeds) for path in ("m.onnx", "whole.onnx")
    )
    assert len(made) == 2 and all(map(np.array_equal, made, expected))
    features[3] = "backbone.safetensors"
    for refused in (["--with-head"], ["--features", "layer2"]):
        assert export("-o", "m.onnx", *features, *refused).exit_code == WRONG
    del backbone["layer1.0.conv1.weight"]
    safetensors.numpy.save_file(backbone, "backbone.safetensors")
    assert "layer1.0.conv1.weight" in export("-o", "m.onnx", *features).stderr


def test_weights_in_a_file_beside() -> None:
    for more in ([], ["--precision", "int8", "--calibration", "images.npz"]):
        assert export("-o", "m.onnx", "--external-data", "always", *more).exit_code == FINE
        assert files() == ["m.onnx", "m.onnx.data"]
        peers.onnx_session("m.onnx")


def test_int8_tells_each_layers_error_and_the_worst() -> None:
    result = export("--precision", "int8", "--calibration", "images.npz", "-o", "m.onnx")
    lines = result.stdout.splitlines()
    errors = {
        line.split()[0]: line.split()[1]
        for line in lines
        if line.startswith("  ") and len(line.split()) == 2
    }
    worst = next(line for line in lines if line.startswith("the worst layer is "))
    name = max(errors, key=lambda each: float(errors[each]))
    assert worst == f"the worst layer is {name}: {errors[name]}"
    assert len(errors) > 5


@pytest.mark.parametrize("more", [[], ["--precision", "int8", "--calibration", "images.npz"]])
def test_what_is_past_the_tolerance_is_not_published(more: list[str]) -> None:
    pathlib.Path("m.onnx").write_text("before")
    result = export("-o", "m.onnx", "--tolerance", "0", *more)
    assert result.exit_code == UNVERIFIED
    assert "m.onnx was not written: " in result.stderr and "tolerance of 0.00e+00" in result.stderr
    assert (files(), pathlib.Path("m.onnx").read_text()) == (["m.onnx"], "before")


def test_a_file_that_computes_something_else_is_not_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An emitter with a mistake: a convolution's bias that is left out."""
    from resnet_compiler.emit.onnx import data

    real = data.Stored.encode

    def broken(self: Any, values: Any) -> bytes:
        return real(self, values * 0 if self.name == "fc.bias" else values)

    def verified(*given: Any, **more: Any) -> Any:
        monkeypatch.setattr(data.Stored, "encode", real)
        return check(*given, **more)

    check = verify_onnx.verify_onnx
    monkeypatch.setattr(data.Stored, "encode", broken)
    monkeypatch.setattr(verify_onnx, "verify_onnx", verified)
    result = export("--weights", "weights.safetensors")
    assert (result.exit_code, files()) == (UNVERIFIED, [])


def uneven(name: str, tensor: Any) -> Any:
    """Weights of a network in which one channel is far larger than the others: int8 leaves nothing of these."""
    values = value(name, tensor)
    if name in ("layer1.0.bn1.weight", "layer1.0.bn1.bias"):
        values = values.copy()
        values[0] = 500
    if name == "layer1.0.conv2.weight":
        values = values.copy()
        values[:, 0] /= 500
    return values


@pytest.mark.parametrize("method", ["minmax", "percentile"])
def test_layers_to_keep_in_float_are_named_where_int8_is_refused(method: str) -> None:
    save_safetensors(net(), uneven, pathlib.Path("uneven.safetensors"))
    options = "--weights uneven.safetensors --preprocess --precision int8 --calibration images.npz"
    given = [
        *options.split(),
        "--calibration-method",
        method,
        "-o",
        "m.onnx",
        "--tolerance",
        "0.02",
    ]
    refused = export(*given)
    assert (refused.exit_code, "m.onnx" in files()) == (UNVERIFIED, False)
    way_out = refused.stderr.split("with these layers in float")[1].split(": ", 1)[1].split()
    assert way_out[::2] == ["--keep-float"] * (len(way_out) // 2)
    assert "layer1.0.conv2" in way_out and len(way_out) <= 10
    said = json.loads(export(*given, "--json").stdout)
    assert said["keep_float"] == way_out[1::2] and said["verification"]["verdict"] == "different"
    passed = export(*given, *way_out)
    assert (passed.exit_code, "m.onnx" in files()) == (FINE, True), passed.output


def test_where_no_layer_helps_that_is_said() -> None:
    given = "--precision int8 --calibration images.npz --preprocess -o m.onnx --tolerance 0"
    refused = export("--weights", "weights.safetensors", *given.split())
    assert refused.exit_code == UNVERIFIED
    assert "no layers were found that would let it pass" in refused.stderr


def test_a_network_of_one_pixel_is_calibrated() -> None:
    pathlib.Path("net.yaml").write_text(
        "name: one\ninput: {channels: 3, height: 1, width: 1}\n"
        "stages:\n  - body: {block: point, depth: 1}\n"
        "head:\n  - pool: global_avg_pool\n  - fc: {linear: {out: 4}}\n"
        "blocks:\n  point: {layers: [conv: {conv: {out: 8, kernel: 1}}, act: relu]}\n"
    )
    random = np.random.default_rng(0)
    np.savez("images.npz", images=random.integers(0, 256, (16, 1, 1, 3), np.uint8))
    options = "--precision int8 --calibration images.npz --preprocess -o m.onnx"
    given = options.split()
    result = export(*given)
    assert (result.exit_code, "m.onnx" in files()) == (FINE, True), result.output
    np.savez("images.npz", images=np.full((16, 1, 1, 3), 7, np.uint8))
    result = export(*given)
    assert result.exit_code == MISUSE and "each image is the same pixel" in result.stderr


def test_without_verification_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_onnx, "verify_onnx", None)
    result = export("--no-verify", "-o", "m.onnx")
    assert result.exit_code == FINE and "ONNX Runtime" not in result.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--batch many", "--batch: a number or `dynamic`"),
        ("--batch 0", "--batch: "),
        ("--size 224", "--size: HxW"),
        ("--size 0x4", "--size: "),
        ("--mean 0.5", "--mean goes with --preprocess"),
        ("--preprocess --mean a,b,c", "--mean: numbers with commas"),
        ("--preprocess --mean 0.5", "--mean: 1 number for 3 channels"),
        ("--precision bfloat16", "ask for opset 22"),
        ("--precision int8", "needs --calibration"),
        ("--precision int8 --calibration images.npz --no-fold", "--fold"),
        ("--precision int8 --calibration nothing.npz", "--calibration: nothing.npz cannot be read"),
        (
            "--precision int8 --calibration net.yaml",
            "--calibration: net.yaml cannot be read: it is no .npy",
        ),
        (
            "--precision int8 --calibration images.npz --keep-float conv9",
            "--keep-float: there is no layer `conv9`",
        ),
        ("--calibration images.npz", "--calibration goes with --precision int8"),
        ("--calibration-method entropy", "--calibration-method goes with --precision int8"),
        ("--precision int8 --calibration black.npz", "each image is of one colour"),
        ("--precision int8 --calibration nans.npy", "image 0 holds a value that is not finite"),
        ("--precision int8 --calibration two.npz", "holds a, b, and no array `images`"),
        ("-o net.yaml", "-o: a file ending in .onnx"),
        ("-o weights.safetensors", "-o: a file ending in .onnx"),
        ("--with-head", "--with-head goes with --features"),
        ("--float-io", "--float-io goes with --precision float16 or bfloat16"),
        ("--preprocess --mean 123,117,104", "divide by 255, or write --scale 1"),
        ("--tolerance 1 --no-verify", "--tolerance does not go with --no-verify"),
        ("--labels nothing", "--labels: nothing cannot be read"),
        ("--top-k 11", "--top-k: "),
        ("--features layer9", "--features: "),
        ("--labels net.yaml --top-k 99", "--top-k: "),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(options: str, said: str) -> None:
    result = export(*options.split())
    assert (result.exit_code, files()) == (MISUSE, []), result.output
    assert said in result.stderr and "Traceback" not in result.output


def test_weights_that_do_not_fit_are_diagnosed() -> None:
    result = export("--weights", "net.yaml")
    assert (result.exit_code, files()) == (WRONG, []) and "RC0510" in result.stderr


def test_initial_weights_are_told() -> None:
    assert "no weights were given" in export("-o", "m.onnx").stdout
    assert "no weights" not in export("-o", "m.onnx", "--weights", "weights.safetensors").stdout


@pytest.mark.parametrize("more", [[], ["--precision", "int8", "--calibration", "images.npz"]])
def test_weights_that_are_not_finite_are_told(more: list[str]) -> None:
    def wild(name: str, tensor: Any) -> Any:
        return value(name, tensor) * np.float32(np.nan if name == "fc.weight" else 1)

    save_safetensors(net(), wild, pathlib.Path("weights.safetensors"))
    result = export("--weights", "weights.safetensors", *more)
    assert result.exit_code in (MISUSE, UNVERIFIED) and files() == []
    assert "not finite" in result.stderr and "Traceback" not in result.output


def test_being_told_to_end_leaves_nothing(folder: pathlib.Path) -> None:
    code = (
        "import os, signal\nfrom resnet_compiler import cli, output\n"
        "output._Writing.commit = lambda self: os.kill(os.getpid(), signal.SIGTERM)\ncli.main()\n"
    )
    command = [sys.executable, "-c", code, "export", "net.yaml", "-o", "m.onnx"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, files()) == (128 + signal.SIGTERM, [])


def test_a_new_head_is_told() -> None:
    result = export("--weights", "weights.safetensors", "--num-classes", "3")
    assert result.exit_code == FINE and "warning[RC0514]" in result.stderr


def test_a_folder_for_the_file_and_several_specs() -> None:
    assert export("-o", ".").exit_code == FINE and files() == [f"{net().identity.name}.onnx"]
    result = CliRunner().invoke(app, ["export", "."])
    assert result.exit_code in (FINE, MISUSE)


def test_json() -> None:
    found = json.loads(export("--json", "--precision", "float16", "-o", "m.onnx").stdout)
    assert found["files"] == {"m.onnx": pathlib.Path("m.onnx").stat().st_size}
    assert found["verification"]["passed"] and found["verification"]["tolerance"] == 0.02
    (difference,) = found["verification"]["differences"]
    assert difference["output"] == "output" and 0 < difference["relative"] < 0.02
