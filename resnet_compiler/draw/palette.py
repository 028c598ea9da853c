"""The colours and strokes of drawings. The stages' are from Paul Tol's light scheme: told apart by colour-blind readers
and in grey, with black text on each."""

from __future__ import annotations

from dataclasses import dataclass

from resnet_compiler.draw.primitives import Kind


@dataclass(frozen=True, slots=True)
class Tone:
    """The colours of a stage: its boxes, their edges, and the panel behind them."""

    fill: str
    edge: str
    panel: str


GREY = Tone("#dddddd", "#8a8a8a", "#f4f4f4")
"""Of what is in no stage."""
STAGES = (
    Tone("#77aadd", "#3b6ea3", "#edf4fb"),
    Tone("#eedd88", "#a08a1f", "#fcf9ea"),
    Tone("#ffaabb", "#b85c70", "#fff1f4"),
    Tone("#99ddff", "#3d8cb3", "#eff9ff"),
    Tone("#ee8866", "#a84c2b", "#fdefe9"),
    Tone("#44bb99", "#1f7a61", "#e8f7f3"),
    Tone("#bbcc33", "#6f7a10", "#f7f9e6"),
    Tone("#aaaa00", "#66660a", "#f6f6e2"),
)


def tone(color: int | None) -> Tone:
    """A stage's colours by its number; a network of more stages has each again."""
    return GREY if color is None else STAGES[color % len(STAGES)]


@dataclass(frozen=True, slots=True)
class Stroke:
    """How a line is drawn: its width, its dashes as SVG has them, and what a legend calls it."""

    width: float
    dashes: str
    color: str
    meaning: str


STROKES: dict[Kind, Stroke] = {
    "flow": Stroke(0.9, "", "#555555", "layer to layer"),
    "identity": Stroke(1.9, "", "#111111", "identity shortcut"),
    "projection": Stroke(1.9, "0.1 3.6", "#111111", "projection shortcut"),
    "parameter_free": Stroke(1.9, "6 3.2", "#111111", "shortcut without parameters"),
}
TEXT, MUTED, PAPER = "#111111", "#555555", "#ffffff"
