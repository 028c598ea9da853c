"""What a machine can do at most: the rate of a large matrix product in each precision, and the bandwidth of a large copy.

Measured in a process of its own (`python -m resnet_compiler.bench.rates`), with torch where it is installed and numpy
where not. int8 is measured in ONNX Runtime, whose int8 networks are timed. The best of several runs counts, since what
is wanted is a limit.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from resnet_compiler.bench.hardware import environment, hardware, threads_here
from resnet_compiler.devices import Device

SIZES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
"""Rows and columns of the matrices; a size is left out when the one before took too long."""
COPIED = {"cpu": 2**28, "cuda": 2**30}
"""Bytes to copy: several times any cache."""
ENOUGH = 0.3
"""Seconds for each measurement."""
LEAST_RUNS = 3
HALVES = ("float16", "bfloat16")

Rate = float | None


def measured_device(device: str, threads: int | None, precisions: Iterable[str]) -> Device:
    """This machine as a device: what it was measured to do in each precision that it has arithmetic for.

    Args:
        device: "cpu" or "cuda", which must be there.
        threads: how many threads may compute; None: as many as there are cores.

    Raises:
        RuntimeError: measuring failed; the message is the last line of what went wrong.
    """
    count = threads or threads_here()
    command = [sys.executable, "-m", "resnet_compiler.bench.rates", device, str(count)]
    done = subprocess.run(
        [*command, *dict.fromkeys(precisions)],
        capture_output=True,
        encoding="utf-8",
        env=environment(count),
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["it ended"])[-1])
    found = json.loads(done.stdout.splitlines()[-1])
    rates = {name: rate for name, rate in found["rates"].items() if rate is not None}
    title = f"{hardware(device)}, {count} threads" if device == "cpu" else hardware(device)
    source = f"measured: a matrix product and a copy, by {found['with']}"
    return Device(title=title, rates=rates, bandwidth=found["bandwidth"], source=source)


def best(run: Callable[[], object], least_seconds: float = ENOUGH) -> float:
    """The seconds of the fastest of several runs, after one that does not count."""
    run()
    found: list[float] = []
    while len(found) < LEAST_RUNS or sum(found) < least_seconds:
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return min(found)


def fastest(products: Iterable[tuple[int, Callable[[], object]]]) -> Rate:
    """Operations in one second of the best size; each is given with the matrices' size, the smallest first."""
    rate: Rate = None
    for size, run in products:
        seconds = best(run)
        rate = max(rate or 0.0, 2 * size**3 / seconds)
        if seconds > ENOUGH:  # the next takes eight times as long, and is hardly faster
            break
    return rate


def main(arguments: Sequence[str]) -> None:
    """Measure, and print the figures as a line of JSON."""
    device, threads, *precisions = arguments
    count = int(threads)
    with_torch = importlib.util.find_spec("torch") is not None
    product, bandwidth = (_torch if with_torch else _numpy)(device, count)
    rates = {
        name: _int8(device, count) if name == "int8" else product(name) for name in precisions
    }
    for name in [each for each in rates if each in HALVES]:
        # where there is no fast arithmetic for a half precision, its numbers are computed with in float32
        rates[name] = max(rates[name] or 0.0, rates.get("float32") or product("float32") or 0.0)
    used = "torch" if with_torch else "numpy"
    print(json.dumps({"with": used, "rates": rates, "bandwidth": bandwidth()}))


Measuring = tuple[Callable[[str], Rate], Callable[[], float]]
"""The rate in a precision, and the bandwidth."""


def _torch(device: str, threads: int) -> Measuring:
    import torch

    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False

    def finished(run: Callable[[], object]) -> Callable[[], object]:
        def both() -> None:
            run()
            if device == "cuda":
                torch.cuda.synchronize()

        return both

    def product(precision: str) -> Rate:
        kind = getattr(torch, precision)

        def each() -> Iterable[tuple[int, Callable[[], object]]]:
            for size in SIZES[device]:
                left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
                out = torch.empty(size, size, dtype=kind, device=device)
                yield size, finished(lambda a=left, b=right, c=out: torch.mm(a, b, out=c))

        return fastest(each())

    def bandwidth() -> float:
        source = torch.ones(COPIED[device] // 4, device=device)
        target = torch.empty_like(source)
        return 2 * COPIED[device] / best(finished(lambda: target.copy_(source)))

    return product, bandwidth


def _numpy(device: str, threads: int) -> Measuring:
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    def product(precision: str) -> Rate:
        if precision != "float32":  # numpy has no fast arithmetic for the halves
            return None
        random = np.random.default_rng(0)

        def each() -> Iterable[tuple[int, Callable[[], object]]]:
            for size in SIZES["cpu"]:
                left, right = (random.random((size, size), np.float32) for _ in range(2))
                out = np.empty((size, size), np.float32)
                yield size, lambda a=left, b=right, c=out: np.matmul(a, b, out=c)

        return fastest(each())

    def bandwidth() -> float:
        source = np.ones(COPIED["cpu"] // 4, np.float32)
        target = np.empty_like(source)
        parts = list(
            zip(np.array_split(target, threads), np.array_split(source, threads), strict=True)
        )
        with ThreadPoolExecutor(threads) as pool:
            return 2 * COPIED["cpu"] / best(lambda: list(pool.map(lambda p: np.copyto(*p), parts)))

    return product, bandwidth


def _int8(device: str, threads: int) -> Rate:
    """Of ONNX Runtime's product of uint8 and int8 on a CPU; there is no public way to ask for it on a GPU."""
    if device != "cpu" or importlib.util.find_spec("onnxruntime") is None:
        return None
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads

    def each() -> Iterable[tuple[int, Callable[[], object]]]:
        for size in SIZES["cpu"]:
            model = _int8_model(size).SerializeToString()
            session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
            image = np.ones((size, size), np.uint8)
            yield size, lambda s=session, i=image: s.run(None, {"a": i})

    return fastest(each())


def _int8_model(size: int) -> Any:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    weights = numpy_helper.from_array(np.ones((size, size), np.int8), "b")
    given, made = (
        helper.make_tensor_value_info(name, kind, [size, size])
        for name, kind in (("a", TensorProto.UINT8), ("c", TensorProto.INT32))
    )
    graph = helper.make_graph([node], "product", [given], [made], [weights])
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10)


if __name__ == "__main__":
    main(sys.argv[1:])
