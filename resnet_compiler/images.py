"""Random images, and what becomes of them before a network: an account in numpy that an ONNX model is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resnet_compiler.interface import Preprocess
from resnet_compiler.weights import Array

if TYPE_CHECKING:
    import numpy as np


def random_images(
    random: np.random.Generator, batch: int, channels: int, height: int, width: int
) -> Array:
    """uint8 images (batch, height, width, channels): patches of colour, brighter and darker, with noise on them."""
    import numpy as np

    rows, columns = (-(-size // 8) for size in (height, width))
    patches = random.uniform(0, 255, (batch, rows, columns, channels)).astype(np.float32)
    coarse = patches.repeat(8, 1).repeat(8, 2)[:, :height, :width]
    noise = random.normal(0, 20, coarse.shape).astype(np.float32)
    images: Array = np.clip(coarse + noise, 0, 255).round().astype(np.uint8)
    return images


def preprocessed(
    images: Array, given: Preprocess, size: tuple[int, int] | None, antialias: bool = True
) -> Array:
    """What a network takes in, (batch, channels, height, width) float32, of images as the model's input has them.

    Args:
        images: in the layout that ``given`` says.
        given: what is done to them.
        size: the network's height and width, for the crop.
        antialias: whether resizing looks at every pixel where it makes images smaller.
    """
    import numpy as np

    values = images.astype(np.float64)
    if given.layout == "nhwc":
        values = values.transpose(0, 3, 1, 2)
    if given.resize is not None:
        height, width = values.shape[2:]
        shorter = min(height, width)
        values = _resized(values, 2, given.resize * height // shorter, antialias)
        values = _resized(values, 3, given.resize * width // shorter, antialias)
    if given.crop:
        assert size is not None
        top, left = (round((a - b) / 2) for a, b in zip(values.shape[2:], size, strict=True))
        values = values[:, :, top : top + size[0], left : left + size[1]]
    mean, std = (np.asarray(numbers)[:, None, None] for numbers in (given.mean, given.std))
    return np.ascontiguousarray((values * given.scale - mean) / std, np.float32)


def _resized(values: Array, axis: int, size: int, antialias: bool) -> Array:
    """Linear interpolation along one axis: each new pixel a mean of old ones, weighed by a triangle around its place."""
    import numpy as np

    old = values.shape[axis]
    step = old / size
    reach = max(step, 1.0) if antialias else 1.0
    places = (np.arange(size) + 0.5) * step - 0.5
    if not antialias:
        places = places.clip(0, old - 1)
    weights = np.maximum(0, 1 - np.abs(np.arange(old) - places[:, None]) / reach)
    weights /= weights.sum(1, keepdims=True)
    return np.moveaxis(np.moveaxis(values, axis, -1) @ weights.T, -1, axis)
