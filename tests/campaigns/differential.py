"""Thousands of specs over the whole language: torch, ONNX Runtime and the compiler's promises compared for each.

    python tests/campaigns/differential.py --count 10000

Which constructs of the language the specs made use of, alone and in pairs, is printed at the end.

Spec number k is the same on every machine. What disagrees is made small and written to tests/regressions/, which the
default tests replay; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

sys.path[:0] = [str(folder) for folder in pathlib.Path(__file__).resolve().parents[1:3]]

from support.differential.case import case_number  # noqa: E402
from support.differential.compare import Outcome, examine, opset_of  # noqa: E402
from support.differential.constructs import constructs  # noqa: E402
from support.differential.coverage import Coverage  # noqa: E402
from support.differential.regressions import shrunk, store  # noqa: E402
from support.differential.wrong import RIGHT, found_in, wrong_case  # noqa: E402

BATCH = 25


def examined(number: int) -> tuple[int, Outcome, frozenset[str]]:
    """One spec's outcome, without its graph, which need not travel between processes; and what it made use of."""
    case = case_number(number)
    found = examine(case, opset_of(number))
    used = constructs(case, found.graph) if found.graph is not None else frozenset()
    return (
        number,
        Outcome(found.status, found.kind, found.detail, found.relative, settled=found.settled),
        used,
    )


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def outcomes(numbers: range, jobs: int) -> Iterator[tuple[int, Outcome, frozenset[str]]]:
    """Every spec's outcome in order, worked out by so many processes."""
    if jobs == 1:
        _one_thread()
        yield from map(examined, numbers)
        return
    with ProcessPoolExecutor(jobs, initializer=_one_thread) as pool:
        yield from pool.map(examined, numbers, chunksize=BATCH)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000, help="how many specs")
    parser.add_argument("--start", type=int, default=0, help="the number of the first")
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    parser.add_argument("--every", type=int, default=1000, help="how often to tell of progress")
    parser.add_argument("--wrong", type=int, default=1000, help="how many with one wrong add")
    given = parser.parse_args()
    begun = time.monotonic()
    counts: Counter[str] = Counter()
    worst, settled = (0.0, given.start), 0
    coverage = Coverage()
    for number, found, used in outcomes(range(given.start, given.start + given.count), given.jobs):
        counts[found.status] += 1
        coverage.add(used)
        worst = max(worst, (found.relative, number))
        settled += found.settled
        if found.status == "refused":
            print(f"{number}: refused, {found.kind} {found.detail}", flush=True)
        if found.status == "disagrees":
            print(f"{number}: {found.kind}: {found.detail}", flush=True)
            small = shrunk(case_number(number), found, opset_of(number))
            print(f"  written to {store(small, found, number)}", flush=True)
        if sum(counts.values()) % given.every == 0:
            print(f"{sum(counts.values())} specs, {counts['disagrees']} disagree", flush=True)
    print(coverage.report())
    print(
        f"specs {counts.total()}, refused {counts['refused']}, disagreements {counts['disagrees']}, "
        f"worst relative difference {worst[0]:.1e} (spec {worst[1]}), "
        f"settled in float64 {settled}, {time.monotonic() - begun:.0f} s"
    )
    others = [n for n in range(given.wrong) if found_in(wrong_case(n)) != [RIGHT]]
    print(
        f"residual adds that do not fit {given.wrong}, where more than that is said {len(others)}"
    )
    print("".join(f"  {number}: {found_in(wrong_case(number))}\n" for number in others[:9]), end="")
    return 1 if counts["disagrees"] or others else 0


if __name__ == "__main__":
    sys.exit(main())
