"""Images per second of a network in ONNX Runtime: each precision, each batch, on a provider such as CUDA."""

from __future__ import annotations

import io
import pathlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from resnet_compiler import api
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.images import random_images
from resnet_compiler.interface import Interface
from resnet_compiler.output import write_new
from resnet_compiler.weights import tried

if TYPE_CHECKING:
    from resnet_compiler.operators.base import Tensor
    from resnet_compiler.weights import Array

PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu, and TensorRT"),
}
"""ONNX Runtime's name of each, and the package that brings it."""
NEWEST = 22
"""The opset: the first at which convolutions take bfloat16."""
CALIBRATED_WITH = 32
"""Random images for int8: enough for its speed."""
WARM_UPS = 3


class MissingProvider(Exception):
    """ONNX Runtime cannot use this provider here; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement: medians over the runs. ``refused`` says why there is none."""

    precision: str
    batch: int
    milliseconds: float | None
    images_per_second: float | None
    refused: str = ""


def bench(
    graph: Graph, provider: str, precisions: Sequence[str], batches: Sequence[int], runs: int
) -> Iterator[Speed]:
    """Each precision and batch in turn, with random weights, at the declared size.

    Raises:
        MissingProvider: nothing can be run there.
    """
    check_provider(provider)
    for precision in precisions:
        with tempfile.TemporaryDirectory(prefix="resnetc-") as name:
            path = pathlib.Path(name) / "model.onnx"
            try:
                _write(graph, precision, provider, path)
                session = _session(path, provider)
            except (
                Exception
            ) as reason:  # a runtime without operators of this precision says so in its own way
                line = str(reason).strip().splitlines()[0][:200]
                yield from (Speed(precision, batch, None, None, line) for batch in batches)
                continue
            for batch in batches:
                seconds = _timed(session, graph, precision, batch, runs, provider)
                yield Speed(precision, batch, 1e3 * seconds, batch / seconds)


def check_provider(provider: str) -> None:
    """See that ONNX Runtime has the provider, and that there is a device for it.

    Raises:
        MissingProvider: it has not.
    """
    try:
        import onnxruntime
    except ImportError:
        raise MissingProvider(
            "onnxruntime is not installed: pip install 'resnet-compiler[onnxruntime]'"
        ) from None
    name, package = PROVIDERS[provider]
    if name not in onnxruntime.get_available_providers():
        has = ", ".join(onnxruntime.get_available_providers())
        raise MissingProvider(
            f"this onnxruntime ({onnxruntime.__version__}) has no {name}, only {has}: install {package}, "
            "on a machine with a GPU"
        )


def _write(graph: Graph, precision: str, provider: str, path: pathlib.Path) -> None:
    def values(name: str, tensor: Tensor) -> Array:
        return tried(name, tensor, 0)

    height, width = graph.declared["H"], graph.declared["W"]
    interface = Interface(size=(height, width))
    network = api.fold(graph)
    if precision == "int8":
        import numpy as np

        from resnet_compiler.quantize import Int8, quantize

        shape = (graph.concrete(INPUT)[0], height, width)
        images, made = path.with_name("images.npz"), io.BytesIO()
        np.savez(made, images=random_images(np.random.default_rng(0), CALIBRATED_WITH, *shape))
        write_new(images, [made.getvalue()])
        exact = api.build_onnx(network, opset=NEWEST, interface=interface, weights=values)
        given = Int8(images, target="onnxruntime" if provider == "cpu" else "tensorrt")
        model = quantize(exact, given, shape).model
        write_new(path, [model.SerializeToString()])
        return
    asked = replace(interface, precision=precision)  # type: ignore[arg-type]
    files = api.onnx_files(network, path.name, opset=NEWEST, interface=asked, weights=values)
    for name, content in files.items():
        write_new(path.with_name(name), content)


def _session(path: pathlib.Path, provider: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    wanted: list[Any] = [PROVIDERS[provider][0]]
    if provider == "tensorrt":
        wanted = [
            (wanted[0], {"trt_fp16_enable": True, "trt_int8_enable": True}),
            "CUDAExecutionProvider",
        ]
    session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
    if PROVIDERS[provider][0] not in session.get_providers():
        raise MissingProvider(f"{PROVIDERS[provider][0]} could not be started")
    return session


def _timed(
    session: Any, graph: Graph, precision: str, batch: int, runs: int, provider: str
) -> float:
    """The median seconds of a run, its input and output on the device."""
    import numpy as np
    from onnxruntime import OrtValue

    given = session.get_inputs()[0]
    shape = (batch, *graph.concrete(INPUT))
    image = np.random.default_rng(0).standard_normal(shape, np.float32)
    binding = session.io_binding()
    device = "cpu" if provider == "cpu" else "cuda"
    if given.type == "tensor(bfloat16)":
        from ml_dtypes import bfloat16
        from onnx import TensorProto

        value = OrtValue.ortvalue_from_numpy_with_onnx_type(
            image.astype(bfloat16), TensorProto.BFLOAT16
        )
        binding.bind_ortvalue_input(given.name, value)
    else:
        kind = np.float16 if given.type == "tensor(float16)" else np.float32
        value = OrtValue.ortvalue_from_numpy(image.astype(kind), device, 0)
        binding.bind_ortvalue_input(given.name, value)
    for output in session.get_outputs():
        binding.bind_output(output.name, device)
    seconds = []
    for run in range(WARM_UPS + runs):
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        if run >= WARM_UPS:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
