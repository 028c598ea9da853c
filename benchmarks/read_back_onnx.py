"""What reading an emitted ONNX model back costs: its share of `build`, and how it grows with the number of blocks.

    python benchmarks/read_back_onnx.py [--runs 5] [--specs resnet50 …] [--blocks 100 1000 3000 10000]

Processor time of one process is measured. The share is that of everything `resnetc build SPEC` does once it is
started: text to graph, source, and the ONNX file with its weights, written to disk. Each figure is the median of the
runs, all parts of a run in turn. The exponent is that of the power law between one number of blocks and the next: 1
where time grows linearly.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import statistics
import tempfile
import time

import resnet_compiler
from resnet_compiler import Graph, api
from resnet_compiler.limits import Limits
from resnet_compiler.output import write_all

SPEC = """\
name: deep
input: {{height: 32, width: 32}}
stem: [conv1: {{conv: {{out: 16, kernel: 3}}}}]
stages: [layer1: {{block: {kind}, depth: {blocks}, width: 16}}]
head: [avgpool: global_avg_pool, fc: {{linear: {{out: 10}}}}]
"""


def build_seconds(name: str, folder: pathlib.Path) -> float:
    """What `build` does for a spec, everything imported."""
    start = time.process_time()
    graph = resnet_compiler.compile(name)
    source = api.emit_pytorch(graph).encode()
    files = api.onnx_files(graph, "model.onnx")
    write_all({folder / "model.py": [source], **{folder / n: c for n, c in files.items()}})
    return time.process_time() - start


def read_seconds(graph: Graph) -> float:
    """Reading one message back."""
    prepared = api.prepare_onnx(graph)
    prepared.weights.leave_empty(prepared.model)
    start = time.process_time()
    prepared.read_back()
    return time.process_time() - start


def print_shares(names: list[str], runs: int) -> None:
    print("| spec | build, s | read back, ms | share |\n|---|---|---|---|")
    for name in names:
        graph = resnet_compiler.compile(name)
        with tempfile.TemporaryDirectory() as folder:
            times = [
                (build_seconds(name, pathlib.Path(folder)), read_seconds(graph))
                for _ in range(runs + 1)
            ][1:]
        built, read = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"| {name} | {built:.2f} | {1000 * read:.1f} | {read / built:.1%} |")


def print_growth(sizes: list[int], runs: int) -> None:
    print("\n| block | blocks | nodes | read back, s | exponent |\n|---|---|---|---|---|")
    for kind in ("basic", "bottleneck"):
        found: list[tuple[int, float]] = []
        for blocks in sizes:
            text = SPEC.format(kind=kind, blocks=blocks)
            limits = Limits(layers=200_000, steps=1_000_000)
            graph = resnet_compiler.compile("deep.yaml", text=text, limits=limits)
            found.append((blocks, statistics.median(read_seconds(graph) for _ in range(runs))))
            before, now = found[-2:] if len(found) > 1 else (None, found[-1])
            growth = ""
            if before is not None:
                growth = f"{math.log(now[1] / before[1]) / math.log(now[0] / before[0]):.2f}"
            print(f"| {kind} | {blocks:,} | {len(graph):,} | {now[1]:.3f} | {growth} |")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--specs", nargs="*", default=["resnet18", "resnet50", "resnet152"])
    options.add_argument("--blocks", nargs="*", type=int, default=[100, 1000, 3000, 10_000])
    given = options.parse_args()
    print_shares(given.specs, given.runs)
    print_growth(sorted(given.blocks), given.runs)


if __name__ == "__main__":
    main()
