"""A training run killed at random moments, again and again, against one that never was: `python tests/campaigns/kills.py`.

Each kill is a SIGKILL. The run goes on from its newest checkpoint; at the end its metrics and its weights must be those of
the unbroken run, byte for byte. A share of the kills falls before the first step, while torch is still being loaded.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.specs import compile_text
from support.training import BATCH_NORM, outputs

EPOCHS = 9
SPEC = BATCH_NORM.replace("{out: 8, kernel: 3}", "{out: 8, kernel: 3, stride: 2}")


def child(folder: pathlib.Path) -> None:
    """Train, and say each step when it is made."""
    from resnet_compiler.lab.data import load
    from resnet_compiler.lab.settings import Settings
    from resnet_compiler.lab.trainer import Listener, train

    listener = Listener(
        note=lambda line: print(f"note {line}", flush=True),
        step=lambda step, total: print(f"step {step}", flush=True),
    )
    graph = compile_text(SPEC)
    train(graph, load("digits"), Settings(epochs=EPOCHS), folder, device="cpu", listener=listener)


class Child:
    """A process that trains: the steps that it says it made, and when the first was."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.began, self.first = time.monotonic(), 0.0
        self.steps: list[int] = []
        self.went_on = 0
        self.refused = 0
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--child", str(folder)]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            kind, _, rest = line.strip().partition(" ")
            if kind == "step":
                self.first = self.first or time.monotonic() - self.began
                self.steps.append(int(rest))
            elif "going on from step" in rest:
                self.went_on = int(rest.split("step ")[1].split(" ")[0].replace(",", ""))
            else:
                self.refused += 1

    def end(self) -> int:
        code = self.process.wait()
        self.reader.join()
        return code


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=pathlib.Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child)
        return 0
    moments = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        whole, killed = (pathlib.Path(name) / each for each in ("whole", "killed"))
        unbroken = Child(whole)
        if unbroken.end() != 0:
            return 1
        total, begin = unbroken.steps[-1], unbroken.first
        pace = (time.monotonic() - unbroken.began - begin) / total
        print(f"unbroken: {total} steps, the first after {begin:.1f} s, {pace:.3f} s each")
        kills, lost, reached = 0, [], 0
        before_first = 0
        while kills < given.kills:
            run = Child(killed)
            # one in five at any moment from its start, the others at any moment among the next steps
            if kills % 5 == 4:
                time.sleep(moments.uniform(0, begin))
            else:
                while run.process.poll() is None and not run.steps:
                    time.sleep(0.005)
                time.sleep(moments.uniform(0, 1.5 * total / given.kills * pace))
            run.process.kill()
            if run.end() == 0:
                print(
                    "the run ended before it could be killed as often as was asked: more --kills than steps"
                )
                return 1
            kills += 1
            before_first += not run.steps
            if run.steps or run.went_on:
                lost.append(reached - run.went_on)
            reached = max(run.steps, default=reached)
            print(
                f"kill {kills}: went on from step {run.went_on}, killed in step {reached + 1}, refused {run.refused}"
            )
        last = Child(killed)
        if last.end() != 0:
            return 1
        lost.append(reached - last.went_on)
        same = outputs(killed) == outputs(whole)
        print(
            f"{kills} kills, {before_first} before their process made a step; steps made again: "
            f"{sum(lost)} in all, {max(lost)} at most; outputs {'the same' if same else 'DIFFERENT'}"
        )
        return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
