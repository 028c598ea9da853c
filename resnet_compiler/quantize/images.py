"""Calibration images: a folder of pictures, or an array in a file, as the inputs of a model."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from resnet_compiler.graph import INPUT
from resnet_compiler.images import preprocessed
from resnet_compiler.interface import Preprocess
from resnet_compiler.quantize.calibration import CalibrationError, Feed
from resnet_compiler.support.read import ReadError, files_below
from resnet_compiler.weights import Array

if TYPE_CHECKING:
    from PIL.Image import Image

BATCH = 8


def calibration_feeds(
    path: pathlib.Path,
    shape: tuple[int, int, int],
    preprocess: Preprocess | None,
    batch: int | None = None,
    most: int = 512,
) -> Iterator[Feed]:
    """The inputs of a model, made of what is in a folder of pictures, or in an .npy or .npz file.

    Args:
        path: pictures are taken in the order of their names; of an .npz file the array "images", or the only one.
        shape: the network's channels, height and width.
        preprocess: what the model does to images itself; None: it takes numbers that are normalised already. Then uint8
            images are normalised here, with the mean and deviation of ImageNet, and float arrays are taken as they are:
            (count, channels, height, width).
        batch: how many images the model takes at once; None: any number.
        most: how many images to take.

    Raises:
        CalibrationError: there are no images, or they are not of a kind that the model takes.
    """
    import numpy as np

    source = (
        _pictures(path, shape, preprocess)
        if os.path.isdir(path)
        else _array(path, shape, preprocess)
    )
    waiting: list[Array] = []
    count = 0
    is_blank = True
    first: Array | None = None
    for image in source:
        if not np.isfinite(image).all():
            raise CalibrationError(f"{path}: image {count} holds a value that is not finite")
        first = image if first is None else first
        is_blank = is_blank and _tells_nothing(image, first, shape[0])
        if waiting and waiting[0].shape != image.shape:
            yield _feed(waiting)
            waiting = []
        waiting.append(image)
        count += 1
        if len(waiting) == (batch or BATCH):
            yield _feed(waiting)
            waiting = []
        if count == most:
            break
    if waiting and (batch is None or len(waiting) == batch):
        yield _feed(waiting)
    if count < (batch or 1):
        raise CalibrationError(f"{path}: {count} images, and the model takes {batch or 1} at once")
    if is_blank:
        same = first is not None and first.size == shape[0]
        what = "each image is the same pixel" if same else "each image is of one colour"
        raise CalibrationError(f"{path}: {what}, and tells nothing of others")


def _tells_nothing(image: Array, first: Array, channels: int) -> bool:
    """Whether an image is of one colour; where it is one pixel, whether it is like the first."""
    import numpy as np

    if image.size == channels:
        return bool((image == first).all())
    return len(np.unique(image)) <= channels


def _feed(images: list[Array]) -> Feed:
    import numpy as np

    return {INPUT: np.stack(images)}


def _array(
    path: pathlib.Path, shape: tuple[int, int, int], preprocess: Preprocess | None
) -> Iterator[Array]:
    """The images of an array file, one by one."""
    import numpy as np

    from resnet_compiler.support.arrays import read_array

    try:
        loaded = read_array(path)
    except ReadError as failure:
        raise CalibrationError(str(failure)) from None
    channels = shape[0]
    if loaded.ndim != 4:
        raise CalibrationError(f"{path}: four dimensions are needed, and there are {loaded.ndim}")
    if loaded.dtype != np.uint8:
        if preprocess is not None:
            raise CalibrationError(f"{path}: the model takes uint8 images, not {loaded.dtype}")
        if loaded.shape[1:] != shape:
            wanted = " × ".join(map(str, shape))
            raise CalibrationError(f"{path}: {loaded.shape[1:]} are not images of {wanted}")
        yield from (np.asarray(each, np.float32) for each in loaded)
        return
    if channels not in (loaded.shape[1], loaded.shape[3]):
        raise CalibrationError(f"{path}: {loaded.shape[1:]} are not images of {channels} channels")
    is_last = loaded.shape[3] == channels
    for each in loaded:
        yield _ready(each if is_last else each.transpose(1, 2, 0), shape, preprocess)


def _pictures(
    folder: pathlib.Path, shape: tuple[int, int, int], preprocess: Preprocess | None
) -> Iterator[Array]:
    """The pictures of a folder and those below, one by one, each brought to the size that the model takes."""
    import numpy as np

    from resnet_compiler.support.pictures import SUFFIXES, read_picture

    try:
        files = files_below(folder, SUFFIXES)
    except ReadError as failure:
        raise CalibrationError(str(failure)) from None
    if not files:
        raise CalibrationError(f"{folder} holds no pictures ({', '.join(SUFFIXES)})")
    for path in files:
        try:
            image = read_picture(path).convert("L" if shape[0] == 1 else "RGB")
        except ReadError as failure:
            raise CalibrationError(str(failure)) from None
        if preprocess is None or not preprocess.changes_size:
            image = _fitted(image, shape[1:])
        values = np.asarray(image, np.uint8)
        yield _ready(values if values.ndim == 3 else values[:, :, None], shape, preprocess)


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    """The picture scaled until it just covers the size, and the middle of it."""
    from PIL import ImageOps

    return ImageOps.fit(image, (size[1], size[0]))


def _ready(image: Array, shape: tuple[int, int, int], preprocess: Preprocess | None) -> Array:
    """A uint8 image (height, width, channels) as the model takes it."""
    import numpy as np

    changes_size = preprocess is not None and preprocess.changes_size
    if not changes_size and image.shape[:2] != shape[1:]:
        wanted = " × ".join(map(str, shape[1:]))
        raise CalibrationError(f"an image of {image.shape[0]} × {image.shape[1]} is not {wanted}")
    if preprocess is None:
        centred = Preprocess(mean=(0.5,) * shape[0], std=(0.5,) * shape[0])
        plain = Preprocess() if shape[0] == 3 else centred
        ready: Array = preprocessed(image[None], plain, None)[0]
        return ready
    values = image if preprocess.layout == "nhwc" else image.transpose(2, 0, 1)
    kind = np.uint8 if preprocess.input_type == "uint8" else np.float32
    return np.ascontiguousarray(values, kind)
