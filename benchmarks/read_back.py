"""What reading emitted source back costs: beside `build`, and by the number of blocks.

    python benchmarks/read_back.py [--runs 5] [--spec resnet50] [--blocks 100 1000 3000 10000] [--json FILE]

For one spec: seconds of `resnetc build` (source and ONNX) and `build --target torch` as whole processes, and of reading
the source and the source for inference back within one. Goal: at most 0.15 of `build`. For networks of one stage of
bottlenecks: the emission and the reading, with the exponent of the power law through the times of the reading (1 where
time grows linearly). Nothing fails when a goal is missed; the table says so.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from measure import in_turns, machine, parser, report, resnetc, table
from scaling import SPEC, fit

GOAL = 0.15


def seconds(runs: int, work: Callable[[], Any]) -> float:
    """The median time of some work, after once to warm up."""
    found = []
    for _ in range(runs + 1):
        gc.collect()
        begun = time.perf_counter()
        work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found[1:])


def beside_build(spec: str, runs: int) -> tuple[str, dict[str, float]]:
    """The table of one spec."""
    import resnet_compiler
    from resnet_compiler.emit.pytorch import emit_pytorch
    from resnet_compiler.emit.pytorch.read_back import read_back
    from resnet_compiler.passes import INFERENCE, run

    graph = resnet_compiler.compile(spec)
    fused = run(graph, INFERENCE)[0]
    texts = [(each, emit_pytorch(each, "1")) for each in (graph, fused)]
    with tempfile.TemporaryDirectory() as folder:
        commands = [
            resnetc("build", spec, "-o", folder, label="build"),
            resnetc("build", spec, "-o", folder, "--target", "torch", label="build, torch"),
        ]
        build, torch = (result.wall for result in in_turns(commands, runs))
    source, inference = (
        seconds(runs, lambda each=each, text=text: read_back(each, text)) for each, text in texts
    )
    found = {"build": build, "build_torch": torch, "source": source, "inference": inference}
    met = "met" if source <= GOAL * build else "MISSED"
    rows = [
        [f"resnetc build {spec}", f"{build:.3f}", "", ""],
        [f"resnetc build {spec} --target torch", f"{torch:.3f}", f"{torch / build:.2f}", ""],
        ["read back: source", f"{source:.4f}", f"{source / build:.3f}", f"≤ {GOAL} {met}"],
        ["read back: for inference", f"{inference:.4f}", f"{inference / build:.3f}", ""],
    ]
    return table([spec, "seconds", "of build", "goal"], rows), found


def by_blocks(blocks: list[int], runs: int) -> tuple[str, dict[str, Any]]:
    """The table of networks of more and more blocks."""
    import resnet_compiler
    from resnet_compiler.emit.pytorch import emit_pytorch
    from resnet_compiler.emit.pytorch.read_back import read_back
    from resnet_compiler.limits import Limits

    limits = Limits(layers=200_000, steps=10**7)
    rows, times = [], []
    for count in blocks:
        text = SPEC.format(kind="bottleneck", blocks=count)
        graph = resnet_compiler.compile("deep.yaml", text=text, limits=limits)
        begun = time.perf_counter()
        source = emit_pytorch(graph, "1")
        emitted = time.perf_counter() - begun
        times.append(seconds(runs, lambda graph=graph, source=source: read_back(graph, source)))
        rows.append(
            [
                *(f"{count:,}", f"{len(graph):,}", f"{emitted:.3f}", f"{times[-1]:.3f}"),
                f"{times[-1] / emitted:.2f}",
            ]
        )
    found = fit(blocks, times)
    rows.append(["exponent", "", "", f"{found['exponent']:.3f}", ""])
    head = ["bottlenecks", "layers", "emitted s", "read back s", "of emitting"]
    return table(head, rows), {"blocks": blocks, "seconds": times, "fit": found}


def main() -> None:
    """Run, and print the tables."""
    options = parser(__doc__ or "", runs=5)
    options.add_argument("--spec", default="resnet50")
    options.add_argument("--blocks", type=int, nargs="+", default=[100, 1000, 3000, 10000])
    given = options.parse_args()
    gc.set_threshold(10_000)  # as the command has it
    first, beside = beside_build(given.spec, given.runs)
    second, scaling = by_blocks(given.blocks, given.runs)
    report(
        f"Reading emitted source back, medians of {given.runs} runs",
        machine("resnet-compiler"),
        [first, second],
        given.json,
        {"beside_build": beside, "by_blocks": scaling},
    )


if __name__ == "__main__":
    main()
