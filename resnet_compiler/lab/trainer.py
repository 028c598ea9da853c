"""Training the emitted source: steps, epochs, and going on where a run was broken off.

Nothing random is left to a generator that runs along: each step's numbers follow from the seed and its place. So a
checkpoint needs none, and a run that goes on makes the same steps as one that was never broken off.
"""

from __future__ import annotations

import hashlib
import pathlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from resnet_compiler.graph import Graph
from resnet_compiler.lab import LabError, folder, saved
from resnet_compiler.lab.augmentation import Epoch, Images, on_device
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.metrics import Row, is_finite
from resnet_compiler.lab.network import built, decayed, fitted
from resnet_compiler.lab.settings import Precision, Settings
from resnet_compiler.lab.workers import Workers, started

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Ending = Literal["all epochs", "accuracy reached", "diverged"]
OVERHEAD = 1 / 20
"""The share of the time that may go into checkpoints on CUDA, and again into curves, where nothing else is said."""
EVERY = 50
"""Steps between checkpoints where there are several processes on CUDA, which have to agree when."""
EVALUATED = 512
"""Held-out images at once."""


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
    import torch

    with ExitStack() as stack:
        workers = stack.enter_context(started(device))
        is_cuda = workers.device.type == "cuda"
        listener = listener if workers.is_first else SILENT
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
        run = _prepared(graph, data, settings, workers, network, chosen == "bfloat16")
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


@dataclass
class _Run:
    """Where a run stands. ``sums`` are this process's loss and errors in the epoch under way, kept on the device."""

    settings: Settings
    workers: Workers
    network: nn.Module
    model: nn.Module
    optimizer: torch.optim.SGD
    seen: Images
    held_out: Images
    is_low: bool
    sums: Tensor
    step: int = 0
    rows: list[Row] = field(default_factory=list)
    ending: Ending | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches: the images that are left over sit the epoch out, others in each."""
        return len(self.seen) // self.settings.batch

    def advance(self, epoch: Epoch) -> None:
        """Make one step. Nothing here waits for a GPU."""
        import numpy as np
        import torch
        from torch.nn.functional import cross_entropy

        settings, workers = self.settings, self.workers
        begin = self.step % self.steps_per_epoch * settings.batch
        share = workers.share(settings.batch)
        images, labels = self.seen.batch(epoch, slice(begin + share.start, begin + share.stop))
        place = np.random.SeedSequence([settings.seed, self.step, workers.rank])
        torch.manual_seed(int(place.generate_state(1, np.uint64)[0] >> np.uint64(1)))
        self.optimizer.param_groups[0]["lr"] = self.optimizer.param_groups[1]["lr"] = self.rate
        scores = self._scores(self.model, images)
        loss = cross_entropy(scores, labels)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        wrong = (scores.detach().argmax(1) != labels).sum()
        self.sums += torch.stack([loss.detach().double() * len(labels), wrong.double()])
        self.step += 1

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.settings.rate_at(self.step, self.steps_per_epoch)

    def _scores(self, network: nn.Module, images: Tensor) -> Tensor:
        import torch

        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.is_low):
            scores: Tensor = network(images)
        return scores.flatten(1).float()

    def end_epoch(self) -> Row:
        """Record the epoch, and decide whether it was the last one. The one place that waits for a GPU."""
        seen = self.steps_per_epoch * self.settings.batch
        loss, wrong = self.workers.add_up(self.sums).tolist()
        held_out = self._held_out_error()
        rate = self.settings.rate_at(self.step - 1, self.steps_per_epoch)
        row = Row(len(self.rows) + 1, self.step, loss / seen, wrong / seen, held_out, rate)
        self.rows.append(row)
        self.sums.zero_()
        goal = self.settings.stop_at
        if not is_finite(row):
            self.ending = "diverged"
        elif goal is not None and 1 - held_out >= goal:
            self.ending = "accuracy reached"
        elif len(self.rows) == self.settings.epochs:
            self.ending = "all epochs"
        return row

    def _held_out_error(self) -> float:
        import torch

        workers = self.workers
        workers.spread(self.network.buffers())  # each process has seen other images
        self.network.eval()
        wrong = torch.zeros((), dtype=torch.int64, device=workers.device)
        with torch.inference_mode():
            for begin in range(
                workers.rank * EVALUATED, len(self.held_out), workers.count * EVALUATED
            ):
                images, labels = self.held_out.unchanged(slice(begin, begin + EVALUATED))
                wrong += (self._scores(self.network, images).argmax(1) != labels).sum()
        self.network.train()
        return int(workers.add_up(wrong)) / len(self.held_out)

    def save(self, where: pathlib.Path) -> None:
        """Write a checkpoint; every process has to call this, since sums are over all of them."""
        sums = self.workers.add_up(self.sums)
        if not self.workers.is_first:
            return
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            momentum = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                tensors[f"momentum.{name}"] = momentum
        record = {
            "step": self.step,
            "rows": [asdict(row) for row in self.rows],
            "ending": self.ending,
        }
        saved.save(where / folder.CHECKPOINTS, self.step, {**tensors, "sums": sums}, record)

    def load(self, checkpoint: saved.Saved) -> None:
        """Stand where the checkpoint does. Of several processes only the first is given one: see `_go_on`."""
        held = checkpoint.tensors
        state = {
            name.removeprefix("network."): value
            for name, value in held.items()
            if name.startswith("network.")
        }
        self.network.load_state_dict(state)
        for name, parameter in self.network.named_parameters():
            if f"momentum.{name}" in held:
                momentum = held[f"momentum.{name}"].to(parameter.device)
                kept = self.optimizer.state[parameter]["momentum_buffer"] = (
                    parameter.detach().clone()
                )
                kept.copy_(momentum)  # laid out in memory as the parameter is
        self.sums.copy_(held["sums"])
        self.step = checkpoint.record["step"]
        self.rows = [Row(**row) for row in checkpoint.record["rows"]]
        self.ending = checkpoint.record["ending"]


def _prepared(
    graph: Graph,
    data: Data,
    settings: Settings,
    workers: Workers,
    network: nn.Module,
    is_low: bool,
) -> _Run:
    """A run before its first step, everything on the device."""
    import torch

    network = network.to(workers.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    seen, held_out = on_device(data, settings, graph.input_shape[0], workers.device)  # type: ignore[arg-type]
    names = decayed(graph)
    groups: tuple[list[Any], list[Any]] = ([], [])
    model = workers.joined(network)
    for name, parameter in network.named_parameters():
        groups[name not in names].append(parameter)
    optimizer = torch.optim.SGD(
        [
            {"params": groups[0], "weight_decay": settings.weight_decay},
            {"params": groups[1], "weight_decay": 0.0},
        ],
        lr=settings.rate,
        momentum=settings.momentum,
        nesterov=settings.momentum > 0,
    )
    sums = torch.zeros(2, dtype=torch.float64, device=workers.device)
    return _Run(settings, workers, network, model, optimizer, seen, held_out, is_low, sums)


def _go_on(run: _Run, where: pathlib.Path, listener: Listener) -> None:
    """Bring every process to where the newest sound checkpoint stands."""
    workers = run.workers
    step = None
    if workers.is_first:
        checkpoint, refused = saved.newest(where / folder.CHECKPOINTS)
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
    run: _Run,
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
