"""What the benchmarks share: commands run in turns, each as a process of its own, and their times as a table.

Nothing here imports what it measures, so that this process stays small: on Linux a child's peak memory is never below
what its parent had when it was started. It works where `os.wait4` does: on Linux and macOS.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESNETC = str(pathlib.Path(sys.executable).with_name("resnetc"))
MIB = 2**20
_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes in what getrusage counts


@dataclass(frozen=True, slots=True)
class Command:
    """A process to measure: what the table calls it, and its arguments."""

    label: str
    arguments: tuple[str, ...]


def python(code: str) -> Command:
    """A line of Python in an interpreter of its own."""
    return Command(f'python -c "{code}"', (sys.executable, "-c", code))


def resnetc(*arguments: str, label: str = "") -> Command:
    """A `resnetc` command, of the environment that this runs in."""
    return Command(label or f"resnetc {' '.join(arguments)}", (RESNETC, *arguments))


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall and processor time in seconds, peak resident memory in bytes, and what it printed."""

    wall: float
    cpu: float
    peak: int
    output: str


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of one command."""

    label: str
    runs: tuple[Run, ...]

    @property
    def wall(self) -> float:
        """The median wall time in seconds."""
        return statistics.median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        """The median processor time, user and system, in seconds: what other work on the machine disturbs least."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """The median peak memory in bytes."""
        return statistics.median(run.peak for run in self.runs)

    @property
    def spread(self) -> str:
        """The least and the greatest wall time."""
        times = [run.wall for run in self.runs]
        return f"{min(times):.3f}..{max(times):.3f}"

    def as_dict(self) -> dict[str, Any]:
        """The medians and every run, for `--json`; without what was printed."""
        runs = [
            {key: value for key, value in asdict(run).items() if key != "output"}
            for run in self.runs
        ]
        medians = {"wall": self.wall, "cpu": self.cpu, "peak": self.peak}
        return {"label": self.label, **medians, "runs": runs}


def run_once(command: Command) -> Run:
    """Run one process to its end, from the root of the repository.

    Raises:
        RuntimeError: it failed; the message ends with what it wrote to standard error.
    """
    # Byte code is kept, as for any installed package, also where this shell turns that off.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            command.arguments, cwd=ROOT, env=environment, stdout=output, stderr=errors
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed, complaint = (
            (stream.seek(0), stream.read().decode(errors="replace"))[1]
            for stream in (output, errors)
        )
    if process.returncode != 0:
        raise RuntimeError(f"{command.label}: exit {process.returncode}\n{complaint[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _PEAK_UNIT, printed)


def in_turns(commands: Sequence[Command], runs: int, warm_ups: int = 1) -> list[Result]:
    """Run every command ``runs`` times, in rounds, so that what disturbs the machine disturbs all alike.

    The first ``warm_ups`` rounds fill the caches and do not count.
    """
    counted: dict[str, list[Run]] = {command.label: [] for command in commands}
    for turn in range(warm_ups + runs):
        for command in commands:
            note(f"round {turn + 1} of {warm_ups + runs}: {command.label}")
            run = run_once(command)
            if turn >= warm_ups:
                counted[command.label].append(run)
    note("")
    return [Result(label, tuple(each)) for label, each in counted.items()]


def note(text: str) -> None:
    """Say on a terminal what is going on, in place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in (head, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def machine(*packages: str) -> dict[str, str]:
    """The processor and the versions that figures hold for; nothing that names the machine."""
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load": ", ".join(f"{value:.2f}" for value in os.getloadavg()),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def _processor() -> str:
    """What the processor calls itself."""
    information = pathlib.Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def parser(about: str, runs: int) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    options = argparse.ArgumentParser(description=about.partition("\n")[0])
    options.add_argument("--runs", type=int, default=runs, help=f"how often; {runs} by default")
    options.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write figures there")
    return options


def report(
    title: str,
    found_on: Mapping[str, str],
    texts: Sequence[str],
    file: pathlib.Path | None,
    figures: Mapping[str, Any],
) -> None:
    """Print a benchmark's outcome; with a file, write its figures there as JSON."""
    print(f"{title}\n{' · '.join(f'{key} {value}' for key, value in found_on.items())}")
    for text in texts:
        print(f"\n{text}")
    if file is not None:
        content = {"machine": dict(found_on), **figures}
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
