"""Latency of ResNet-50 in ONNX Runtime on a CPU: ours beside torchvision → `torch.onnx.export` → onnxslim, and int8.

    pip install -c constraints.txt '.[benchmark]'
    python benchmarks/latency.py [--runs 30] [--json FILE]

One process, one image of 224 × 224, the models in turns. Goals: float32 at most 1.00 times the peer's time, int8 at least
2.0 times faster than our float32. OpenVINO, where it is installed, loads every precision and is compared with ONNX
Runtime's float32.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from measure import Command, machine, note, parser, report, resnetc, run_once, table

RATIO, FASTER = 1.00, 2.0
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
PRECISE = {"INFERENCE_PRECISION_HINT": "f32"}
"""OpenVINO computes in bfloat16 by itself, where a processor can."""
PRECISIONS = {
    "float32": (),
    "float16": ("--precision", "float16", "--float-io"),
    "bfloat16": ("--precision", "bfloat16", "--float-io", "--opset", "22"),
    "int8": ("--precision", "int8"),
}
WEIGHTS = """
import pathlib, sys
import resnet_compiler
from resnet_compiler.checkpoints import save_safetensors
from resnet_compiler.weights import tried
graph = resnet_compiler.compile("resnet50")
save_safetensors(graph, lambda name, tensor: tried(name, tensor, 0), pathlib.Path(sys.argv[1]))
"""


def make(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The models, by what the table calls them."""
    import numpy as np

    weights, images = folder / "weights.safetensors", folder / "images.npz"
    run_once(Command("weights", (sys.executable, "-c", WEIGHTS, str(weights))))
    np.savez(images, images=patches(np.random.default_rng(0), 32))
    found = {}
    for name, options in PRECISIONS.items():
        path = found[f"ours, {name}"] = folder / f"{name}.onnx"
        more = ("--calibration", str(images)) if name == "int8" else ()
        # as the peer's: the batch is dynamic, height and width are not
        arguments = ("export", "resnet50", "--weights", str(weights), "--size", "declared")
        arguments += ("-o", str(path))
        run_once(resnetc(*arguments, *options, *more))
    script = str(pathlib.Path(__file__).with_name("export_torchvision.py"))
    theirs = folder / "torchvision.onnx"
    run_once(Command("export", (sys.executable, script, str(theirs), "resnet50", str(weights))))
    import onnx
    import onnxslim

    slim = found["torchvision, slimmed"] = folder / "slim.onnx"
    onnx.save(onnxslim.slim(str(theirs)), slim)
    return found


def patches(generator: Any, count: int) -> Any:
    """Images of coloured squares."""
    import numpy as np

    return generator.integers(0, 256, (count, 28, 28, 3), np.uint8).repeat(8, 1).repeat(8, 2)


def inputs(generator: Any, count: int) -> Any:
    """The same as the networks take them in."""
    import numpy as np

    values = patches(generator, count).transpose(0, 3, 1, 2).astype(np.float32)
    return (values / np.float32(255) - np.float32(0.45)) / np.float32(0.225)


def sessions(models: Mapping[str, pathlib.Path]) -> dict[str, Callable[[Any], Any]]:
    """A function for each model that ONNX Runtime can run on a CPU."""
    import onnxruntime

    found: dict[str, Callable[[Any], Any]] = {}
    for name, path in models.items():
        if "bfloat16" in name:  # it has no such operators there
            continue
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        found[name] = lambda image, session=session: session.run(None, {"input": image})[0]
    return found


def timed(run: Callable[[Any], Any], image: Any) -> float:
    """The seconds of one run."""
    start = time.perf_counter()
    run(image)
    return time.perf_counter() - start


def paired(left: list[float], right: list[float]) -> float:
    """The median ratio of two models' times in the same round."""
    return statistics.median(a / b for a, b in zip(left, right, strict=True))


def openvino_rows(models: Mapping[str, pathlib.Path], image: Any, right: Any) -> list[list[str]]:
    """How far OpenVINO's outputs are from ONNX Runtime's float32, for each of our models."""
    if importlib.util.find_spec("openvino") is None:
        return []
    import numpy as np
    import openvino

    core, rows = openvino.Core(), []
    for name, path in models.items():
        compiled = core.compile_model(core.read_model(path), "CPU", PRECISE)
        found = np.asarray(compiled(image)[0], np.float32)
        apart = np.abs(found - right).max() / np.abs(right).max()
        same = float((found.argmax(1) == right.argmax(1)).mean())
        rows.append([name, f"{apart:.1e}", f"{same:.0%}"])
    return rows


def main() -> None:
    """Make the models, time them in turns, and print the tables and ratios."""
    options = parser(__doc__ or "", runs=30).parse_args()
    import numpy as np

    image = inputs(np.random.default_rng(1), 1)
    with tempfile.TemporaryDirectory() as name:
        models = make(pathlib.Path(name))
        running = sessions(models)
        times: dict[str, list[float]] = {each: [] for each in running}
        order, shuffled = list(running), random.Random(0)
        for turn in range(options.runs + 3):
            note(f"round {turn + 1}")
            shuffled.shuffle(order)  # what ran before leaves the caches as it did
            for each in order:
                run = running[each]
                seconds = timed(run, image)
                if turn >= 3:
                    times[each].append(seconds)
        note("")
        several = inputs(np.random.default_rng(2), 16)
        agreeing = openvino_rows(models, several, running["ours, float32"](several))
    medians = {each: statistics.median(found) for each, found in times.items()}
    peer = medians["torchvision, slimmed"]
    rows = [
        [each, f"{1e3 * seconds:.1f}", f"{1e3 * min(times[each]):.1f}", f"{seconds / peer:.2f}"]
        for each, seconds in medians.items()
    ]
    # of each round, since the machine is not equally fast in all of them
    ratio = paired(times["ours, float32"], times["torchvision, slimmed"])
    faster = paired(times["ours, float32"], times["ours, int8"])
    verdicts = (
        f"float32: {ratio:.3f} of the peer's time (goal: at most {RATIO:.2f}, "
        f"{'met' if ratio <= RATIO else 'MISSED'})\n"
        f"int8: {faster:.2f} times faster than float32 (goal: at least {FASTER}, "
        f"{'met' if faster >= FASTER else 'MISSED'})"
    )
    tables = [table(["model", "median ms", "least ms", "/ peer"], rows), verdicts]
    if agreeing:
        head = ["in OpenVINO", "from ONNX Runtime's float32", "same class"]
        tables.append(table(head, agreeing))
    names = ("resnet-compiler", "onnxruntime", "torch", "torchvision", "onnxslim", "onnxscript")
    report(
        f"ResNet-50 in ONNX Runtime, one image, {THREADS} threads, medians of {options.runs} rounds",
        machine(*names, *(("openvino",) if agreeing else ())),
        tables,
        options.json,
        {"times": times, "float32_to_peer": ratio, "int8_faster": faster},
    )


if __name__ == "__main__":
    main()
