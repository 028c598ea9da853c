"""The plots of a gradient experiment: one for each quantity, every network overlaid, before and after training."""

from __future__ import annotations

from collections.abc import Sequence

from resnet_compiler.lab.plots import Line, Panel, Plot
from resnet_compiler.lab.records import QUANTITIES, Record, series, times


def gradient_plots(records: Sequence[Record]) -> dict[str, Plot]:
    """The plot of each quantity that was recorded, by its name, in the order of `QUANTITIES`."""
    recorded = {record.quantity for record in records}
    numbers = {
        spec: number for number, spec in enumerate(dict.fromkeys(record.spec for record in records))
    }
    plots = {}
    for name, quantity in QUANTITIES.items():
        if name not in recorded:
            continue
        panels = []
        for when in times(records):
            lines = [
                Line(spec, numbers[spec], points)
                for spec, points in series(records, name, when).items()
            ]
            panels.append(Panel(title_of(when), lines))
        plots[name] = Plot(
            quantity.title,
            "weighted layer along the trunk, from the input",
            quantity.axis,
            panels,
            description=quantity.meaning,
        )
    return plots


def title_of(when: int) -> str:
    """What a time is called: the number of steps made before it."""
    if when == 0:
        return "at initialisation"
    return f"after {when} step{'' if when == 1 else 's'}"
