"""Chains of windows along one axis: random ones, what the operators infer for them, and their sizes worked out by hand."""

from __future__ import annotations

import random
from typing import Any

from resnet_compiler.operators.base import Operator
from resnet_compiler.operators.layout import Pad, Subsample
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.pooling import AvgPool, BlurPool, MaxPool
from resnet_compiler.shapes import Shape, Size

Chain = tuple[Operator, ...]


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
