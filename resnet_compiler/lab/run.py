"""Where a training run stands, and what moves it on: a step, the end of an epoch, a checkpoint. No files but those.

Nothing random is left to a generator that runs along: each step's numbers follow from the seed and its place. So a
checkpoint needs none, and a run that goes on makes the same steps as one that was never broken off.
"""

from __future__ import annotations

import pathlib
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from resnet_compiler.checkpoints.stored import brief
from resnet_compiler.graph import Graph
from resnet_compiler.lab import folder, saved
from resnet_compiler.lab.augmentation import Epoch, Images, on_device
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.metrics import Row, is_finite
from resnet_compiler.lab.network import decayed
from resnet_compiler.lab.settings import Settings
from resnet_compiler.lab.workers import Workers

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Ending = Literal["all epochs", "accuracy reached", "diverged"]
_NETWORK, _MOMENTUM = "network.", "momentum."
"""How the names of tensors in a checkpoint begin."""
EVALUATED = 512
"""Held-out images at once."""


@dataclass
class Run:
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
        tensors = {f"{_NETWORK}{name}": each for name, each in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            momentum = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                tensors[f"{_MOMENTUM}{name}"] = momentum
        record = {
            "step": self.step,
            "rows": [asdict(row) for row in self.rows],
            "ending": self.ending,
        }
        saved.save(where / folder.CHECKPOINTS, self.step, {**tensors, "sums": sums}, record)

    def misfit(self, checkpoint: saved.Saved) -> str | None:
        """Why a checkpoint is not one of this run, or None where it is: `load` takes it then."""
        held, record = dict(checkpoint.tensors), checkpoint.record
        wanted = {f"{_NETWORK}{name}": each for name, each in self.network.state_dict().items()}
        wanted["sums"] = self.sums
        for name, parameter in self.network.named_parameters():
            if f"{_MOMENTUM}{name}" in held:
                wanted[f"{_MOMENTUM}{name}"] = parameter
        for name in dict.fromkeys([*wanted, *held]):
            one, other = wanted.get(name), held.get(name)
            if one is None or other is None:
                return f"it {'lacks' if other is None else 'has'} a tensor `{brief(name)}`"
            if (one.shape, one.dtype) != (other.shape, other.dtype):
                return f"its tensor `{brief(name)}` is not the network's"
        try:
            step, rows = record["step"], [Row(**row) for row in record["rows"]]
            if type(step) is not int or record["ending"] not in (None, *get_args(Ending)):
                raise ValueError
            for row in rows:
                numbers = (row.epoch, row.step)
                shares = (row.loss, row.training_error, row.held_out_error, row.rate)
                if {*map(type, numbers)} != {int} or not {*map(type, shares)} <= {int, float}:
                    raise ValueError
        except (LookupError, TypeError, ValueError):
            return "its record is not one of a training run"
        ended, under_way = divmod(step, self.steps_per_epoch)
        possible = (ended,) if under_way else (ended - 1, ended)  # the last step is saved, too
        if not 0 <= ended <= self.settings.epochs or len(rows) not in possible:
            return f"it stands at step {step} after {len(rows)} epochs, where no run can be"
        return None

    def load(self, checkpoint: saved.Saved) -> None:
        """Stand where the checkpoint does. Of several processes only the first is given one: see `_go_on`."""
        held = checkpoint.tensors
        state = {
            name.removeprefix(_NETWORK): value
            for name, value in held.items()
            if name.startswith(_NETWORK)
        }
        self.network.load_state_dict(state)
        for name, parameter in self.network.named_parameters():
            if f"{_MOMENTUM}{name}" in held:
                momentum = held[f"{_MOMENTUM}{name}"].to(parameter.device)
                kept = self.optimizer.state[parameter]["momentum_buffer"] = (
                    parameter.detach().clone()
                )
                kept.copy_(momentum)  # laid out in memory as the parameter is
        self.sums.copy_(held["sums"])
        self.step = checkpoint.record["step"]
        self.rows = [Row(**row) for row in checkpoint.record["rows"]]
        self.ending = checkpoint.record["ending"]


def prepared(
    graph: Graph,
    data: Data,
    settings: Settings,
    workers: Workers,
    network: nn.Module,
    is_low: bool,
) -> Run:
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
    return Run(settings, workers, network, model, optimizer, seen, held_out, is_low, sums)
