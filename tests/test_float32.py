"""Numbers of operators are float32 numbers: what would be infinite or zero there is refused where it is written."""

from __future__ import annotations

import math
import pathlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.architectures import architecture
from support.specs import compile_text

from resnet_compiler import api
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.interface import Interface, InterfaceError, Preprocess
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.attributes import coerce

CASES = pathlib.Path(__file__).parent / "cases" / "float32"
NUMBERS = [
    pytest.param(field, id=f"{operator.word}-{name}")
    for operator in OPERATORS.values()
    for name, field in operator.attributes().items()
    if field.metadata["kind"] in ("number", "rate")
]


def as_float32(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return math.inf


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", [1e308, 3.5e38, 1e-39, 1e-320, math.inf, math.nan])
def test_no_attribute_takes_what_is_no_float32(field: object, value: float) -> None:
    with pytest.raises(ValueError):
        coerce(field, value)  # type: ignore[arg-type]


@given(st.floats(), st.sampled_from([each.values[0] for each in NUMBERS]))
def test_what_is_taken_is_finite_and_no_zero_in_float32(value: float, field: object) -> None:
    try:
        taken = coerce(field, value)  # type: ignore[arg-type]
    except ValueError:
        return
    assert taken == value
    assert math.isfinite(as_float32(taken))
    assert (as_float32(taken) == 0) == (taken == 0)


def test_a_slope_of_1e308_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        compile_text((CASES / "slope.yaml").read_text())
    (found,) = caught.value.diagnostics
    assert found.code.id == "RC0204"
    assert "is not a float32" in found.summary


@pytest.mark.parametrize(
    ("option", "preprocess"),
    [
        ("mean", Preprocess(scale=1e-39)),
        ("std", Preprocess(std=(1e-39, 1.0, 1.0), scale=1.0)),
        ("std", Preprocess(scale=1e-38, mean=(0.0, 0.0, 0.0), std=(1e3, 1.0, 1.0))),
    ],
)
def test_the_normalisation_of_images_is_float32(option: str, preprocess: Preprocess) -> None:
    with pytest.raises(InterfaceError) as caught:
        api.build_onnx(architecture("basic"), interface=Interface(preprocess=preprocess))
    assert option in [problem.option for problem in caught.value.problems]
