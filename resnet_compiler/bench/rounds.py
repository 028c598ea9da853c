"""Contenders as processes, started one after the other, then timed in turns: what disturbs the machine disturbs all alike."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from resnet_compiler.bench.hardware import environment
from resnet_compiler.bench.jobs import CannotRun, Job

WORKER = (sys.executable, "-m", "resnet_compiler.bench.worker")
WARM_UPS = 2
"""Rounds that do not count: caches fill, and clocks rise."""


class Process:
    """A worker and its job. It ends with `close`, or with the process that started it, whose pipe it reads.

    Attributes:
        ready: seconds from the start of the job to the end of its first run: importing, loading, compiling.
        of: whose model it runs, where its name does not tell.
    """

    def __init__(self, job: Job, command: Sequence[str] = WORKER) -> None:
        """Start it, and wait until it is ready.

        Raises:
            CannotRun: it cannot take part.
        """
        self.job = job
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            env=environment(job.threads),
        )
        try:
            answer = self._ask(job.text())
            if "refused" in answer:
                raise CannotRun(answer["refused"])
        except BaseException:
            self.close()
            raise
        self.ready: float = answer["ready"]
        self.of: str = answer["of"]

    def turn(self) -> float:
        """Seconds of one run.

        Raises:
            CannotRun: the process has ended.
        """
        return float(self._ask(json.dumps("turn"))["seconds"])

    def memory(self) -> tuple[int, int | None]:
        """The process's peak in bytes, and what it holds of the device's memory."""
        found = self._ask(json.dumps("memory"))
        return found["peak"], found["held"]

    def close(self) -> None:
        """End it, and wait until it has ended."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def _ask(self, line: str) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        try:
            stdin.write(line + "\n")
            stdin.flush()
            answer = stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise CannotRun(self._why())
        return json.loads(answer)

    def _why(self) -> str:
        """Why it has ended: its last words."""
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"its process ended with {code}" + (f": {said[-1][:200]}" if said else "")


def in_rounds(
    processes: Mapping[str, Process], runs: int, note: Callable[[str], None]
) -> dict[str, list[float]]:
    """Seconds of every process in every round that counts, by label. One that ends on the way is left out.

    In each round the order is another, since what runs first finds the caches as the last left them.
    """
    times: dict[str, list[float]] = {label: [] for label in processes}
    order, shuffled = list(processes), random.Random(0)
    for number in range(WARM_UPS + runs):
        note(f"round {number + 1} of {WARM_UPS + runs}")
        shuffled.shuffle(order)
        for label in order:
            if label not in times:
                continue
            try:
                seconds = processes[label].turn()
            except CannotRun:
                del times[label]
                continue
            if number >= WARM_UPS:
                times[label].append(seconds)
    return times


def paired(slower: Sequence[float], faster: Sequence[float]) -> tuple[float, float, float]:
    """The ratio of two contenders' times in the same round: lower quartile, median, upper quartile."""
    low, middle, high = quartiles([a / b for a, b in zip(slower, faster, strict=True)])
    return low, middle, high


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median, upper quartile; of one value, that."""
    if len(values) == 1:
        return (values[0],) * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def terminal_note(text: str) -> None:
    """Say on a terminal what is going on, in place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)
