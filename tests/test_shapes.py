"""Exact sizes: the closed form against torch, and the proof of a join against trying every size."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_compiler.library import SpecFile
from resnet_compiler.operators.base import Operator, ShapeError
from resnet_compiler.operators.joining import Add, Concat, Mul
from resnet_compiler.operators.layout import Pad, Subsample
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.pooling import AvgPool, BlurPool, MaxPool
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.prove import prove_join
from resnet_compiler.render import render
from resnet_compiler.shapes import (
    Disagreement,
    Extent,
    Shape,
    Size,
    next_disagreement,
    same_for_all,
)

CHAINS = 2000
PAIRS = 1000
SIZES = range(1, 201)
Chain = tuple[Operator, ...]

# --- the closed form against torch ----------------------------------------------------------------


def random_layer(draw: random.Random) -> Operator:
    """A window along the height, of an operator that has one; convolutions and pools about equally
    often."""
    kernel, stride = draw.choice((1, 2, 3, 4, 5, 7)), draw.choice((1, 1, 2, 2, 3, 5))
    dilation = draw.choice((1, 1, 1, 2, 3))
    match draw.randrange(7):
        case 0 | 1:
            padding = draw.randint(0, dilation * (kernel - 1) + 2)
            return Conv(1, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))
        case 2:
            pool = (kernel, 1), (stride, 1), (draw.randint(0, kernel // 2), 0)
            return MaxPool(*pool, draw.random() < 0.6, (dilation, 1))
        case 3:
            pool = (kernel, 1), (stride, 1), (draw.randint(0, kernel // 2), 0)
            return AvgPool(*pool, draw.random() < 0.6)
        case 4:
            return BlurPool((stride, 1))
        case 5:
            return Pad((draw.randint(0, 3), 0))
    return Subsample((stride, 1))


def random_chain(draw: random.Random) -> Chain:
    return tuple(random_layer(draw) for _ in range(draw.randint(1, 6)))


@cache
def torch_size(layer: Operator, size: int, device: str = "cpu") -> int | None:
    """The height that torch's own module gives for an input of this height; None where it refuses
    the input."""
    import torch
    from torch import nn

    image = torch.empty(1, 1, size, 1, device=device)
    match layer:
        case Conv():
            windows = layer.kernel, layer.stride, layer.pad, layer.dilation
            module: nn.Module = nn.Conv2d(1, 1, *windows, device=device)
        case MaxPool():
            windows = layer.kernel, layer.step, layer.padding, layer.dilation
            module = nn.MaxPool2d(*windows, ceil_mode=layer.ceil_mode)
        case AvgPool():
            module = nn.AvgPool2d(layer.kernel, layer.step, layer.padding, layer.ceil_mode)
        case BlurPool():
            edges = nn.ReflectionPad2d((0, 0, 1, 1))
            blur = nn.Conv2d(1, 1, (3, 1), layer.stride, device=device)
            module = nn.Sequential(edges, blur)
        case Pad():
            module = nn.ZeroPad2d((0, 0, layer.border[0], layer.border[0]))
        case Subsample():
            return image[:, :, :: layer.stride[0]].shape[2]
    with torch.no_grad():
        try:
            return module(image).shape[2]
        except RuntimeError:
            return None


def torch_chain_size(chain: Chain, size: int) -> int | None:
    """The height after a chain of torch's modules; None where one of them refuses its input."""
    now: int | None = size
    for layer in chain:
        now = None if now is None else torch_size(layer, now)
    return now


def symbolic_sizes(chain: Chain, axis: str = "H") -> list[Size]:
    """What the operators infer for the height after each layer of a chain, from a height of H (or
    W)."""
    shape: Shape = (1, Size(axis), 1)
    sizes = []
    for layer in chain:
        shape = layer.infer([shape])
        assert isinstance(shape[1], Size)
        sizes.append(shape[1])
    return sizes


def least_extent(chain: Chain) -> int:
    """The smallest height at which every layer finds what it needs and leaves at least one pixel."""
    sizes = symbolic_sizes(chain)
    needs = zip([Size("H"), *sizes], [layer.least_size() for layer in chain], strict=False)
    left = [size.minimum_extent for size in sizes]
    return max(1, *left, *(size.least_extent(need) for size, need in needs))


