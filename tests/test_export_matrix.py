"""Every kind of network in every precision, at several opsets, of fixed and of dynamic size: checked, run, compared."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
from support import peers
from support.architectures import ARCHITECTURES, architecture, images, tried

import resnet_compiler
from resnet_compiler import Interface, Preprocess, verify
from resnet_compiler.emulate import in_float32
from resnet_compiler.images import random_images

OPSETS: dict[str, tuple[int, ...]] = {
    "float32": (13, 17, 18, 20, 22),
    "float16": (13, 17, 18, 20, 22),
    "bfloat16": (22,),
}
"""The precisions, and the opsets that each is tried at."""
TOLERANCES = {"float32": 1e-4, "float16": 3e-3, "bfloat16": 4e-2}
"""Greatest difference from the emitted source in torch, in float32, relative to the greatest output."""
INTERFACES = {
    "dynamic": (Interface(), [(1, 48, 32), (3, 51, 40)]),
    "fixed": (Interface(batch=2, size=(56, 39)), [(2, 56, 39)]),
}
"""What is asked for, and the images tried."""


@cache
def network(kind: str) -> Any:
    return verify.load_network(architecture(kind), tried)


@cache
def expected(kind: str, shape: tuple[int, int, int]) -> Any:
    return verify.run_network(network(kind), image(*shape))


def image(batch: int, height: int, width: int) -> Any:
    return images(batch, 3, height, width)


@pytest.mark.parametrize("size", INTERFACES)
@pytest.mark.parametrize(
    ("precision", "opset"), [(name, opset) for name, each in OPSETS.items() for opset in each]
)
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_it_is_valid_and_computes_the_same(
    kind: str, precision: Any, opset: int, size: str
) -> None:
    asked, shapes = INTERFACES[size]
    interface = Interface(batch=asked.batch, size=asked.size, precision=precision, float_io=True)
    model = resnet_compiler.build_onnx(
        architecture(kind), opset=opset, interface=interface, weights=tried
    )
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == opset
    sessions = [] if precision == "bfloat16" else [peers.onnx_session(model)]
    if precision != "float32":
        sessions.append(peers.onnx_session(in_float32(model)))
    for shape in shapes:
        theirs = expected(kind, shape)
        for session in sessions:
            (found,) = session.run(None, {"input": image(*shape)})
            assert peers.relative_difference(found, theirs) <= TOLERANCES[precision]
        assert np.ptp(theirs) > 0.1, "there is something to compare"


FRAMED = Interface(
    size=(48, 32),
    preprocess=Preprocess(resize=50, crop=True),
    softmax=True,
    top_k=3,
    labels=tuple("abcdefghij"),
    features=("stem", "layer2"),
    with_head=True,
)


@cache
def best_at_18(kind: str) -> Any:
    return _framed(kind, "float32", 18)


def _framed(kind: str, precision: Any, opset: int) -> Any:
    asked = replace(FRAMED, precision=precision)
    model = resnet_compiler.build_onnx(
        architecture(kind), opset=opset, interface=asked, weights=tried
    )
    onnx.checker.check_model(model, full_check=True)
    # made larger, where the older opsets resize as the newer ones do
    shown = random_images(np.random.default_rng(0), 2, 3, 40, 45)
    return peers.onnx_session(in_float32(model)).run(None, {"input": shown})


@pytest.mark.parametrize(
    ("precision", "opset"),
    [*(("float32", n) for n in range(13, 23)), ("float16", 13), ("float16", 22), ("bfloat16", 22)],
)
@pytest.mark.parametrize("kind", ["basic", "weight-standardised"])
def test_everything_around_a_network_at_every_opset(kind: str, precision: str, opset: int) -> None:
    stem, layer2, values, indices = _framed(kind, precision, opset)
    found, theirs = (stem, layer2, values), best_at_18(kind)
    for ours, other in zip(found, theirs, strict=False):
        assert peers.relative_difference(ours, other) <= TOLERANCES[precision]
    assert np.array_equal(indices[:, 0], theirs[-1][:, 0])
