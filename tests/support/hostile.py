"""Weights files that mean harm: pickles that call what they name, and archives that are not what they seem.

A payload makes the file MARKER in the current folder where it is run.
"""

from __future__ import annotations

import io
import pathlib
import pickle
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

from resnet_compiler.diagnostics import Diagnostic
from tests.support.weight_files import net, refusal

MARKER = "executed"
_LEGACY_MAGIC, _LEGACY_VERSION = 0x1950A86A20F9469CFC6C, 1001


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.function, self.arguments


def payloads() -> dict[str, bytes]:
    """Pickles of protocol 2 that run code when they are loaded, by what they use."""
    import builtins
    import importlib
    import os
    import runpy
    import subprocess

    python = f"open({MARKER!r}, 'w').close()"
    calls: dict[str, Any] = {
        "os.system": Call(os.system, f"touch {MARKER}"),
        "subprocess": Call(subprocess.check_output, ["touch", MARKER]),
        "eval": Call(builtins.eval, f"open({MARKER!r}, 'w')"),
        "exec": Call(builtins.exec, python),
        "open": Call(open, MARKER, "w"),
        "compile": Call(builtins.exec, Call(compile, python, "x", "exec")),
        "pathlib": Call(pathlib.Path.touch, pathlib.PurePosixPath(MARKER)),
        "getattr": Call(getattr, Call(importlib.import_module, "os"), "system"),
        "runpy": Call(runpy.run_path, MARKER),
    }
    found = {name: pickle.dumps({"fc.weight": call}, 2) for name, call in calls.items()}
    text = f"cposix\nsystem\n(Vtouch {MARKER}\ntR."
    found["by hand"] = b"\x80\x02" + text.encode()
    found["after a dict"] = b"\x80\x02}0" + text.encode()
    found["build"] = b"\x80\x02cposix\nsystem\n)\x81}b."
    found["inst"] = f"\x80\x02(Vtouch {MARKER}\niposix\nsystem\n.".encode("latin-1")
    found["by texts"] = f"\x80\x02Vposix\nVsystem\n\x93(Vtouch {MARKER}\ntR.".encode("latin-1")
    found["by texts kept"] = (
        "\x80\x02Vposix\nq\x00Vsystem\nq\x01Vcollections\n0VOrderedDict\n0h\x00h\x01\x93"
        f"(Vtouch {MARKER}\ntR."
    ).encode("latin-1")
    found["extension"] = b"\x80\x02\x82\x01)R."
    return found


def in_zip(pickled: bytes, others: Mapping[str, bytes] | None = None, **options: Any) -> bytes:
    """An archive as torch.save writes it, around a pickle."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, data in {"archive/version": b"3\n", **(others or {})}.items():
            archive.writestr(name, data)
    return stream.getvalue()


def legacy(pickled: bytes) -> bytes:
    """A file in the form of torch before 1.6, around a pickle."""
    parts = [pickle.dumps(each, 2) for each in (_LEGACY_MAGIC, _LEGACY_VERSION, {})]
    return b"".join([*parts, pickled, pickle.dumps([], 2)])


def storage_pickle(numel: int, shape: tuple[int, ...]) -> bytes:
    """The pickle of {"fc.weight": a tensor} that claims a storage of ``numel`` floats."""
    dims = b"".join(b"\x8a\x08" + struct.pack("<q", each) for each in shape)
    return (
        b"\x80\x02}X\x09\x00\x00\x00fc.weightctorch._utils\n_rebuild_tensor_v2\n("
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        b"\x8a\x08" + struct.pack("<q", numel) + b"tQK\x00(" + dims + b"t"
        b"(" + b"K\x01" * len(shape) + b"t\x89ccollections\nOrderedDict\n)RtRs."
    )


def refused(content: bytes, name: str = "weights") -> Diagnostic:
    """The error that a file in the current folder gives; nothing else comes of it, and the file goes."""
    path = pathlib.Path(name)
    path.write_bytes(content)
    found = refusal(path, net())
    assert [each.name for each in pathlib.Path().iterdir()] == [name], "something was written"
    assert path.read_bytes() == content
    path.unlink()
    assert len(found.summary) < 400 and found.summary.isprintable()
    return found
