"""Where outputs cannot go: names that are too long, places that take nothing, a full disk. A line, exit 2, nothing harmed."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest
from support.kinds_of_files import NET, invoke

from resnet_compiler import output
from resnet_compiler.console import MISUSE

TABLE = "family,depth,seed,epoch,loss,training_error,held_out_error\nplain,20,0,1,1.0,0.5,0.5\n"
COMMANDS = {
    "build": (["build", "net.yaml", "--target", "torch", "-o"], ""),
    "build a file": (["build", "net.yaml", "-o"], ".py"),
    "export": (["export", "net.yaml", "--no-verify", "-o"], ".onnx"),
    "view": (["view", "net.yaml", "-o"], ".html"),
    "draw": (["draw", "net.yaml", "-o"], ".svg"),
    "plot": (["lab", "plot", "table.csv", "--kind", "svg", "-o"], ""),
    "watch": (["watch", "net.yaml", "--target", "torch", "-o"], ""),
}
PLACES = {
    "a name of 256 characters": "x" * 256,
    "a name of 300 characters": "x" * 300,
    "a path of 6,000 characters": "a/" * 3000 + "x",
    "a name with a NUL": "x\0y",
    "below a file": "net.yaml/x",
    "below a link to itself": "circle/x",
    "in a file system of the system's": "/proc/x/y",
    "below a device": "/dev/null/x",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "table.csv").write_text(TABLE)
    (tmp_path / "circle").symlink_to("circle")
    return tmp_path


def refused(command: str, place: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a command says of that place; nothing is changed meanwhile."""
    arguments, suffix = COMMANDS[command]
    if command == "watch":  # once is enough
        monkeypatch.setattr("watchfiles.watch", interrupted)
    before = names()
    code, said = invoke(*arguments, place + suffix)
    assert code in ((0, MISUSE) if command == "watch" else (MISUSE,)), said
    assert "error" in said or "resnetc:" in said or "Error: " in said
    assert "Traceback" not in said and names() == before
    return said


def interrupted(*folders: object, **options: object) -> Any:
    raise KeyboardInterrupt


def names() -> list[str]:
    return sorted(path.as_posix() for path in pathlib.Path().rglob("*"))


FEW = ("a name of 256 characters", "below a file")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        *(("build a file", place) for place in PLACES),
        *((command, place) for command in COMMANDS if command != "build a file" for place in FEW),
    ],
)
def test_places_that_take_nothing(
    command: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(command, PLACES[place], monkeypatch)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("command", COMMANDS)
def test_disks_that_take_nothing(
    command: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object, **named: object) -> None:
        raise OSError(number, os.strerror(number))

    if number == errno.EROFS:
        monkeypatch.setattr(output, "open", fails, raising=False)
    else:
        monkeypatch.setattr(os, "fsync", fails)
    said = refused(command, "out", monkeypatch)
    assert os.strerror(number).lower() in said


@pytest.mark.parametrize("command", ["build a file", "export", "view", "draw"])
def test_a_pipe_or_a_device_is_not_replaced(
    command: str, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / f"out{COMMANDS[command][1]}"
    os.mkfifo(path)
    assert "a pipe or a device" in refused(command, "out", monkeypatch)
    assert path.is_fifo()


def test_a_name_of_200_characters_is_a_name(folder: pathlib.Path) -> None:
    code, said = invoke("build", "net.yaml", "-o", "x" * 200 + ".py")
    assert code == 0 and (folder / ("x" * 200 + ".py")).is_file(), said


@pytest.mark.skipif(os.name == "nt", reason="no such limit")
def test_a_file_that_may_not_grow(folder: pathlib.Path) -> None:
    """The system's own error, in the middle of a file."""
    shell = 'ulimit -f 1; exec "$0" -m resnet_compiler build resnet18 --target torch -o out'
    done = subprocess.run(["sh", "-c", shell, sys.executable], capture_output=True, text=True)
    assert done.returncode == MISUSE and "Traceback" not in done.stderr
    assert "error[RC0501]: cannot write out/resnet18/model.py: file too large" in done.stderr
    assert not (folder / "out").exists()


PERMISSIONS = """
import json, pathlib, sys
sys.path.insert(0, {tests!r})
from support.privileges import drop
assert drop()
from support.hostile_files import PLACES, meet
from support.kinds_of_files import invoke
(forbidden,) = (each for each in PLACES if each.name == "a file that nobody may read")
for kind in ("spec", "block", "watched", "array", "calibration picture", "labels", "ONNX"):
    met = meet(kind, forbidden)
    print(json.dumps([kind, met.exit, met.said, met.wrong]))
pathlib.Path("closed").mkdir(0o500)
print(json.dumps(["closed", *invoke("build", "net.yaml", "-o", "closed/net.py"), []]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="where root can give up its rights")
def test_permissions_hold_for_those_who_are_not_root() -> None:
    code = PERMISSIONS.format(tests=str(pathlib.Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [
        *(["spec", 1], ["block", 1], ["watched", 0], ["array", 2], ["calibration picture", 2]),
        *(["labels", 2], ["ONNX", 1], ["closed", 2]),
    ]
    for kind, _, said, wrong in lines:
        assert ("permission denied" in said or "is not readable" in said) and not wrong, said
        assert kind not in ("spec", "block", "watched") or "error[RC0101]: cannot read" in said
