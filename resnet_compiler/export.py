"""A spec and its trained weights to an ONNX file for a runtime: made, run against the float32 network, then published."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from resnet_compiler import api
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.interface import (
    DEFAULT_OPSET,
    PLAIN,
    Interface,
    InterfaceError,
    Problem,
)
from resnet_compiler.output import write_all
from resnet_compiler.rehead import rehead
from resnet_compiler.settle import unread_layers
from resnet_compiler.weights import Value

if TYPE_CHECKING:
    import onnx

    from resnet_compiler.diagnostics import Diagnostic
    from resnet_compiler.quantize import Int8, LayerError, Quantized
    from resnet_compiler.quantize.keep import Kept
    from resnet_compiler.verify_onnx import Verification


FAR = 0.3
"""A layer's int8 error from which on there is something to say of it."""


class UnverifiedError(Exception):
    """The file does not compute what the network does, and was not published. ``done`` is all but the files."""

    def __init__(self, done: Exported) -> None:
        assert done.verification is not None
        relative, bound = done.verification.relative, done.tolerance
        if relative < float("inf"):
            what = f"a relative difference of {relative:.2e}"
        else:
            what = "outputs that are not finite"
        at = done.verification.parting
        where = f"; the first layer that differs: {at}" if at is not None else ""
        super().__init__(f"{what} is past the tolerance of {bound:.2e}{where}{_way_out(done)}")
        self.done = done


def _way_out(done: Exported) -> str:
    """For int8, the layers that would let it pass."""
    if not done.errors:
        return ""
    if done.keep is None:
        return "; no layers were found that would let it pass if they stayed in float"
    options = " ".join(f"--keep-float {name}" for name in done.keep.layers)
    return f"; with these layers in float, too, it is {done.keep.relative:.2e}: {options}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, and what there is to say of it.

    Attributes:
        sizes: the bytes of each file.
        notes: what was decided that a user should know.
        warnings: of the weights.
        verification: what was found on running the file; None where it was not run.
        tolerance: the greatest relative difference that was allowed.
        errors: for int8, each layer's error.
        keep: where an int8 file was refused, layers that would let it pass if they stayed in float; None: none were found.
        passed: whether the verification was good enough to publish the file; also where it was not run.
    """

    sizes: Mapping[pathlib.Path, int]
    notes: tuple[str, ...]
    warnings: tuple[Diagnostic, ...]
    verification: Verification | None
    tolerance: float
    errors: tuple[LayerError, ...]
    passed: bool = True
    keep: Kept | None = None


def export(
    graph: Graph,
    path: pathlib.Path,
    *,
    weights: pathlib.Path | None = None,
    classes: int | None = None,
    fold: bool = True,
    interface: Interface = PLAIN,
    int8: Int8 | None = None,
    opset: int = DEFAULT_OPSET,
    external_data: api.ExternalData = "auto",
    verify: bool = True,
    tolerance: float | None = None,
    seed: int = 0,
) -> Exported:
    """Write an ONNX file, and beside it one with its weights where they are too large or are asked to be there.

    Args:
        graph: the network.
        path: the file.
        weights: its trained weights: safetensors, or a PyTorch checkpoint; without them, initial ones.
        classes: another number of classes; the head is then initialised where the weights have another.
        fold: whether batch norms go into the convolutions. int8 needs that.
        interface: inputs, outputs and precision.
        int8: how to bring the network to int8; the interface's precision is float32 then.
        opset: 13 to 22.
        external_data: whether the weights stand in a file of their own.
        verify: whether to run the file before it is published.
        tolerance: the greatest difference, relative to an output's largest magnitude; None: what is usual for the precision.
        seed: of initial weights, and of the images to verify with.

    Raises:
        SpecError: the weights cannot be used, or a file cannot be written.
        InterfaceError: the network cannot have this interface.
        CalibrationError: the calibration images cannot be used.
        UnverifiedError: the file computes something else.
        ReadBackError: the file, read back, is not the network: a fault of the compiler. In each case nothing was written.
    """
    if int8 is not None:
        _refuse_with_int8(interface, fold)
    graph = graph if classes is None else rehead(graph, classes)
    network = api.fold(graph) if fold else graph
    from resnet_compiler.verify_onnx import TOLERANCES

    precision = "int8" if int8 is not None else interface.precision
    bound = TOLERANCES[precision] if tolerance is None else tolerance
    prepared = api.prepare_onnx(network, opset=opset, interface=interface)
    notes = prepared.notes
    if weights is None:
        notes = (f"no weights were given: these are initial ones, of seed {seed}", *notes)
    found: list[Verification] = []
    unread = unread_layers(graph, interface, opset)
    with _values(weights, graph, seed, classes is not None, unread) as (values, warnings):
        quantized = None
        if int8 is None:
            files = api.files_of(prepared, network, path.name, values, external_data=external_data)
        else:
            exact = api.model_of(prepared, network, values)
            quantized = _quantized(graph, exact, int8, interface)
            prepared.read_back_int8(quantized.model, exact, path.name)
            files = _files(quantized.model, path.name, external_data)
        errors = quantized.errors if quantized is not None else ()
        if quantized is not None and quantized.worst.relative > FAR:
            worst = quantized.worst
            notes += (
                f"{worst.name} is far from its float32 self, {worst.relative:.2f} of its norm: calibrate with images "
                "like those that the network will see, or leave layers in float",
            )

        def described(sizes: Mapping[pathlib.Path, int]) -> Exported:
            said = found[0] if found else None
            passed = said is None or is_good(said)
            return Exported(sizes, notes, warnings(), said, bound, errors, passed)

        def approve(staged: Mapping[pathlib.Path, pathlib.Path]) -> None:
            with _under_their_names(staged) as folder:
                found.append(run(folder / path.name))
            if not is_good(found[0]):
                keep = _kept(quantized, exact, bound) if quantized is not None else None
                raise UnverifiedError(replace(described({}), keep=keep))

        def is_good(said: Verification) -> bool:
            """Within the tolerance; or, where that was not asked for by number, as near as float32 can be."""
            if tolerance is not None:
                return said.relative <= bound
            return said.verdict != "different"

        def run(file: pathlib.Path) -> Verification:
            from resnet_compiler.verify_onnx import verify_against, verify_onnx

            if quantized is not None:
                return verify_against(file, exact, quantized.feeds, bound)
            return verify_onnx(
                file, graph, values, interface, opset=opset, seed=seed, tolerance=bound
            )

        sizes = write_all(
            {path.parent / name: content for name, content in files.items()},
            approve if verify else None,
        )
        return described(sizes)


def _refuse_with_int8(interface: Interface, fold: bool) -> None:
    problems = []
    if interface.precision != "float32":
        problems.append(
            Problem("precision", f"int8 is made from float32, not {interface.precision}")
        )
    if not fold:
        problems.append(
            Problem("fold", "int8 needs batch norms to be folded", "leave `--no-fold` out")
        )
    if problems:
        raise InterfaceError(problems)


@contextmanager
def _values(
    path: pathlib.Path | None, graph: Graph, seed: int, new_head: bool, unread: frozenset[str]
) -> Iterator[tuple[Value, Callable[[], tuple[Diagnostic, ...]]]]:
    """The tensors' values, and what there is to say of them once they were read."""
    if path is None:
        yield api.initial_weights(seed), tuple
        return
    from resnet_compiler.checkpoints import open_checkpoint

    with open_checkpoint(path, graph, seed=seed, new_head=new_head, unread=unread) as checkpoint:
        yield checkpoint, lambda: checkpoint.findings


