"""A network on a card: each stage with its blocks, where equal blocks are drawn once with how often they come."""

from __future__ import annotations

from dataclasses import replace

from resnet_compiler.draw.blocks import box_width, essential_fragment
from resnet_compiler.draw.columns import Entry, Sheet
from resnet_compiler.draw.fragment import beside
from resnet_compiler.draw.labels import operator_text
from resnet_compiler.draw.parts import Part, View
from resnet_compiler.draw.sheets import headed, sheet
from resnet_compiler.graph import Graph

TIMES = 13.0


def compact_sheet(graph: Graph) -> Sheet:
    """The stages of a network."""
    view = View(graph)
    parts = view.essential()
    width = box_width(view, parts)
    entries: list[Entry] = []
    for run in runs(view, parts):
        fragment = essential_fragment(view, run[0], width)
        if len(run) > 1:
            fragment = beside(fragment, f"×{len(run)}", TIMES)
        entry = headed(view, run[0], fragment)
        if run[0].stage is not None:
            stage = graph.stages[run[0].stage]
            titles = dict.fromkeys(graph.scopes[b].title for b in stage.blocks if b in graph.scopes)
            depth = (
                f"{len(stage.blocks)} × {', '.join(titles)}" if titles else str(len(stage.blocks))
            )
            entry = replace(entry, heading=f"{stage.name}: {depth}")
        entries.append(entry)
    return sheet(graph, parts, entries, "the stages")


def runs(view: View, parts: list[Part]) -> list[list[Part]]:
    """Parts one behind the other that look the same, as groups."""
    groups: list[list[Part]] = []
    last: object = None
    for part in parts:
        now = _looks(view, part)
        if groups and part.stage is not None and now == last:
            groups[-1].append(part)
        else:
            groups.append([part])
        last = now
    return groups


def _looks(view: View, part: Part) -> object:
    """All that is drawn of a part, with its nodes by number instead of by name."""
    placement = part.placement
    number = {cell.name: index for index, cell in enumerate(placement.cells)}
    cells = tuple((cell.row, cell.lane, cell.is_entry) for cell in placement.cells)
    texts = tuple(
        part.gates.get(c.name)
        or (operator_text(view.graph[c.name].operator), view.graph.concrete(c.name))
        for c in placement.cells
        if not c.is_entry
    )
    routes = tuple(
        (number[r.source], number[r.target], r.position, part.kinds.get((r.target, r.position)))
        for r in placement.routes
    )
    title = part.scope.title if part.scope else ""
    return part.stage, title, cells, texts, routes
