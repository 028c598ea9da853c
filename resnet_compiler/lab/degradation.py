"""The experiment of He et al. (2015) on degradation: two families of networks, each at several depths, trained alike.

The runs are those of `trainer`, each in a folder of its own, so an experiment that was broken off goes on. What the numbers
say is decided in `verdict`.
"""

from __future__ import annotations

import pathlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from resnet_compiler.lab.data import Data
from resnet_compiler.lab.degradation_rows import FAMILIES, Family, Row
from resnet_compiler.lab.settings import Settings


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is trained. ``specs`` has the word for a spec of each family, with ``{depth}`` where its depth stands.

    Images are made smaller by ``shrink``, in height and in width. Every run has the same settings but for its seed, which
    is 0, 1, … up to ``seeds``.
    """

    specs: tuple[str, str]
    depths: tuple[int, ...]
    seeds: int
    data: str
    shrink: int
    settings: Settings


@dataclass(frozen=True, slots=True)
class Run:
    """One network that is trained: which it is, and the name of its folder."""

    family: Family
    depth: int
    seed: int
    spec: str

    @property
    def name(self) -> str:
        return f"{self.family}{self.depth}-seed{self.seed}"


def runs(experiment: Experiment) -> list[Run]:
    """Every run, one seed after the other, so that what is there after a while can be compared."""
    return [
        Run(family, depth, seed, word.replace("{depth}", str(depth)))
        for seed in range(experiment.seeds)
        for depth in experiment.depths
        for family, word in zip(FAMILIES, experiment.specs, strict=True)
    ]


def train_all(
    experiment: Experiment,
    where: pathlib.Path,
    jobs: int,
    report: Callable[[Run, list[Row]], None] = lambda run, rows: None,
) -> list[Row]:
    """Train every network that is not trained yet, ``jobs`` at a time; the rows of all, in the order of `runs`.

    Each process computes with one thread, so that the numbers do not depend on how many there are.

    Args:
        experiment: what to train.
        where: the folder in which each run has one.
        jobs: how many processes.
        report: is told of each run as soon as it and all before it are done.

    Raises:
        LabError: the images, the networks and the folder do not go together. What can be told before is told before.
        SpecError: a spec is wrong, or a file cannot be written.
    """
    import resnet_compiler
    from resnet_compiler.lab.data import load
    from resnet_compiler.lab.network import fitted

    data = shrunk(load(experiment.data), experiment.shrink)
    for word in dict.fromkeys(run.spec for run in runs(experiment)):
        fitted(resnet_compiler.compile(word), data.shape, len(data.classes))
    found = []
    for run, rows in _results(experiment, where, jobs):
        report(run, rows)
        found += rows
    return found


def _results(
    experiment: Experiment, where: pathlib.Path, jobs: int
) -> Iterator[tuple[Run, list[Row]]]:
    planned = runs(experiment)
    if jobs == 1:
        for run in planned:
            yield run, train_one(experiment, run, where)
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    from resnet_compiler.lab import LabError

    # spawned, not forked: a copy of a process in which torch has started threads may hang
    context = multiprocessing.get_context("spawn")
    with _broken_pipes_raise(), ProcessPoolExecutor(min(jobs, len(planned)), context) as pool:
        try:
            futures = [pool.submit(_train_apart, experiment, run, where) for run in planned]
            for run, future in zip(planned, futures, strict=True):
                yield run, future.result()
        except BrokenProcessPool:
            raise LabError(
                "a process that trained was ended from outside, perhaps since memory ran out: "
                "the same command goes on, with a smaller `--jobs`"
            ) from None
        except BaseException:  # what is under way goes on from its checkpoint another time
            for process in multiprocessing.active_children():
                process.terminate()
            raise


@contextmanager
def _broken_pipes_raise() -> Iterator[None]:
    """Have a pipe without a reader raise an error.

    The command line lets it end the process, for a reader such as `head`. Here a process that trains may go away too.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not (is_main and hasattr(signal, "SIGPIPE")):
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


def _train_apart(experiment: Experiment, run: Run, where: pathlib.Path) -> list[Row]:
    """As `train_one`, in a process of its own: diagnostics do not pass from one process to another, and a line does."""
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.lab import LabError

    try:
        return train_one(experiment, run, where)
    except SpecError as failure:
        raise LabError(failure.diagnostics[0].summary) from None


def train_one(experiment: Experiment, run: Run, where: pathlib.Path) -> list[Row]:
    """Train one network, or read what is in its folder.

    Raises:
        LabError, SpecError: as in `train_all`.
    """
    import torch

    import resnet_compiler
    from resnet_compiler.lab.data import load
    from resnet_compiler.lab.trainer import train

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        outcome = train(
            resnet_compiler.compile(run.spec),
            shrunk(load(experiment.data), experiment.shrink),
            replace(experiment.settings, seed=run.seed),
            where / run.name,
        )
    finally:
        torch.set_num_threads(threads)
    return [
        Row(
            run.family,
            run.depth,
            run.seed,
            row.epoch,
            row.loss,
            row.training_error,
            row.held_out_error,
        )
        for row in outcome.rows
    ]


def shrunk(data: Data, factor: int) -> Data:
    """The images with each square of ``factor`` × ``factor`` pixels made one, their mean; what is left over is cut off.

    Raises:
        LabError: nothing would be left.
    """
    from resnet_compiler.lab import LabError

    if factor == 1:
        return data
    if min(data.shape[1:]) < factor:
        raise LabError(f"images of {data.shape[1]} × {data.shape[2]} cannot be shrunk by {factor}")

    def smaller(images: Any) -> Any:
        import numpy as np

        count, channels, height, width = images.shape
        rows, columns = height // factor, width // factor
        cut = images[:, :, : rows * factor, : columns * factor].astype(np.uint32)
        squares = cut.reshape(count, channels, rows, factor, columns, factor).sum((3, 5))
        return ((squares + factor * factor // 2) // (factor * factor)).astype(np.uint8)

    images = smaller(data.images)
    mean, std = _moments(images)
    return replace(
        data,
        name=f"{data.name}/{factor}",
        images=images,
        held_out=smaller(data.held_out),
        mean=mean,
        std=std,
    )


def _moments(images: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel, with pixels from 0 to 1, to six places."""
    import numpy as np

    pixels = images.astype(np.float64) / 255
    mean = [round(float(each), 6) for each in pixels.mean((0, 2, 3))]
    std = [round(float(each), 6) or 1.0 for each in pixels.std((0, 2, 3))]
    return tuple(mean), tuple(std)


def settings_account(experiment: Experiment) -> dict[str, Any]:
    """What the experiment is of, as JSON."""
    from dataclasses import asdict

    account = asdict(experiment)
    del account["settings"]["seed"]
    return account
