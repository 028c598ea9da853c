"""What a drawing is made of: boxes, lines and labels on a page. Renderers see nothing else, and it knows no network.

Lengths are points; x grows to the right and y downwards, from the upper left corner of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from resnet_compiler.draw.text import text_width

Point = tuple[float, float]
Anchor = Literal["start", "middle", "end"]
Kind = Literal["flow", "identity", "projection", "parameter_free"]
"""What runs along a line: the way through the layers, or a shortcut, which is the input itself, a projection of it, or
something else that has no parameters."""
Shape = Literal["box", "pill", "join", "frame", "panel", "banner"]
"""box, pill: a node; join: a circle with a plus; frame: around a block; panel: behind a stage; banner: its heading."""


@dataclass(frozen=True, slots=True)
class Label:
    """A line of text, upright. ``y`` is its baseline, and ``x`` its start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    anchor: Anchor = "middle"
    bold: bool = False
    muted: bool = False

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what it can cover."""
        width = text_width(self.text, self.size, self.bold)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return left, self.y - 0.78 * self.size, left + width, self.y + 0.24 * self.size

    def moved(self, dx: float, dy: float) -> Label:
        """It, at another place."""
        return replace(self, x=self.x + dx, y=self.y + dy)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with its labels, or what stands for one.

    ``name`` is that of the node, block or stage it is drawn for; ``note`` is read out, or shown where one points at it.
    ``color`` is the number of a stage's colours, None for what is in no stage.
    """

    x: float
    y: float
    width: float
    height: float
    shape: Shape
    name: str = ""
    note: str = ""
    color: int | None = None
    labels: tuple[Label, ...] = ()

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def moved(self, dx: float, dy: float) -> Box:
        """It, at another place."""
        labels = tuple(label.moved(dx, dy) for label in self.labels)
        return replace(self, x=self.x + dx, y=self.y + dy, labels=labels)


@dataclass(frozen=True, slots=True)
class Path:
    """A line through points, its corners rounded. ``source`` and ``target`` are the nodes that it joins."""

    points: tuple[Point, ...]
    kind: Kind = "flow"
    radius: float = 3.0
    arrow: bool = False
    source: str = ""
    target: str = ""

    def moved(self, dx: float, dy: float) -> Path:
        """It, at another place."""
        return replace(self, points=tuple((x + dx, y + dy) for x, y in self.points))


Item = Box | Path | Label


@dataclass(frozen=True, slots=True)
class Figure:
    """A page with its items, what is drawn first below what is drawn last. ``description`` is for who cannot see it."""

    width: float
    height: float
    title: str
    description: str
    items: tuple[Item, ...]


def moved(items: Sequence[Item], dx: float, dy: float) -> tuple[Item, ...]:
    """Items at another place."""
    return tuple(item.moved(dx, dy) for item in items)