@pytest.mark.parametrize("batch", range(4))
def test_the_size_after_a_chain_is_torchs_for_every_input_size(batch: int) -> None:
    draw = random.Random(batch)
    for _ in range(CHAINS // 4):
        chain = random_chain(draw)
        sizes = symbolic_sizes(chain)
        least = least_extent(chain)
        expected = {size: sizes[-1].at(size) if size >= least else None for size in SIZES}
        assert {size: torch_chain_size(chain, size) for size in SIZES} == expected, chain


@pytest.mark.parametrize("batch", range(4))
def test_a_constant_size_follows_the_same_rule(batch: int) -> None:
    draw = random.Random(batch)
    for _ in range(100):
        layer, size = random_layer(draw), draw.choice(SIZES)
        inferred = layer.infer([(1, size, 1)])[1]
        assert isinstance(inferred, int)
        found = torch_size(layer, size)
        if found is None:
            assert inferred < 1 or size < layer.least_size(), (layer, size)
        else:
            assert inferred == found, (layer, size)


def test_ceil_mode_is_one_floor_for_every_window_that_torch_takes() -> None:
    for kernel in range(1, 9):
        for stride in range(1, 10):
            for padding in range(kernel // 2 + 1):
                for dilation in (1, 2, 3):
                    window = ((kernel, 1), (stride, 1), (padding, 0))
                    layer = MaxPool(*window, ceil_mode=True, dilation=(dilation, 1))
                    (size,) = symbolic_sizes((layer,))
                    assert size.stride == stride
                    for height in (*range(1, 26), 101):
                        inferred = size.at(height)
                        expected = inferred if inferred >= 1 else None
                        assert torch_size(layer, height) == expected, (layer, height)


def test_meta_tensors_have_the_same_sizes_and_refusals() -> None:
    draw = random.Random(5)
    for _ in range(400):
        layer, size = random_layer(draw), draw.choice(range(1, 12))
        assert torch_size(layer, size, "meta") == torch_size(layer, size), (layer, size)


@pytest.mark.parametrize("kind", [MaxPool, AvgPool])
def test_padding_is_refused_where_torch_refuses_it(kind: type[MaxPool | AvgPool]) -> None:
    for kernel in range(1, 8):
        for padding in range(8):
            layer = kind((kernel, 1), (1, 1), (padding, 0))
            if torch_size(layer, 50) is None:
                with pytest.raises(ShapeError, match="padding"):
                    symbolic_sizes((layer,))
            else:
                symbolic_sizes((layer,))


# --- the closed form by itself --------------------------------------------------------------------

offsets = st.integers(-40, 40)
strides = st.integers(1, 12)


@given(steps=st.lists(st.tuples(offsets, strides), max_size=6), extent=st.integers(-500, 5000))
def test_composition_is_step_by_step_division(steps: list[tuple[int, int]], extent: int) -> None:
    size, number = Size("H"), extent
    for offset, stride in steps:
        size, number = size.then(offset, stride), (number + offset) // stride
    assert size.at(extent) == number


@given(offset=offsets, stride=strides)
def test_the_minimum_extent_is_the_first_with_a_pixel_left(offset: int, stride: int) -> None:
    size = Size("W", offset, stride)
    assert size.at(size.minimum_extent) >= 1 > size.at(size.minimum_extent - 1)


@given(offset=offsets, stride=strides, least=st.integers(1, 9))
def test_the_least_extent_is_the_first_with_pixels_enough(
    offset: int, stride: int, least: int
) -> None:
    size = Size("H", offset, stride)
    extent = size.least_extent(least)
    assert size.at(extent) >= least > size.at(extent - 1)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (Size("H"), "H"),
        (Size("W", 3), "W + 3"),
        (Size("H", -2), "H - 2"),
        (Size("H", 0, 4), "⌊H/4⌋"),
        (Size("W", 31, 32), "⌊(W + 31)/32⌋"),
        (Size("H", -1, 2), "⌊(H - 1)/2⌋"),
    ],
)
def test_a_size_reads_as_the_formula_it_is(size: Size, text: str) -> None:
    assert str(size) == text


# --- the proof of a join against trying every size ------------------------------------------------

Numbers = Any
"""A whole number, or a numpy array of them: many sizes tried at once."""


