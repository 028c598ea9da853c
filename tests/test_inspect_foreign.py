"""`resnetc inspect` on files that other programs made: PyTorch's exporters, ONNX Runtime's quantiser and optimiser."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from support import onnx_files, peers
from support.onnx_files import model, node, tensor, value

import resnet_compiler
from resnet_compiler import Measures
from resnet_compiler.inspect.inspection import Inspection
from resnet_compiler.inspect.process import Inspector
from resnet_compiler.inspect.shapes import AS_DECLARED, Sizes


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


def look(
    made: onnx.ModelProto, folder: pathlib.Path, inspector: Inspector, sizes: Sizes = AS_DECLARED
) -> Inspection:
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    return inspector.inspect(str(path), sizes)


# --- PyTorch ---


@pytest.fixture(scope="module")
def resnet18() -> Any:
    """torchvision's, with norms at random, so that no two tensors are equal."""
    network = peers.import_torchvision().models.resnet18(num_classes=10).eval()
    peers.randomise_norms(network, 0)
    return network


def assert_is_resnet18(found: Inspection, parameters: int, macs: int) -> None:
    assert found.valid and not found.diagnostics
    assert (found.weighted_layers, found.parameter_count) == (18, parameters)
    assert found.macs == macs
    assert len(found.residual_adds) == 8
    assert sum(add.projection for add in found.residual_adds) == 3
    assert {add.sides for add in found.residual_adds} == {"exact"}
    assert (found.precision.word, found.producer) == ("float32", "pytorch")


def folded_count(network: Any) -> int:
    """Parameters once batch norms are in the convolutions: a bias for each channel."""
    import torch

    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    return sum(p.numel() for p in network.parameters()) - sum(m.num_features for m in norms)


def resnet18_macs(height: int, width: int) -> int:
    text = f"name: small\nextends: imagenet/resnet18\ninput: {{height: {height}, width: {width}}}\n"
    text += "head: [{avgpool: global_avg_pool}, {fc: {linear: {out: 10}}}]\n"
    return Measures(resnet_compiler.compile("small.yaml", text=text)).macs


