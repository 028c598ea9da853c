"""Contenders beside each other on one network: made ready, compared in what they compute, and timed in rounds."""

from __future__ import annotations

import importlib.util
import pathlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from resnet_compiler.bench.contenders import CONTENDERS
from resnet_compiler.bench.files import write_files
from resnet_compiler.bench.hardware import check_device, hardware, versions
from resnet_compiler.bench.jobs import CannotRun, Contender, Job, Options
from resnet_compiler.bench.outcome import LeftOut, Measurement, Outcome
from resnet_compiler.bench.rates import measured_device
from resnet_compiler.bench.rounds import WORKER, Process, in_rounds
from resnet_compiler.emit.names import network_class_name
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.roofline import limits
from resnet_compiler.support.arrays import read_array

if TYPE_CHECKING:
    from resnet_compiler.weights import Array

TOLERANCES = {"float32": 1e-3, "float16": 5e-2, "bfloat16": 2e-1, "int8": 2e-1}
"""Greatest difference from the reference, relative to its largest magnitude: beyond it something else is computed. They
leave room for rounding, which deep networks with random weights amplify."""
COMPARED = 4
"""Images whose outputs are compared."""
REFERENCES = ("torch-source", "onnxruntime")
"""What outputs are compared with: the first of these that is installed, in float32 on the CPU."""
PACKAGES = ("resnet-compiler", "torch", "torchvision", "timm", "onnxruntime", "openvino", "numpy")


class NothingToRun(Exception):
    """No contender can take part; the message says why."""


def compare(
    graph: Graph,
    options: Options,
    note: Callable[[str], None] = lambda text: None,
    worker: Sequence[str] = WORKER,
) -> Outcome:
    """Run every contender in each precision it has, at each batch.

    Args:
        graph: the network, as it is trained.
        options: what to compare.
        note: is told what is going on.
        worker: the command of a contender's process.

    Raises:
        MissingDevice: the device is not here.
        NothingToRun: not one contender can take part.
    """
    check_device(options.device)
    left: list[LeftOut] = []
    with tempfile.TemporaryDirectory(prefix="resnetc-") as name:
        asked = _asked(graph, options, name, left)
        jobs = _with_files(graph, asked, pathlib.Path(name), options, left, note)
        reference, expected = _reference(graph, jobs, worker, note)
        measured: list[Measurement] = []
        for batch in options.batches:
            with ExitStack() as stack:
                at_batch = [job for job in jobs if job.batch == batch]
                ready = dict(_ready(stack, at_batch, expected, worker, left, note))
                measured += _timed(ready, options.runs, left, note)
    note("measuring the machine")
    precisions = dict.fromkeys(each.precision for each in measured)
    if not measured:
        raise NothingToRun("; ".join(f"{each.contender}: {each.reason}" for each in left))
    machine = measured_device(options.device, options.threads, precisions)
    note("")
    return Outcome(
        name=graph.identity.name,
        title=graph.identity.title,
        size=graph.concrete(INPUT),
        options=options,
        found_on={"hardware": hardware(options.device), **versions(PACKAGES)},
        machine=machine,
        limits={
            (precision, batch): sum(e.seconds for e in limits(graph, machine, precision, batch))
            for precision in precisions
            if precision in machine.rates
            for batch in options.batches
        },
        reference=reference,
        measurements=tuple(measured),
        left_out=tuple(left),
    )


