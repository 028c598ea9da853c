"""What a comparison found as a picture (SVG): a bar for each contender, images per second, and the machine's limit."""

from __future__ import annotations

import io
from typing import Any

from resnet_compiler.bench.outcome import Measurement, Outcome

OURS, PEERS, LIMIT = "#1f6f8b", "#b8bec4", "#c0392b"
BAR, MARGIN, WIDTH = 0.32, 1.1, 8.0
"""Inches."""


def svg(outcome: Outcome) -> bytes:
    """A chart for each batch, under each other. The same figures give the same bytes. Needs matplotlib."""
    import matplotlib
    from matplotlib.figure import Figure

    batches = [batch for batch in outcome.options.batches if outcome.of_batch(batch)]
    heights = [len(outcome.of_batch(batch)) * BAR + MARGIN for batch in batches]
    # text stays text, and its identifiers are the same each time
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": outcome.name}):
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        grid = figure.add_gridspec(len(batches), 1, height_ratios=heights)
        for row, batch in enumerate(batches):
            _chart(figure.add_subplot(grid[row, 0]), outcome, batch)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def _chart(axis: Any, outcome: Outcome, batch: int) -> None:
    from resnet_compiler.bench.contenders import CONTENDERS

    found = outcome.of_batch(batch)[::-1]  # the first on top
    places = range(len(found))
    axis.barh(
        places,
        [each.images_per_second for each in found],
        color=[OURS if CONTENDERS[each.contender].ours else PEERS for each in found],
        xerr=[
            [each.images_per_second - each.batch / each.spread[2] for each in found],
            [each.batch / each.spread[0] - each.images_per_second for each in found],
        ],
        error_kw={"linewidth": 1},
    )
    axis.set_yticks(places, [_name(each) for each in found], parse_math=False)
    for place, each in zip(places, found, strict=True):
        limit = outcome.limits.get((each.precision, batch))
        if limit is not None:
            axis.plot([batch / limit] * 2, [place - 0.4, place + 0.4], color=LIMIT, linewidth=2)
        text = f" {each.images_per_second:.0f}"
        axis.annotate(text, (each.batch / each.spread[0], place), va="center", parse_math=False)
    axis.set_xlim(left=0)
    axis.margins(x=0.12)
    axis.spines[["top", "right"]].set_visible(False)
    # a title comes from the spec, and a dollar sign in it is one
    axis.set_title(f"{outcome.title}, batch {batch}", loc="left", parse_math=False)
    axis.set_xlabel(f"images/s on {outcome.machine.title}; red: the limit", parse_math=False)


def _name(each: Measurement) -> str:
    return f"{each.contender} {each.precision}"
