"""Golden cases: one folder is one case, run as a user would run it.

A case's folder holds its input files, `command` (what stands behind `resnetc`), and what must come of it: `stdout`,
`stderr` and `exit` (absent: nothing, and 0), and below `expected/` every file that is written or changed. The command
runs in a copy of the inputs; where there is a file `before`, that command has run there first. Our version and hashes
of specs are masked. After a wanted change, write all of them anew and read the difference:

    RESNETC_UPDATE_GOLDEN=1 python -m pytest tests/test_golden.py && git diff tests/golden
"""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from resnet_compiler.codes import catalogue

GOLDEN = pathlib.Path(__file__).parent / "golden"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/command"))
OUTCOMES = ("before", "command", "stdout", "stderr", "exit", "expected")
UPDATE = bool(os.environ.get("RESNETC_UPDATE_GOLDEN"))


@dataclass(frozen=True)
class Outcome:
    """What a command did: its exit code, what it printed, and the files it wrote, by path."""

    exit: int
    stdout: str
    stderr: str
    files: dict[str, str]


def masked(content: bytes) -> str:
    """The text without what changes with each release and with each edit of a shipped block."""
    text = content.decode(errors="backslashreplace")
    text = re.sub(r"\(sha256 [0-9a-f]{8}\)", "(sha256 MASKED)", text)
    return re.sub(r"resnetc \d+\.\d+\.\d+", "resnetc VERSION", text)


def files_in(folder: pathlib.Path) -> dict[str, str]:
    """Every file below a folder, by its path there."""
    return {
        path.relative_to(folder).as_posix(): masked(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def resnetc(command: pathlib.Path, work: pathlib.Path) -> subprocess.CompletedProcess[bytes]:
    arguments = [sys.executable, "-m", "resnet_compiler", *shlex.split(command.read_text())]
    return subprocess.run(arguments, cwd=work, capture_output=True)


def run(case: pathlib.Path, work: pathlib.Path) -> Outcome:
    work.mkdir()
    for path in case.iterdir():
        if path.name not in OUTCOMES:
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, work / path.name)
    if (case / "before").is_file():
        assert resnetc(case / "before", work).returncode == 0
    before = files_in(work)
    done = resnetc(case / "command", work)
    after = files_in(work)
    assert before.keys() <= after.keys(), "an input was deleted"
    written = {name: text for name, text in after.items() if before.get(name) != text}
    return Outcome(done.returncode, masked(done.stdout), masked(done.stderr), written)


def read(case: pathlib.Path) -> Outcome:
    def text(name: str, default: str = "") -> str:
        path = case / name
        return path.read_text("utf-8") if path.is_file() else default

    return Outcome(
        int(text("exit", "0")), text("stdout"), text("stderr"), files_in(case / "expected")
    )


def write(case: pathlib.Path, outcome: Outcome) -> None:
    shutil.rmtree(case / "expected", ignore_errors=True)
    texts = {f"expected/{name}": text for name, text in outcome.files.items()}
    texts |= {"stdout": outcome.stdout, "stderr": outcome.stderr}
    texts["exit"] = f"{outcome.exit}\n" if outcome.exit else ""
    for name, text in texts.items():
        path = case / name
        path.unlink(missing_ok=True)
        if text or name.startswith("expected/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, tmp_path: pathlib.Path) -> None:
    outcome = run(GOLDEN / name, tmp_path / "work")
    assert "Traceback" not in outcome.stderr, outcome.stderr
    if UPDATE:
        write(GOLDEN / name, outcome)
    wanted = read(GOLDEN / name)
    assert outcome.stderr == wanted.stderr
    assert outcome.stdout == wanted.stdout
    assert outcome.exit == wanted.exit
    assert outcome.files == wanted.files


def test_every_code_has_a_case() -> None:
    shown = {
        code
        for name in CASES
        for code in re.findall(r"RC\d{4}", read(GOLDEN / name).stderr + read(GOLDEN / name).stdout)
    }
    assert shown == {code.id for code in catalogue()}


def test_an_invalid_spec_is_exit_1_with_an_error_and_no_files() -> None:
    """What holds for every case, whatever its texts say."""
    for name in CASES:
        wanted = read(GOLDEN / name)
        said_error = re.search(r"^error\[RC", wanted.stderr, re.M) is not None
        fixes = (
            "--fix" in (GOLDEN / name / "command").read_text()
        )  # what can be mended is, if not all
        assert fixes or not (wanted.exit and wanted.files), name
        assert not (said_error and wanted.exit == 0), name
