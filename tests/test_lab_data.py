"""Images to train with: what each source gives, that it is the same each time, and what is said of wrong files."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from resnet_compiler.lab import files
from resnet_compiler.lab.data import Data, DataError, load


def counts(labels: np.ndarray) -> list[int]:
    return np.bincount(labels).tolist()


def test_digits() -> None:
    data = load("digits")
    assert data.shape == (1, 32, 32)
    assert data.images.dtype == np.uint8 and data.labels.dtype == np.int64
    assert len(data.images) + len(data.held_out) == 1797
    assert data.classes == tuple("0123456789") and not data.may_flip
    whole = np.array(counts(data.labels)) + counts(data.held_out_labels)
    assert (np.abs(whole * 0.2 - counts(data.held_out_labels)) <= 0.5).all(), "of each class alike"
    values = data.normalised(data.images)
    assert abs(values.mean()) < 1e-3 and abs(values.std() - 1) < 1e-3
    from sklearn.datasets import load_digits

    # enlarging keeps the picture: the mean of each 4 × 4 is near the pixel it came from
    first = data.images[0, 0].reshape(8, 4, 8, 4).mean((1, 3)) * 16 / 255
    assert any(
        np.corrcoef(first.ravel(), each.ravel())[0, 1] > 0.95 for each in load_digits().images
    )


def test_the_split_is_a_function_of_the_seed() -> None:
    first, again, other = load("digits"), load("digits"), load("digits", 1)
    assert first.sha256 == again.sha256 != other.sha256
    assert (first.held_out == again.held_out).all()
    seen = {image.tobytes() for image in first.images}
    assert sum(image.tobytes() in seen for image in first.held_out) == 0


def test_mnist5k() -> None:
    data = load("mnist5k")
    assert data.images.shape == (4000, 1, 32, 32) and data.held_out.shape == (1000, 1, 32, 32)
    assert counts(data.held_out_labels) == [100] * 10
    assert not data.images[:, :, :2].any() and data.images.max() == 255


def cifar(folder: pathlib.Path, labels: list[int], name: str) -> np.ndarray:
    """A file of CIFAR-10's binary version, and the pixels in it."""
    pixels = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 3072), np.uint8)
    np.hstack([np.array(labels, np.uint8)[:, None], pixels]).tofile(folder / name)
    return pixels


def test_cifar10(tmp_path: pathlib.Path) -> None:
    inside = tmp_path / "cifar-10-batches-bin"
    inside.mkdir()
    first = cifar(inside, [3, 9, 0], "data_batch_1.bin")
    cifar(inside, [1, 2], "data_batch_2.bin")
    held_out = cifar(inside, [4], "test_batch.bin")
    data = load(f"cifar10:{tmp_path}")
    assert load(f"cifar10:{inside}").sha256 == data.sha256
    assert data.labels.tolist() == [3, 9, 0, 1, 2] and data.held_out_labels.tolist() == [4]
    assert data.images[1, 2, 5, 7] == first[1, 2 * 1024 + 5 * 32 + 7], "planes, row by row"
    assert (data.held_out.ravel() == held_out.ravel()).all()
    assert data.classes[9] == "truck" and data.may_flip
    assert data.mean[0] == pytest.approx(data.images[:, 0].mean() / 255, abs=1e-6)
    assert data.std[2] == pytest.approx(data.images[:, 2].std() / 255, abs=1e-6)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda f: None, "no data_batch_"),
        (lambda f: cifar(f, [1], "data_batch_1.bin"), "no test_batch.bin"),
        (lambda f: (cifar(f, [1], "data_batch_1.bin"), cifar(f, [10], "test_batch.bin")), "label 10"),
        (
            lambda f: (cifar(f, [1], "test_batch.bin"), (f / "data_batch_1.bin").write_bytes(b"a" * 4000)),
            "4,000 bytes",
        ),
        (
            lambda f: (cifar(f, [1], "test_batch.bin"), (f / "data_batch_1.bin").write_bytes(b"")),
            "0 bytes",
        ),
    ],
)  # fmt: skip
def test_wrong_files_of_cifar10(write: object, said: str, tmp_path: pathlib.Path) -> None:
    write(tmp_path)  # type: ignore[operator]
    with pytest.raises(DataError, match=said):
        load(f"cifar10:{tmp_path}")


def pictures(folder: pathlib.Path, mode: str = "L", size: tuple[int, int] = (12, 10)) -> None:
    """Five pictures for each of the classes `cat` and `dog`."""
    from PIL import Image

    random = np.random.default_rng(0)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], len(mode))
    for name in ("dog", "cat"):
        (folder / name).mkdir()
        for number in range(5):
            pixels = random.integers(0, 256, shape, np.uint8)
            Image.fromarray(pixels, mode).save(folder / name / f"{number}.png")


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 3)])
def test_a_folder(mode: str, channels: int, tmp_path: pathlib.Path) -> None:
    pictures(tmp_path, mode)
    (tmp_path / "cat" / "notes.txt").write_text("no picture")
    data = load(f"folder:{tmp_path}")
    assert data.shape == (channels, 10, 12)
    assert data.classes == ("cat", "dog") and data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.held_out_labels.tolist() == [0, 1]


def test_grey_pictures_among_coloured_ones_become_coloured(tmp_path: pathlib.Path) -> None:
    from PIL import Image

    pictures(tmp_path, "RGB")
    Image.new("L", (12, 10), 77).save(tmp_path / "cat" / "0.png")
    images, _, _ = files.pictures(tmp_path)
    assert images.shape == (10, 3, 10, 12) and (images[0] == 77).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("other size", "resize the pictures"),
        ("broken", r"cat/0.png cannot be read: it is no picture"),
        ("one class", "two or more classes"),
        ("empty class", "`none` has no pictures"),
        ("one picture", "class `cat` has 1 images"),
    ],
)
def test_wrong_folders(change: str, said: str, tmp_path: pathlib.Path) -> None:
    from PIL import Image

    pictures(tmp_path)
    first = tmp_path / "cat" / "0.png"
    match change:
        case "other size":
            Image.new("L", (12, 11)).save(first)
        case "broken":
            first.write_bytes(b"this is not a picture")
        case "empty class":
            (tmp_path / "none").mkdir()
        case _:
            for number in range(5 if change == "one class" else 4):
                (tmp_path / "cat" / f"{number}.png").unlink()
            if change == "one class":
                (tmp_path / "cat").rmdir()
    with pytest.raises(DataError, match=said) as raised:
        load(f"folder:{tmp_path}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "name", ["digit", "digits:here", "cifar10", "cifar10:", "folder", "", "mnist"]
)
def test_names_that_mean_nothing(name: str) -> None:
    with pytest.raises(DataError, match="there are digits, mnist5k"):
        load(name)


def test_a_folder_that_is_not_there(tmp_path: pathlib.Path) -> None:
    with pytest.raises(DataError, match="is no folder"):
        load(f"folder:{tmp_path / 'nothing'}")


def test_a_channel_of_one_value_can_be_normalised() -> None:
    from resnet_compiler.lab.data import _data

    blank = np.zeros((2, 1, 4, 4), np.uint8)
    data: Data = _data("blank", (blank, np.arange(2)), (blank, np.arange(2)), ("a", "b"))
    assert data.std == (1.0,) and not data.normalised(blank).any()
