"""Truncated, corrupt, mislabelled and hostile files: one diagnostic each, nothing run, nothing written, little memory.

Among them are what the safetensors project lists in its folder `attacks`.
"""

from __future__ import annotations

import os
import pathlib
import pickle
import struct
import subprocess
import sys
import zipfile
from typing import Any

import pytest
from support.hostile import Call, in_zip, legacy, refused, storage_pickle
from support.weight_files import net, refusal, safetensors_bytes, value

from resnet_compiler import codes
from resnet_compiler.checkpoints import mapped, save_safetensors

GIB = 2**30


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The current folder: where a payload would leave its mark."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- safetensors ---

ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
OTHER = {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}


def entries(**changes: Any) -> dict[str, Any]:
    return {"a": {**ENTRY, **changes}}


BENT: dict[str, bytes] = {
    "nothing": b"",
    "a few bytes": b"\x10\x00\x00",
    "header beyond the file": struct.pack("<Q", 1000) + b'{"a":{}}',
    "header of 100 MB claimed": struct.pack("<Q", 100_000_000) + b'{"a":{}}',
    "header of 2^63": struct.pack("<Q", 2**63) + b'{"a":{}}',
    "header of 2^64 - 1": struct.pack("<Q", 2**64 - 1) + b'{"a":{}}',
    "header of no bytes": struct.pack("<Q", 0) + b'{"a":{}}',
    "header not JSON": safetensors_bytes("{hello}"),
    "header cut off": safetensors_bytes('{"a":{"dtype":"F32","sh'),
    "header a list": safetensors_bytes("[1, 2]"),
    "header not UTF-8": safetensors_bytes(b'{"\xff\xfe":{}}'),
    "header with a NUL": safetensors_bytes(b'{"a\x00":{}}'),
    "name twice": safetensors_bytes(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},'
        '"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "field twice": safetensors_bytes(
        '{"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,4]}}', bytes(4)
    ),
    "field missing": safetensors_bytes({"a": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "deep lists": safetensors_bytes('{"a":' + "[" * 100_000),
    "deep mappings": safetensors_bytes('{"__metadata__":' + '{"a":' * 100_000),
    "deep in an unknown field": safetensors_bytes(
        '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":' + "[" * 100_000
    ),
    "metadata not text": safetensors_bytes({"__metadata__": {"a": 1}, "a": ENTRY}, bytes(4)),
    "metadata a list": safetensors_bytes({"__metadata__": ["a"], "a": ENTRY}, bytes(4)),
    "offsets beyond the data": safetensors_bytes(entries(), bytes(2)),
    "offsets in reverse": safetensors_bytes(entries(data_offsets=[4, 0]), bytes(4)),
    "negative offsets": safetensors_bytes(entries(data_offsets=[-4, 0]), bytes(4)),
    "offsets past 2^64": safetensors_bytes(entries(data_offsets=[0, 2**65]), bytes(4)),
    "offsets as floats": safetensors_bytes(entries(data_offsets=[0, 4.0]), bytes(4)),
    "offsets that overlap": safetensors_bytes(
        {"a": ENTRY, "b": {**OTHER, "data_offsets": [2, 6]}}, bytes(6)
    ),
    "a hundred thousand tensors of the same bytes": safetensors_bytes(
        {f"weight_{i}": ENTRY for i in range(100_000)}, bytes(4)
    ),
    "a hole": safetensors_bytes({"a": ENTRY, "b": {**OTHER, "data_offsets": [8, 12]}}, bytes(12)),
    "data before the first": safetensors_bytes({"b": OTHER}, bytes(8)),
    "bytes behind the last": safetensors_bytes(entries(), bytes(8)),
    "shape not of the offsets": safetensors_bytes(entries(shape=[2]), bytes(4)),
    "type not of the offsets": safetensors_bytes(entries(dtype="F64"), bytes(4)),
    "an unknown type": safetensors_bytes(entries(dtype="F33"), bytes(4)),
    "a shape that overflows": safetensors_bytes(entries(shape=[2**40, 2**40]), bytes(4)),
    "a shape that overflows to 4": safetensors_bytes(entries(shape=[2**63, 2**63, 1]), bytes(4)),
    "a negative shape": safetensors_bytes(entries(shape=[-1]), bytes(4)),
    "a shape of 5,000 digits": safetensors_bytes(
        '{"a":{"dtype":"F32","shape":[' + "9" * 5000 + '],"data_offsets":[0,4]}}', bytes(4)
    ),
    "a shape of true": safetensors_bytes(entries(shape=[True]), bytes(4)),
}


@pytest.mark.parametrize("case", BENT)
def test_a_bent_safetensors_is_refused(case: str) -> None:
    assert refused(BENT[case], "weights.safetensors").code == codes.UNREADABLE_WEIGHTS


def test_odd_but_valid_safetensors_do_not_fit() -> None:
    odd = {
        "no tensors": safetensors_bytes("{}"),
        "a dimension of 0": safetensors_bytes(
            {"a": {**ENTRY, "shape": [0, 5], "data_offsets": [0, 0]}}
        ),
        "0 times a giant": safetensors_bytes(
            {"a": {**ENTRY, "shape": [0, 2**62], "data_offsets": [0, 0]}}
        ),
        "fields more": safetensors_bytes({"a": {**ENTRY, "x": [[[]]]}}, bytes(4)),
        "a name of a megabyte": safetensors_bytes({"a" * 2**20: ENTRY}, bytes(4)),
        "a name with a path": safetensors_bytes({"../../etc/passwd": ENTRY}, bytes(4)),
    }
    for case, content in odd.items():
        found = refused(content)
        assert found.code == codes.WEIGHTS_MISMATCH, case
        assert sum(map(len, found.notes)) < 5000


def test_every_cut_of_a_safetensors_is_refused(folder: pathlib.Path) -> None:
    save_safetensors(net(), value, folder / "whole")
    whole = (folder / "whole").read_bytes()
    (folder / "whole").unlink()
    header = 8 + int.from_bytes(whole[:8], "little")
    for length in (*range(1, 40), header - 1, header, header + 1, len(whole) - 1):
        assert refused(whole[:length]).code == codes.UNREADABLE_WEIGHTS


def test_a_long_header_is_not_read(folder: pathlib.Path) -> None:
    length = mapped.LONGEST_HEADER + 1
    with open("weights", "wb") as stream:  # sparse: no disk is used
        stream.write(struct.pack("<Q", length) + b"{")
        stream.truncate(length + 100)
    assert (
        f"up to {mapped.LONGEST_HEADER:,} are read"
        in refusal(pathlib.Path("weights"), net()).summary
    )


# --- claims of memory ---

CLAIMS = {
    "a storage larger than the file": in_zip(
        storage_pickle(2**33, (2**33,)), {"archive/data/0": bytes(64)}
    ),
    "a tensor larger than its storage": in_zip(
        storage_pickle(16, (2**33,)), {"archive/data/0": bytes(64)}
    ),
    "a legacy storage": legacy(storage_pickle(2**33, (2**33,))),
    "a bytearray": in_zip(pickle.dumps({"fc.weight": Call(bytearray, 8 * GIB)}, 2)),
    "a legacy bytearray": legacy(pickle.dumps({"fc.weight": Call(bytearray, 8 * GIB)}, 2)),
    "a string of 2 GB": legacy(b"\x80\x02X\xff\xff\xff\x7fabc"),
    "a bomb": in_zip(
        pickle.dumps({}, 2), {"archive/data/0": bytes(2**28)}, compression=zipfile.ZIP_DEFLATED
    ),
    "many tensors of the same bytes": BENT["a hundred thousand tensors of the same bytes"],
}

MEASURED = """
import pathlib, resource, sys
import torch
from support.weight_files import net, read, refusal
from resnet_compiler.checkpoints import save_safetensors
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
torch.save({"a": torch.zeros(3)}, "first")
refusal(pathlib.Path("first"), net())
before = peak()
for name in sys.argv[1:]:
    print(refusal(pathlib.Path(name), net()).code.id)
print((peak() - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts in KiB as Linux does")
def test_claims_of_memory_are_not_believed() -> None:
    names = []
    for number, content in enumerate(CLAIMS.values()):
        names.append(f"claim{number}")
        pathlib.Path(names[-1]).write_bytes(content)
    here = pathlib.Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here)])}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *names], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    *found, grown = done.stdout.split()
    assert len(found) == len(names) and set(found) <= {"RC0510", "RC0511", "RC0512"}
    assert int(grown) < 256, "MiB"


# --- other files ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page"),
        (b"\n<HTML>", "a web page"),
        (b"\x1f\x8b\x08\x00" + bytes(20), "gzip"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "HDF5"),
        (b"\x93NUMPY\x01\x00" + bytes(20), "NumPy"),
        (b"name: net\n", "neither safetensors nor a PyTorch checkpoint"),
        (b'{"a": 1}', "not the index"),
        (b'{ "weight_map": {"a": "b.safetensors"}, "x": [[', "not the index"),
        (b'{ "weight_map": ' + b"[" * 50_000, "not the index"),
    ],
)
def test_other_files_are_called_by_their_name(content: bytes, said: str) -> None:
    found = refused(content)
    assert found.code == codes.UNREADABLE_WEIGHTS and said in found.summary


def test_what_is_no_file_is_not_opened(folder: pathlib.Path) -> None:
    os.mkfifo("pipe")
    pathlib.Path("folder").mkdir()
    pathlib.Path("loop").symlink_to("loop")
    for name, said in (
        ("pipe", "not a regular file"),
        ("folder", "is a directory"),
        ("missing", "no such file"),
        ("loop", "symbolic link"),
        ("nul\0", "null byte"),
        ("x" * 5000, "name too long"),
        ("/dev/zero", "not a regular file"),
    ):
        found = refusal(pathlib.Path(name), net())
        assert found.code == codes.UNREADABLE_WEIGHTS and said in found.summary
