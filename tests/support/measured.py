"""A command in a process of its own, measured: its exit, what it printed, its times and its peak memory.

On Linux a child's peak is never below what its parent held when it was started, and a test run holds much. So the
command is started by a small process between the two: this file, run as a script with nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MIB = 2**20
_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in what getrusage counts


@dataclass(frozen=True, slots=True)
class Run:
    """A process that ended: wall and processor seconds, and bytes. ``exit`` is None where it was stopped for its time."""

    exit: int | None
    stdout: str
    stderr: str
    seconds: float
    cpu: float
    peak: int

    @property
    def is_fault(self) -> bool:
        """Whether the compiler itself is to blame: whatever it was given, that is not to happen."""
        return self.exit == 4 or "Traceback" in self.stderr or "a fault of resnetc" in self.stderr


def resnetc(*arguments: str, folder: pathlib.Path, patience: float) -> Run:
    """A `resnetc` command in a folder, stopped after ``patience`` seconds."""
    return run([sys.executable, "-m", "resnet_compiler", *arguments], folder, patience)


def run(command: Sequence[str], folder: pathlib.Path, patience: float) -> Run:
    """Run a command in a folder, with this checkout's package."""
    starter = [sys.executable, "-I", "-S", __file__, str(patience), *command]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPATH": path, "COLUMNS": "120"}
    done = subprocess.run(starter, cwd=folder, env=environment, capture_output=True)
    printed, _, figures = done.stdout.decode(errors="replace").rstrip().rpartition("\n")
    return Run(stdout=printed, stderr=done.stderr.decode(errors="replace"), **json.loads(figures))


def _measure(patience: float, command: Sequence[str]) -> None:
    """Run the command, and print its figures as the last line."""
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.execv(command[0], command)
    late = False

    def stop(*_: object) -> None:
        nonlocal late
        late = True
        os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, patience)
    _, status, usage = os.wait4(child, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    seconds, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    code = None if late else os.waitstatus_to_exitcode(status)
    figures = {"exit": code, "seconds": seconds, "cpu": cpu, "peak": usage.ru_maxrss * _UNIT}
    print("\n" + json.dumps(figures))


if __name__ == "__main__":
    _measure(float(sys.argv[1]), sys.argv[2:])
