"""What is recorded of each epoch: as CSV, and as curves in an SVG. Neither holds a clock or a path."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Row:
    """An epoch.

    Attributes:
        epoch: from 1.
        step: how many steps were made by its end.
        loss, training_error: means over the epoch's images, augmented, each at the step that it was seen in. The error is
            the share that was not given its class.
        held_out_error: the share of the held-out images that is not given its class, at the epoch's end.
        rate: the learning rate of its last step.
    """

    epoch: int
    step: int
    loss: float
    training_error: float
    held_out_error: float
    rate: float


def as_csv(rows: Sequence[Row]) -> str:
    """The rows with a head, numbers to six digits behind the point (the rate to six that count)."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([field.name for field in fields(Row)])
    for row in rows:
        *numbers, rate = astuple(row)
        written = [f"{each:.6f}" if isinstance(each, float) else each for each in numbers]
        writer.writerow([*written, f"{rate:.6g}"])
    return stream.getvalue()


def as_svg(rows: Sequence[Row], name: str) -> bytes:
    """Loss and errors by epoch as an SVG; the same bytes for the same rows."""
    import matplotlib
    from matplotlib.figure import Figure

    epochs = [row.epoch for row in rows]
    with matplotlib.rc_context({"svg.hashsalt": "resnetc", "svg.fonttype": "none"}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(epochs, [row.loss for row in rows], color="#0072b2", marker=".")
        left.set(title="loss, training", xlabel="epoch", yscale="log")
        errors = [
            ("training", [row.training_error for row in rows], "#0072b2", "--"),
            ("held out", [row.held_out_error for row in rows], "#d55e00", "-"),
        ]
        for label, values, color, line in errors:
            percent = [100 * value for value in values]
            right.plot(epochs, percent, color=color, linestyle=line, marker=".", label=label)
        right.set(title="error, percent", xlabel="epoch", ylim=(0, None))
        right.legend(frameon=False)
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.xaxis.get_major_locator().set_params(integer=True)
        figure.suptitle(name, parse_math=False)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def is_finite(row: Row) -> bool:
    """Whether the loss is still a number."""
    return math.isfinite(row.loss)
