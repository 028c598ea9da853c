"""`resnetc inspect` on known files: our own, the ones the onnx package ships, and its backend tests."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import onnx
import pytest
from support import onnx_files
from support.specs import compile_text
from typer.testing import CliRunner, Result

import resnet_compiler
from resnet_compiler import Graph, Measures
from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE, WRONG
from resnet_compiler.inspect.inspection import Inspection
from resnet_compiler.inspect.process import Inspector
from resnet_compiler.inspect.shapes import AS_DECLARED, Sizes

ROOT = pathlib.Path(__file__).parent.parent
SHIPPED = pathlib.Path(onnx.__file__).parent / "backend/test/data"
LIGHT_RESNET50 = str(SHIPPED / "light/light_resnet50.onnx")


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


def resnetc(*arguments: str) -> Result:
    result = CliRunner().invoke(app, ["inspect", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def write(model: onnx.ModelProto, path: pathlib.Path) -> str:
    path.write_bytes(model.SerializeToString())
    return str(path)


# --- our own files ---

SPECS = (
    *("imagenet/resnet18", "imagenet/resnet34_a", "imagenet/resnet34_c", "imagenet/resnet50"),
    *("imagenet/resnet101", "imagenet/plain34", "imagenet/resnext50_32x4d"),
    *("imagenet/wide_resnet50_2", "cifar/resnet20", "cifar/preact_resnet164", "cifar/wrn_16_8"),
    *("timm/seresnet50", "timm/ecaresnet50d", "timm/resnetblur50", "timm/resnetaa34d"),
    *("timm/resnet50_gn", "timm/resnetv2_50x1_bit", "timm/resnetv2_50d_evos"),
    *("timm/resnetv2_50d_frn", "timm/senet154", "timm/resnetrs50", "timm/test_resnet"),
)
"""Every kind of block, stem, shortcut, norm and gate that is shipped."""


def assert_agrees(graph: Graph, found: Inspection) -> None:
    measures = Measures(graph)
    assert found.valid and not found.diagnostics
    assert found.parameter_count == measures.parameters
    assert found.macs == measures.macs
    assert found.weighted_layers == measures.weighted_layers
    assert len(found.residual_adds) == sum(proof.residual for proof in graph.proofs)
    assert all(add.sides == "exact" for add in found.residual_adds)
    buffers = [t for _, t in resnet_compiler.weights.tensors(graph) if not t.trainable and t.shape]
    assert found.statistics == sum(tensor.shape[0] for tensor in buffers)


@pytest.mark.parametrize("name", SPECS)
def test_figures_of_our_files_are_those_of_the_spec(
    name: str, inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    graph = resnet_compiler.compile(name)
    assert_agrees(graph, inspector.inspect(onnx_files.without_weights(graph, tmp_path)))


@pytest.mark.parametrize("opset", [13, 17, 22])
@pytest.mark.parametrize("name", ["timm/resnet50_gn", "timm/seresnet50"])
def test_figures_are_the_same_at_every_opset(
    name: str, opset: int, inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    graph = resnet_compiler.compile(name)
    assert_agrees(graph, inspector.inspect(onnx_files.without_weights(graph, tmp_path, opset)))


def test_each_layer_has_the_costs_of_the_spec(inspector: Inspector, tmp_path: pathlib.Path) -> None:
    graph = resnet_compiler.compile("timm/seresnet50")
    found = inspector.inspect(onnx_files.without_weights(graph, tmp_path))
    layers = {layer.name: layer for layer in found.layers}
    for wanted in Measures(graph).layers:
        layer = layers[wanted.name]
        assert (layer.parameters, layer.macs) == (wanted.parameters, wanted.macs), wanted.name
        assert layer.weighted == wanted.weighted
        assert layer.output == (1, *wanted.output_shape)


def test_a_file_with_its_weights_and_at_another_size(
    inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    graph = resnet_compiler.compile("cifar/resnet20")
    path = write(resnet_compiler.build_onnx(graph), tmp_path / "model.onnx")
    assert_agrees(graph, inspector.inspect(path))
    larger = compile_text("{name: larger, extends: cifar/resnet20, input: {height: 64, width: 40}}")
    found = inspector.inspect(path, Sizes(64, 40, 3))
    assert found.macs == 3 * Measures(larger).macs
    assert found.inputs[0].declared == ("batch", 3, "height", "width")
    assert (found.inputs[0].shape, found.outputs[0].shape) == ((3, 3, 64, 40), (3, 10))
    assert (found.producer, found.opsets) == ("resnetc", {"ai.onnx": 18})
    assert found.metadata["title"] == graph.identity.title


# --- files that the onnx package ships ---


def test_the_light_resnet50(inspector: Inspector) -> None:
    """Its weights are made by nodes; the figures are those of torchvision's resnet50."""
    found = inspector.inspect(LIGHT_RESNET50)
    assert not found.diagnostics
    assert found.parameter_count == 25_557_032
    assert found.statistics == 53_120
    assert found.weighted_layers == 50
    assert found.macs == 4_089_184_256
    assert [add.sides for add in found.residual_adds] == ["exact"] * 16
    assert sum(add.projection for add in found.residual_adds) == 4
    assert found.operators["Conv"] == 53 and found.operators["Sum"] == 16
    assert (found.precision.word, found.ir_version) == ("float32", 3)
    assert [each.name for each in found.inputs] == ["gpu_0/data_0"]


