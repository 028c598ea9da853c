"""Training the emitted source from its settings to its files, and going on where a run was broken off. Steps are in `run`."""

from __future__ import annotations

import hashlib
import pathlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from resnet_compiler.graph import Graph
from resnet_compiler.lab import LabError, folder, saved
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.metrics import Row
from resnet_compiler.lab.network import built, fitted
from resnet_compiler.lab.run import Ending, Run, prepared
from resnet_compiler.lab.settings import Precision, Settings
from resnet_compiler.lab.workers import Workers, started

OVERHEAD = 1 / 20
"""The share of the time that may go into checkpoints on CUDA, and again into curves, where nothing else is said."""
EVERY = 50
"""Steps between checkpoints where there are several processes on CUDA, which have to agree when."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told how a run goes on: of a line to be read, of each step (of how many), of each epoch."""

    note: Callable[[str], None] = lambda line: None
    step: Callable[[int, int], None] = lambda step, steps: None
    epoch: Callable[[Row], None] = lambda row: None


SILENT = Listener()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has ended. ``graph`` is the network that was trained; ``rows`` has a row for each epoch."""

    graph: Graph
    rows: tuple[Row, ...]
    ending: Ending
    is_first: bool
    """Whether this is the process that wrote the files."""

    @property
    def accuracy(self) -> float:
        """Of the held-out images, at the end."""
        return 1 - self.rows[-1].held_out_error


def train(
    graph: Graph,
    data: Data,
    settings: Settings,
    where: pathlib.Path,
    *,
    device: str = "auto",
    precision: Precision | Literal["auto"] = "auto",
    checkpoint_every: int | None = None,
    listener: Listener = SILENT,
) -> Outcome:
    """Train a network on images, or go on with the run that is in the folder.

    Under torchrun each of its processes calls this; the batch is shared equally, and the first one writes the files.

    Args:
        graph: the network; it gets as many classes as the images have.
        data: the images.
        settings: how to train.
        where: the run's folder. At the end it has metrics.csv, curves.svg, weights.safetensors, calibration.npy,
            model.py, run.json and two checkpoints.
        device: `cpu`, `cuda` or `auto`.
        precision: what the forward pass computes in; auto: bfloat16 on CUDA, else float32. Weights are float32.
        checkpoint_every: steps between checkpoints; None: each step on the CPU; on CUDA, where a checkpoint can take longer
            than a step, as often as a twentieth of the time allows, and every 50 steps with several processes. It does
            not change what comes out.
        listener: who is told how it goes on.

    Raises:
        LabError: the network, the images, the settings and the folder do not go together.
        SpecError: the network has no head for these classes, or a file cannot be written.
    """
    with started(device) as workers:
        listener = listener if workers.is_first else SILENT
        return _train(graph, data, settings, where, workers, precision, checkpoint_every, listener)


def _train(
    graph: Graph,
    data: Data,
    settings: Settings,
    where: pathlib.Path,
    workers: Workers,
    precision: Precision | Literal["auto"],
    checkpoint_every: int | None,
    listener: Listener,
) -> Outcome:
    """What `train` does in one of the processes."""
    import torch

    with ExitStack() as stack:
        is_cuda = workers.device.type == "cuda"
        stack.enter_context(torch.random.fork_rng(devices=[workers.device] if is_cuda else []))
        stack.enter_context(torch.backends.cudnn.flags(benchmark=False, deterministic=True))
        graph = fitted(graph, data.shape, len(data.classes))
        _check(settings, data, workers)
        chosen = precision
        if chosen == "auto":
            chosen = "bfloat16" if is_cuda else "float32"
        source, network = built(graph, settings.seed)
        if workers.is_first:
            account = _account(graph, data, settings, workers, chosen, source)
            stack.enter_context(folder.opened(where, account, source))
        run = prepared(graph, data, settings, workers, network, chosen == "bfloat16")
        _go_on(run, where, listener)
        _finish_epochs(run, where, graph.identity.name, checkpoint_every, listener)
        if workers.is_first:
            state = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
            folder.publish(where, run.rows, graph.identity.name)
            folder.finish(where, graph, state, data)
        assert run.ending is not None
        return Outcome(graph, tuple(run.rows), run.ending, workers.is_first)


def _check(settings: Settings, data: Data, workers: Workers) -> None:
    count = len(data.images)
    if settings.batch > count:
        raise LabError(
            f"--batch {settings.batch}: there are {count:,} images to train with; give a smaller one"
        )
    if settings.batch % workers.count:
        raise LabError(
            f"--batch {settings.batch} cannot be shared equally among {workers.count} processes: give a multiple"
        )


def _account(
    graph: Graph,
    data: Data,
    settings: Settings,
    workers: Workers,
    precision: Precision,
    source: str,
) -> dict[str, Any]:
    """What a run is of; where two have the same, they make the same steps."""
    return {
        "network": graph.identity.name,
        "source_sha256": hashlib.sha256(source.encode()).hexdigest(),
        "data": {
            "name": data.name,
            "sha256": data.sha256,
            "images": len(data.images),
            "held_out": len(data.held_out),
            "classes": list(data.classes),
            "mean": list(data.mean),
            "std": list(data.std),
        },
        "settings": asdict(settings),
        "device": workers.device.type,
        "processes": workers.count,
        "precision": precision,
    }


def _go_on(run: Run, where: pathlib.Path, listener: Listener) -> None:
    """Bring every process to where the newest sound checkpoint stands."""
    workers = run.workers
    step = None
    if workers.is_first:
        checkpoint, refused = saved.newest(where / folder.CHECKPOINTS, run.misfit)
        for line in refused:
            listener.note(f"{line}; the one before it is used")
        if checkpoint is not None:
            run.load(checkpoint)
            step = run.step
            listener.note(f"going on from step {step:,} of {checkpoint.path.as_posix()}")
    step, run.rows, run.ending = workers.agree((step, run.rows, run.ending))
    if step is None:
        return
    run.step = step
    workers.spread(run.network.state_dict().values())
    for parameter in run.network.parameters():
        if run.step and run.settings.momentum:
            state = run.optimizer.state[parameter]
            state.setdefault("momentum_buffer", parameter.detach().clone())
            workers.spread([state["momentum_buffer"]])


@dataclass
class _Pace:
    """When to write again, so that writing takes a fixed share of the time. It decides when, never what."""

    cost: float = 0.0
    last: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self.last >= self.cost / OVERHEAD

    def spend(self, action: Callable[[], None]) -> None:
        begin = time.monotonic()
        action()
        self.last = time.monotonic()
        self.cost = self.last - begin


def _finish_epochs(
    run: Run,
    where: pathlib.Path,
    name: str,
    checkpoint_every: int | None,
    listener: Listener,
) -> None:
    """Make the steps that are left, with a checkpoint and the metrics every so often."""
    on_cpu = run.workers.device.type == "cpu"
    every = checkpoint_every or (1 if on_cpu else EVERY if run.workers.count > 1 else None)
    checkpoints, curves = _Pace(), _Pace()

    def save() -> None:
        if run.step % every == 0 if every else checkpoints.is_due:
            checkpoints.spend(lambda: run.save(where))

    total = run.settings.epochs * run.steps_per_epoch
    while run.ending is None:
        number = len(run.rows)
        epoch = run.seen.epoch(run.settings.seed, number)
        while run.step < (number + 1) * run.steps_per_epoch:
            run.advance(epoch)
            listener.step(run.step, total)
            save()
        listener.epoch(run.end_epoch())
        if run.ending is not None:
            run.save(where)
        else:
            save()
        if run.workers.is_first and curves.is_due:
            curves.spend(lambda: folder.publish(where, run.rows, name))
