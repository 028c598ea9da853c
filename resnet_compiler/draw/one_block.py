"""One block by itself, with a projection and with an identity for its shortcut, beside each other.

The block is compiled as any other, in a network of a stage for each, so what is drawn is what specs get.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import yaml

from resnet_compiler.definitions import Block, network_of
from resnet_compiler.draw.columns import Entry, Sheet
from resnet_compiler.draw.detailed import detailed_fragment, rooms_of
from resnet_compiler.draw.labels import shape_text
from resnet_compiler.draw.page import arrange
from resnet_compiler.draw.parts import View
from resnet_compiler.draw.primitives import Figure
from resnet_compiler.draw.sheets import block_note, end
from resnet_compiler.graph import Graph
from resnet_compiler.library import Library, SpecFile
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.pipeline import Compilation, compile_file

CHANNELS, SIZE = 64, 56
WIDTH = 64
"""What stands for a parameter that is required and not set."""
STRIDE = "stride"
TITLES = {"projection": ", projection shortcut", "identity": ", identity shortcut", "block": ""}
"""What is said behind the block's title in the drawing of each stage."""


class UnknownBlock(Exception):
    """There is no block of that name; ``known`` are those there are."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = known


class UnknownParameter(Exception):
    """The block has no parameter of that name; ``known`` are those it has."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(name)
        self.name = name
        self.known = known


@dataclass(frozen=True, slots=True)
class OneBlock:
    """A block's compilation, and the block as it is written."""

    block: Block
    compilation: Compilation


def compile_block(
    name: str,
    values: Mapping[str, object],
    spec: SpecFile | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> OneBlock:
    """Compile one block.

    Args:
        name: a shipped block, or one that ``spec`` can name; without a spec, one in the working folder.
        values: its parameters; required ones that are not set are 64, and a projection has stride 2.
        spec: its norm, act, defaults and blocks are those in force.
        limits: what may be asked for.

    Raises:
        UnknownBlock: there is none.
        UnknownParameter: a value is for no parameter of it.
        SpecError: the spec or the block's file cannot be read.
    """
    library = Library(limits)
    home = SpecFile(
        "one_block.yaml",
        (spec.path.parent if spec and spec.path else pathlib.Path()) / "one_block.yaml",
    )
    chain: tuple[SpecFile, ...] = (home,)
    inline: Mapping[str, Block] = {}
    if spec is not None:
        root, chain = library.read_spec(spec)
        inline = network_of(root).blocks
    block = library.find_block(name, inline, chain)
    if block is None:
        raise UnknownBlock(name, library.block_words(inline, chain))
    unknown = [each for each in values if each not in (*block.parameters, "norm", "act")]
    if unknown:
        raise UnknownParameter(unknown[0], list(block.parameters))
    text = yaml.safe_dump(_network(block, values, spec), sort_keys=False)
    return OneBlock(block, compile_file(home, text, limits))


def _network(
    block: Block, values: Mapping[str, object], spec: SpecFile | None
) -> dict[str, object]:
    """A spec with a stage for each kind of shortcut that the block can have."""
    required = {
        name: WIDTH
        for name, default in block.parameters.items()
        if default.value == "required" and name not in values
    }
    given = {"block": block.name, "depth": 1, **required, **values}
    plain = {key: value for key, value in given.items() if key != STRIDE}
    stages: list[dict[str, object]] = []
    if block.layers is not None:
        stages.append({"block": given})
    else:
        if block.shortcut:
            strided = {STRIDE: 2} if STRIDE in block.parameters else {}
            stages.append({"projection": {**strided, **given, "shortcut": "projection"}})
        else:
            stages.append({"before": {**plain, "shortcut": "fitting"}})
        stages.append({"identity": {**plain, "shortcut": "identity"}})
    network: dict[str, object] = {
        "name": "one_block",
        "input": {"channels": CHANNELS, "height": SIZE, "width": SIZE},
        "names": "{stage}",
        "stages": stages,
    }
    if spec is not None and spec.path is not None:
        network |= {"extends": spec.path.name, "stem": [], "head": []}
    return network


def block_figure(block: Block, graph: Graph) -> Figure:
    """The drawing of a block that was compiled: each kind of shortcut as a sheet of its own."""
    view = View(graph)
    parts = [part for part in view.whole() if part.name in TITLES]
    rooms = rooms_of(view, parts)
    measures = graph.measures
    sheets = []
    for part in parts:
        names = [cell.name for cell in part.placement.cells if not cell.is_entry]
        costs = [layer for layer in measures.layers if layer.name in names]
        entry = shape_text(graph.concrete(part.previous))
        out = shape_text(graph.concrete(part.placement.exits[0]))
        kind = dict.fromkeys(part.kinds.values())
        facts = (
            f"{entry} to {out}",
            f"{sum(cost.parameters for cost in costs):,} parameters",
            f"{sum(cost.macs for cost in costs):,} MACs",
        )
        alike = replace(part, stage=0)  # one colour for one block
        fragment = detailed_fragment(view, alike, rooms, block_note(view, part))
        entries = (
            Entry(end(f"input {entry}", "", False)),
            Entry(fragment, color=0),
            Entry(end(f"output {out}", "", True)),
        )
        title = block.title + TITLES[part.name]
        description = f"{title}: {entry} to {out}."
        sheets.append(Sheet(title, facts, description, entries, tuple(kind)))
    return arrange(sheets)