@pytest.mark.parametrize(
    ("name", "parameters", "macs", "weighted"),
    [
        # Simonyan & Zisserman (2015), model E: 144 M parameters, 19 layers
        ("vgg19", 143_667_240, 19_632_062_464, 19),
        # Krizhevsky et al. (2012), grouped: 61 M parameters, 8 layers
        ("bvlc_alexnet", 60_965_224, 654_560_384, 8),
        # Iandola et al. (2016): 1.25 M parameters, 26 convolutions
        ("squeezenet", 1_235_496, 349_151_936, 26),
    ],
)
def test_networks_of_other_kinds(
    name: str, parameters: int, macs: int, weighted: int, inspector: Inspector
) -> None:
    found = inspector.inspect(str(SHIPPED / f"light/light_{name}.onnx"))
    assert (found.parameter_count, found.macs) == (parameters, macs)
    assert (found.weighted_layers, found.residual_adds) == (weighted, ())


def test_models_of_single_operators(inspector: Inspector, tmp_path: pathlib.Path) -> None:
    """Every sixth of the backend tests that are files: all are read, none is found at fault."""
    paths = sorted(SHIPPED.glob("*/*/model.onnx"))[::6]
    assert len(paths) > 20
    for path in paths:
        found = inspector.inspect(str(path))
        assert found.valid and not found.diagnostics, path
        assert sum(found.operators.values()) == len(found.layers) > 0


# --- the command ---


@pytest.fixture
def network(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    return write(onnx_files.residual_network(), tmp_path / "model.onnx")


def test_the_golden_models_are_as_they_are_built() -> None:
    for name, make in onnx_files.GOLDEN.items():
        stored = onnx.load(ROOT / "tests/golden" / name / "model.onnx", load_external_data=False)
        assert stored == make(), "run `python tests/support/onnx_files.py`"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ((), FINE),
        (("--size", "64x48"), FINE),
        (("--size", "64x48", "--batch", "2", "--layers"), FINE),
        (("--size", "64"), MISUSE),
        (("--size", "0x64"), MISUSE),
        (("--size", "64x48\n"), MISUSE),
        (("--batch", "0"), MISUSE),
        (("no_such.onnx",), MISUSE),
        ((".",), WRONG),
        (("/dev/null",), WRONG),
    ],
)
def test_exit_codes(options: tuple[str, ...], code: int, network: str) -> None:
    result = resnetc(network, *options)
    assert result.exit_code == code, result.output
    if code == WRONG:
        assert "error[RC0101]: cannot read" in result.stderr


@pytest.mark.parametrize("option", [("--size", "224x225"), ("--batch", "2")])
def test_a_fixed_size_stays(option: tuple[str, str]) -> None:
    assert resnetc(LIGHT_RESNET50, "--size", "224x224", "--batch", "1").exit_code == FINE
    result = resnetc(LIGHT_RESNET50, *option)
    assert (result.exit_code, result.stdout) == (MISUSE, "")
    assert "does not take these sizes" in result.stderr and "fixed" in result.stderr


def test_open_sizes_leave_figures_unknown(network: str) -> None:
    result = resnetc(network)
    assert "`--size HxW` says" in " ".join(result.stdout.split())
    found = json.loads(resnetc(network, "--json").stdout)
    assert found["macs"] is None and found["inputs"][0]["shape"] == [1, 3, "H", "W"]
    assert [add["sides"] for add in found["residual_adds"]] == ["unknown", "unknown"]
    sized = json.loads(resnetc(network, "--json", "--size", "16x12").stdout)
    assert [add["sides"] for add in sized["residual_adds"]] == ["exact", "broadcasts"]
    assert sized["weighted_layers"] == 4


def test_several_files_are_a_list(network: str) -> None:
    pathlib.Path("none.onnx").write_bytes(b"none")
    result = resnetc(network, "none.onnx", LIGHT_RESNET50, "--json", "--layers")
    assert (result.exit_code, result.stderr) == (WRONG, "")
    first, second, third = json.loads(result.stdout)
    assert [each["valid"] for each in (first, second, third)] == [True, False, True]
    assert [each["code"] for each in second["diagnostics"]] == ["RC0540"]
    assert len(third["layers"]) == 415
    text = resnetc(network, "none.onnx")
    assert text.exit_code == WRONG and "model.onnx · " in text.stdout
    assert "error[RC0540]: none.onnx" in text.stderr


def test_json_and_text_say_the_same(network: str) -> None:
    arguments = (network, "--size", "16x12")
    text = resnetc(*arguments).stdout
    found = json.loads(resnetc(*arguments, "--json").stdout)
    for figure in ("parameters", "parameter_bytes", "running_statistics", "macs", "file_bytes"):
        assert f" {found[figure]:,} " in f"{text} ", figure
    for name, count in found["operators"].items():
        assert re.search(rf"\b{count} {name}\b", text), name


def test_nothing_of_a_file_reaches_the_terminal_raw(network: str) -> None:
    result = resnetc(network)
    assert "\x1b" in onnx_files.residual_network().doc_string
    assert "\x1b" not in result.stdout and "\\x1b[31m" in result.stdout


def test_every_field_is_in_the_document(network: str) -> None:
    found: dict[str, Any] = json.loads(resnetc(network, "--json", "--layers").stdout)
    document = (ROOT / "docs/inspect.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", document, re.M)
    described = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(described) == sorted(found)
    for key in ("layers", "residual_adds", "external_data"):
        (row,) = (line for line in document.splitlines() if line.startswith(f"| `{key}`"))
        for name in found[key][0] if found[key] else ():
            assert f"`{name}`" in row, (key, name)


def test_a_size_that_is_not_asked_for_is_the_declared(inspector: Inspector, network: str) -> None:
    assert inspector.inspect(network, AS_DECLARED).inputs[0].shape == (1, 3, "H", "W")
