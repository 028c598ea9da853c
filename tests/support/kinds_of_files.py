"""The kinds of file that commands read: where one stands, what is around it, and the command that reads it."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from resnet_compiler.support.read import ReadError

Command = Callable[[], tuple[int, str]]
"""Does it in the folder that the process is in; the exit code, and all that was printed."""

NET = """\
name: net
input: {channels: 1, height: 8, width: 8}
stem: [{conv1: {conv: {out: 4, kernel: 3}}}, {bn1: norm}, {relu: act}]
stages: [{layer1: {block: basic, depth: 1, width: 4}}]
head: [{pool: global_avg_pool}, {fc: {linear: {out: 2}}}]
"""
USES_BLOCK = """\
name: user
stem: [{conv1: {conv: {out: 8, kernel: 3}}}, {gate: gate}]
stages: [{layer1: {block: basic, depth: 1, width: 8}}]
"""
BLOCK = "name: gate\nlayers: [{c: norm}]\n"
TRAIN = ("--epochs", "2", "--batch", "4", "--seed", "1", "--no-augment")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        file: where one stands, in a folder of its own.
        refused_with: exit codes of the command that has refused one.
        harmless: other kinds of file, and names of places, that the command may take after all.
        sound_others: kinds of file that are of this kind, too.
        writes: whether a command that ends with an error may have written before.
        is_named: whether the command names the file that it refuses, or the run's folder.
        has_contents: whether it matters what is in such a file.
        is_told: whether the command may tell of a file that a link leads to: the user named it.
    """

    file: pathlib.PurePath
    refused_with: tuple[int, ...] = (1, 2)
    harmless: tuple[str, ...] = ()
    sound_others: tuple[str, ...] = ()
    writes: bool = False
    is_named: bool = True
    has_contents: bool = True
    is_told: bool = False


_FOLDERS = ("nothing", "a folder", "a link to .", "a link to ..", "a link to /")
"""What is no picture of a folder of pictures, but perhaps another folder of them."""
_LOCKS = ("nothing", "an empty file", "a terabyte of nothing", "three gigabytes of nothing")
_RUN = ("run/run.json", "run/.resnetc-lock", "run/checkpoints/checkpoint-000000004.safetensors")
KINDS = {
    "spec": Kind(pathlib.PurePath("net.yaml"), is_told=True),
    "block": Kind(pathlib.PurePath("gate.yaml"), harmless=("nothing",)),
    "watched": Kind(pathlib.PurePath("net.yaml"), (0,), writes=True, is_told=True),
    "calibration picture": Kind(pathlib.PurePath("pictures/a.png"), (2,), _FOLDERS, ("a PNG",)),
    "training picture": Kind(pathlib.PurePath("classes/a/1.png"), (2,), ("nothing",), ("a PNG",)),
    "array": Kind(pathlib.PurePath("images.npy"), (2,), sound_others=("a NumPy array",)),
    "CIFAR file": Kind(pathlib.PurePath("cifar/data_batch_1.bin"), (2,), ("nothing",)),
    "checkpoint": Kind(pathlib.PurePath("weights.pt")),
    "ONNX": Kind(pathlib.PurePath("model.onnx")),
    "labels": Kind(pathlib.PurePath("labels.txt"), (2,), is_named=False),
    "table": Kind(pathlib.PurePath("table.csv"), (2,)),
    "record": Kind(
        pathlib.PurePath("record.jsonl"), (2,), ("nothing", "an empty file", "a JSON list")
    ),
    "run record": Kind(pathlib.PurePath(_RUN[0]), (2,), ("nothing",), writes=True),
    "run lock": Kind(pathlib.PurePath(_RUN[1]), (2,), _LOCKS, writes=True, has_contents=False),
    "run checkpoints": Kind(
        pathlib.PurePath("run/checkpoints"),
        (2,),
        ("nothing", "a folder"),
        writes=True,
        has_contents=False,
    ),
    "run checkpoint": Kind(pathlib.PurePath(_RUN[2]), (0,), ("nothing",), writes=True),
}


def invoke(*arguments: str) -> tuple[int, str]:
    """A command in this process; what it does not foresee is raised, but for what the command line answers itself."""
    from typer.testing import CliRunner

    from resnet_compiler.cli import app

    done = CliRunner().invoke(app, arguments)
    if isinstance(done.exception, ReadError):  # `cli.main` prints it, and ends with 2
        return 2, f"{done.output}{done.exception}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def _export(*arguments: str) -> Command:
    return lambda: invoke("export", "spec.yaml", "-o", "out.onnx", "--no-verify", *arguments)


