"""How compile time grows with the number of blocks: networks of 100 to 10,000 blocks, and preact_resnet1001.

    python benchmarks/scaling.py [--runs 3] [--blocks 100 1000 3000 10000] [--json FILE]

Each network has one stage of basic or bottleneck blocks over 32 × 32 images. Measured are, within a process, the check
(text to proved graph), the emitted source and the summary, and around it the whole process of `resnetc check`. Printed
are the straight line through the times by least squares with its R², and the exponent of the power law through them:
1 where time grows linearly.
"""

from __future__ import annotations

import json
import math
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from measure import (
    MIB,
    Command,
    Result,
    in_turns,
    machine,
    parser,
    report,
    resnetc,
    table,
)

KINDS = ("basic", "bottleneck")
PARTS = ("check", "emit", "summary")
PUBLISHED = "cifar/preact_resnet1001"
SPEC = """\
name: deep
input: {{channels: 3, height: 32, width: 32}}
stem:
  - conv1: {{conv: {{out: 16, kernel: 3}}}}
  - bn1: norm
  - relu: act
stages:
  - layer1: {{block: {kind}, depth: {blocks}, width: 16}}
head:
  - avgpool: global_avg_pool
  - fc: {{linear: {{out: 10}}}}
"""


def time_inside(spec: str) -> None:
    """Time each part in this process, and print the seconds as JSON."""
    import time

    import resnet_compiler
    from resnet_compiler.limits import Limits
    from resnet_compiler.report import summary_text

    def parts(name: str) -> list[float]:
        marks = [time.perf_counter()]
        graph = resnet_compiler.compile(name, limits=Limits(layers=200_000))
        marks.append(time.perf_counter())
        resnet_compiler.emit_pytorch(graph)
        marks.append(time.perf_counter())
        summary_text(graph, "stage")
        marks.append(time.perf_counter())
        return [after - before for before, after in pairwise(marks)]

    parts("cifar/resnet20")  # everything is imported now
    print(json.dumps(dict(zip(PARTS, parts(spec), strict=True))))


def inside(spec: str, label: str) -> Command:
    """`time_inside` in a process of its own."""
    return Command(label, (sys.executable, __file__, "--inside", spec))


def seconds(result: Result) -> dict[str, float]:
    """The median of each part over the runs of `time_inside`."""
    runs = [json.loads(run.output) for run in result.runs]
    return {part: statistics.median(run[part] for run in runs) for part in PARTS}


def fit(blocks: Sequence[int], times: Sequence[float]) -> dict[str, float]:
    """The line through the points, and the exponent of the power law through them."""
    slope, intercept = statistics.linear_regression(blocks, times)
    exponent, _ = statistics.linear_regression(
        [math.log(count) for count in blocks], [math.log(each) for each in times]
    )
    return {
        "seconds_per_block": slope,
        "intercept": intercept,
        "r_squared": statistics.correlation(blocks, times) ** 2,
        "exponent": exponent,
    }


def measure_kind(kind: str, blocks: Sequence[int], runs: int, folder: str) -> dict[str, Any]:
    """All times of the networks of one kind of block, and the fits."""
    commands = []
    for count in blocks:
        file = pathlib.Path(folder, f"{kind}_{count}.yaml")
        file.write_text(SPEC.format(kind=kind, blocks=count), encoding="utf-8")
        commands += [
            inside(str(file), f"{count} inside"),
            resnetc("check", str(file), "--limit", "layers=200000", label=f"{count} process"),
        ]
    results = {result.label: result for result in in_turns(commands, runs)}
    rows = [
        {
            "blocks": count,
            **seconds(results[f"{count} inside"]),
            "process": results[f"{count} process"].wall,
            "peak": results[f"{count} process"].peak,
        }
        for count in blocks
    ]
    fits = {part: fit(blocks, [float(row[part]) for row in rows]) for part in (*PARTS, "process")}
    return {"kind": kind, "times": rows, "fits": fits}


def show(found: dict[str, Any]) -> str:
    """The times of one kind of block and the fits below them."""
    head = [f"{found['kind']} blocks", *(f"{part} s" for part in PARTS), "process s", "MiB"]
    rows = [
        [
            f"{row['blocks']:,}",
            *(f"{row[part]:.3f}" for part in (*PARTS, "process")),
            f"{row['peak'] / MIB:.0f}",
        ]
        for row in found["times"]
    ]
    lines = [
        [
            "µs per block",
            *(f"{fit['seconds_per_block'] * 1e6:.0f}" for fit in found["fits"].values()),
        ],
        ["intercept s", *(f"{fit['intercept']:.3f}" for fit in found["fits"].values())],
        ["R²", *(f"{fit['r_squared']:.5f}" for fit in found["fits"].values())],
        ["exponent", *(f"{fit['exponent']:.3f}" for fit in found["fits"].values())],
    ]
    lines[-1][-1] = ""  # a process's start-up time bends the power law
    return table(head, [*rows, *([*line, ""] for line in lines)])


def measure_published(runs: int) -> tuple[str, dict[str, Any]]:
    """preact_resnet1001 (333 blocks): the parts, and `resnetc check` of it."""
    label = f"resnetc check {PUBLISHED}"
    parts, process = in_turns([inside(PUBLISHED, "inside"), resnetc("check", PUBLISHED)], runs)
    found = {**seconds(parts), "process": process.wall, "peak": process.peak}
    head = [PUBLISHED, *(f"{part} s" for part in PARTS), "process s", "MiB"]
    row = ["333 blocks", *(f"{found[part]:.3f}" for part in (*PARTS, "process"))]
    return table(head, [[*row, f"{process.peak / MIB:.0f}"]]), {"label": label, **found}


def main() -> None:
    """Run, and print the tables with their fits."""
    options = parser(__doc__ or "", runs=3)
    options.add_argument("--blocks", type=int, nargs="+", default=[100, 1000, 3000, 10000])
    options.add_argument("--inside", metavar="SPEC", help="time one spec within this process")
    given = options.parse_args()
    if given.inside:
        time_inside(given.inside)
        return
    found_on = machine("resnet-compiler", "networkx", "pydantic")
    with tempfile.TemporaryDirectory() as folder:
        kinds = [measure_kind(kind, given.blocks, given.runs, folder) for kind in KINDS]
    published, figures = measure_published(given.runs)
    report(
        f"Time by the number of blocks, medians of {given.runs} rounds",
        found_on,
        [*map(show, kinds), published],
        given.json,
        {"kinds": kinds, "published": figures},
    )


if __name__ == "__main__":
    main()
