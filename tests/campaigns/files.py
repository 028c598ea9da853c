"""Every hostile file of tests/support/hostile_files.py, in the place of each kind of file: `python tests/campaigns/files.py`.

Each kind has a process of its own that permissions hold for, also where this one is root's. A command that does not come
back is ended with its process, and counts as one that hangs.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.hostile_files import hostile_files, meet
from support.kinds_of_files import KINDS, sound_run
from support.privileges import drop

PATIENCE = 10
"""Seconds that a command may take."""
WAIT = 300
"""Seconds after which a process without a word is ended: what cannot be broken off from inside."""


def work(kind: str, changed: int, start: int) -> None:
    """Meet the files of a kind from a number on, and print a line for each: before, and behind."""
    if not drop():
        print(json.dumps({"note": "permissions do not hold for this process"}), flush=True)
    if kind.startswith(("run", "training", "checkpoint", "CIFAR")):
        import torch

        torch.set_num_threads(1)
        sound_run()  # imports what the commands need: none of them is to be broken off in that
    for number, given in enumerate(hostile_files(kind, changed)):
        if number < start:
            continue
        print(json.dumps({"number": number, "name": given.name}), flush=True)
        cpu = time.process_time()
        met = meet(kind, given, PATIENCE)
        if any("it takes over" in each for each in met.wrong):  # or others have the processor
            cpu = time.process_time()
            met = meet(kind, given, 6 * PATIENCE)
            if time.process_time() - cpu > PATIENCE:
                met.wrong.append(f"it takes over {PATIENCE} s of processor time")
        line = {"exit": met.exit, "seconds": met.seconds, "cpu": time.process_time() - cpu}
        line |= {"grown": met.grown, "wrong": met.wrong, "said": met.said[-400:]}
        print(json.dumps({"number": number, "name": given.name, **line}), flush=True)


def lines_of(kind: str, changed: int) -> Iterator[dict[str, Any]]:
    """What the processes of a kind say, one behind the other where one ends."""
    start = 0
    while True:
        command = [sys.executable, __file__, "--worker", kind, str(changed), str(start)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        stream, lines = worker.stdout, queue.Queue[bytes | None]()
        assert stream is not None
        read = threading.Thread(target=lambda s=stream, q=lines: [*map(q.put, s), q.put(None)])
        read.start()
        begun: dict[str, Any] = {}
        while True:
            try:
                text = lines.get(timeout=WAIT)
            except queue.Empty:
                worker.kill()
                text = None
            if text is None:
                break
            line = json.loads(text)
            if "exit" in line or "note" in line:
                yield line
                begun = {}
            else:
                begun = line
        code = worker.wait()
        read.join()
        if not begun and code == 0:
            return
        if not begun:
            yield {"number": -1, "name": "the process", "wrong": [f"it ended with {code}"]}
            return
        yield {**begun, "wrong": [f"the process ended with {code}, or had to be ended"]}
        start = begun["number"] + 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changed", type=int, default=20, help="sound files with changes, a kind")
    parser.add_argument("--kind", action="append", help="only this kind; may be repeated")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.worker:
        work(chosen.worker[0], int(chosen.worker[1]), int(chosen.worker[2]))
        return 0
    wrong = total = 0
    print(
        f"{'kind':20} {'files':>5} {'refused':>8} {'wrong':>6} {'slowest':>9} {'most MB':>8} {'CPU':>8}"
    )
    for kind in chosen.kind or KINDS:
        found = [line for line in lines_of(kind, chosen.changed) if "name" in line or print(line)]
        bad = [line for line in found if line["wrong"]]
        for line in found if chosen.verbose else bad:
            print(
                f"  {kind}, {line['name']}: exit {line.get('exit')} {'; '.join(line['wrong'])}\n    {line.get('said')!r}"
            )
        slowest = max((line.get("seconds", 0.0) for line in found), default=0)
        grown = max((line.get("grown", 0) for line in found), default=0) >> 20
        cpu = sum(line.get("cpu", 0.0) for line in found)
        refused = sum(line.get("exit") in (1, 2) for line in found)
        print(
            f"{kind:20} {len(found):5} {refused:8} {len(bad):6} {slowest:7.2f} s {grown:8} {cpu:6.1f} s",
            flush=True,
        )
        wrong, total = wrong + len(bad), total + len(found)
    print(f"{total:,} files, {wrong} violations")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
