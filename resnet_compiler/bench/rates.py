"""What a machine can do at most: the rate of a large matrix product in each precision, and the bandwidth of a large copy.

Measured in a process of its own (`python -m resnet_compiler.bench.rates`), with whatever is installed of torch, ONNX
Runtime and numpy: the best of them counts, and the best of several runs, since what is wanted is a limit.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from resnet_compiler.bench.hardware import environment, hardware, threads_here
from resnet_compiler.devices import Device

SIZES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
"""Rows and columns of the matrices; a size is left out when the one before took too long."""
COPIED = {"cpu": 2**28, "cuda": 2**30}
"""Bytes to copy: several times any cache."""
ENOUGH = 0.3
"""Seconds for each measurement."""
LEAST_RUNS, MOST_RUNS = 3, 1000
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
    libraries = [name for name in ("numpy", "onnxruntime", "torch") if _has(name)]
    source = f"measured: the best matrix product of {', '.join(libraries)}, and a copy"
    return Device(title=title, rates=rates, bandwidth=found["bandwidth"], source=source)


def best(run: Callable[[], object], least_seconds: float = ENOUGH) -> float:
    """The seconds of the fastest of several runs, after one that does not count."""
    run()
    least, total, runs = float("inf"), 0.0, 0
    while runs < LEAST_RUNS or (total < least_seconds and runs < MOST_RUNS):
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        least, total, runs = min(least, seconds), total + seconds, runs + 1
    return least


def fastest(products: Iterable[tuple[int, Callable[[], object]]]) -> Rate:
    """Operations in one second of the best size; each is given with the matrices' size, the smallest first."""
    rate: Rate = None
    for size, run in products:
        seconds = best(run)
        rate = max(rate or 0.0, 2 * size**3 / seconds)
        if seconds > ENOUGH:  # the next takes eight times as long, and is hardly faster
            break
    return rate


Run = Callable[[], object]
Products = Iterable[tuple[int, Run]]
"""Matrix products by size, the smallest first."""


def main(arguments: Sequence[str]) -> None:
    """Measure, and print the figures as a line of JSON."""
    device, threads, *precisions = arguments
    count = int(threads)
    rates = {name: _rate(name, device, count) for name in precisions}
    for name in [each for each in rates if each in HALVES]:
        # where there is no fast arithmetic for a half precision, its numbers are computed with in float32
        widened = _rate("float32", device, count) if "float32" not in rates else rates["float32"]
        rates[name] = max(rates[name] or 0.0, widened or 0.0)
    bandwidth = _torch_copy(device, count) if _has("torch") else _numpy_copy(count)
    print(json.dumps({"rates": rates, "bandwidth": bandwidth}))


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _rate(precision: str, device: str, threads: int) -> Rate:
    """The best of all that is installed: libraries differ by a factor of two on some processors."""
    ways: list[Products] = []
    if _has("torch") and precision != "int8":
        ways += [_torch_products(precision, device, threads)]
        ways += [_torch_convolutions(precision, threads)] if device == "cpu" else []
    if device == "cpu" and precision == "float32":
        ways.append(_numpy_products())
    if device == "cpu" and precision in ("float32", "int8") and _has("onnxruntime"):
        ways.append(_onnx_products(precision, threads))
    found = [rate for rate in map(fastest, ways) if rate is not None]
    return max(found, default=None)


def _torch_products(precision: str, device: str, threads: int) -> Products:
    import torch

    torch.set_num_threads(threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    kind = getattr(torch, precision)
    for size in SIZES[device]:
        left, right = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
        out = torch.empty(size, size, dtype=kind, device=device)

        def run(a: Any = left, b: Any = right, c: Any = out) -> None:
            torch.mm(a, b, out=c)
            if device == "cuda":
                torch.cuda.synchronize()

        yield size, run


def _torch_convolutions(precision: str, threads: int) -> Products:
    """A convolution with a window of one pixel is a matrix product, and another library's."""
    import torch

    torch.set_num_threads(threads)
    kind = getattr(torch, precision)
    for size in SIZES["cpu"]:
        image = torch.randn(1, size, 32, size // 32).to(kind)
        image = image.to(memory_format=torch.channels_last)
        weight = torch.randn(size, size, 1, 1).to(kind)

        def run(i: Any = image, w: Any = weight) -> None:
            with torch.inference_mode():
                torch.conv2d(i, w)

        yield size, run


def _numpy_products() -> Products:
    import numpy as np

    random = np.random.default_rng(0)
    for size in SIZES["cpu"]:
        left, right = (random.random((size, size), np.float32) for _ in range(2))
        out = np.empty((size, size), np.float32)
        yield size, partial(np.matmul, left, right, out=out)


def _onnx_products(precision: str, threads: int) -> Products:
    """ONNX Runtime's product: of float32, or of uint8 and int8. There is no public way to ask for the latter on a GPU."""
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    kind = np.uint8 if precision == "int8" else np.float32
    for size in SIZES["cpu"]:
        model = _onnx_product(size, precision == "int8").SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        yield size, partial(session.run, None, {"a": np.ones((size, size), kind)})


def _onnx_product(size: int, is_int8: bool) -> Any:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node("MatMulInteger" if is_int8 else "MatMul", ["a", "b"], ["c"])
    weights = numpy_helper.from_array(
        np.ones((size, size), np.int8 if is_int8 else np.float32), "b"
    )
    kinds = (TensorProto.UINT8, TensorProto.INT32) if is_int8 else (TensorProto.FLOAT,) * 2
    given, made = (
        helper.make_tensor_value_info(name, kind, [size, size])
        for name, kind in zip("ac", kinds, strict=True)
    )
    graph = helper.make_graph([node], "product", [given], [made], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _torch_copy(device: str, threads: int) -> float:
    """Bytes read and written in one second."""
    import torch

    torch.set_num_threads(threads)
    source = torch.ones(COPIED[device] // 4, device=device)
    target = torch.empty_like(source)

    def run() -> None:
        target.copy_(source)
        if device == "cuda":
            torch.cuda.synchronize()

    return 2 * COPIED[device] / best(run)


def _numpy_copy(threads: int) -> float:
    """Bytes read and written in one second; numpy copies in one thread, so each thread copies a part."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    source = np.ones(COPIED["cpu"] // 4, np.float32)
    target = np.empty_like(source)
    halves = (np.array_split(each, threads) for each in (target, source))
    parts = list(zip(*halves, strict=True))
    with ThreadPoolExecutor(threads) as pool:
        return 2 * COPIED["cpu"] / best(lambda: list(pool.map(lambda p: np.copyto(*p), parts)))


if __name__ == "__main__":
    main(sys.argv[1:])
