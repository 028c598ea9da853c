"""Checkpoints that are pickles: none is run that names more than weights, no archive is read that torch did not write."""

from __future__ import annotations

import io
import os
import pathlib
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from support.hostile import MARKER, Call, in_zip, legacy, payloads, refused
from support.weight_files import assert_read, net, torch_state

from resnet_compiler import codes
from resnet_compiler.checkpoints.archive import LONGEST_PICKLE

PAYLOADS = payloads()


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The current folder: where a payload would leave its mark."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_payloads_do_what_they_say(folder: pathlib.Path) -> None:
    """Loaded freely they run: a refusal of them means something. Two only name, and one waits for a file."""
    for name, payload in PAYLOADS.items():
        if name in ("build", "extension", "runpy", "getattr", "pathlib"):
            continue
        pickle.loads(payload)
        pathlib.Path(MARKER).unlink()


# --- pickles that run code ---


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_a_pickle_that_runs_code_is_refused(payload: str, name: str) -> None:
    for content in (PAYLOADS[payload], in_zip(PAYLOADS[payload]), legacy(PAYLOADS[payload])):
        assert refused(content, name).code == codes.MORE_THAN_WEIGHTS


def test_what_a_pickle_names_is_told() -> None:
    found = refused(in_zip(PAYLOADS["os.system"]), "weights.pt")
    assert "it names `posix.system`" in found.summary
    assert "nothing of this one was run" in found.notes[0]
    many = b"\x80\x02" + b"".join(b"cm%d\nf\n0" % i for i in range(9)) + b"N."
    assert refused(legacy(many)).summary.endswith("`m4.f` and 4 more")


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_of_any_protocol_is_refused(protocol: int) -> None:
    payload = pickle.dumps({"fc.weight": Call(os.system, f"touch {MARKER}")}, protocol)
    # 0 and 1 have no first byte to know them by
    known = codes.MORE_THAN_WEIGHTS if protocol > 1 else codes.UNREADABLE_WEIGHTS
    assert refused(payload).code == known
    for content in (in_zip(payload), legacy(payload)):
        found = refused(content)
        if protocol > 2:
            assert "a protocol that torch does not read as weights" in found.summary
        else:
            assert found.code == codes.MORE_THAN_WEIGHTS


def test_whole_modules_and_programs_are_refused() -> None:
    import torch

    torch.save(torch.nn.Linear(2, 2), "module")
    with pytest.warns(DeprecationWarning):
        torch.jit.script(torch.nn.Linear(2, 2)).save("program")
    contents = [pathlib.Path(name).read_bytes() for name in ("module", "program")]
    for name in ("module", "program"):
        pathlib.Path(name).unlink()
    assert "`torch.nn.modules.linear.Linear`" in refused(contents[0]).summary
    assert "TorchScript" in refused(contents[1]).summary


def test_attributes_that_shadow_methods_are_not_called() -> None:
    """A tensor may carry attributes of any name; those of the class are used."""
    import torch

    held = torch_state(net())
    for tensor in held.values():
        tensor.detach = tensor.to = tensor.numpy = tensor.contiguous = tensor.resolve_neg = 5
    torch.save(held, "weights.pt")
    assert b"_rebuild_from_type_v2" in pathlib.Path("weights.pt").read_bytes()
    assert_read(pathlib.Path("weights.pt"), net())


# --- archives that are not what they seem ---


def with_entry(name: str) -> bytes:
    return in_zip(pickle.dumps({}, 2), {name: b"x"})


def stored(**changes: int) -> bytes:
    """A sound archive with fields of its end changed: ``comment`` appended, ``before`` in front, ``cut`` bytes off."""
    content = in_zip(pickle.dumps({}, 2))
    if "comment" in changes:
        content = content[:-2] + struct.pack("<H", changes["comment"]) + b"c" * changes["comment"]
    return (
        b"PK\x03\x04" * changes.get("before", 0) + content[: len(content) - changes.get("cut", 0)]
    )


def overlapping() -> bytes:
    """Two entries of one place: the second points at the first's bytes."""
    content = bytearray(in_zip(pickle.dumps({}, 2), {"archive/data/0": bytes(64)}))
    place = content.rindex(b"PK\x01\x02")
    content[place + 42 : place + 46] = struct.pack("<I", 0)
    return bytes(content)


def of_names(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"N.")
    return stream.getvalue()


def as_tar() -> bytes:
    """A tar whose first bytes are those of a legacy checkpoint."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", encoding="latin-1") as archive:
        magic = legacy(b"N.")[:18].decode("latin-1")
        for name in (magic, "../escaped", "storages"):
            entry = tarfile.TarInfo(name)
            archive.addfile(entry)
    return stream.getvalue()


def as_npz() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, weight=np.zeros(3))
    return stream.getvalue()


ARCHIVES = {
    "a path upwards": (lambda: with_entry("archive/../../escaped"), "leaves it"),
    "an absolute path": (lambda: with_entry("/tmp/escaped"), "leaves it"),
    "a path of Windows": (lambda: with_entry("C:\\escaped"), "leaves it"),
    "a path with backslashes": (lambda: with_entry("archive\\..\\..\\escaped"), "leaves it"),
    "compressed": (
        lambda: in_zip(pickle.dumps({}, 2), compression=zipfile.ZIP_DEFLATED),
        "compressed",
    ),
    "a bomb": (
        lambda: in_zip(
            pickle.dumps({}, 2), {"archive/data/0": bytes(2**26)}, compression=zipfile.ZIP_DEFLATED
        ),
        "compressed",
    ),
    "a comment": (lambda: stored(comment=10), "without its end"),
    "bytes in front": (lambda: stored(before=4), "twice or lie over each other"),
    "cut off": (lambda: stored(cut=1), "without its end"),
    "overlapping": (overlapping, "lie over each other"),
    "no pickle": (lambda: of_names("archive/version"), "no data.pkl"),
    "a pickle elsewhere": (lambda: of_names("data.pkl"), "no data.pkl"),
    "two pickles": (lambda: of_names("a/data.pkl", "b/data.pkl"), "no data.pkl"),
    "NumPy arrays": (as_npz, "NumPy arrays"),
    "a tar": (as_tar, "tar archive"),
    "an empty pickle": (lambda: in_zip(b""), "its pickle is damaged"),
    "a pickle cut off": (lambda: in_zip(b"\x80\x02}X\xff\xff\xff\x7f"), "its pickle is damaged"),
    "an empty legacy file": (lambda: legacy(b"")[:18], "its pickle is damaged"),
    "a long pickle": (lambda: in_zip(b"N0" * (LONGEST_PICKLE // 2 + 1)), "are read"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_that_is_not_what_it_seems_is_refused(case: str) -> None:
    make, said = ARCHIVES[case]
    found = refused(make(), "weights.pt")
    assert found.code == codes.UNREADABLE_WEIGHTS and said in found.summary


def test_names_that_stand_twice_are_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = of_names("archive/data.pkl", "archive/data/0", "archive/data/0")
    assert "twice" in refused(content).summary