def missing(contender: Contender) -> str:
    """What is not installed that it needs, as a reason; empty where nothing is."""
    absent = [name for name in contender.packages if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    are = "is" if len(absent) == 1 else "are"
    return f"{' and '.join(absent)} {are} not installed: pip install 'resnet-compiler[benchmark]'"


def _asked(
    graph: Graph, options: Options, folder: str, left: list[LeftOut]
) -> list[tuple[Contender, Job]]:
    """Every job of those contenders that are installed and run on the device."""
    found = []
    for name in options.contenders:
        contender = CONTENDERS[name]
        able = contender.precisions.get(options.device, ())
        absent = missing(contender)
        if not able:
            absent = f"it does not run on {options.device}"
        if absent:
            left.append(LeftOut(name, "", None, absent))
            continue
        for precision in options.precisions:
            if precision not in able:
                continue
            for batch in options.batches:
                job = Job(
                    name,
                    precision,
                    batch,
                    options.device,
                    options.threads,
                    options.channels_last,
                    graph.identity.name,
                    network_class_name(graph.identity.title),
                    folder,
                )
                found.append((contender, job))
    return found


def _with_files(
    graph: Graph,
    asked: Sequence[tuple[Contender, Job]],
    folder: pathlib.Path,
    options: Options,
    left: list[LeftOut],
    note: Callable[[str], None],
) -> list[Job]:
    """The jobs whose files could be written."""
    note("compiling")
    needed = {job: contender.files(job.precision) for contender, job in asked}
    names = [name for files in needed.values() for name in files]
    for name in REFERENCES:
        if not missing(CONTENDERS[name]):
            names += CONTENDERS[name].files("float32")
            break
    refused = write_files(graph, folder, names, max(COMPARED, *options.batches), options.device)
    for job, files in needed.items():
        if job.batch == options.batches[0]:
            why = [refused[name] for name in files if name in refused]
            left += [LeftOut(job.contender, job.precision, None, reason) for reason in why[:1]]
    return [job for job, files in needed.items() if not refused.keys() & set(files)]


def _reference(
    graph: Graph, jobs: Sequence[Job], worker: Sequence[str], note: Callable[[str], None]
) -> tuple[str, Array | None]:
    """What outputs are compared with: its name, and the first of them; nothing where there is nothing to compare."""
    import numpy as np

    if not jobs:
        return "", None
    name = next(each for each in REFERENCES if not missing(CONTENDERS[each]))
    note(f"reference: {name}")
    job = replace(
        jobs[0],
        contender=name,
        precision="float32",
        batch=COMPARED,
        device="cpu",
        channels_last=False,
    )
    try:
        Process(job, worker).close()
    except CannotRun as reason:
        raise NothingToRun(f"the reference, {name}, cannot run: {reason}") from None
    found = read_array(job.output)
    if not np.isfinite(found).all():
        raise NothingToRun("with random weights the output of this network is not finite")
    return f"{name} float32 on the CPU", found


def _ready(
    stack: ExitStack,
    jobs: Sequence[Job],
    expected: Array | None,
    worker: Sequence[str],
    left: list[LeftOut],
    note: Callable[[str], None],
) -> Iterator[tuple[str, tuple[Process, float]]]:
    """The processes that are ready and compute what they should, each with its difference."""
    for job in jobs:
        note(f"batch {job.batch}: {job.label}")
        try:
            process = stack.enter_context(_closing(Process(job, worker)))
            far = difference(job.output, expected)
            if not far <= TOLERANCES[job.precision]:
                process.close()
                raise CannotRun(f"it computes something else: {far:.1e} from the reference")
        except CannotRun as reason:
            left.append(LeftOut(job.contender, job.precision, job.batch, str(reason)))
        else:
            yield job.label, (process, far)


@contextmanager
def _closing(process: Process) -> Iterator[Process]:
    try:
        yield process
    finally:
        process.close()


def difference(path: pathlib.Path, expected: Array | None) -> float:
    """How far the outputs in a file are from the first that are expected, relative to their largest magnitude."""
    import numpy as np

    found = read_array(path)
    assert expected is not None
    count = min(len(found), len(expected))
    if found.shape[1:] != expected.shape[1:] or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found[:count] - expected[:count]).max() / np.abs(expected[:count]).max())


def _timed(
    ready: Mapping[str, tuple[Process, float]],
    runs: int,
    left: list[LeftOut],
    note: Callable[[str], None],
) -> list[Measurement]:
    times = in_rounds({label: process for label, (process, _) in ready.items()}, runs, note)
    found = []
    for label, (process, far) in ready.items():
        job = process.job
        if label not in times:
            left.append(
                LeftOut(job.contender, job.precision, job.batch, "its process ended while timed")
            )
            continue
        peak, held = process.memory()
        found.append(
            Measurement(
                job.contender,
                job.precision,
                job.batch,
                process.of,
                tuple(times[label]),
                process.ready,
                peak,
                held,
                far,
            )
        )
    return found