def test_torch_onnx_export(resnet18: Any, inspector: Inspector, tmp_path: pathlib.Path) -> None:
    """The exporter of today: norms folded, weights beside the model, sizes open by name."""
    pytest.importorskip("onnxscript")
    import torch

    path = str(tmp_path / "model.onnx")
    sizes = ({0: "batch", 2: "rows", 3: "columns"},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = torch.randn(2, 3, 64, 64)
        torch.onnx.export(
            resnet18, (image,), path, dynamo=True, dynamic_shapes=sizes, verbose=False
        )
    found = inspector.inspect(path, Sizes(64, 96))
    assert_is_resnet18(found, folded_count(resnet18), resnet18_macs(64, 96))
    assert found.inputs[0].declared == ("batch", 3, "rows", "columns")
    (data,) = found.external
    assert data.size is not None and data.size >= data.bytes and not data.refused


@pytest.mark.parametrize("training", [False, True])
def test_torch_onnx_export_of_old(
    training: bool, resnet18: Any, inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    """The exporter by tracing, at an old opset: norms folded, or kept as they are for training."""
    import torch

    path = str(tmp_path / "model.onnx")
    mode = torch.onnx.TrainingMode.PRESERVE if training else torch.onnx.TrainingMode.EVAL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            resnet18,
            (torch.randn(1, 3, 64, 64),),
            path,
            dynamo=False,
            opset_version=11,
            training=mode,
            do_constant_folding=not training,
            input_names=["image"],
            dynamic_axes={"image": {0: "n", 2: "rows", 3: "columns"}},
        )
    assert inspector.inspect(path).macs is None
    found = inspector.inspect(path, Sizes(64, 96))
    kept = found.operators.get("BatchNormalization", 0)
    assert kept == (20 if training else 0)
    count = sum(p.numel() for p in resnet18.parameters()) if training else folded_count(resnet18)
    assert_is_resnet18(found, count, resnet18_macs(64, 96))


# --- ONNX Runtime ---


class Images:
    """Two images, for calibration."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.left = [random.standard_normal((1, 3, 32, 32), np.float32) for _ in range(2)]

    def get_next(self) -> dict[str, Any] | None:
        return {"input": self.left.pop()} if self.left else None


@pytest.fixture(scope="module")
def optimised(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Our resnet20 as ONNX Runtime's quantiser wants it: norms folded into convolutions, by its own optimiser."""
    quantization = pytest.importorskip("onnxruntime.quantization.shape_inference")
    folder = tmp_path_factory.mktemp("optimised")
    source, target = folder / "source.onnx", folder / "optimised.onnx"
    graph = resnet_compiler.compile("cifar/resnet20_b")
    source.write_bytes(resnet_compiler.emit_onnx(graph))
    quantization.quant_pre_process(str(source), str(target), skip_symbolic_shape=True)
    return target


def test_a_file_of_the_optimiser(optimised: pathlib.Path, inspector: Inspector) -> None:
    graph = resnet_compiler.compile("cifar/resnet20_b")
    norms = [n for n in graph if n.operator.word == "batch_norm"]
    channels = sum(n.shape[0] for n in norms if isinstance(n.shape[0], int))
    found = inspector.inspect(str(optimised))
    assert "BatchNormalization" not in found.operators
    assert found.parameter_count == Measures(graph).parameters - channels
    assert (found.weighted_layers, found.macs) == (20, Measures(graph).macs)


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_a_file_of_the_quantiser(
    form: str, optimised: pathlib.Path, inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    path = str(tmp_path / "model.onnx")
    quantization.quantize_static(
        str(optimised),
        path,
        Images(),
        quant_format=quantization.QuantFormat[form],
        per_channel=True,
    )
    before, found = inspector.inspect(str(optimised)), inspector.inspect(path)
    assert found.valid and not found.diagnostics
    assert (found.weighted_layers, found.macs) == (20, before.macs)
    assert found.parameter_count == before.parameter_count
    assert {"int8", "int32"} == set(found.parameters)
    assert found.parameters["int32"].bytes == 4 * found.parameters["int32"].count
    assert found.precision.word == f"int8 ({form.replace('QOperator', 'QLinear')})"
    assert [(a.sides, a.quantised) for a in found.residual_adds] == [("exact", True)] * 9


def test_a_file_quantised_as_it_runs(
    optimised: pathlib.Path, inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    quantization = pytest.importorskip("onnxruntime.quantization")
    path = str(tmp_path / "model.onnx")
    quantization.quantize_dynamic(str(optimised), path)
    found = inspector.inspect(path)
    assert found.precision.schemes == ("dynamic",)
    assert (found.weighted_layers, len(found.residual_adds)) == (20, 9)


# --- types ---


def converted(made: onnx.ModelProto, kind: int) -> onnx.ModelProto:
    """The model in another floating type, its inputs and outputs with it."""
    for each in (*made.graph.input, *made.graph.output):
        each.type.tensor_type.elem_type = kind
    for each in made.graph.initializer:
        values = numpy_helper.to_array(each)
        form = onnx.helper.tensor_dtype_to_np_dtype(kind)
        each.CopyFrom(numpy_helper.from_array(values.astype(form), each.name))
    return made


@pytest.mark.parametrize(
    ("kind", "name", "size"),
    [
        (TensorProto.FLOAT16, "float16", 2),
        (TensorProto.BFLOAT16, "bfloat16", 2),
        (TensorProto.DOUBLE, "float64", 8),
    ],
)
def test_other_floating_types(
    kind: int, name: str, size: int, inspector: Inspector, tmp_path: pathlib.Path
) -> None:
    made = converted(onnx_files.residual_network(), kind)
    made.opset_import[0].version = 22
    found = look(made, tmp_path, inspector, Sizes(16, 16))
    assert not found.diagnostics
    assert (found.precision.word, found.inputs[0].type) == (name, name)
    assert {k: (a.count, a.bytes) for k, a in found.parameters.items()} == {name: (759, 759 * size)}


def test_mixed_types_are_told(inspector: Inspector, tmp_path: pathlib.Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("Cast", "a", "b", to=10), node("Conv", "b v", "y")]
    made = model(
        nodes,
        [value("x", [1, 2, 4, 4])],
        [value("y", None, TensorProto.FLOAT16)],
        [tensor("w", 3, 2, 1, 1), tensor("v", 3, 3, 1, 1, of="float16")],
    )
    found = look(made, tmp_path, inspector)
    assert found.precision.word == "mixed: float16, float32"
    assert found.precision.layers == {"float16": 1, "float32": 1}
