"""The files that contenders are given: sources, ONNX models, weights and images, written once for all of them.

They are made where the compiler runs, so that what a contender's process holds is what running the network takes.
Weights are random, norm statistics too, so that nothing cancels out when outputs are compared.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from resnet_compiler import api
from resnet_compiler.bench.jobs import IMAGE, INFERENCE, SOURCE, WEIGHTS, CannotRun
from resnet_compiler.bench.providers import CALIBRATED_WITH, NEWEST
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.images import preprocessed, random_images
from resnet_compiler.interface import Interface, Preprocess
from resnet_compiler.operators.base import Tensor
from resnet_compiler.output import write_new
from resnet_compiler.weights import Array, tried

CALIBRATION = "calibration.npz"


def write_files(
    graph: Graph, folder: pathlib.Path, names: Iterable[str], batch: int, device: str
) -> dict[str, str]:
    """Write weights, images, and each of these files; returns why there is none, for those that could not be made.

    Args:
        graph: the network, as it is trained.
        folder: where the files go.
        names: of sources, and of models as ``float16.onnx``.
        batch: how many images.
        device: what int8 is placed for, "cpu" or "cuda".
    """
    import numpy as np

    from resnet_compiler.checkpoints import save_safetensors

    save_safetensors(graph, value, folder / WEIGHTS)
    made = io.BytesIO()
    np.save(made, images(graph, 1, batch))
    write_new(folder / IMAGE, [made.getvalue()])
    refused = {}
    for name in dict.fromkeys(names):
        kind, _, suffix = name.partition(".")
        make = _SOURCES[name] if suffix == "py" else _onnx(kind, device)
        try:
            make(graph, folder / name)
        except CannotRun as reason:
            refused[name] = str(reason)
        except ValueError as reason:  # such as a weight that is too large for half precision
            refused[name] = str(reason).splitlines()[0]
    return refused


def value(name: str, tensor: Tensor) -> Array:
    """The weights that every contender runs."""
    return tried(name, tensor, 0)


def images(graph: Graph, seed: int, count: int) -> Array:
    """Images as the network takes them in, (count, channels, height, width) float32, about 0 with a deviation of 1."""
    import numpy as np

    channels, height, width = graph.concrete(INPUT)
    given = Preprocess(mean=(0.5,) * channels, std=(0.25,) * channels)
    shown = random_images(np.random.default_rng(seed), count, channels, height, width)
    return preprocessed(shown, given, None)


def _source(graph: Graph, path: pathlib.Path) -> None:
    write_new(path, [api.emit_pytorch(graph).encode()])


def _inference(graph: Graph, path: pathlib.Path) -> None:
    emit: Callable[[Graph], str] | None = getattr(api, "emit_inference", None)
    if emit is None:
        raise CannotRun("this version of the compiler emits no source for inference")
    write_new(path, [emit(graph).encode()])


_SOURCES: Mapping[str, Callable[[Graph, pathlib.Path], None]] = {
    SOURCE: _source,
    INFERENCE: _inference,
}


def _onnx(precision: str, device: str) -> Callable[[Graph, pathlib.Path], None]:
    def make(graph: Graph, path: pathlib.Path) -> None:
        size = (graph.declared["H"], graph.declared["W"])
        interface = Interface(size=size)
        network = api.fold(graph)
        if precision == "int8":
            _int8(graph, network, interface, path, device)
            return
        asked = replace(interface, precision=precision)  # type: ignore[arg-type]
        files = api.onnx_files(network, path.name, opset=NEWEST, interface=asked, weights=value)
        for name, content in files.items():
            write_new(path.with_name(name), content)

    return make


def _int8(
    graph: Graph, network: api.Folded, interface: Interface, path: pathlib.Path, device: str
) -> None:
    import numpy as np

    from resnet_compiler.quantize import Int8, quantize

    shape = graph.concrete(INPUT)
    calibration = path.with_name(CALIBRATION)
    made = io.BytesIO()
    np.savez(made, images=images(graph, 0, CALIBRATED_WITH))
    write_new(calibration, [made.getvalue()])
    exact = api.build_onnx(network, opset=NEWEST, interface=interface, weights=value)
    given = Int8(calibration, target="onnxruntime" if device == "cpu" else "tensorrt")
    model = quantize(exact, given, (shape[0], shape[1], shape[2])).model
    write_new(path, [model.SerializeToString()])
