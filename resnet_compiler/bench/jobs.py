"""What a contender is, what it is asked to run, and the files that it is given. Plain data; nothing is run here."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_compiler.weights import Array

WEIGHTS, IMAGE, SOURCE, INFERENCE = "weights.safetensors", "image.npy", "model.py", "inference.py"
"""Files in a job's folder: the weights, the images (batch, channels, height, width) float32, and the emitted sources."""


@dataclass(frozen=True, slots=True)
class Job:
    """One contender at one precision and batch.

    Attributes:
        contender: its name in `CONTENDERS`.
        precision: "float32", "float16", "bfloat16" or "int8".
        batch: images at once.
        device: "cpu" or "cuda".
        threads: how many threads compute, on a CPU.
        channels_last: whether eager models get their weights and images with the channels last.
        network: the spec's name, by which other libraries may have the network too.
        class_name: the class of the network in the emitted sources.
        folder: where the files are.
    """

    contender: str
    precision: str
    batch: int
    device: str
    threads: int
    channels_last: bool
    network: str
    class_name: str
    folder: str

    @property
    def label(self) -> str:
        """The contender and the precision, as a table names them."""
        return f"{self.contender} {self.precision}"

    def path(self, name: str) -> pathlib.Path:
        """A file of the job's folder."""
        return pathlib.Path(self.folder) / name

    @property
    def output(self) -> pathlib.Path:
        """Where what the contender computes is left, float32."""
        return self.path(f"output-{self.contender}-{self.precision}-{self.batch}.npy")

    def text(self) -> str:
        """The job as a line of JSON."""
        return json.dumps(asdict(self))


def job_of(line: str) -> Job:
    """A job from its line."""
    return Job(**json.loads(line))


@dataclass(frozen=True, slots=True)
class Running:
    """A contender that is ready.

    Attributes:
        run: computes the network once, and returns when it is done.
        output: what it computed, (batch, …) float32.
        held: bytes of the device's memory that it holds, where that is not the process's own.
        of: whose model it runs, where that is not told by the contender's name.
    """

    run: Callable[[], object]
    output: Callable[[], Array]
    held: Callable[[], int] | None = None
    of: str = ""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run a network.

    Attributes:
        name: what `--against` and the table call it.
        about: what it is, in a line.
        packages: what has to be installed, as it is imported.
        precisions: by device, what it can be asked for; a device that is not there is one it does not run on.
        files: what the compiler writes for it, in each precision.
        load: makes it ready. What it raises is the reason why it cannot take part.
        ours: whether it is what the compiler emits.
    """

    name: str
    about: str
    packages: tuple[str, ...]
    precisions: Mapping[str, tuple[str, ...]]
    files: Callable[[str], tuple[str, ...]]
    load: Callable[[Job], Running]
    ours: bool = False


class CannotRun(Exception):
    """A contender cannot take part; the message is the reason, in a line."""


def reason_of(failure: BaseException) -> str:
    """The first line of what a library raised, behind the kind of it where that tells more."""
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    if isinstance(failure, CannotRun):
        return lines[0]
    return f"{type(failure).__name__}: {lines[0] if lines else 'no reason given'}"[:200]


@dataclass(frozen=True, slots=True)
class Options:
    """What is compared.

    Attributes:
        contenders: names of `CONTENDERS`, in the table's order.
        device, threads, channels_last: as in a job.
        precisions: what each contender that can is asked for.
        batches: images at once, each a table of its own.
        runs: rounds that count.
    """

    contenders: tuple[str, ...]
    device: str
    precisions: tuple[str, ...]
    batches: tuple[int, ...]
    runs: int
    threads: int
    channels_last: bool
