"""Files are written all or not at all: whatever fails, the old tree is there or the new one, and nothing beside it."""

from __future__ import annotations

import errno
import os
import pathlib
import random
import shutil
import subprocess
import sys
import textwrap
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from resnet_compiler import SpecError, output
from resnet_compiler.output import write_all

Tree = dict[str, bytes | str | None]
NAMES = ("one/model.py", "one/model.onnx", "two/deep/model.py", "three/model.py")


def tree(folder: pathlib.Path) -> Tree:
    """Every file with its content, every link with its target, every folder."""
    return {
        path.relative_to(folder).as_posix(): (
            os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
        )
        for path in sorted(folder.rglob("*"))
    }


def contents(word: bytes) -> dict[str, list[bytes]]:
    return {name: [word, name.encode(), b"end"] for name in NAMES}


def files(folder: pathlib.Path, word: bytes = b"new") -> dict[pathlib.Path, list[bytes]]:
    return {folder / name: pieces for name, pieces in contents(word).items()}


def empty(folder: pathlib.Path) -> None:
    """Nothing is there, not even the folders."""


def some(folder: pathlib.Path) -> None:
    """Some targets are there: files, and a link to a file that stays as it is."""
    (folder / "one").mkdir()
    (folder / "one" / "model.py").write_bytes(b"old")
    (folder / "one" / "model.onnx").write_bytes(b"old too")
    (folder / "three").mkdir()
    (folder / "linked").write_bytes(b"linked")
    (folder / "three" / "model.py").symlink_to("../linked")


def nothing_to_find(folder: pathlib.Path) -> None:
    """As `some`, with a link that leads nowhere."""
    some(folder)
    (folder / "linked").unlink()


STARTS = {"empty": empty, "some": some, "a broken link": nothing_to_find}


# --- a failure at each step ---


@dataclass
class Failing:
    """Counts the calls that touch the disk, and raises in one of them: before it does anything, or behind it."""

    at: int
    reason: type[BaseException]
    is_behind: bool
    count: int = 0

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            fails = self.count == self.at
            if fails and not self.is_behind:
                self.fail()
            result = function(*arguments, **named)
            if fails:
                self.fail()
            return result

        return call

    def fail(self) -> None:
        raise OSError(errno.EIO, "Input/output error") if self.reason is OSError else self.reason

    @property
    def is_reached(self) -> bool:
        return self.count >= self.at


class Stream:
    """A file whose every step can fail."""

    def __init__(self, stream: Any, failing: Failing) -> None:
        self.stream = stream
        self.write, self.flush = failing(stream.write), failing(stream.flush)
        self.fileno, self.close = stream.fileno, failing(stream.close)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *reason: object) -> None:
        try:
            self.close()
        finally:
            self.stream.close()


class Module:
    """A module for `output` alone, some of whose functions can fail."""

    def __init__(self, real: types.ModuleType, failing: Failing, *names: str) -> None:
        self.real = real
        vars(self).update({name: failing(getattr(real, name)) for name in names})

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def break_at(failing: Failing, patch: pytest.MonkeyPatch, links: bool) -> None:
    steps = Module(os, failing, "mkdir", "replace", "rmdir", "lstat", "open", "close")
    steps.fsync = failing(lambda handle: None)  # what it does is not seen here
    steps.link = failing(os.link if links else no_link)
    patch.setattr(output, "os", steps)
    patch.setattr(output, "shutil", Module(shutil, failing, "copy2"))
    for name in ("unlink", "is_dir"):
        patch.setattr(pathlib.Path, name, failing(getattr(pathlib.Path, name)))
    patch.setattr(output, "open", partial(opened, failing), raising=False)


def opened(failing: Failing, path: pathlib.Path, mode: str) -> Stream:
    streams = []

    def really() -> Stream:
        streams.append(open(path, mode))  # noqa: SIM115
        return Stream(streams[0], failing)

    try:
        return failing(really)()
    except BaseException:
        for stream in streams:  # which nobody else can close
            stream.close()
        raise


def no_link(*arguments: object, **named: object) -> None:
    raise OSError(errno.EPERM, "no links here")


