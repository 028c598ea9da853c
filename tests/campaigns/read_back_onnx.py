"""Random specs over the whole language, emitted as ONNX with random interfaces: each is read back equal, and planted
faults are caught and named at their layers.

    python tests/campaigns/read_back_onnx.py --count 10000 --faults 3 --jobs 2

Spec number k, its interface and its faults are the same on every machine. What goes wrong is printed; the exit code is
then 1.
"""

from __future__ import annotations

import argparse
import pathlib
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

sys.path[:0] = [str(folder) for folder in pathlib.Path(__file__).resolve().parents[1:3]]

from support.differential.case import case_number  # noqa: E402
from support.onnx_faults import planted  # noqa: E402

from resnet_compiler import api  # noqa: E402
from resnet_compiler.emit.onnx.read_back import read_back  # noqa: E402
from resnet_compiler.faults import ReadBackError  # noqa: E402
from resnet_compiler.graph import Graph  # noqa: E402
from resnet_compiler.interface import Interface, InterfaceError, Preprocess  # noqa: E402

Findings = tuple[list[str], Counter[str]]


def examined(faults: int, number: int) -> Findings:
    """What is wrong with one spec's models, and how many of what were tried."""
    graph = case_number(number).compile().graph
    tried: Counter[str] = Counter()
    if graph is None:
        return [], tried
    wrong: list[str] = []
    for network in (graph, api.fold(graph)):
        opset, interface = random_ends(graph, random.Random(number))
        for asked in (Interface(), interface):
            try:
                made = api.prepare_onnx(network, opset=opset, interface=asked)
            except InterfaceError:
                tried["interfaces that cannot be"] += 1
                continue
            made.weights.leave_empty(made.model)
            tried["models"] += 1
            try:
                made.check()
                made.read_back()
            except Exception as error:
                wrong.append(f"{number}, {opset}, {asked}: {error!r}")
                continue
            stored = made.weights.stored
            for each in planted(made.model, set(made.graph.nodes), number, faults, number):
                tried["faults"] += 1
                where = {*each.layers, *(("output",) if "values" in each.layers else ())}
                try:
                    read_back(each.model, made.graph, made.settled, stored)
                    wrong.append(f"{number}, {opset}, {asked}: not caught: {each.what}")
                except ReadBackError as error:
                    if error.layer not in where:
                        wrong.append(f"{number}: {each.what}: named at {error.layer}: {error}")
                except Exception as error:
                    wrong.append(f"{number}: {each.what}: {error!r}")
    return wrong, tried


def random_ends(graph: Graph, draw: random.Random) -> tuple[int, Interface]:
    """An opset, and an interface that most networks can have."""
    opset = draw.choice((13, 14, 15, 17, 18, 19, 21, 22))
    size = draw.choice(("auto", "declared", tuple(graph.declared.values())))
    channels = graph.concrete("input")[0]
    images = Preprocess(
        mean=tuple(draw.choice((0.0, 0.4)) for _ in range(channels)),
        std=tuple(draw.choice((1.0, 0.25)) for _ in range(channels)),
        scale=draw.choice((1.0, 1 / 255)),
        resize=draw.choice((None, 64)),
        crop=draw.random() < 0.5,
        layout=draw.choice(("nhwc", "nchw")),  # type: ignore[arg-type]
        input_type=draw.choice(("uint8", "float32")),  # type: ignore[arg-type]
    )
    stages = tuple(stage.name for stage in graph.stages if draw.random() < 0.3)
    return opset, Interface(
        batch=draw.choice(("dynamic", 1, 3)),  # type: ignore[arg-type]
        size=size,  # type: ignore[arg-type]
        precision=draw.choice(("float32", "float16", "bfloat16" if opset >= 22 else "float16")),  # type: ignore[arg-type]
        float_io=draw.random() < 0.5,
        preprocess=draw.choice((None, images)),
        top_k=draw.choice((None, 1)),
        features=stages,
        with_head=draw.random() < 0.5,
    )


def all_findings(count: int, first: int, faults: int, jobs: int) -> Iterator[Findings]:
    numbers = range(first, first + count)
    if jobs == 1:
        yield from map(partial(examined, faults), numbers)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(examined, faults), numbers, chunksize=25)


def main() -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    options.add_argument("--count", type=int, default=1000, help="how many specs")
    options.add_argument("--first", type=int, default=0, help="the first number")
    options.add_argument("--faults", type=int, default=3, help="planted in each model")
    options.add_argument("--jobs", type=int, default=1)
    given = options.parse_args()
    total: Counter[str] = Counter()
    found: list[str] = []
    for wrong, tried in all_findings(given.count, given.first, given.faults, given.jobs):
        total += tried
        found += wrong
        for line in wrong:
            print(line, flush=True)
    print(", ".join(f"{count:,} {name}" for name, count in sorted(total.items())))
    print(f"{len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
