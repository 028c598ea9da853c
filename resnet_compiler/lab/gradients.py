"""The gradient, measured: networks built from their emitted source, a batch of real images, and what each layer sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.lab import LabError
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.initialisation import Initialisation
from resnet_compiler.lab.records import Record
from resnet_compiler.lab.trunk import trunk_of

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Settings:
    """How gradients are measured.

    ``steps`` are made between the two measurements, with ``batch`` images each, by SGD with this learning rate and
    momentum and no weight decay. ``seed`` draws the initial weights and the order of the images.
    """

    steps: int = 20
    batch: int = 64
    seed: int = 0
    learning_rate: float = 0.01
    momentum: float = 0.9
    initialisation: Initialisation = "emitted"


def measure(
    label: str,
    graph: Graph,
    data: Data,
    settings: Settings,
    progress: Callable[[int], None] = lambda step: None,
) -> list[Record]:
    """What is seen at the first step and, after ``settings.steps``, at one more on the same batch.

    The first batch is measured; the step that is made with it is the first of those made. The same arguments give the
    same numbers on the same machine, whatever was run before.

    Args:
        label: what the records call the network.
        graph: the network; its head gets the number of classes that the images have, and grey images go into several
            channels alike.
        data: the images. They are taken at their own size.
        settings: how.
        progress: is told after each step how many were made.

    Raises:
        LabError: the images do not fit the network, or there are fewer than a batch of them.
        SpecError: the network has no head for these classes.
    """
    import torch

    if len(data.images) < settings.batch:
        raise LabError(
            f"{data.name} has {len(data.images)} images, and a batch of {settings.batch} was asked for: "
            "give a smaller `--batch`"
        )
    from resnet_compiler.lab.initialisation import initialise
    from resnet_compiler.lab.network import built, fitted
    from resnet_compiler.lab.probe import watched_step

    trunk = trunk_of(graph)
    graph = fitted(graph, data.shape, len(data.classes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        _, network = built(graph, settings.seed)
        initialise(network, settings.initialisation)
        network.train()
        optimizer = torch.optim.SGD(
            network.parameters(), settings.learning_rate, momentum=settings.momentum
        )
        batches = _batches(data, graph.concrete(INPUT)[0], settings)
        first = next(batches)

        def step(batch: tuple[Tensor, Tensor]) -> None:
            images, answers = batch
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(images).flatten(1), answers)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        found = watched_step(network, trunk, lambda: step(first), label, 0)
        progress(1)
        for number, batch in enumerate(batches, start=2):
            step(batch)
            progress(number)
        if settings.steps:
            found += watched_step(network, trunk, lambda: step(first), label, settings.steps)
    return found


def _batches(data: Data, channels: int, settings: Settings) -> Iterator[tuple[Tensor, Tensor]]:
    """As many batches as there are steps, and one at least: each epoch in an order of its own, what is left over unused."""
    import numpy as np
    import torch

    random = np.random.default_rng(settings.seed)
    made = 0
    while True:
        order = random.permutation(len(data.images))
        for start in range(0, len(order) - settings.batch + 1, settings.batch):
            chosen = order[start : start + settings.batch]
            images = torch.from_numpy(data.normalised(data.images[chosen]))
            yield (
                images.expand(-1, channels, -1, -1).contiguous(),
                torch.from_numpy(data.labels[chosen]),
            )
            made += 1
            if made >= settings.steps:
                return


def labels(graphs: Sequence[Graph]) -> list[str]:
    """What to call each network: its name, or where two have the same one, the folder too.

    Raises:
        LabError: two of them cannot be told apart.
    """
    names = [graph.identity.name for graph in graphs]
    long = [g.identity.source.removeprefix("specs/").removesuffix(".yaml") for g in graphs]
    found = [
        name if names.count(name) == 1 else other for name, other in zip(names, long, strict=True)
    ]
    for name in found:
        if found.count(name) > 1:
            raise LabError(f"two networks are called {name}: give one of them another `name`")
    return found