def outcome(
    folder: pathlib.Path, failing: Failing, links: bool, given: dict[pathlib.Path, Any]
) -> BaseException | None:
    """What came of writing with that failure."""
    with pytest.MonkeyPatch.context() as patch:
        break_at(failing, patch, links)
        try:
            write_all(given)
        except BaseException as raised:
            return raised
    return None


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("is_behind", [False, True], ids=["before", "behind"])
@pytest.mark.parametrize("reason", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("start", STARTS)
def test_a_failure_at_each_step(
    start: str,
    reason: type[BaseException],
    is_behind: bool,
    links: bool,
    tmp_path: pathlib.Path,
) -> None:
    seen = set()
    for at in range(1, 1000):
        folder = tmp_path / str(at)
        folder.mkdir()
        STARTS[start](folder)
        old = tree(folder)
        failing = Failing(at, reason, is_behind)
        raised = outcome(folder, failing, links, files(folder))
        found = tree(folder)
        new = old | dict.fromkeys(("one", "two", "two/deep", "three"))
        new |= {name: b"".join(pieces) for name, pieces in contents(b"new").items()}
        assert found in (old, new), at
        if raised is None:
            assert found == new, at
        else:
            assert isinstance(raised, SpecError if reason is OSError else reason), (at, raised)
            if reason is OSError:
                assert found == old and "RC0501" in str(raised), at
        seen.add(found == new)
        if not failing.is_reached:
            break
    assert raised is None and at > 50
    assert seen == {True, False}


@pytest.mark.parametrize("reason", [ValueError, OSError, MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("start", STARTS)
def test_content_that_fails_in_the_middle(
    start: str, reason: type[BaseException], tmp_path: pathlib.Path
) -> None:
    """And one more failure while that is put in order: at each step again."""

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise reason

    for number in range(len(NAMES)):
        for at in range(1, 1000):
            folder = tmp_path / f"{number}.{at}"
            folder.mkdir()
            STARTS[start](folder)
            old = tree(folder)
            failing = Failing(at, OSError, False)
            given: dict[pathlib.Path, Any] = {**files(folder), folder / NAMES[number]: pieces()}
            raised = outcome(folder, failing, True, given)
            assert isinstance(raised, (reason, SpecError)), at
            assert tree(folder) == old, at
            if not failing.is_reached:
                break


def test_nothing_to_write() -> None:
    assert write_all({}) == {}


def test_a_folder_stands_where_a_file_should(tmp_path: pathlib.Path) -> None:
    (tmp_path / NAMES[-1]).mkdir(parents=True)
    before = tree(tmp_path)
    with pytest.raises(SpecError, match=r"RC0501.*is a directory"):
        write_all(files(tmp_path))
    assert tree(tmp_path) == before


def test_a_file_stands_where_a_folder_should(tmp_path: pathlib.Path) -> None:
    (tmp_path / "three").write_bytes(b"old")
    before = tree(tmp_path)
    with pytest.raises(SpecError, match=r"RC0501.*not a directory"):
        write_all(files(tmp_path))
    assert tree(tmp_path) == before


def test_what_somebody_else_puts_there_meanwhile_stays(tmp_path: pathlib.Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        (tmp_path / "two" / "theirs").write_bytes(b"theirs")
        raise ValueError

    with pytest.raises(ValueError):
        write_all({tmp_path / "two" / "model.py": pieces()})
    assert tree(tmp_path) == {"two": None, "two/theirs": b"theirs"}


def test_a_file_has_the_rights_that_others_have(tmp_path: pathlib.Path) -> None:
    (tmp_path / "theirs").write_bytes(b"")
    write_all({tmp_path / "ours": [b""]})
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "theirs").stat().st_mode


def test_files_and_the_folders_they_are_in_are_synced(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, real = [], os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_all(files(tmp_path))
    places = {each for name in NAMES for each in (tmp_path / name, *(tmp_path / name).parents)}
    inside = [each for each in places if each.is_relative_to(tmp_path)]
    assert {each.stat().st_ino for each in inside} == set(synced)


# --- what the system does ---


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="every folder can be written by this user"
)
def test_a_folder_that_cannot_be_written(tmp_path: pathlib.Path) -> None:
    some(tmp_path)
    before = tree(tmp_path)
    (tmp_path / "three").chmod(0o500)
    try:
        with pytest.raises(SpecError, match=r"RC0501.*permission denied"):
            write_all(files(tmp_path))
        assert tree(tmp_path) == before
    finally:
        (tmp_path / "three").chmod(0o700)


BUILD = [sys.executable, "-m", "resnet_compiler", "build", "resnet20", "-o"]


def test_no_room_on_the_disk(tmp_path: pathlib.Path) -> None:
    """A limit on the size of files is the full disk that needs no rights; its signal does not end the command."""
    resource = pytest.importorskip("resource", reason="no limits can be set here")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    (tmp_path / "resnet20").mkdir()
    (tmp_path / "resnet20" / "model.py").write_bytes(b"old")
    before = tree(tmp_path)
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*BUILD, str(tmp_path)], preexec_fn=limit, capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2
    assert "RC0501" in done.stderr and "file too large" in done.stderr
    assert tree(tmp_path) == before


LOOP = """
    import itertools, pathlib, sys
    from resnet_compiler.output import write_all

    folder = pathlib.Path(sys.argv[1])
    for number in itertools.count():
        piece = bytes([number % 256]) * 1000
        write_all({folder / name: (piece for _ in range(100)) for name in ("model.py", "model.onnx")})
        print(number, flush=True)
"""


def test_a_process_that_is_killed(tmp_path: pathlib.Path) -> None:
    """Each file is whole, an old one or a new one; a name that was staged may be left, as nobody can take it away."""
    draw = random.Random(0)
    for _ in range(10):
        command = [sys.executable, "-c", textwrap.dedent(LOOP), str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(draw.random() / 50)
        process.kill()
        process.stdout.close()
        process.wait()
        for name in ("model.py", "model.onnx"):
            content = (tmp_path / name).read_bytes()
            assert len(content) == 100_000 and len(set(content)) == 1