def _quantized(graph: Graph, exact: onnx.ModelProto, int8: Int8, interface: Interface) -> Quantized:
    from resnet_compiler.quantize import quantize
    from resnet_compiler.settle import size_of

    declared = graph.declared["H"], graph.declared["W"]
    height, width = size_of(graph, interface) or declared
    batch = None if interface.batch == "dynamic" else interface.batch
    shape = (graph.concrete(INPUT)[0], height, width)
    return quantize(exact, int8, shape, interface.preprocess, batch)


def _kept(quantized: Quantized, exact: onnx.ModelProto, bound: float) -> Kept | None:
    """The layers in float with which an int8 model would have passed."""
    from resnet_compiler.quantize.keep import layers_that_help
    from resnet_compiler.verify_onnx import verify_against

    def difference(model: onnx.ModelProto) -> float:
        return verify_against(model.SerializeToString(), exact, quantized.feeds).relative

    given = (quantized.ranges, quantized.scheme, quantized.errors)
    return layers_that_help(exact, *given, bound, difference)


def _files(
    model: onnx.ModelProto, name: str, external_data: api.ExternalData
) -> dict[str, Iterable[bytes]]:
    """The files of a model that is in memory."""
    if external_data != "always":
        return {name: [model.SerializeToString(deterministic=True)]}
    from resnet_compiler.emit.onnx.data import beside

    data = f"{name}.data"
    weights = beside(model, data)
    return {name: [model.SerializeToString(deterministic=True)], data: weights}


@contextmanager
def _under_their_names(staged: Mapping[pathlib.Path, pathlib.Path]) -> Iterator[pathlib.Path]:
    """A folder beside the files in which they have the names that they will have: a model finds its weights by name."""
    parent = next(iter(staged)).parent
    with tempfile.TemporaryDirectory(prefix=".resnetc-", dir=parent) as name:
        folder = pathlib.Path(name)
        for path, file in staged.items():
            try:
                os.link(file, folder / path.name)
            except OSError:  # a file system without links
                shutil.copyfile(file, folder / path.name)
        yield folder
