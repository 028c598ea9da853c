"""One optimizer step of the emitted training source beside torchvision's model: time and memory.

    pip install -c constraints.txt '.[benchmark]'
    python benchmarks/training_step.py [--runs 15] [--spec resnet50] [--batch 8] [--size 224] [--threads 2] [--device cpu]

The same weights and images, SGD with momentum, channels-last in both; a process each, asked for a step in turns. Goal: the
ratio of times from 0.98 to 1.02. Nothing fails when it is missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable
from typing import Any

from measure import MIB, ROOT, machine, note, parser, report, table

LEAST, MOST = 0.98, 1.02
OURS, THEIRS = "emitted source", "torchvision"
WARM_UPS = 3


def model_of(name: str, spec: str, folder: pathlib.Path) -> Any:
    """The model, with the weights that both have."""
    if name == OURS:
        module = types.ModuleType("emitted")
        exec((folder / "model.py").read_text("utf-8"), vars(module))
        model = getattr(module, (folder / "class").read_text("utf-8"))()
    else:
        sys.path.insert(0, str(ROOT / "tests"))
        torchvision = importlib.import_module("support.peers").import_torchvision()
        model = torchvision.models.get_model(spec, weights=None)
    model.load_state_dict(importlib.import_module("torch").load(folder / "weights.pt"))
    return model


def stepper(name: str, asked: argparse.Namespace, folder: pathlib.Path) -> Callable[[], float]:
    """A function that makes one optimizer step, and gives the loss before it."""
    import torch

    torch.set_num_threads(asked.threads)
    model = model_of(name, asked.spec, folder).to(asked.device, memory_format=torch.channels_last)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(asked.batch, 3, asked.size, asked.size, generator=generator)
    images = images.to(asked.device, memory_format=torch.channels_last)
    classes = (torch.arange(asked.batch) % 10).to(asked.device)
    criterion = torch.nn.CrossEntropyLoss()

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = criterion(model(images), classes)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def serve(name: str, asked: argparse.Namespace) -> None:
    """Make a step for each line that comes in, and tell its time, its loss and the peak of memory."""
    step = stepper(name, asked, asked.serve)
    for _ in sys.stdin:
        start, used = time.perf_counter(), time.process_time()
        loss = step()
        told = {
            "seconds": time.perf_counter() - start,
            "cpu": time.process_time() - used,
            "loss": loss,
            "peak": peak(asked.device),
        }
        print(json.dumps(told), flush=True)


def peak(device: str) -> int:
    """Bytes at most: of the GPU's memory, or of this process."""
    if device == "cuda":
        return int(importlib.import_module("torch").cuda.max_memory_allocated())
    from resnet_compiler.bench.worker import peak_memory

    return peak_memory()


def rounds(asked: argparse.Namespace, folder: pathlib.Path) -> dict[str, list[dict[str, float]]]:
    """What every step of both told, those that warm up left out."""
    script = str(pathlib.Path(__file__).resolve())
    keys = ("spec", "batch", "size", "threads", "device")
    options = [f"--{key}={getattr(asked, key)}" for key in keys]
    environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    processes = {}
    found: dict[str, list[dict[str, float]]] = {OURS: [], THEIRS: []}
    try:
        for name in found:
            processes[name] = subprocess.Popen(
                [sys.executable, script, *options, f"--serve={folder}", f"--model={name}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                encoding="utf-8",
            )
        order, shuffled = list(found), random.Random(0)
        for turn in range(WARM_UPS + asked.runs):
            note(f"round {turn + 1} of {WARM_UPS + asked.runs}")
            shuffled.shuffle(order)
            for name in order:
                stdin, stdout = processes[name].stdin, processes[name].stdout
                assert stdin is not None and stdout is not None
                stdin.write("step\n")
                stdin.flush()
                answer = json.loads(stdout.readline())
                if turn >= WARM_UPS:
                    found[name].append(answer)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    note("")
    return found


def write_files(spec: str, folder: pathlib.Path) -> None:
    """The emitted source, and torchvision's initial weights for both, made apart from what is measured."""
    from resnet_compiler import compile, emit_pytorch
    from resnet_compiler.emit.names import network_class_name

    graph = compile(spec)
    (folder / "model.py").write_text(emit_pytorch(graph), "utf-8")
    (folder / "class").write_text(network_class_name(graph.identity.title), "utf-8")
    code = (
        "import sys, torch; sys.path.insert(0, 'tests')\n"
        "from support.peers import import_torchvision\n"
        "torch.manual_seed(0)\n"
        "model = import_torchvision().models.get_model(sys.argv[1], weights=None)\n"
        "torch.save(model.state_dict(), sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, spec, str(folder / "weights.pt")]
    subprocess.run(command, cwd=ROOT, check=True)


def main() -> None:
    """Run both in turns, and print the table and the ratio."""
    options = parser(__doc__ or "", runs=15)
    options.add_argument("--spec", default="resnet50", help="a name that torchvision has too")
    options.add_argument("--batch", type=int, default=8)
    options.add_argument("--size", type=int, default=224, help="height and width")
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options.add_argument("--serve", type=pathlib.Path, help=argparse.SUPPRESS)
    options.add_argument("--model", choices=(OURS, THEIRS), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.serve is not None:
        serve(asked.model, asked)
        return
    with tempfile.TemporaryDirectory() as name:
        write_files(asked.spec, pathlib.Path(name))
        found = rounds(asked, pathlib.Path(name))
    times = {name: [each["seconds"] for each in steps] for name, steps in found.items()}
    ratios = [a / b for a, b in zip(times[OURS], times[THEIRS], strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4, method="inclusive")
    memory = {name: max(each["peak"] for each in steps) for name, steps in found.items()}
    # what other work on the machine disturbs least, above all with one thread
    cpu = {name: statistics.median(each["cpu"] for each in steps) for name, steps in found.items()}
    rows = []
    for each, seconds in times.items():
        first, median, third = statistics.quantiles(seconds, n=4, method="inclusive")
        rows.append(
            [
                *(each, f"{1e3 * median:.1f}", f"{1e3 * first:.1f}..{1e3 * third:.1f}"),
                *(f"{1e3 * min(seconds):.1f}", f"{1e3 * cpu[each]:.1f}"),
                f"{memory[each] / MIB:.0f}",
                f"{found[each][-1]['loss']:.6f}",
            ]
        )
    met = "met" if LEAST <= ratio <= MOST else "MISSED"
    verdicts = (
        f"time: {ratio:.3f} ({low:.3f}..{high:.3f}) of torchvision's, of the fastest steps "
        f"{min(times[OURS]) / min(times[THEIRS]):.3f} (goal: {LEAST} to {MOST}, {met})\n"
        f"processor time: {cpu[OURS] / cpu[THEIRS]:.3f} of torchvision's\n"
        f"memory: {memory[OURS] / memory[THEIRS]:.3f} of torchvision's"
    )
    head = ["one step", "median ms", "quartiles", "least ms", "cpu ms", "peak MiB", "last loss"]
    report(
        f"An optimizer step of {asked.spec}, {asked.batch} images of {asked.size} × {asked.size}, {asked.device}, "
        f"{asked.threads} threads, channels last, medians of {asked.runs} rounds",
        machine("resnet-compiler", "torch", "torchvision"),
        [table(head, rows), verdicts],
        asked.json,
        {"steps": found, "ratio": ratio},
    )


if __name__ == "__main__":
    main()
