"""What the degradation experiment found, as rows of a CSV file; and what the numbers say, by a rule that is written down."""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Literal

from resnet_compiler.lab.records import RecordsError

Family = Literal["plain", "residual"]
FAMILIES: tuple[Family, Family] = ("plain", "residual")
LAST = 3
"""Epochs at the end over which a run's error is the mean, so that one epoch decides nothing."""
DEVIATIONS = 2.0
"""Standard errors by which a difference has to leave zero to count."""


@dataclass(frozen=True, slots=True)
class Row:
    """One epoch of one run. The errors are shares of images, 0 to 1; see `metrics.Row`."""

    family: Family
    depth: int
    seed: int
    epoch: int
    loss: float
    training_error: float
    held_out_error: float


HEADER = tuple(field.name for field in fields(Row))


def csv_text(rows: Iterable[Row]) -> str:
    """The rows as CSV, under a header; numbers with six decimals."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow(
            [f"{each:.6f}" if isinstance(each, float) else each for each in astuple(row)]
        )
    return stream.getvalue()


def read_csv(text: str) -> list[Row]:
    """The rows of `csv_text`.

    Raises:
        RecordsError: the text is something else.
    """
    lines = csv.reader(io.StringIO(text))
    if tuple(next(lines, ())) != HEADER:
        raise RecordsError(f"the first line is not `{','.join(HEADER)}`")
    found = []
    for number, line in enumerate(lines, start=2):
        try:
            name, depth, seed, epoch, *errors = line
            loss, training, held_out = map(float, errors)
            (family,) = (each for each in FAMILIES if each == name)
            found.append(Row(family, int(depth), int(seed), int(epoch), loss, training, held_out))
        except ValueError:
            raise RecordsError(f"line {number} is no row") from None
    if not found:
        raise RecordsError("there are no rows")
    return found


def final_errors(rows: Iterable[Row]) -> dict[tuple[Family, int], dict[int, float]]:
    """The training error of each run at its end, by family and depth, then by seed: the mean of its last epochs.

    A run that diverged has an error of 1.
    """
    by_run: dict[tuple[Family, int, int], list[Row]] = {}
    for row in rows:
        by_run.setdefault((row.family, row.depth, row.seed), []).append(row)
    found: dict[tuple[Family, int], dict[int, float]] = {}
    for (family, depth, seed), members in by_run.items():
        last = [row.training_error for row in members[-LAST:]]
        diverged = not math.isfinite(members[-1].loss)
        found.setdefault((family, depth), {})[seed] = 1.0 if diverged else statistics.fmean(last)
    return found


@dataclass(frozen=True, slots=True)
class Change:
    """What depth does to the training error in a family: the deepest network's less the shallowest's.

    ``mean`` is over the seeds, ``error`` is its standard error: no number where there is one seed.
    """

    family: Family
    shallow: int
    deep: int
    mean: float
    error: float

    @property
    def is_worse(self) -> bool:
        """Whether the deep network's error is higher by more than chance explains."""
        return self.mean > 0 and self.mean > DEVIATIONS * self.error

    def __str__(self) -> str:
        error = "" if math.isnan(self.error) else f" ± {100 * self.error:.2f}"
        return f"{100 * self.mean:+.2f}{error} percentage points"


def changes(rows: Sequence[Row]) -> list[Change]:
    """The change in each family, over the seeds that both depths have."""
    errors = final_errors(rows)
    found = []
    for family in FAMILIES:
        depths = sorted(depth for name, depth in errors if name == family)
        if len(depths) < 2:
            continue
        shallow, deep = errors[family, depths[0]], errors[family, depths[-1]]
        differences = [deep[seed] - shallow[seed] for seed in sorted(deep) if seed in shallow]
        if not differences:
            continue
        count = len(differences)
        error = statistics.stdev(differences) / math.sqrt(count) if count > 1 else math.nan
        mean = statistics.fmean(differences)
        found.append(Change(family, depths[0], depths[-1], mean, error))
    return found


def verdict(rows: Sequence[Row]) -> str:
    """A statement whether the numbers support that plain networks get worse with depth, and residual ones do not.

    A family gets worse where the mean difference over the seeds, deepest less shallowest, is above zero by more than
    twice its standard error; where both do, the difference between the two changes is judged in the same way. One seed
    tells nothing of chance, so nothing is said then.
    """
    found = {change.family: change for change in changes(rows)}
    if len(found) < 2:
        return "Nothing can be said: both families are needed at two depths or more."
    plain, residual = found["plain"], found["residual"]
    figures = (
        f"From depth {plain.shallow} to {plain.deep} the training error of the plain network changes by {plain}, "
        f"that of the residual one, from {residual.shallow} to {residual.deep}, by {residual} "
        "(means over the seeds, with standard errors)."
    )
    if math.isnan(plain.error) or math.isnan(residual.error):
        return f"Nothing can be said with one seed. {figures}"
    if plain.is_worse and not residual.is_worse:
        return f"The numbers support the claim: plain gets worse with depth, residual does not. {figures}"
    if plain.is_worse and plain.mean - residual.mean > DEVIATIONS * math.hypot(
        plain.error, residual.error
    ):
        return (
            "The numbers support a part of the claim: both get worse with depth, the residual network by less. "
            f"{figures}"
        )
    if plain.is_worse:
        return (
            f"The numbers do not support the claim: both get worse with depth, and alike. {figures}"
        )
    return f"The numbers do not support the claim: plain does not get worse with depth. {figures}"
