"""What `resnetc inspect` counts as a parameter, a multiplication, a residual add: operators and number types one by one."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import onnx
import pytest
from onnx import TensorProto
from support.inspection import look
from support.onnx_files import model, node, tensor, value

from resnet_compiler.inspect.process import Inspector
from resnet_compiler.inspect.shapes import Sizes

CASES = pathlib.Path(__file__).parent / "regressions" / "inspect"
IMAGE, Y = value("x", [1, 3, 8, 8]), value("y")


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("size", [9, 64, 320])
def test_what_follows_from_the_size_is_no_parameter(size: int, inspector: Inspector) -> None:
    found = inspector.inspect(str(CASES / "repro_params.onnx"), Sizes(size, size))
    assert found.parameter_count == 216 and found.macs == 216 * (-(-size // 2)) ** 2


@pytest.mark.parametrize("size", [8, 16])
def test_zeros_as_large_as_the_image_are_none(size: int, inspector: Inspector) -> None:
    nodes = [
        node("Conv", "x w", "a"),
        node("Shape", "a", "s"),
        node("ConstantOfShape", "s", "z"),
        node("Add", "a z", "y"),
    ]
    image = value("x", [1, 3, size, size])
    found = look(model(nodes, [image], [Y], [tensor("w", 4, 3, 1, 1)]), inspector)
    assert found.parameter_count == 12


def test_a_bias_is_no_branch(inspector: Inspector) -> None:
    """A layer as it is quantised while it runs: the bias is scaled by the image's scale before it is added."""
    found = inspector.inspect(str(CASES / "repro_qbias.onnx"))
    assert found.residual_adds == () and found.weighted_layers == 1
    assert (found.parameter_count, found.macs) == (8 * 27 + 8, 8 * 27 * 32 * 32)


@pytest.mark.parametrize(
    ("rule", "weight", "macs"),
    [
        ("bchw,oc->bohw", (5, 3), 5 * 3 * 64),
        ("bchw,oc -> bhwo", (5, 3), 5 * 3 * 64),
        ("bchw,c->bchw", (3,), 0),
        ("...hw,wk->...hk", (8, 2), None),
    ],
)
def test_einsum(rule: str, weight: tuple[int, ...], macs: int | None, inspector: Inspector) -> None:
    nodes = [node("Einsum", "x w", "y", equation=rule)]
    found = look(model(nodes, [IMAGE], [Y], [tensor("w", *weight)]), inspector)
    assert (found.macs, found.weighted_layers) == (macs, 1)


def test_deformable_convolutions(inspector: Inspector) -> None:
    nodes = [node("DeformConv", "x w o", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1])]
    inputs = [IMAGE, value("o", [1, 18, 8, 8])]
    found = look(model(nodes, inputs, [Y], [tensor("w", 5, 3, 3, 3)], opset=19), inspector)
    assert (found.macs, found.weighted_layers, found.parameter_count) == (8640, 1, 135)


def test_recurrent_layers(inspector: Inspector) -> None:
    nodes = [node("LSTM", "x w r b", "h", hidden_size=4), node("Relu", "h", "y")]
    stored = [tensor("w", 1, 16, 5), tensor("r", 1, 16, 4), tensor("b", 1, 32)]
    found = look(model(nodes, [value("x", [7, 2, 5])], [Y], stored), inspector)
    assert found.macs == 7 * 2 * 16 * (5 + 4)
    assert found.parameter_count == 16 * 5 + 16 * 4 + 32


def test_a_learned_token_joins_the_sequence(inspector: Inspector) -> None:
    """But zeros that fill up channels were not learned."""
    zeros = onnx.numpy_helper.from_array(
        onnx.numpy_helper.to_array(tensor("z", 1, 2, 8, 8)) * 0, "z"
    )
    stored = [tensor("w", 3, 3, 1, 1), tensor("t", 1, 1, 8, 8), zeros]
    nodes = [node("Conv", "x w", "a"), node("Concat", "t a z", "y", axis=1)]
    assert look(model(nodes, [IMAGE], [Y], stored), inspector).parameter_count == 9 + 64


NARROW = {
    "FLOAT8E4M3FN": 8, "FLOAT8E4M3FNUZ": 8, "FLOAT8E5M2": 8, "FLOAT8E5M2FNUZ": 8,
    "FLOAT4E2M1": 4, "INT4": 4, "UINT4": 4, "INT8": 8, "UINT8": 8, "INT2": 2, "UINT2": 2,
}  # fmt: skip


@pytest.mark.parametrize("kind", NARROW)
@pytest.mark.parametrize("is_quantised", [True, False])
def test_every_number_type_counts(kind: str, is_quantised: bool, inspector: Inspector) -> None:
    """15 elements, packed into whole bytes; dequantised on their way, or read as they are."""
    size = -(-15 * NARROW[kind] // 8)
    stored = TensorProto(name="w", data_type=TensorProto.DataType.Value(kind), dims=[5, 3, 1, 1])
    stored.raw_data = bytes(range(1, size + 1))
    nodes = [node("DequantizeLinear", "w s", "v"), node("Conv", "x v", "y")]
    if not is_quantised:
        nodes = [node("Cast", "w", "v", to=TensorProto.FLOAT), node("Conv", "x v", "y")]
    scale = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor("s", 1))[0], "s")
    found = look(model(nodes, [IMAGE], [Y], [stored, scale], opset=25), inspector)
    assert found.parameter_count == 15 and found.macs == 15 * 64, found.diagnostics
    (amount,) = found.parameters.values()
    assert (amount.bytes, next(iter(found.parameters))) == (size, kind.lower())
