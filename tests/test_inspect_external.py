"""`resnetc inspect` and external data: only files beside the model are looked up, and none is read."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pytest
from support.inspection import look
from support.onnx_files import with_data_at

from resnet_compiler.inspect.process import Inspector


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


OUTSIDE = [
    *("/etc/passwd", "../w.bin", "a/../../w.bin", "..", "C:\\w.bin", "\\\\host\\w.bin"),
    *("a\\..\\..\\w.bin", "", "a\0b", "link/w.bin", "link.bin"),
]


@pytest.mark.parametrize("location", OUTSIDE)
def test_files_elsewhere_are_refused(
    location: str, folder: pathlib.Path, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (folder / "w.bin").write_bytes(bytes(8))
    (inner / "link").symlink_to(folder)
    (inner / "link.bin").symlink_to(folder / "w.bin")
    monkeypatch.chdir(inner)
    found = look(with_data_at(location), inspector)
    assert [each.code.id for each in found.diagnostics] == ["RC0542"]
    assert "not looked at" in found.diagnostics[0].summary
    assert [(each.refused, each.size) for each in found.external] == [(True, None)]
    assert not found.valid and found.operators == {"Add": 1}


@pytest.mark.parametrize(("size", "words"), [(None, "not beside"), (7, "has 7 bytes"), (8, "")])
def test_files_beside_the_model(size: int | None, words: str, inspector: Inspector) -> None:
    if size is not None:
        os.makedirs("a")
        pathlib.Path("a/w.bin").write_bytes(bytes(size))
    found = look(with_data_at("a/w.bin"), inspector)
    assert [words in each.summary for each in found.diagnostics] == ([True] if words else [])
    assert (found.external[0].size, found.external[0].bytes) == (size, 8)


def test_a_name_longer_than_names_can_be(inspector: Inspector) -> None:
    case = pathlib.Path(__file__).parent / "regressions" / "inspect" / "ext_long.onnx"
    (fault,) = inspector.inspect(str(case)).diagnostics
    assert fault.code.id == "RC0542" and len(fault.summary) < 500


@pytest.mark.parametrize(
    ("key", "number"), [("offset", "-1"), ("offset", "9" * 30), ("length", "12"), ("length", "x")]
)
def test_stretches_that_no_file_has(key: str, number: str, inspector: Inspector) -> None:
    pathlib.Path("w.bin").write_bytes(bytes(8))
    made = with_data_at("w.bin")
    made.graph.initializer[0].external_data.add(key=key, value=number)
    found = look(made, inspector)
    assert [each.code.id for each in found.diagnostics] == ["RC0542"]
