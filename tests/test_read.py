"""Reading files: regular ones alone, so many bytes at most, decoders' errors in a line; and no module has a way of its own."""

from __future__ import annotations

import ast
import io
import os
import pathlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.hostile_contents import ARRAYS, PICTURES

import resnet_compiler
from resnet_compiler.support import read
from resnet_compiler.support.arrays import read_array
from resnet_compiler.support.pictures import FORMATS, is_grey, read_picture
from resnet_compiler.support.read import ReadError

PACKAGE = pathlib.Path(resnet_compiler.__file__).parent


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- bytes, text, JSON ---


@pytest.mark.parametrize("size", [0, 1, 4, 5, 6, 100])
def test_no_more_than_so_many_bytes(size: int, folder: pathlib.Path) -> None:
    data = bytes(range(size))
    (folder / "a").write_bytes(data)
    assert read.beginning("a", 5) == data[:5]
    if size <= 5:
        assert read.content("a", 5) == data
    else:
        with pytest.raises(ReadError, match=r"^a cannot be read: it has more than 5 bytes$"):
            read.content("a", 5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file"),
        (os.mkfifo, "not a regular file"),
        (os.mkdir, "is a directory"),
        (lambda path: os.symlink("/dev/zero", path), "not a regular file"),
        (lambda path: os.symlink(path, path), "symbolic links"),
    ],
)
def test_what_is_no_file(make: Callable[[str], None], said: str) -> None:
    make("a")
    for function in (read.beginning, read.content):
        with pytest.raises(ReadError, match=said) as raised:
            function("a", 10)
        assert raised.value.path == pathlib.Path("a") and "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["a\0b", "x" * 300, "a/" * 3000])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ReadError):
        read.opened(name)


def test_a_link_is_followed_or_not(folder: pathlib.Path) -> None:
    (folder / "a").write_text("x")
    (folder / "b").symlink_to("a")
    assert read.text("b") == "x" == read.text("a", follow=False)
    with pytest.raises(ReadError, match="it is a link"):
        read.text("b", follow=False)


def test_a_file_that_would_have_us_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> Any:
            return None

    def waiting(path: str, *, follow: bool) -> Waiting:
        return Waiting(io.FileIO(os.devnull))

    monkeypatch.setattr(read, "opened", waiting)
    with pytest.raises(ReadError, match="it gives nothing to read"):
        read.content("a")


def test_a_device_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opens(*arguments: object) -> int:
        raise AssertionError("opened")

    monkeypatch.setattr(os, "open", opens)
    with pytest.raises(ReadError, match="not a regular file"):
        read.opened("/dev/null")


def test_text_and_json(folder: pathlib.Path) -> None:
    (folder / "a").write_bytes(b"\xef\xbb\xbf[1]\r\n")
    assert read.text("a") == "[1]\r\n"
    (folder / "a").write_bytes(b"\xff")
    with pytest.raises(ReadError, match="it is not UTF-8 text"):
        read.text("a")
    deepest = read.DEEPEST_JSON
    for depth in (1, deepest - 1):
        (folder / "a").write_text("[" * depth + "]" * depth)
        assert isinstance(read.json_value("a"), list)
    for depth in (deepest + 1, 900, 100_000):
        (folder / "a").write_text('{"a":' * depth + "1" + "}" * depth)
        with pytest.raises(ReadError, match=r"nests deeper than|no JSON"):
            read.json_value("a")


def test_whatever_a_decoder_raises() -> None:
    for reason in (ValueError("x"), SyntaxError("x"), RecursionError(), KeyError(1), OSError("x")):
        said = r"^a cannot be read: it is no cake$"
        with pytest.raises(ReadError, match=said), read.decoding("a", "it is no cake"):
            raise reason
    with pytest.raises(ReadError, match="more memory"), read.decoding("a", "it is no cake"):
        raise MemoryError
    with pytest.raises(KeyboardInterrupt), read.decoding("a", "it is no cake"):
        raise KeyboardInterrupt
    with warnings.catch_warnings(), read.decoding("a", "it is no cake"):
        warnings.warn("a decoder complains", stacklevel=1)


# --- pictures and arrays ---


def pixels(count: int, kind: Any = np.uint8) -> np.ndarray[Any, Any]:
    values = np.arange(count * count, dtype=np.uint32) * 65535 // (count * count - 1)
    return values.reshape(count, count).astype(kind)


@pytest.mark.parametrize("form", FORMATS)
def test_pictures_are_known_by_their_content(form: str) -> None:
    Image.fromarray(pixels(8)).convert("RGB").save(
        "a", form, **({"lossless": True} if form == "WEBP" else {})
    )
    os.rename("a", "a.png")
    found = read_picture("a.png")
    assert found.size == (8, 8) and not is_grey(found)


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bits_are_scaled(name: str) -> None:
    values = pixels(64, np.uint16)
    Image.fromarray(values).save(name)
    found = read_picture(name)
    assert is_grey(found)
    assert (np.asarray(found) == np.round(values / 257)).all()
    assert {0, 255} <= set(np.asarray(found).ravel().tolist())


