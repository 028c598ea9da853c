"""What a comparison found, as plain data: times, memory, differences, the machine's limit, and who could not take part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_compiler.bench.jobs import Options
from resnet_compiler.bench.rounds import paired, quartiles
from resnet_compiler.devices import Device

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Measurement:
    """One contender at one precision and batch.

    Attributes:
        of: whose model it ran, where its name does not tell.
        seconds: of one run, in each round.
        ready: seconds of importing, loading, compiling and the first run.
        peak: bytes of its process at most.
        held: bytes of the device's memory that it holds; None on a CPU, or where that is not known.
        difference: from the reference, relative to its largest magnitude.
    """

    contender: str
    precision: str
    batch: int
    of: str
    seconds: tuple[float, ...]
    ready: float
    peak: int
    held: int | None
    difference: float

    @property
    def label(self) -> str:
        """The contender and the precision."""
        return f"{self.contender} {self.precision}"

    @property
    def spread(self) -> tuple[float, float, float]:
        """Seconds: lower quartile, median, upper quartile."""
        return quartiles(self.seconds)

    @property
    def median(self) -> float:
        """Seconds."""
        return self.spread[1]

    @property
    def images_per_second(self) -> float:
        """At the median time."""
        return self.batch / self.median


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A contender that did not take part, and why."""

    contender: str
    precision: str
    batch: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one comparison found.

    Attributes:
        name, title: the network's.
        size: (channels, height, width) of the images.
        options: what was asked for.
        found_on: what the figures hold for: hardware and versions.
        machine: what the machine was measured to do.
        limits: the least seconds for a batch, by precision and batch.
        reference: what outputs were compared with.
    """

    name: str
    title: str
    size: tuple[int, ...]
    options: Options
    found_on: Mapping[str, str]
    machine: Device
    limits: Mapping[tuple[str, int], float]
    reference: str
    measurements: tuple[Measurement, ...]
    left_out: tuple[LeftOut, ...]

    def of_batch(self, batch: int) -> tuple[Measurement, ...]:
        """The measurements at this batch, in the table's order."""
        return tuple(each for each in self.measurements if each.batch == batch)

    def base(self, batch: int) -> Measurement | None:
        """What the others are compared with: a library's eager model, or else the first of all."""
        found = self.of_batch(batch)
        for contender in ("torchvision", "timm"):
            for each in found:
                if each.contender == contender:
                    return each
        return found[0] if found else None

    def times_as_fast(self, each: Measurement) -> tuple[float, float, float]:
        """How many times as fast as the base of its batch, round by round: lower quartile, median, upper quartile."""
        base = self.base(each.batch)
        assert base is not None
        return paired(base.seconds, each.seconds)

    def of_limit(self, each: Measurement) -> float | None:
        """The fraction of the machine's limit that is reached; None where the machine has no known rate."""
        limit = self.limits.get((each.precision, each.batch))
        return None if limit is None else limit / each.median

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON. Times are in seconds, memory in bytes."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "size": list(self.size),
            "device": self.options.device,
            "threads": self.options.threads,
            "channels_last": self.options.channels_last,
            "runs": self.options.runs,
            "found_on": dict(self.found_on),
            "machine": {
                "title": self.machine.title,
                "operations_per_second": dict(self.machine.rates),
                "bytes_per_second": self.machine.bandwidth,
            },
            "reference": self.reference,
            "measurements": [self._row(each) for each in self.measurements],
            "left_out": [
                {
                    "contender": each.contender,
                    "precision": each.precision,
                    "batch": each.batch,
                    "reason": each.reason,
                }
                for each in self.left_out
            ],
        }

    def _row(self, each: Measurement) -> dict[str, Any]:
        base = self.base(each.batch)
        assert base is not None
        return {
            "contender": each.contender,
            "precision": each.precision,
            "batch": each.batch,
            "of": each.of or None,
            "median_seconds": each.median,
            "quartiles": [each.spread[0], each.spread[2]],
            "images_per_second": each.images_per_second,
            "times_as_fast": self.times_as_fast(each)[1],
            "as": base.label,
            "limit_seconds": self.limits.get((each.precision, each.batch)),
            "of_limit": self.of_limit(each),
            "ready_seconds": each.ready,
            "peak_bytes": each.peak,
            "device_bytes": each.held,
            "difference": each.difference,
            "seconds": list(each.seconds),
        }
