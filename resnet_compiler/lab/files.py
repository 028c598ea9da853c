"""Labelled images in a user's files: CIFAR-10's binary version, and a folder of pictures for each class.

Nothing is unpickled, and files are checked before they are believed.
"""

from __future__ import annotations

import os
import pathlib

from resnet_compiler.lab.data import DataError
from resnet_compiler.support.read import ReadError, content
from resnet_compiler.weights import Array

Labelled = tuple[Array, Array]
"""Images, uint8 (N, channels, H, W), and their labels, (N,)."""

RECORD = 1 + 3 * 32 * 32
"""Bytes of an image of CIFAR-10: its label, then red, green and blue, each row by row."""
CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
MOST_RECORDS = 2**28
"""Bytes of a file of CIFAR-10's binary version; its own have 30 million."""


def cifar10(folder: pathlib.Path) -> tuple[Labelled, Labelled, tuple[str, ...]]:
    """The images of data_batch_*.bin, those of test_batch.bin, and the names of the classes.

    Raises:
        DataError: files are missing, or are not of that format.
    """
    inside = folder / "cifar-10-batches-bin"  # as the archive unpacks
    folder = inside if os.path.isdir(inside) else folder
    seen = sorted(folder.glob("data_batch_*.bin"))
    held_out = folder / "test_batch.bin"
    if not seen or not os.path.isfile(held_out):
        missing = "test_batch.bin" if seen else "data_batch_*.bin"
        raise DataError(
            f"{folder.as_posix()} has no {missing}; the binary version of CIFAR-10 is needed"
        )
    import numpy as np

    parts = [_batch(path) for path in seen]
    images, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    return (images, labels), _batch(held_out), CIFAR10


def _batch(path: pathlib.Path) -> Labelled:
    import numpy as np

    try:
        raw = np.frombuffer(content(path, MOST_RECORDS), np.uint8)
    except ReadError as failure:
        raise DataError(str(failure)) from None
    if not len(raw) or len(raw) % RECORD:
        raise DataError(
            f"{path.as_posix()} has {len(raw):,} bytes, which is no whole number of images of {RECORD:,} each: "
            "it is cut off, or not of CIFAR-10's binary version"
        )
    records = raw.reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    wrong = np.flatnonzero(labels >= len(CIFAR10))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"{path.as_posix()}: image {first} has label {labels[first]}, and the classes are 0 to 9: "
            "it is not of CIFAR-10's binary version"
        )
    return records[:, 1:].reshape(-1, 3, 32, 32), labels


def pictures(folder: pathlib.Path) -> tuple[Array, Array, tuple[str, ...]]:
    """The pictures in the folders of a folder: a folder is a class. Images, labels, and the names of the classes.

    Pictures that are all grey have one channel; otherwise they have three, and transparency is left out.

    Raises:
        DataError: there are not two classes with pictures, or pictures cannot be read, or differ in size.
    """
    try:
        import numpy as np
        import PIL  # noqa: F401
    except ImportError:
        raise DataError("pictures need pillow: pip install 'resnet-compiler[lab]'") from None
    from resnet_compiler.support.pictures import SUFFIXES, is_grey, read_picture

    classes = sorted(each for each in folder.iterdir() if os.path.isdir(each))
    found = [
        (path, label)
        for label, each in enumerate(classes)
        for path in sorted(each.iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    labels = np.array([label for _, label in found], np.int64)
    empty = [each.name for label, each in enumerate(classes) if label not in labels]
    if len(classes) < 2 or empty:
        what = f"its folder `{empty[0]}` has no pictures" if empty else "there are none"
        raise DataError(
            f"{folder.as_posix()}: a folder of pictures ({', '.join(SUFFIXES)}) is needed for each of two or more classes; "
            f"{what}"
        )
    images: list[Array] = []
    for path, _ in found:
        try:
            picture = read_picture(path)
        except ReadError as failure:
            raise DataError(str(failure)) from None
        images.append(np.asarray(picture.convert("L" if is_grey(picture) else "RGB")))
        if images[-1].shape[:2] != images[0].shape[:2]:
            first, here = (" × ".join(map(str, each.shape[:2])) for each in (images[0], images[-1]))
            raise DataError(
                f"{path.as_posix()} is {here} and {found[0][0].as_posix()} {first}: resize the pictures to one size first"
            )
    if any(image.ndim == 3 for image in images):
        images = [
            image if image.ndim == 3 else np.repeat(image[..., None], 3, 2) for image in images
        ]
        stacked = np.stack(images).transpose(0, 3, 1, 2)
    else:
        stacked = np.stack(images)[:, None]
    return stacked, labels, tuple(each.name for each in classes)
