"""Many random and mutated inputs: each must end with exit 0 or 1, in 2 s of processor time and 300 MB, without a traceback.

    nice python tests/campaigns/inputs.py --count 10000 --start 0 [--jobs 2]

Inputs go by number (tests/support/inputs.py). Workers try them one after the other and are replaced when they have grown;
what was slow or made a worker grow is tried again in a process of its own, by the command that a user would give.
Printed are the counts, the worst time and the worst memory. An input that goes wrong is made smaller and written to
tests/regressions/inputs/, where the default tests find it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import queue
import re
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from support.inputs import SPEC, input_of, write  # noqa: E402
from support.measured import MIB, resnetc  # noqa: E402
from support.trial import LIMIT, Failure, attempt, peak, smallest  # noqa: E402

MOST = 300 * MIB
"""Memory that a process may take which checks one input."""
GROWN = 250 * MIB
"""A worker that has held so much is replaced."""
SUSPECT = 60 * MIB
"""An input that makes a worker grow by so much is tried again on its own."""
SLOW = 1.0
"""Processor seconds in a worker after which it is, too."""
PATIENCE = 120.0
"""Wall seconds for one input, after which its worker is ended: a hang does no work that could be measured."""
REGRESSIONS = TESTS / "regressions" / "inputs"


def work(start: int, stop: int) -> None:
    """Try inputs and print what comes of each as a line; end early when this process has grown."""
    for number in range(start, stop):
        print(
            json.dumps({"number": number}), flush=True
        )  # begun: if no more is heard, it is this one
        given, before = input_of(number), peak()
        found = attempt(given.files)
        line: dict[str, Any] = {"number": number, "kind": given.kind, "grown": peak() - before}
        if isinstance(found, Failure):
            folder = REGRESSIONS / re.sub(r"\W+", "_", f"{found.kind} {number}").lower()
            write(smallest(given.files, found), folder)
            line |= {"failure": found.kind, "text": found.text}
        else:
            line |= {"exit": found.exit, "checking": found.checking, "emitting": found.emitting}
        print(json.dumps({**line, "peak": peak()}), flush=True)
        if peak() > GROWN:
            return


def lines_of(start: int, stop: int) -> Iterator[dict[str, Any]]:
    """What one worker after the other has to say of the inputs from ``start`` to ``stop``."""
    while start < stop:
        command = [sys.executable, __file__, "--worker", str(start), str(stop)]
        worker = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None and worker.stderr is not None
        watch = threading.Timer(PATIENCE, worker.kill)
        begun = start
        for text in worker.stdout:
            watch.cancel()
            watch = threading.Timer(PATIENCE, worker.kill)
            watch.start()
            line = json.loads(text)
            begun = line["number"]
            if len(line) > 1:
                yield line
                start = begun + 1
        watch.cancel()
        complaint = worker.stderr.read()
        if worker.wait() != 0:
            yield {"number": begun, "failure": "the worker ended", "text": complaint, "peak": 0}
            start = begun + 1


def again(number: int) -> tuple[str | None, float, int]:
    """Check an input by the command in a process of its own: what is wrong, seconds, and bytes."""
    given = input_of(number)
    with tempfile.TemporaryDirectory() as folder:
        write(given.files, pathlib.Path(folder))
        done = resnetc("check", SPEC, folder=pathlib.Path(folder), patience=PATIENCE)
    wrong = [
        f"exit {done.exit}" if done.exit not in (0, 1) else "",
        "a fault of the compiler" if done.is_fault else "",
        f"{done.cpu:.1f} s" if done.cpu > LIMIT else "",
        f"{done.peak / MIB:.0f} MB" if done.peak > MOST else "",
    ]
    return ", ".join(filter(None, wrong)) or None, done.cpu, done.peak


class Tally:
    """What came of all inputs."""

    def __init__(self) -> None:
        self.exits: Counter[str] = Counter()
        self.failures: list[str] = []
        self.slowest = (0.0, -1)
        self.largest = (0, -1)
        self.held = 0
        self.retried = 0

    def add(self, line: dict[str, Any]) -> None:
        number = line["number"]
        self.held = max(self.held, line["peak"])
        if "failure" in line:
            self.failures.append(f"input {number}: {line['failure']}\n{line['text']}")
            return
        self.exits[f"{line['kind']}: exit {line['exit']}"] += 1
        self.slowest = max(self.slowest, (line["checking"] + line["emitting"], number))
        if line["grown"] > SUSPECT or line["checking"] > SLOW:
            wrong, _, peak = again(number)
            self.retried += 1
            self.largest = max(self.largest, (peak, number))
            if wrong:
                self.failures.append(f"input {number}, in a process of its own: {wrong}")

    def show(self, count: int) -> None:
        total = Counter[str]()
        for name, number in self.exits.items():
            total[name.rsplit(" ", 1)[-1]] += number
        listed = ", ".join(f"exit {code}: {number:,}" for code, number in sorted(total.items()))
        print(f"{count:,} inputs: {listed}; violations: {len(self.failures)}")
        for name, number in sorted(self.exits.items()):
            print(f"  {name}: {number:,}")
        print(f"worst time: {self.slowest[0]:.2f} s of processor (input {self.slowest[1]})")
        print(f"worst memory of a worker, which tries many: {self.held / MIB:.0f} MB")
        if self.retried:
            alone = f"{self.largest[0] / MIB:.0f} MB (input {self.largest[1]})"
            print(f"worst memory of the {self.retried} tried again on their own: {alone}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(*given.worker)
        return 0
    said: queue.Queue[dict[str, Any] | None] = queue.Queue()
    stop = given.start + given.count
    bounds = [given.start + given.count * job // given.jobs for job in range(given.jobs)] + [stop]

    def listen(job: int) -> None:
        for line in lines_of(bounds[job], bounds[job + 1]):
            said.put(line)
        said.put(None)

    for job in range(given.jobs):
        threading.Thread(target=listen, args=(job,), daemon=True).start()
    tally, done, ended = Tally(), 0, 0
    while ended < given.jobs:
        line = said.get()
        if line is None:
            ended += 1
            continue
        tally.add(line)
        done += 1
        if done % 1000 == 0:
            print(f"{done:,} tried, {len(tally.failures)} violations", flush=True)
    tally.show(done)
    print("\n".join(tally.failures))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
