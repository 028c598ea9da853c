"""The files of a degradation experiment: the table of all epochs, plots with bands, and a text with what the numbers say."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from resnet_compiler.lab.degradation_rows import (
    FAMILIES,
    LAST,
    Row,
    csv_text,
    final_errors,
    read_csv,
    verdict,
)
from resnet_compiler.lab.plots import Line, Panel, Plot, images

TABLE = "degradation.csv"
TEXT = "degradation.md"
ERRORS = {"training_error": "Training error", "held_out_error": "Error on held-out images"}
"""What is plotted, and what it is called."""


def degradation_files(rows: Sequence[Row], account: Mapping[str, Any]) -> dict[str, bytes]:
    """Every file by its name, the same bytes for the same arguments. ``account`` says what the experiment was of."""
    table = csv_text(rows)
    rows = read_csv(table)  # so that the same plots can be drawn from the table
    files = {
        TABLE: table.encode(),
        TEXT: report_text(rows, account).encode(),
        "settings.json": (json.dumps(account, indent=2) + "\n").encode(),
    }
    for name, plot in degradation_plots(rows).items():
        files |= {f"{name}.{kind}": content for kind, content in images(plot).items()}
    return files


def degradation_plots(rows: Sequence[Row]) -> dict[str, Plot]:
    """Training error and held-out error by epoch: a panel for each family, a line for each depth, the mean over the seeds.

    The band reaches from the lowest seed to the highest.
    """
    depths = sorted({row.depth for row in rows})
    plots = {}
    for name, title in ERRORS.items():
        panels = []
        for family in FAMILIES:
            lines = []
            for number, depth in enumerate(depths):
                by_epoch: dict[int, list[float]] = {}
                for row in rows:
                    if row.family == family and row.depth == depth:
                        by_epoch.setdefault(row.epoch, []).append(100 * getattr(row, name))
                if by_epoch:
                    points = [(epoch, statistics.fmean(v)) for epoch, v in by_epoch.items()]
                    band = [(epoch, min(v), max(v)) for epoch, v in by_epoch.items()]
                    lines.append(Line(f"{depth} layers", number, points, band))
            if lines:
                panels.append(Panel(family, lines))
        plots[name] = Plot(title, "epoch", f"{title.lower()}, %", panels, is_logarithmic=False)
    return plots


def report_text(rows: Sequence[Row], account: Mapping[str, Any]) -> str:
    """What was done, the table, and the statement, as Markdown."""
    shown = {**account, **account["settings"]}
    del shown["settings"]
    listed = ", ".join(f"{name} {_written(value)}" for name, value in shown.items())
    return "\n".join(
        [
            "# Degradation",
            "",
            verdict(rows),
            "",
            "![Training error by epoch](training_error.svg)",
            "",
            f"Training error at the end of a run, the mean of its last {LAST} epochs, in percent:",
            "",
            *final_table(rows),
            "",
            f"Settings: {listed}.",
            "",
        ]
    )


def final_table(rows: Sequence[Row]) -> list[str]:
    """The final training errors as a Markdown table: a line for each network, a column for each seed, and the mean."""
    errors = final_errors(rows)
    seeds = sorted({seed for found in errors.values() for seed in found})
    lines = [
        f"| network | layers | {' | '.join(f'seed {seed}' for seed in seeds)} | mean |",
        f"|---|--:|{'--:|' * (len(seeds) + 1)}",
    ]
    for (family, depth), found in sorted(errors.items()):
        cells = [f"{100 * found[seed]:.2f}" if seed in found else "—" for seed in seeds]
        mean = f"{100 * statistics.fmean(found.values()):.2f}"
        lines.append(f"| {family} | {depth} | {' | '.join([*cells, mean])} |")
    return lines


def _written(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(f"`{each}`" for each in value)
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"
