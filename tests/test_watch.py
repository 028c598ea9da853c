"""`resnetc watch`, as a process beside an editor that saves files."""

from __future__ import annotations

import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

pytest.importorskip("watchfiles")

NET = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: mine, depth: 1, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""
MINE = """\
name: mine
parameters: {width: required}
residual:
  - conv1: {conv: {out: width, kernel: 3}}
"""
PATIENCE = 60
"""Seconds after which a line that should have come is given up; a line takes a fraction of one."""


class Watch:
    """A running watch, and its lines as they come."""

    def __init__(self, folder: pathlib.Path, *arguments: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "resnet_compiler", "watch", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def until(self, text: str) -> list[str]:
        """The lines up to one with this text."""
        seen = []
        while True:
            line = self.lines.get(timeout=PATIENCE)
            assert line is not None, f"it ended without a word of {text!r}:\n" + "\n".join(seen)
            seen.append(line)
            if text in line:
                return seen

    def save(self, name: str, text: str) -> None:
        """As many editors save: another file is written, and takes the name."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_text(text)
        os.replace(beside, path)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "blocks").mkdir()
    (tmp_path / "blocks" / "mine.yaml").write_text(MINE)
    return tmp_path


@pytest.fixture
def watch(folder: pathlib.Path) -> Iterator[Watch]:
    running = Watch(folder, "net.yaml", "-o", "out", "--target", "torch")
    running.until("Ctrl-C ends it")
    yield running
    running.process.kill()
    running.process.wait()


def test_it_builds_at_once_and_ends_cleanly(watch: Watch, folder: pathlib.Path) -> None:
    assert (folder / "out/net/model.py").is_file()
    assert watch.end() == 0
    left = []
    while (line := watch.lines.get(timeout=PATIENCE)) is not None:
        left.append(line)
    assert not any(left), left


def test_a_save_builds_again(watch: Watch, folder: pathlib.Path) -> None:
    watch.save("net.yaml", NET.replace("out: 10", "out: 77"))
    seen = watch.until("wrote out/net/model.py")
    assert "3 weighted layers" in seen[-1]
    assert "77" in (folder / "out/net/model.py").read_text()


def test_a_save_in_place_builds_again(watch: Watch, folder: pathlib.Path) -> None:
    (folder / "net.yaml").write_text(NET.replace("depth: 1", "depth: 3"))
    assert "5 weighted layers" in watch.until("wrote out/net/model.py")[-1]


def test_a_wrong_spec_leaves_what_was_built_and_a_right_one_replaces_it(
    watch: Watch, folder: pathlib.Path
) -> None:
    before = (folder / "out/net/model.py").read_bytes()
    watch.save("net.yaml", NET.replace("kernel", "kernal"))
    seen = "\n".join(watch.until("what was built before stays"))
    assert "did you mean `kernel`?" in seen and "^^^^^^" in seen
    assert (folder / "out/net/model.py").read_bytes() == before
    watch.save("net.yaml", NET.replace("kernel: 3", "kernel: 5"))
    watch.until("wrote out/net/model.py")
    assert (folder / "out/net/model.py").read_bytes() != before
    assert [each.name for each in (folder / "out/net").iterdir()] == ["model.py"]


def test_a_block_beside_the_spec_is_watched(watch: Watch) -> None:
    two = MINE + "  - conv2: {conv: {out: width, kernel: 3}}\n"
    watch.save("blocks/mine.yaml", two)
    assert "4 weighted layers" in watch.until("wrote out/net/model.py")[-1]


def test_what_it_extends_is_watched_once_it_does(watch: Watch, folder: pathlib.Path) -> None:
    (folder / "base").mkdir()
    (folder / "base" / "base.yaml").write_text(NET.replace("block: mine", "block: basic"))
    watch.save("net.yaml", "name: net\nextends: base/base.yaml\n")
    watch.until("watching net.yaml, base/base.yaml")
    watch.save("base/base.yaml", NET.replace("block: mine, depth: 1", "block: basic, depth: 4"))
    assert "10 weighted layers" in watch.until("wrote out/net/model.py")[-1]


def test_a_block_that_is_missing_is_seen_when_it_is_written(watch: Watch) -> None:
    watch.save("net.yaml", NET.replace("block: mine", "block: yours"))
    watch.until("what was built before stays")
    watch.save("blocks/yours.yaml", MINE.replace("mine", "yours"))
    watch.until("wrote out/net/model.py")


def test_a_spec_that_is_gone_is_seen_when_it_is_back(watch: Watch, folder: pathlib.Path) -> None:
    (folder / "net.yaml").unlink()
    watch.until("what was built before stays")
    watch.save("net.yaml", NET)
    watch.until("wrote out/net/model.py")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("no_such_spec",), "there is no spec"), (("imagenet",), "one spec is watched at a time")],
)
def test_misuse_is_told_at_once(
    folder: pathlib.Path, arguments: tuple[str, ...], said: str
) -> None:
    running = Watch(folder, *arguments)
    running.until(said)
    assert running.process.wait(timeout=PATIENCE) == 2


def test_without_the_extra_one_line_says_what_to_install(folder: pathlib.Path) -> None:
    code = (
        "import sys; sys.modules['watchfiles'] = None; sys.argv = ['resnetc', 'watch', 'net.yaml']; "
        "from resnet_compiler.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("\n") == 1
    assert "pip install 'resnet-compiler[watch]'" in done.stderr
