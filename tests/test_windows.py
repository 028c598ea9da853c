"""Sizes after convolutions and pools against torch's own modules, for every input size."""

from __future__ import annotations

import random
from functools import cache

import pytest
from support.chains import (
    Chain,
    least_extent,
    random_chain,
    random_layer,
    symbolic_sizes,
    window_by_hand,
)

from resnet_compiler.operators.base import Operator, ShapeError
from resnet_compiler.operators.layout import Pad, Subsample
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.pooling import AvgPool, BlurPool, MaxPool

CHAINS = 2000
SIZES = range(1, 201)


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


def test_the_sizes_worked_out_by_hand_are_torchs() -> None:
    draw = random.Random(9)
    for _ in range(1000):
        layer, size = random_layer(draw), draw.choice(SIZES)
        expected = torch_size(layer, size)
        assert expected in (None, window_by_hand(size, layer)), (layer, size)