def _train(data: str) -> Command:
    return lambda: invoke("train", "spec.yaml", "--data", data, "-o", "run", *TRAIN)


def _watch() -> tuple[int, str]:
    """What `watch` does when a spec that was sound has become what stands there now."""
    import watchfiles

    there, aside = pathlib.Path("net.yaml"), pathlib.Path("aside")
    is_there = there.is_symlink() or there.exists()
    if is_there:
        there.rename(aside)
    there.write_text(NET)

    def saved_once(*folders: object, **options: object):  # type: ignore[no-untyped-def]
        if is_there and not os.path.lexists(aside):  # asked a second time
            raise KeyboardInterrupt
        there.unlink(missing_ok=True)
        if is_there:
            aside.rename(there)
        yield {(1, "net.yaml")}
        raise KeyboardInterrupt

    before, watchfiles.watch = watchfiles.watch, saved_once
    try:
        return invoke("watch", "net.yaml", "-o", "out", "--target", "torch")
    finally:
        watchfiles.watch = before


def _record() -> tuple[int, str]:
    """The part of `bench --record` that reads; the rest takes seconds."""
    import typer

    from resnet_compiler.commands.bench import checked_record

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            checked_record(pathlib.Path("record.jsonl"))
    except typer.Exit as ending:
        return ending.exit_code, said.getvalue()
    return 0, ""


COMMANDS: dict[str, Command] = {
    "spec": lambda: invoke("check", "net.yaml"),
    "block": lambda: invoke("check", "spec.yaml"),
    "watched": _watch,
    "calibration picture": _export("--precision", "int8", "--calibration", "pictures"),
    "training picture": _train("folder:classes"),
    "array": _export("--precision", "int8", "--calibration", "images.npy"),
    "CIFAR file": _train("cifar10:cifar"),
    "checkpoint": lambda: invoke("check", "spec.yaml", "--weights", "weights.pt"),
    "ONNX": lambda: invoke("inspect", "model.onnx"),
    "labels": _export("--labels", "labels.txt"),
    "table": lambda: invoke("lab", "plot", "table.csv", "-o", "plots", "--kind", "svg"),
    "record": _record,
    "run record": _train("folder:classes"),
    "run lock": _train("folder:classes"),
    "run checkpoints": _train("folder:classes"),
    "run checkpoint": _train("folder:classes"),
}


def prepared(kind: str, folder: pathlib.Path, path: pathlib.Path) -> None:
    """Put into the folder what the command needs beside the file."""
    from resnet_compiler.output import write_new

    if kind == "block":
        write_new(folder / "spec.yaml", [USES_BLOCK.encode()])
    elif kind == "CIFAR file":
        write_new(folder / "spec.yaml", [NET.replace("channels: 1", "channels: 3").encode()])
    elif kind not in ("spec", "watched", "ONNX"):
        write_new(folder / "spec.yaml", [NET.encode()])
    if kind.startswith("run"):
        shutil.copytree(sound_run() / "run", folder / "run")
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "calibration picture":
        _draw(path.with_name("b.png"), 1)
    elif kind == "CIFAR file":
        path.with_name("test_batch.bin").write_bytes(bytes(3073 * 4))
    elif kind == "training picture" or kind.startswith("run"):
        for number, name in enumerate(("a", "b")):
            (folder / "classes" / name).mkdir(parents=True, exist_ok=True)
            for which in range(2, 6):
                _draw(folder / "classes" / name / f"{which}.png", 10 * number + which)


def _draw(path: pathlib.Path, seed: int) -> None:
    import numpy as np
    from PIL import Image

    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)).save(path)


@functools.cache
def sound_run() -> pathlib.Path:
    """A folder with a run that ended: `run`, with its two checkpoints."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hostile-run-"))
    (folder / "spec.yaml").write_text(NET)
    here = os.getcwd()
    os.chdir(folder)
    try:
        (folder / "run").mkdir()
        for number, name in enumerate(("a", "b")):
            (folder / "classes" / name).mkdir(parents=True)
            for which in range(2, 6):
                _draw(folder / "classes" / name / f"{which}.png", 10 * number + which)
        code, said = COMMANDS["run record"]()
    finally:
        os.chdir(here)
    assert code == 0, said
    return folder
