"""Summaries and proofs as text and as JSON: what `summary` and `check` print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from resnet_compiler.graph import Graph, Proof
from resnet_compiler.measure import LayerCost, Measures, block_of_each
from resnet_compiler.pipeline import Compilation
from resnet_compiler.render.as_json import to_dict

Depth = Literal["stage", "block", "layer"]
FORMAT_VERSION = 1
BAR_CELLS = 10


def check_dict(compilation: Compilation) -> dict[str, Any]:
    """The findings on one spec, and what was proved of each residual add."""
    severities = [diagnostic.severity for diagnostic in compilation.diagnostics]
    return {
        "format_version": FORMAT_VERSION,
        "spec": compilation.spec.display,
        "valid": compilation.valid,
        "error_count": severities.count("error"),
        "warning_count": severities.count("warning"),
        "diagnostics": [to_dict(diagnostic) for diagnostic in compilation.diagnostics],
        "residual_adds": [_proof_dict(proof) for proof in compilation.proofs],
    }


def _proof_dict(proof: Proof) -> dict[str, Any]:
    found = proof.counterexample
    return {
        "name": proof.node,
        "channels": proof.left[0],
        "proved": proof.verdict,
        "counterexample": None
        if found is None
        else {
            "axis": found.axis,
            "size": found.extent,
            "residual": found.left,
            "shortcut": found.right,
        },
    }


def summary_dict(graph: Graph) -> dict[str, Any]:
    """All counts of a network at its declared size, per layer and in total."""
    measures = Measures(graph)
    breakdown = measures.breakdown
    return {
        "format_version": FORMAT_VERSION,
        "name": graph.identity.name,
        "title": graph.identity.title,
        "input_shape": list(graph.concrete("input")),
        "output_shape": list(graph.concrete(graph.output)),
        "weighted_layers": measures.weighted_layers,
        "weighted_layers_breakdown": {
            "stem": breakdown.stem,
            "blocks": sum(breakdown.blocks),
            "head": len(breakdown.head),
            "text": str(breakdown),
        },
        "parameters": measures.parameters,
        "macs": measures.macs,
        "activations": measures.activations,
        "any_size": graph.any_size,
        "minimum_size": list(graph.minimum_extents.values()),
        "layers": [_layer_dict(layer) for layer in measures.layers],
    }


def _layer_dict(layer: LayerCost) -> dict[str, Any]:
    return {
        "name": layer.name,
        "operator": layer.operator,
        "input_shapes": [list(shape) for shape in layer.input_shapes],
        "output_shape": list(layer.output_shape),
        "parameters": layer.parameters,
        "macs": layer.macs,
        "activations": layer.activations,
        "weighted": layer.weighted,
        "receptive_field": list(layer.receptive_field) if layer.receptive_field else None,
        "output_stride": list(layer.output_stride) if layer.output_stride else None,
    }


Row = tuple[str, ...]


def summary_text(graph: Graph, depth: Depth) -> str:
    """The summary as a table with a line for each stage, block or layer, and the totals below."""
    measures = Measures(graph)
    size = _shape(graph.concrete("input"))
    title = f"{graph.identity.name} · {size} → {_shape(graph.concrete(graph.output))}"
    head: Row = ("stage", "block", "depth", "output", "parameters", "MACs")
    if depth == "block":
        head = ("block", "kind", "", "output", "parameters", "MACs")
    if depth == "layer":
        head = ("layer", "operator", "", "output", "parameters", "MACs")
    rows, shares = _rows(graph, measures, depth)
    lines = [title, "", *_table(head, rows, shares, measures.macs), "", *_totals(graph, measures)]
    return "\n".join(line.rstrip() for line in lines)


def stage_rows(measures: Measures) -> list[Row]:
    """Name, block, depth, output, parameters and MACs of the stem, each stage and the head."""
    return _rows(measures.graph, measures, "stage")[0]


def _rows(graph: Graph, measures: Measures, depth: Depth) -> tuple[list[Row], list[int]]:
    layers = measures.layers
    if depth == "layer":
        each = [(c.name, c.operator, "", _shape(c.output_shape), *_costs([c])) for c in layers]
        return list[Row](each), [layer.macs for layer in layers]
    sections = {node.name: node.section for node in graph}
    owner = block_of_each(graph, [layer.name for layer in layers])
    stage_of = {block: stage.name for stage in graph.stages for block in stage.blocks}
    groups: dict[str, list[LayerCost]] = {}
    for layer in layers:
        block = owner[layer.name]
        key = (
            sections[layer.name]
            if block is None
            else block
            if depth == "block"
            else stage_of[block]
        )
        groups.setdefault(key, []).append(layer)
    exits = {stage.name: stage for stage in graph.stages}
    rows: list[Row] = []
    shares = []
    for key, members in groups.items():
        block, count, output = "", "", members[-1].output_shape
        if key in exits:
            stage = exits[key]
            names = dict.fromkeys(graph.scopes[b].block for b in stage.blocks if b in graph.scopes)
            block, count, output = (
                ", ".join(names),
                str(len(stage.blocks)),
                graph.concrete(stage.exit),
            )
        elif key in stage_of and key in graph.scopes:
            block, output = graph.scopes[key].block, graph.concrete(graph.scopes[key].exit)
        rows.append((key, block, count, _shape(output), *_costs(members)))
        shares.append(sum(layer.macs for layer in members))
    return rows, shares


def _costs(layers: Iterable[LayerCost]) -> tuple[str, str]:
    layers = list(layers)
    return f"{sum(c.parameters for c in layers):,}", f"{sum(c.macs for c in layers):,}"


def _table(head: Row, rows: Sequence[Row], shares: Sequence[int], total: int) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    numeric = (2, 4, 5)
    lines = []
    for row, share in zip((head, *rows), (None, *shares), strict=True):
        cells = [
            cell.rjust(width) if i in numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        bar = "" if share is None else _bar(share / total if total else 0)
        lines.append(f"  {'  '.join(cells)}  {bar}")
    return lines


def _bar(share: float) -> str:
    """A share of the whole as a bar of eighths, behind a line that marks its start."""
    eighths = round(share * BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    return "▏" + "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")


def _totals(graph: Graph, measures: Measures) -> list[str]:
    size = " × ".join(str(extent.declared) for extent in graph.extents)
    residual = [proof for proof in graph.proofs if proof.residual]
    held = sum(proof.verdict == "all sizes" for proof in residual)
    if not residual:
        adds = "none"
    elif held == len(residual):
        adds = f"{held}, equal at every input size"
    else:
        adds = f"{len(residual)}, {len(residual) - held} of them not at every input size"
    least = graph.minimum_extents
    return [
        f"  weighted layers  {measures.weighted_layers} = {measures.breakdown}",
        f"  parameters       {measures.parameters:,}",
        f"  MACs             {measures.macs:,} at {size}",
        f"  activations      {measures.activations:,}",
        f"  residual adds    {adds}",
        f"  smallest input   {least['H']} × {least['W']}",
    ]


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(str(dim) for dim in shape)
