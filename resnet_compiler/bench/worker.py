"""A process for one contender: `python -m resnet_compiler.bench.worker`, asked line by line what to do.

The first line is a job. The answer to it, and to each line that follows, is a line of JSON:

    a job     {"ready": seconds, "of": text}, with what was computed left in the job's file; or {"refused": reason}
    "turn"    {"seconds": the time of one run}
    "memory"  {"peak": bytes of this process at most, "held": bytes of the device's memory, or null}

It ends when there are no more lines.
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import TextIO

from resnet_compiler.bench.contenders import CONTENDERS
from resnet_compiler.bench.jobs import Job, Running, job_of, reason_of
from resnet_compiler.output import write_new
from resnet_compiler.support.read import text

LEAST_SECONDS = 0.05
"""A turn of a quick network is as many runs as take so long, and its time is their mean."""
MOST_RUNS = 100


def main() -> None:
    """Answer until there is nothing more to do."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # what libraries print is no answer
        serve(sys.stdin, answers)


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer the lines of one stream on the other."""

    def answer(content: dict[str, object]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    job = job_of(questions.readline())
    start = time.perf_counter()
    try:
        running = _made_ready(job)
    except Exception as failure:  # each library says in its own way that it cannot
        answer({"refused": reason_of(failure)})
        return
    answer({"ready": time.perf_counter() - start, "of": running.of})
    for line in questions:
        match json.loads(line):
            case "turn":
                answer({"seconds": turn(running.run)})
            case "memory":
                held = running.held() if running.held else None
                answer({"peak": peak_memory(), "held": held})


def _made_ready(job: Job) -> Running:
    """The contender, after its first run, with what it computed left in its file."""
    import numpy as np

    running = CONTENDERS[job.contender].load(job)
    running.run()
    made = io.BytesIO()
    np.save(made, running.output())
    write_new(job.output, [made.getvalue()])
    return running


def turn(run: Callable[[], object]) -> float:
    """The seconds of one run: after one that brings caches and threads back, the mean of a few, or of one that is long."""
    run()
    start = time.perf_counter()
    count, elapsed = 0, 0.0
    while elapsed < LEAST_SECONDS and count < MOST_RUNS:
        run()
        count, elapsed = count + 1, time.perf_counter() - start
    return elapsed / count


def peak_memory() -> int:
    """The most memory that this process has had resident, in bytes."""
    status = pathlib.Path("/proc/self/status")
    if status.is_file():  # what getrusage says begins with the parent's peak
        (line,) = [each for each in text(status).splitlines() if each.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
