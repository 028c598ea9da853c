"""What a gradient experiment records, as rows of a CSV file in long form; and what is read out of the rows.

The rows know no torch: they are made by `gradients`, and read by the plots, the page and the document.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from types import MappingProxyType

WEIGHT_GRADIENT = "weight_gradient"
ACTIVATION_GRADIENT = "activation_gradient"
VARIANCE = "variance"
UPDATE_RATIO = "update_ratio"
BLOCK_GRADIENT = "block_gradient"
BLOCK_VARIANCE = "block_variance"


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that is measured: its name in the CSV, the title of its plot, the axis, and what it is in a sentence."""

    name: str
    title: str
    axis: str
    meaning: str


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        quantity.name: quantity
        for quantity in (
            Quantity(
                WEIGHT_GRADIENT,
                "Gradient of each layer's weights",
                "‖∂loss/∂weights‖",
                "The Euclidean norm of the gradient of the loss with respect to all weights of the layer.",
            ),
            Quantity(
                ACTIVATION_GRADIENT,
                "Gradient at each layer's output",
                "‖∂loss/∂output‖",
                "The norm of the gradient with respect to what the layer puts out, over the whole batch.",
            ),
            Quantity(
                VARIANCE,
                "Variance of each layer's output",
                "variance of the output",
                "The variance of all numbers that the layer puts out, over batch, channels and pixels.",
            ),
            Quantity(
                UPDATE_RATIO,
                "Update of each layer's weights, relative to them",
                "‖update‖ / ‖weights‖",
                "How far one step of the optimiser moves the weights, relative to the norm they have.",
            ),
            Quantity(
                BLOCK_GRADIENT,
                "Gradient at each block's output",
                "‖∂loss/∂output of the block‖",
                "As at layers, where one block hands over to the next: along the trunk, between the branches.",
            ),
            Quantity(
                BLOCK_VARIANCE,
                "Variance of each block's output",
                "variance of the block's output",
                "As at layers, where one block hands over to the next.",
            ),
        )
    }
)
"""In the order in which they are shown. The last two are of blocks, the others of weighted layers."""


@dataclass(frozen=True, slots=True)
class Record:
    """One number. ``when`` counts the steps taken before; ``depth`` counts weighted layers along the trunk, from 1.

    ``layer`` is the graph's name of a layer, or of a block: its depth is then that of its last weighted layer. ``value``
    may be infinite or no number, where a network has diverged.
    """

    spec: str
    when: int
    depth: int
    layer: str
    quantity: str
    value: float


HEADER = tuple(field.name for field in fields(Record))


class RecordsError(ValueError):
    """A file is no table of records; the message says where."""


def csv_text(records: Iterable[Record]) -> str:
    """The records as CSV: a header, then a line for each, values with nine significant digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for record in records:
        *names, value = astuple(record)
        writer.writerow([*names, f"{value:.9g}"])
    return text.getvalue()


def read_csv(text: str) -> list[Record]:
    """The records of `csv_text`.

    Raises:
        RecordsError: the text is something else.
    """
    rows = csv.reader(io.StringIO(text))
    if tuple(next(rows, ())) != HEADER:
        raise RecordsError(f"the first line is not `{','.join(HEADER)}`")
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            spec, when, depth, layer, quantity, value = row
            record = Record(spec, int(when), int(depth), layer, quantity, float(value))
        except ValueError:
            raise RecordsError(f"line {number} is no record") from None
        if quantity not in QUANTITIES:
            raise RecordsError(f"line {number}: there is no quantity `{quantity}`")
        found.append(record)
    return found


def series(
    records: Iterable[Record], quantity: str, when: int
) -> dict[str, list[tuple[int, float]]]:
    """Of each spec, in order: (depth, value) of every record of this quantity at this time."""
    found: dict[str, list[tuple[int, float]]] = {}
    for record in records:
        if record.quantity == quantity and record.when == when:
            found.setdefault(record.spec, []).append((record.depth, record.value))
    return found


def times(records: Iterable[Record]) -> list[int]:
    """The steps after which something was recorded, in order."""
    return sorted({record.when for record in records})


def geometric_mean(values: Sequence[float]) -> float:
    """The mean on a logarithmic axis; 0 where one of the values is 0, no number where there is none."""
    if not values or any(math.isnan(value) for value in values):
        return math.nan
    if min(values) <= 0:
        return 0.0
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


@dataclass(frozen=True, slots=True)
class Ends:
    """A quantity in the first and in the last stage of a spec: the geometric mean over the stage's layers or blocks."""

    spec: str
    when: int
    quantity: str
    first: float
    last: float

    @property
    def ratio(self) -> float:
        """First over last; no number where the last is 0 or either is not finite."""
        finite = math.isfinite(self.first) and math.isfinite(self.last)
        return self.first / self.last if finite and self.last > 0 else math.nan


def ends(
    records: Sequence[Record], stages: Mapping[str, tuple[frozenset[str], frozenset[str]]]
) -> list[Ends]:
    """First stage against last, for each spec, time and quantity in the order recorded.

    Args:
        records: what was measured.
        stages: of each spec, the names of the layers and blocks in its first stage and in its last.
    """
    groups: dict[tuple[str, int, str], list[Record]] = {}
    for record in records:
        if record.spec in stages:
            groups.setdefault((record.spec, record.when, record.quantity), []).append(record)
    found = []
    for (spec, when, quantity), members in groups.items():
        first, last = (
            geometric_mean([record.value for record in members if record.layer in names])
            for names in stages[spec]
        )
        found.append(Ends(spec, when, quantity, first, last))
    return found
