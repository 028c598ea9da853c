"""The files of a gradient experiment: the table, a plot for each quantity, the settings, and a page with all of them.

The page needs no other file and runs no script; what comes from specs is escaped by the template engine, and pictures are
data that a browser shows as images.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from resnet_compiler import draw
from resnet_compiler.graph import Graph
from resnet_compiler.lab.gradient_plots import gradient_plots, title_of
from resnet_compiler.lab.gradients import Settings
from resnet_compiler.lab.plots import Plot, images
from resnet_compiler.lab.records import (
    ACTIVATION_GRADIENT,
    BLOCK_GRADIENT,
    QUANTITIES,
    WEIGHT_GRADIENT,
    Ends,
    Record,
    csv_text,
    ends,
    read_csv,
)
from resnet_compiler.lab.trunk import trunk_of
from resnet_compiler.templating import environment

TABLE = "gradients.csv"
PAGE = "index.html"
COMPARED = (WEIGHT_GRADIENT, ACTIVATION_GRADIENT, BLOCK_GRADIENT)
"""Quantities of which the page tells how the first stage's compare with the last's."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A network that was measured: what it is called, its graph, and the texts of the specs it came from, by name."""

    label: str
    graph: Graph
    texts: Mapping[str, str]


def report_files(
    networks: Sequence[Measured], records: Sequence[Record], settings: Settings, data: str
) -> dict[str, bytes]:
    """Every file of the report by its name, the same bytes for the same arguments.

    Args:
        networks: in the order of the records.
        records: what was measured.
        settings: how.
        data: what the images are called.
    """
    table = csv_text(records)
    records = read_csv(table)  # so that the same plots can be drawn from the table
    plots = gradient_plots(records)
    rendered = {name: images(plot) for name, plot in plots.items()}
    files = {TABLE: table.encode()}
    for name, kinds in rendered.items():
        files |= {f"{name}.{kind}": content for kind, content in kinds.items()}
    about = {"data": data, "specs": [each.label for each in networks], **asdict(settings)}
    files["settings.json"] = (json.dumps(about, indent=2) + "\n").encode()
    pictures = [(plot, rendered[name]["svg"]) for name, plot in plots.items()]
    files[PAGE] = _page(networks, records, settings, data, pictures).encode()
    return files


def compared(networks: Sequence[Measured], records: Sequence[Record]) -> list[Ends]:
    """The gradients in the first stage and in the last, of each network, in the order of `COMPARED`."""
    trunks = {each.label: trunk_of(each.graph) for each in networks}
    stages = {label: (trunk.first, trunk.last) for label, trunk in trunks.items()}
    return [each for name in COMPARED for each in ends(records, stages) if each.quantity == name]


def number(value: float) -> str:
    """A number with three significant digits, as a table has it."""
    return "—" if math.isnan(value) else f"{value:.3g}"


def _page(
    networks: Sequence[Measured],
    records: Sequence[Record],
    settings: Settings,
    data: str,
    pictures: Sequence[tuple[Plot, bytes]],
) -> str:
    page = environment().overlay(autoescape=True).get_template("gradients.html.j2")
    return page.render(
        labels=", ".join(each.label for each in networks),
        settings=settings,
        data=data,
        plots=[
            {"title": plot.title, "description": plot.description, "uri": _uri(content)}
            for plot, content in pictures
        ],
        tables=_tables(compared(networks, records)),
        networks=[_network(each) for each in networks],
    )


def _tables(found: Sequence[Ends]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, int], list[Ends]] = {}
    for each in found:
        groups.setdefault((each.quantity, each.when), []).append(each)
    return [
        {
            "title": QUANTITIES[quantity].title,
            "when": title_of(when),
            "rows": [
                {
                    "label": each.spec,
                    "first": number(each.first),
                    "last": number(each.last),
                    "ratio": number(each.ratio),
                }
                for each in members
            ],
        }
        for (quantity, when), members in groups.items()
    ]


def _network(network: Measured) -> dict[str, Any]:
    measures = network.graph.measures
    return {
        "label": network.label,
        "summary": f"{measures.weighted_layers} weighted layers, {measures.parameters:,} parameters",
        "uri": _uri(draw.svg(draw.figure(network.graph, "blocks")).encode()),
        "files": [{"name": name, "text": text} for name, text in network.texts.items()],
    }


def _uri(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
