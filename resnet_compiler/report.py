"""Summaries and proofs as text and as JSON: what `summary` and `check` print."""

from __future__ import annotations

from typing import Any

from resnet_compiler.graph import Graph, Proof
from resnet_compiler.measure import LayerCost, Measures
from resnet_compiler.pipeline import Compilation
from resnet_compiler.render.as_json import to_dict
from resnet_compiler.rows import Depth, shape_text, smallest_text, summary_rows
from resnet_compiler.tables import summary_table

FORMAT_VERSION = 1


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
        "proved": proof.proved,
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
    measures = graph.measures
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
        "minimum_size": list(graph.smallest_input.values()),
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


def summary_text(graph: Graph, depth: Depth) -> str:
    """The summary as a table with a line for each stage, block or layer, and the totals below.

    Where 100 columns have room for them, bars show each row's share of all parameters and of all MACs. The greatest share
    has the longest bar, and a line below the table says how much it is.
    """
    measures = graph.measures
    size = shape_text(graph.concrete("input"))
    title = f"{graph.identity.name} · {size} → {shape_text(graph.concrete(graph.output))}"
    table = summary_table(_HEADS[depth], summary_rows(measures, depth))
    lines = [title, "", *table, "", *_totals(graph, measures)]
    return "\n".join(line.rstrip() for line in lines)


_HEADS: dict[Depth, tuple[str, ...]] = {
    "stage": ("stage", "block", "depth", "output", "parameters", "MACs"),
    "block": ("block", "kind", "", "output", "parameters", "MACs"),
    "layer": ("layer", "operator", "", "output", "parameters", "MACs"),
}


def _totals(graph: Graph, measures: Measures) -> list[str]:
    size = " × ".join(str(extent.declared) for extent in graph.extents)
    residual = [proof for proof in graph.proofs if proof.residual]
    held = sum(proof.verdict == "all sizes" for proof in residual)
    if not residual:
        adds = "none"
    elif held == len(residual):
        adds = f"{held}, equal at {graph.proved_sizes}"
    else:
        adds = f"{len(residual)}, {len(residual) - held} of them not at {graph.proved_sizes}"
    return [
        f"  weighted layers  {measures.breakdown} = {measures.weighted_layers}",
        f"  parameters       {measures.parameters:,}",
        f"  MACs             {measures.macs:,} at {size}",
        f"  activations      {measures.activations:,}",
        f"  residual adds    {adds}",
        f"  smallest input   {smallest_text(graph)}",
    ]
