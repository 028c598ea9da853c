"""Does an ONNX file compute what its network does? The file in ONNX Runtime against the bare float32 network there.

The reference is made of the same graph and weights, without anything around it, and gets images that numpy made ready.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from resnet_compiler import api
from resnet_compiler.emit.onnx.frame import border_type
from resnet_compiler.emulate import in_float32
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.images import preprocessed, random_images
from resnet_compiler.interface import (
    DEFAULT_OPSET,
    INDICES,
    OUTPUT,
    PLAIN,
    VALUES,
    Interface,
)
from resnet_compiler.runtime.differences import Difference, Tally
from resnet_compiler.runtime.exported import every_value, file_parting, float64_outputs
from resnet_compiler.runtime.layers import relative
from resnet_compiler.runtime.verdict import AGREE, DIFFERENT, Parting, Verdict, judge
from resnet_compiler.settle import Settled, settle
from resnet_compiler.weights import Array, Value

if TYPE_CHECKING:
    import onnx

MOST_AT_ONCE = 2
"""Images in a batch, where it is dynamic."""
NOTES = {
    "float16": "float16 was run as it is, and with each operator's result rounded to float16: on a CPU, ONNX Runtime rounds "
    "less than an accelerator does",
    "bfloat16": "bfloat16 was run with each operator in float32 and its result rounded to bfloat16: on a CPU, ONNX Runtime "
    "has no bfloat16 operators",
}
"""How half precision was run."""
TOLERANCES = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1.5e-1, "int8": 1e-1}
"""Greatest relative difference that is usual, of deep networks with random weights: rounded weights make most of it."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found on running a file.

    Attributes:
        tried: (batch, height, width) of the images each time.
        differences: of each output, from the float32 network.
        notes: how it was run.
        verdict: whether the file computes what the network does.
        parting: for a float32 file that is past its tolerance, the first layer that differs; None where none does.
        from_float64: for one where each layer agrees, how far the file and the float32 network are from float64, relative.
    """

    tried: tuple[tuple[int, int, int], ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    verdict: Verdict = AGREE
    parting: Parting | None = None
    from_float64: tuple[float, float] | None = None

    @property
    def relative(self) -> float:
        """The greatest relative difference of all outputs."""
        return max((d.relative for d in self.differences if d.relative is not None), default=0.0)


def verify_onnx(
    path: str | os.PathLike[str],
    graph: Graph,
    weights: Value,
    interface: Interface = PLAIN,
    *,
    opset: int = DEFAULT_OPSET,
    images: int = 16,
    seed: int = 0,
    tolerance: float | None = None,
) -> Verification:
    """Run a file and the reference on the same random images, and compare each output.

    Args:
        path: the model file; the file with its weights is looked for beside it.
        graph: the network that it should compute; where passes have changed it, as it was before them.
        weights: that network's.
        interface: the interface it was made with.
        opset: the opset it was made with.
        images: how many images to try, or a few more.
        seed: of the images.
        tolerance: the greatest relative difference that is no matter; None: what is usual for the precision. Where a float32
            file is past it, its layers are run one by one, and where each agrees, float64 decides (by torch, if it is there).
    """
    import numpy as np

    settled = settle(graph, interface, opset)
    random = np.random.default_rng(seed)
    tried = tuple(_batches(graph, settled, images))
    channels = graph.concrete(INPUT)[0]
    shown = [_inputs(random_images(random, n, channels, h, w), settled) for n, h, w in tried]
    with _reference_session(settled, graph, weights) as bare:
        expected = [_expected(_run(bare, ready), settled) for _, ready in shown]
        del bare  # before the next session has all the weights too
    tally = Tally()
    with _file_sessions(path, interface.precision) as (sessions, notes):
        for session in sessions:  # one at a time: each holds all the weights
            for (given, _), theirs in zip(shown, expected, strict=True):
                tally.add(_run(session, given), theirs)
    found = Verification(tried, tally.differences(), notes)
    bound = TOLERANCES[interface.precision] if tolerance is None else tolerance
    if found.relative <= bound:
        return found
    if interface.precision != "float32":
        return replace(found, verdict=DIFFERENT)
    given, ready = shown[0]
    with _reference_file(settled, graph, weights) as bare_path:
        values = every_value(bare_path, ready)
    parting = file_parting(path, graph, given, values)
    exact = float64_outputs(graph, weights, ready) if parting is None else None
    if exact is None or not interface.has_head:
        return replace(found, verdict=DIFFERENT, parting=parting)
    far = _from_float64(_session(path), given, expected[0], _expected({OUTPUT: exact}, settled))
    return replace(found, verdict=judge(*far, bound, None), from_float64=far)


def _from_float64(
    session: Any, given: Array, bare: Mapping[str, Array], exact: Mapping[str, Array]
) -> tuple[float, float]:
    """How far a file, and the float32 network, are from float64, relative: the greatest of the scores."""
    ours = _run(session, given)
    names = [name for name in exact if name != INDICES]
    return (
        max(relative(ours[name], exact[name]) for name in names),
        max(relative(bare[name], exact[name]) for name in names),
    )


def verify_against(
    path: str | os.PathLike[str] | bytes,
    exact: onnx.ModelProto,
    feeds: Iterable[Mapping[str, Array]],
    tolerance: float = TOLERANCES["int8"],
) -> Verification:
    """Run a file and a model in memory on the same inputs, and compare each output: for int8, whose inputs are images."""
    ours, theirs = _session(path, "fused"), _session(exact.SerializeToString())
    tally, tried = Tally(), []
    for feed in feeds:
        image = feed[INPUT]
        is_last = image.dtype.kind == "u" and image.shape[-1] in (1, 3, 4)
        tried.append((len(image), *(image.shape[1:3] if is_last else image.shape[2:4])))
        tally.add(_run(ours, image), _run(theirs, image))
    found = Verification(tuple(tried), tally.differences(), ("run on the calibration images",))
    return found if found.relative <= tolerance else replace(found, verdict=DIFFERENT)


# --- what is run -----------------------------------------------------------------------------------------------------


@contextmanager
def _file_sessions(
    path: str | os.PathLike[str], precision: str
) -> Iterator[tuple[Iterable[Any], tuple[str, ...]]]:
    """The file as it is, where it can be run; and in half precision with all the rounding of an accelerator."""
    if precision == "float32":
        yield map(_session, [path]), ()
        return
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        changed = pathlib.Path(folder) / "model.onnx"
        onnx.save(in_float32(onnx.load(path)), changed, save_as_external_data=True)
        paths = [changed] if precision == "bfloat16" else [path, changed]
        yield map(_session, paths), (NOTES[precision],)


@contextmanager
def _reference_file(settled: Settled, graph: Graph, weights: Value) -> Iterator[pathlib.Path]:
    """The bare float32 network of the graph as a file, until it is done with."""
    asked = settled.interface
    bare = Interface(
        size=settled.size or "dynamic", features=asked.features, with_head=asked.has_head
    )
    with tempfile.TemporaryDirectory() as folder:
        files = api.onnx_files(
            graph, "model.onnx", interface=bare, weights=weights, external_data="always"
        )
        for name, content in files.items():
            with (pathlib.Path(folder) / name).open("wb") as stream:
                stream.writelines(content)
        yield pathlib.Path(folder) / "model.onnx"


@contextmanager
def _reference_session(settled: Settled, graph: Graph, weights: Value) -> Iterator[Any]:
    with _reference_file(settled, graph, weights) as path:
        yield _session(path, "as it is")


def _session(model: str | os.PathLike[str] | bytes, how: str = "simplified") -> Any:
    """A session on the CPU. "fused" also makes int8 operators, and copies of weights in another layout; the others hold
    the weights once."""
    import onnxruntime

    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.graph_optimization_level = {
        "as it is": levels.ORT_DISABLE_ALL,
        "simplified": levels.ORT_ENABLE_BASIC,
        "fused": levels.ORT_ENABLE_ALL,
    }[how]
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(os.fspath(model), options, providers=providers)


def _run(session: Any, image: Array) -> dict[str, Array]:
    kind = {"tensor(uint8)": "u1", "tensor(float16)": "f2"}.get(session.get_inputs()[0].type, "f4")
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, {INPUT: image.astype(kind)}), strict=True))


# --- what goes in, and what should come out --------------------------------------------------------------------------


def _batches(graph: Graph, settled: Settled, images: int) -> Iterator[tuple[int, int, int]]:
    """Batches and sizes of images: the network's own size most, and others where the model takes any."""
    declared = tuple(extent.declared for extent in graph.extents)
    height, width = settled.size or declared
    given = settled.interface.preprocess
    others: list[tuple[int, int]] = []
    if given is not None and given.resize is not None:  # made smaller, and made larger
        height, width = given.resize * 5 // 4, given.resize * 3 // 2
        others = [(2 * given.resize + 1, given.resize), (given.resize * 2 // 3 + 1, given.resize)]
    elif given is not None and given.crop:
        others = [(height + height // 3 + 1, width + width // 2), (2 * height, width + 1)]
    elif settled.size is None:
        tall, wide = (extent.multiple_of for extent in graph.extents)
        others = [(height + tall, width), (height + tall, width + 3 * wide)]
    if settled.batch is not None:
        sizes = [(height, width), *others]
        for index in range(max(len(sizes), -(-images // settled.batch))):
            yield settled.batch, *sizes[index % len(sizes)]
        return
    yield 1, height, width
    for start in range(1, images, MOST_AT_ONCE):
        yield min(MOST_AT_ONCE, images - start), height, width
    yield from ((2, *size) for size in others)


def _inputs(shown: Array, settled: Settled) -> tuple[Array, Array]:
    """What the file gets, and what the reference gets, of the same images."""
    import numpy as np

    given = settled.interface.preprocess
    if given is None:
        values = (shown.transpose(0, 3, 1, 2).astype(np.float32) / 255 - 0.45) / 0.225
        values = border_type(settled.interface).rounded(values)
        return values, values
    images = shown if given.layout == "nhwc" else shown.transpose(0, 3, 1, 2)
    return images, preprocessed(images, given, settled.size, antialias=settled.opset >= 18)


def _expected(outputs: Mapping[str, Array], settled: Settled) -> dict[str, Array]:
    """The outputs that the file should have, made of the bare network's."""
    import numpy as np

    found = dict(outputs)
    interface = settled.interface
    if interface.softmax:
        logits = found[OUTPUT].astype(np.float64)
        powers = np.exp(logits - logits.max(1, keepdims=True))
        found[OUTPUT] = powers / powers.sum(1, keepdims=True)
    if interface.top_k is not None:
        scores = found.pop(OUTPUT)
        best = np.argsort(-scores, axis=1, kind="stable")[:, : interface.top_k]
        found |= {VALUES: np.take_along_axis(scores, best, 1), INDICES: best}
    return found