def window_by_hand(sizes: Numbers, layer: Operator) -> Numbers:
    """The size after one window in whole numbers, by the sentences of PyTorch's documentation."""
    if isinstance(layer, Pad):
        return sizes + 2 * layer.border[0]
    if isinstance(layer, BlurPool):
        return (sizes + 2 - 3) // layer.stride[0] + 1
    window = layer.window()
    assert window is not None
    (extent, _), (stride, _) = window
    padding = layer.pad[0] if isinstance(layer, Conv) else getattr(layer, "padding", (0,))[0]
    room = sizes + 2 * padding - extent
    if not getattr(layer, "ceil_mode", False):
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - ((count - 1) * stride >= sizes + padding)


def chain_by_hand(chain: Chain, sizes: Numbers) -> Numbers:
    for layer in chain:
        sizes = window_by_hand(sizes, layer)
    return sizes


def random_pair(draw: random.Random) -> tuple[Chain, Chain]:
    """Two branches: unrelated ones, ones that nearly agree, and ones that agree for all sizes."""
    kind = draw.choice(("unrelated", "near", "near", "equal"))
    left = random_chain(draw)[:3]
    if kind == "unrelated":
        return left, random_chain(draw)[:3]
    windows = [layer.window() or ((1, 1), (1, 1)) for layer in left]
    strides = [stride for _, (stride, _) in windows]
    if kind == "equal":
        left = tuple(Conv(1, (draw.choice((1, 3, 5)), 1), (stride, 1)) for stride in strides)
        return left, tuple(
            draw.choice((Subsample((stride, 1)), MaxPool((3, 1), (stride, 1), (1, 0))))
            for stride in strides
        )
    draw.shuffle(strides)
    right: list[Operator] = []
    for stride in strides:
        kernel = draw.choice((1, stride, stride, 3, 5))
        padding = draw.randint(0, kernel // 2)
        pool = MaxPool((kernel, 1), (stride, 1), (padding, 0), draw.random() < 0.5)
        right.append(draw.choice((pool, Conv(1, (kernel, 1), (stride, 1)))))
    return left, tuple(right)


def random_extent(draw: random.Random, axis: str, minimum: int, chains: Sequence[Chain]) -> Extent:
    """Sizes that a spec could claim, mostly around one at which the branches agree: one, or all of
    a kind."""
    declared = minimum + draw.randrange(200)
    if draw.random() < 0.7:
        later = range(declared, declared + 200)
        declared = next(
            (x for x in later if len({chain_by_hand(c, x) for c in chains}) == 1), declared
        )
    if draw.random() < 0.3:
        return Extent(axis, declared)
    step = draw.choice([step for step in (1, 2, 3, 4, 5, 8, 32) if declared % step == 0])
    return Extent(axis, declared, True, step, draw.randint(minimum, declared))


@pytest.mark.parametrize("batch", range(4))
def test_the_verdict_on_a_join_equals_trying_every_size(batch: int) -> None:
    import numpy as np

    draw, verdicts, proved_by_bounds = random.Random(batch), [], 0
    for _ in range(PAIRS // 4):
        chains, axis = random_pair(draw), draw.choice("HW")
        ends = [symbolic_sizes(chain, axis) for chain in chains]
        least = max(1, *(size.minimum_extent for end in ends for size in end))
        extent = random_extent(draw, axis, least, chains)
        other = Extent("W" if axis == "H" else "H", 224)
        shapes = [(1, end[-1], Size(other.axis)) for end in ends]
        extents = (extent, other) if axis == "H" else (other, extent)
        found = prove_join(Add(), shapes, extents)
        verdicts.append(found[0])

        # past a common multiple of strides and step the differences repeat, or have grown by 1
        period = math.lcm(ends[0][-1].stride, ends[1][-1].stride, extent.multiple_of)
        tried = np.arange(max(extent.minimum, least), extent.declared + 2 * period + 1)
        tried = tried[tried % extent.multiple_of == 0]
        left, right = (chain_by_hand(chain, tried) for chain in chains)
        failing = tried[left != right]
        above = failing[failing > extent.declared]
        if extent.declared in failing:
            expected: object = ("no", None)
        elif not len(failing):
            expected = ("all sizes", None)
        else:
            at = int(above[0])
            sizes = (chain_by_hand(chain, at) for chain in chains)
            expected = ("declared sizes", Disagreement(axis, at, *sizes))
        assert found == expected, (chains, extent)

        both = ends[0][-1], ends[1][-1]
        proved_by_bounds += found[0] == "all sizes" and both[0] != both[1]
        assert same_for_all(*both, extent) == (len(failing) == 0), (chains, extent)
        first = next_disagreement(*both, extent, int(tried[0]))
        assert (first.extent if first else None) == (failing[0] if len(failing) else None)
    counts = [verdicts.count(verdict) for verdict in ("all sizes", "declared sizes", "no")]
    assert min(counts) >= PAIRS // 100, counts
    assert proved_by_bounds


def test_the_sizes_worked_out_by_hand_are_torchs() -> None:
    draw = random.Random(9)
    for _ in range(1000):
        layer, size = random_layer(draw), draw.choice(SIZES)
        expected = torch_size(layer, size)
        assert expected in (None, window_by_hand(size, layer)), (layer, size)


EXTENTS = (Extent("H", 64), Extent("W", 48))
MAP = (8, Size("H", 1, 2), Size("W", 1, 2))


@pytest.mark.parametrize(
    ("operator", "shapes", "verdict"),
    [
        (Add(), [MAP, MAP, MAP], "all sizes"),
        (Add(), [MAP, (1, *MAP[1:])], "no"),  # torch would broadcast
        (Add(), [(1, *MAP[1:]), MAP], "no"),
        (Add(), [MAP, (8, 1, 1)], "no"),
        (Add(), [MAP, (8, MAP[1], Size("W", 0, 2))], "declared sizes"),
        (Add(), [MAP, MAP, (8, MAP[1], Size("W", 3, 2))], "no"),
        (Add(), [MAP, (8, 32, 24)], "declared sizes"),  # a constant that is right by chance
        (Add(), [(8,), (8,)], "all sizes"),
        (Concat(), [MAP, (1, *MAP[1:])], "all sizes"),
        (Concat(), [MAP, (1, Size("H", 0, 2), MAP[2])], "declared sizes"),
        (Mul(), [MAP, (8, 1, 1)], "all sizes"),
        (Mul(), [MAP, (1, *MAP[1:])], "all sizes"),
        (Mul(), [(8, 1, 1), MAP], "no"),  # the gate is the second input
        (Mul(), [MAP, (4, 1, 1)], "no"),
    ],
)
def test_joins_agree_in_every_dimension_that_must(
    operator: Operator, shapes: list[Shape], verdict: str
) -> None:
    assert prove_join(operator, shapes, EXTENTS)[0] == verdict


def test_a_height_against_a_width_parts_at_the_next_size() -> None:
    square = (Extent("H", 64), Extent("W", 64, True, 4))
    shapes = [(8, Size("H"), Size("W")), (8, Size("H"), Size("H"))]
    verdict, counterexample = prove_join(Add(), shapes, square)
    assert verdict == "declared sizes"
    assert counterexample == Disagreement("H", 65, 64, 65)


def test_different_constants_disagree_at_the_first_size() -> None:
    extent = Extent("H", 64, True, 32, 40)
    assert next_disagreement(3, 4, extent, 1) == Disagreement("H", 64, 3, 4)
    assert not same_for_all(3, 4, extent)


# --- sizes of a whole network ---------------------------------------------------------------------


def compile_resnetaa50(height: str) -> Compilation:
    """A network with average pools where others have strides, which fails at most sizes."""
    text = f"name: pools\nextends: timm/resnetaa50\ninput: {{height: {height}, width: 224}}\n"
    return compile_file(SpecFile("pools.yaml", None), text)


def test_sizes_that_fail_are_a_warning_where_one_size_is_declared() -> None:
    compilation = compile_resnetaa50("224")
    assert compilation.valid
    assert {each.severity for each in compilation.diagnostics} == {"warning"}
    text = render(list(compilation.diagnostics), "full", compilation.texts, False)
    assert all(number in text for number in ("227", "28", "29"))
    proofs = [proof for proof in compilation.proofs if proof.counterexample]
    assert {proof.verdict for proof in proofs} == {"declared sizes"}
    first = proofs[0].counterexample
    assert first is not None
    assert (first.extent, {first.left, first.right}) == (227, {28, 29})


def test_sizes_that_fail_are_an_error_where_every_size_is_declared() -> None:
    compilation = compile_resnetaa50("{multiple_of: 1}")
    assert not compilation.valid and compilation.graph is None


def test_bounds_that_leave_them_out_are_enough_for_the_proof() -> None:
    compilation = compile_resnetaa50("{multiple_of: 32}")
    assert compilation.valid
    found = [proof.counterexample for proof in compilation.proofs if proof.counterexample]
    assert {each.axis for each in found} == {"W"}
