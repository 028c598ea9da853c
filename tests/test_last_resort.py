"""What no command foresees ends in a line: a fault of our own, Ctrl-C at any time, streams that are closed or full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from resnet_compiler import cli
from resnet_compiler.console import FAULT, FINE, MISUSE
from resnet_compiler.faults import CompilerFault, ReadBackError
from resnet_compiler.support.read import ReadError

MAIN = "from resnet_compiler.cli import main\nmain()\n"


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    kept = {name: value for name, value in os.environ.items() if name != cli.TRACE}
    return subprocess.run(
        command,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


# --- faults ---

RAISES = """
from resnet_compiler import pipeline
def wrong(*arguments, **named):
    return {}["layer1.0.proj"]
pipeline.compile_file = wrong
"""


def test_a_fault_is_a_line_that_says_where_to_report_it() -> None:
    done = python(RAISES + MAIN, "check", "resnet18")
    assert done.returncode == FAULT and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("resnetc: a fault of resnetc itself, not of what it was given: KeyError")
    assert "'layer1.0.proj'" in line and "(console.py, line " in line
    assert "issue tracker" in line and "RESNETC_TRACE=1" in line


def test_its_trace_is_printed_when_it_is_asked_for() -> None:
    done = python(RAISES + MAIN, "check", "resnet18", RESNETC_TRACE="1")
    assert done.returncode == FAULT
    assert done.stderr.startswith("Traceback") and '{}["layer1' not in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("resnetc: a fault of resnetc itself")


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        (CompilerFault("the sides differ"), FAULT, "the sides differ. Please report"),
        (ReadBackError("fc", "stride", 1, 2, "model.py"), FAULT, "fc: stride is 1 in the graph"),
        (RecursionError("too deep\nby far"), FAULT, "RecursionError: too deep by far"),
        (ValueError("\x1b[31m"), FAULT, "\\x1b[31m"),
        (ReadError("a.npy", "it is empty"), MISUSE, "a.npy cannot be read: it is empty"),
        (OSError(errno.EBADF, "Bad file descriptor"), MISUSE, "standard output: it is closed"),
        (OSError(28, "No space left on device", "/t/x"), MISUSE, "/t/x: no space left on device"),
        (OSError(30, "Read-only file system"), MISUSE, "read-only file system"),
        (OSError(22, "Invalid argument"), FAULT, "OSError: [Errno 22]"),
        (KeyboardInterrupt(), cli.INTERRUPTED, "stopped"),
    ],
)
def test_a_line_for_each(
    reason: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._last_resort(reason, cli._Interrupt()) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("resnetc: ") and said in line


def test_what_an_interrupted_import_raises_is_an_interruption(
    capsys: pytest.CaptureFixture[str],
) -> None:
    interrupt = cli._Interrupt()
    interrupt.was_sent = True
    assert cli._last_resort(ImportError("numpy is broken"), interrupt) == cli.INTERRUPTED
    assert capsys.readouterr().err == "resnetc: stopped\n"


# --- Ctrl-C ---

INTERRUPTS = """
import os, signal, sys
class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupts())
"""


@pytest.mark.parametrize(
    "name",
    [
        "resnet_compiler.support",
        "resnet_compiler.support.streams",
        "typer",
        "pydantic",
        "resnet_compiler.pipeline",
    ],
)
def test_an_interruption_while_it_starts(name: str) -> None:
    done = python(INTERRUPTS.format(name=name) + MAIN, "check", "resnet18")
    assert done.returncode == cli.INTERRUPTED
    assert done.stdout == "" and len(done.stderr.splitlines()) <= 1
    assert "Traceback" not in done.stderr


# --- streams ---

CHECK, WRONG_NAME = "check resnet18", "check no_such_spec"


@pytest.mark.parametrize(
    ("command", "streams", "code", "said"),
    [
        (CHECK, "2>&-", FINE, ""),
        (CHECK, "<&- 2>&-", FINE, ""),
        (CHECK, ">&-", MISUSE, "resnetc: cannot write to standard output: it is closed\n"),
        (CHECK, ">&- 2>&-", MISUSE, ""),
        (CHECK, "> /dev/full", MISUSE, "resnetc: cannot write to standard output: no space left"),
        ("summary resnet152 --depth layer", "> /dev/full", MISUSE, "no space left on device\n"),
        (WRONG_NAME, "2>&-", MISUSE, ""),
        (WRONG_NAME, "2> /dev/full", MISUSE, ""),
        ("check --no-such-option", "2>&-", MISUSE, ""),
    ],
)
def test_streams_that_are_closed_or_full(command: str, streams: str, code: int, said: str) -> None:
    if "/dev/full" in streams and not os.path.exists("/dev/full"):
        pytest.skip("this system has no full device")
    shell = f'exec "$0" -m resnet_compiler {command} {streams}'
    done = subprocess.run(["sh", "-c", shell, sys.executable], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    assert said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == bool(said)


def test_no_file_is_opened_in_the_place_of_a_closed_stream() -> None:
    code = "import os\nfrom resnet_compiler.support import streams\nstreams.set_up()\n"
    code += "number = os.open('/dev/null', os.O_RDONLY)\nos._exit(number)\n"
    shell = '"$0" -c "$1" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", shell, sys.executable, code])
    assert done.returncode > 2