@pytest.mark.parametrize("name", PICTURES)
def test_hostile_pictures(
    name: str, folder: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.png").write_bytes(PICTURES[name]())
    with pytest.raises(ReadError, match=r"^a\.png cannot be read: ") as raised:
        read_picture("a.png")
    assert "\n" not in str(raised.value) and capfd.readouterr() == ("", "")


def test_no_picture_starts_a_program(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess

    def start(*arguments: object, **named: object) -> None:
        raise AssertionError(f"started: {arguments}")

    for name in ("Popen", "run", "check_call", "call"):
        monkeypatch.setattr(subprocess, name, start)
    header = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"
    for number, data in enumerate((header, b"\xc5\xd0\xd3\xc6" + bytes(26) + header)):
        (folder / f"{number}.png").write_bytes(data)
        with pytest.raises(ReadError, match="it is no picture"):
            read_picture(f"{number}.png")


@pytest.mark.parametrize("kind", ["u1", "<f4", ">f8", "<i2", "?", "<f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays(kind: str, order: Any) -> None:
    values = np.asarray(np.arange(120).reshape(2, 3, 4, 5) % 2, kind, order=order)
    np.save("a.npy", values)
    np.savez("b.npz", x=values)
    np.savez_compressed("c.npz", images=values, labels=np.zeros(3))
    for name in ("a.npy", "b.npz", "c.npz"):
        found = read_array(name)
        assert found.dtype == values.dtype and (found == values).all()


@pytest.mark.parametrize(
    "name", [n for n in ARRAYS if n not in ("values that are not finite", "one dimension")]
)
def test_hostile_arrays(name: str, folder: pathlib.Path) -> None:
    (folder / "a.npz").write_bytes(ARRAYS[name]())
    with pytest.raises(ReadError, match=r"^a\.npz cannot be read: ") as raised:
        read_array("a.npz")
    assert "\n" not in str(raised.value)


def test_a_large_array_is_unpacked_only_as_far_as_is_allowed(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resnet_compiler.support.arrays.MOST_UNPACKED", 100)
    np.savez("a.npz", np.zeros(25, np.float32))
    assert read_array("a.npz").shape == (25,)
    np.savez("a.npz", np.zeros(26, np.float32))
    with pytest.raises(
        ReadError, match=r"104 bytes, and up to 100 are unpacked: save it as a\.npy"
    ):
        read_array("a.npz")


# --- no other way ---

LIBRARY_FUNCTIONS = {"safe_open", "load_file", "save_file"}
READING = {"read_text", "read_bytes", "fromfile", "memmap", "genfromtxt"} | LIBRARY_FUNCTIONS
WRITING = {
    "write_text",
    "write_bytes",
    "tofile",
    "copyfile",
    "copy2",
    "copytree",
    "save_file",
    "touch",
}
LIBRARIES = {"np", "numpy", "json", "torch", "onnx", "pickle", "Image"}
ALLOWED = {
    "support/read.py": "here it is",
    "support/arrays.py": "maps what `opened` has opened",
    "support/pictures.py": "decodes what `content` has read",
    "support/streams.py": "the null device",
    "output.py": "here files are written",
    "lab/saved.py": "the library opens by name, after `opened` has looked",
    "checkpoints/mapped.py": "the library opens by name, after `opened` has looked",
    "checkpoints/pickled.py": "torch opens by name, after `opened` has looked",
    "bench/contenders/in_torch.py": "in a temporary folder of ours",
    "bench/worker.py": "a copy of standard output",
    "quantize/calibration.py": "in a temporary folder of ours",
    "verify_onnx.py": "in a temporary folder of ours",
    "export.py": "in a temporary folder of ours",
    "runtime/exported.py": "the library opens a model that this process wrote",
    "serve/worker.py": "a copy of standard output",
    "serve/editor.py": "files of the package",
}
"""Modules that open files in a way of their own, and why they may."""


def streams(tree: ast.AST) -> set[str]:
    """The names that stand for a stream in memory."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and "BytesIO" in ast.dump(node.value):
            found |= {each.id for each in ast.walk(node.targets[0]) if isinstance(each, ast.Name)}
    return found


def opens(tree: ast.AST) -> Iterator[str]:
    """The calls that open a file by its name."""
    in_memory = streams(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Name) and first.id in in_memory:
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        owner = called.value if isinstance(called, ast.Attribute) else None
        of = owner.id if isinstance(owner, ast.Name) else ""
        is_plain = isinstance(called, ast.Name)
        if (
            (name in LIBRARY_FUNCTIONS if is_plain else name in READING | WRITING)
            or (name in ("load", "save", "savez") and of in LIBRARIES)
            or (name in ("open", "fdopen") and of not in ("webbrowser", "studio", "archive"))
            or (name == "ZipFile" and not (isinstance(first, ast.Name) and first.id == "stream"))
        ):
            yield f"line {node.lineno}: {of}.{name}"


@pytest.mark.parametrize("code", ["open(p)", "p.open('rb')", "np.load(p)", "p.read_text()", "os.open(p, 0)", "ZipFile(p)", "Image.open(p)", "np.save(p, a)"])  # fmt: skip
def test_such_calls_are_seen(code: str) -> None:
    assert [*opens(ast.parse(code))]


def test_no_module_has_a_way_of_its_own() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        calls = [*opens(ast.parse(path.read_text("utf-8")))]
        if calls:
            found[name] = calls
    strangers = {name: calls for name, calls in found.items() if name not in ALLOWED}
    assert not strangers, "read with support.read, write with output.write_all"
    assert set(found) >= {name for name in ALLOWED if not name.startswith("support/pic")}
