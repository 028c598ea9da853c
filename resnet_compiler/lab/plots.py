"""Line plots as SVG and PNG, with the same bytes for the same numbers: panels beside each other, lines named at their ends.

It knows nothing of what is plotted.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555")
"""Okabe & Ito's, told apart by colour-blind readers, without the yellow that is too light for a line."""
DASHES = ("solid", (0, (5, 2)), (0, (1, 1.2)))
"""Of the first lines, and of those for which the colours are used again."""
PANEL = (3.6, 3.3)
"""Width and height of a pair of axes, in inches."""
LEFT, BOTTOM, TOP = 0.8, 0.5, 0.65
"""Room around the panels, in inches."""
LETTER = 0.076
"""Room for a letter of a name, in inches; no font is measured, so that the layout is the same with any."""
GAP = 0.052
"""Between two names, as a share of the panel's height."""
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
STYLE: Any = {
    "svg.hashsalt": "resnetc",  # ids of elements, which are random otherwise
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # DejaVu Sans is matplotlib's own
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "text.parse_math": False,
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line: its name, its points, and the band around it, as (x, low, high), where there is one.

    ``number`` chooses colour and dashes, so that a line has the same ones in every panel.
    """

    label: str
    number: int
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Plot:
    """Panels side by side over one vertical axis."""

    title: str
    x_axis: str
    y_axis: str
    panels: Sequence[Panel]
    is_logarithmic: bool = True
    description: str = field(default="")


def images(plot: Plot) -> dict[str, bytes]:
    """The plot as "svg" and as "png", 150 pixels to an inch.

    Points that are not finite, or not above zero on a logarithmic axis, are left out, and the line's name says so.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    found = {}
    for kind, canvas in (("svg", FigureCanvasSVG), ("png", FigureCanvasAgg)):
        with matplotlib.rc_context(STYLE):
            figure = _figure(plot)
            canvas(figure)
            metadata = (
                {"Date": None, "Creator": None, "Title": plot.title}
                if kind == "svg"
                else {"Software": None}
            )
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, dpi=150, metadata=metadata)
            found[kind] = stream.getvalue()
    # matplotlib ends lines with spaces here and there
    found["svg"] = b"\n".join(line.rstrip() for line in found["svg"].split(b"\n"))
    return found


def _figure(plot: Plot) -> Figure:
    from matplotlib.figure import Figure

    longest = max(len(_name(line, plot)) for panel in plot.panels for line in panel.lines)
    names = 0.35 + LETTER * longest
    count = len(plot.panels)
    width = LEFT + count * (PANEL[0] + names)
    height = BOTTOM + PANEL[1] + TOP
    figure = Figure(figsize=(width, height))
    figure.suptitle(plot.title, x=0.1 / width, ha="left", fontsize=11)
    columns: list[Axes] = []
    for place in range(1, count + 1):
        columns.append(figure.add_subplot(1, count, place, sharey=columns[0] if columns else None))
        columns[-1].tick_params(labelleft=place == 1)
    figure.subplots_adjust(
        left=LEFT / width,
        right=1 - names / width,
        bottom=BOTTOM / height,
        top=1 - TOP / height,
        wspace=names / PANEL[0],
    )
    for axes, panel in zip(columns, plot.panels, strict=True):
        _draw(axes, panel, plot)
    columns[0].set_ylabel(plot.y_axis)
    # names are placed by where lines end on the axes, which is known when every panel has its lines
    for axes, panel in zip(columns, plot.panels, strict=True):
        _name_lines(axes, panel, plot)
    return figure


def _draw(axes: Axes, panel: Panel, plot: Plot) -> None:
    axes.set_title(panel.title)
    axes.set_xlabel(plot.x_axis)
    if plot.is_logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, position: _power(value))
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    for line in panel.lines:
        shown = _shown(line, plot)
        if line.band:
            x, low, high = zip(*line.band, strict=True)
            axes.fill_between(x, low, high, color=_color(line), alpha=0.18, linewidth=0)
        axes.plot(
            [x for x, _ in shown],
            [y for _, y in shown],
            color=_color(line),
            linestyle=DASHES[line.number // len(COLORS) % len(DASHES)],
            linewidth=1.4,
            marker="o" if len(shown) == 1 else None,
        )


def _power(value: float) -> str:
    """A power of ten as people write it: 10⁻³."""
    exponent = f"{value:e}".partition("e")[2]
    return "10" + str(int(exponent)).translate(SUPERSCRIPTS)


def _shown(line: Line, plot: Plot) -> list[tuple[float, float]]:
    return [
        (x, y) for x, y in line.points if math.isfinite(y) and (y > 0 or not plot.is_logarithmic)
    ]


def _color(line: Line) -> str:
    return COLORS[line.number % len(COLORS)]


def _name_lines(axes: Axes, panel: Panel, plot: Plot) -> None:
    """Each line's name to the right of the panel, as high as the line ends, but not over another name."""
    wanted: list[tuple[float, float | None, Line]] = []
    axes.get_xlim(), axes.get_ylim()  # matplotlib works out the limits when they are asked for
    to_axes = axes.transData - axes.transAxes
    for line in panel.lines:
        shown = _shown(line, plot)
        if shown:
            x, y = to_axes.transform(shown[-1])
            wanted.append((float(y), float(x), line))
        else:
            wanted.append((0.0, None, line))
    wanted.sort(key=lambda each: (each[0], each[2].number))
    heights = spread([y for y, _, _ in wanted])
    for (y, x, line), height in zip(wanted, heights, strict=True):
        axes.text(
            1.05,
            height,
            _name(line, plot),
            transform=axes.transAxes,
            color=_color(line),
            va="center",
        )
        if x is not None:
            axes.plot(
                [x, 1.01, 1.04],
                [y, height, height],
                transform=axes.transAxes,
                color=_color(line),
                linewidth=0.5,
                alpha=0.7,
                clip_on=False,
            )


def _name(line: Line, plot: Plot) -> str:
    values = [y for _, y in line.points]
    if not all(math.isfinite(y) for y in values):
        return f"{line.label} (diverged)"
    if plot.is_logarithmic and any(y <= 0 for y in values):
        return f"{line.label} (0 in part)"
    return line.label


def spread(heights: Sequence[float], gap: float = GAP) -> list[float]:
    """Heights in ascending order, moved apart as little as keeps each ``gap`` from the next; all from 0 up to 1 where
    they fit."""
    groups: list[tuple[list[float], float]] = []  # what stands together, and its middle
    for height in heights:
        members, middle = [height], height
        while (
            groups
            and middle - gap * (len(members) - 1) / 2
            < groups[-1][1] + gap * (len(groups[-1][0]) + 1) / 2
        ):
            members = groups.pop()[0] + members
            middle = sum(members) / len(members)
            half = gap * (len(members) - 1) / 2
            middle = max(half, min(middle, 1 - half)) if half <= 0.5 else 0.5
        groups.append((members, middle))
    return [
        middle + gap * (place - (len(members) - 1) / 2)
        for members, middle in groups
        for place in range(len(members))
    ]
