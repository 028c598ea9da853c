"""The roofline of a network as text and as JSON: what `summary --roofline` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from resnet_compiler.devices import Device
from resnet_compiler.graph import Graph
from resnet_compiler.measure import block_of_each
from resnet_compiler.roofline import Limit, Share, limits, shares, total

Depth = Literal["stage", "block", "layer"]
FORMAT_VERSION = 1
HEAD = ("operations", "bytes", "op/byte", "op/s", "time", "share", "bound by")


def roofline_dict(graph: Graph, device: Device, precision: str, batch: int) -> dict[str, Any]:
    """The device, the totals, and each group of layers. Times are in seconds, for one batch."""
    found = limits(graph, device, precision, batch)
    whole = total(graph.identity.name, found)
    return {
        "format_version": FORMAT_VERSION,
        "name": graph.identity.name,
        "input_shape": list(graph.concrete("input")),
        "batch": batch,
        "precision": precision,
        "device": {
            "title": device.title,
            "operations_per_second": device.rate(precision),
            "bytes_per_second": device.bandwidth,
            "source": device.source,
        },
        "operations": whole.operations,
        "bytes": whole.bytes,
        "seconds": whole.seconds,
        "memory_bound_share": whole.memory_bound,
        "layers": [_layer_dict(each, whole) for each in found],
    }


def _layer_dict(limit: Limit, whole: Share) -> dict[str, Any]:
    return {
        "name": limit.traffic.name,
        "operator": limit.traffic.operator,
        "fused": list(limit.traffic.fused),
        "operations": limit.traffic.operations,
        "bytes": limit.traffic.bytes,
        "operations_per_byte": limit.traffic.intensity,
        "attainable_operations_per_second": limit.attainable,
        "seconds": limit.seconds,
        "share": limit.seconds / whole.seconds,
        "bound": limit.bound,
    }


def roofline_text(graph: Graph, device: Device, precision: str, batch: int, depth: Depth) -> str:
    """A line for each stage, block or layer, and below what it comes to."""
    found = limits(graph, device, precision, batch)
    whole = total("all", found)
    size = " × ".join(str(dim) for dim in (batch, *graph.concrete("input")))
    title = f"{graph.identity.name} · {size} · {precision} · {device.title}"
    if depth == "layer":
        rows = [_layer_row(each, whole) for each in found]
    else:
        lines = shares(found, _sections(graph, found, depth))
        rows = [_share_row(each, whole) for each in lines]
    ending = [
        ("arithmetic", f"{_scaled(device.rate(precision))}op/s at most"),
        ("memory", f"{_scaled(device.bandwidth)}B/s at most"),
        ("in balance at", f"{device.balance(precision):.0f} operations per byte"),
        ("limit", f"{_time(whole.seconds)}, {batch / whole.seconds:,.0f} images/s"),
        ("memory-bound", f"{whole.memory_bound:.0%} of that time"),
        ("from", device.source),
    ]
    widest = max(len(name) for name, _ in ending)
    totals = [f"  {name.ljust(widest)}  {text}" for name, text in ending]
    table = _table((depth, *HEAD), [*rows, _share_row(whole, whole)])
    return "\n".join([title, "", *table, "", *totals])


def _sections(graph: Graph, found: Sequence[Limit], depth: Depth) -> Mapping[str, str]:
    """The stage or the block that each group belongs to; stem and head are their own."""
    names = [each.traffic.name for each in found]
    section = {node.name: node.section for node in graph}
    owner = block_of_each(graph, names)
    stage_of = {block: stage.name for stage in graph.stages for block in stage.blocks}
    chosen = {}
    for name in names:
        block = owner[name]
        chosen[name] = section.get(name, "stages") if block is None else block
        if block is not None and depth == "stage":
            chosen[name] = stage_of[block]
    return chosen


def _layer_row(limit: Limit, whole: Share) -> tuple[str, ...]:
    of = limit.traffic
    parent = of.name.rpartition(".")[0]
    inside = [name.removeprefix(f"{parent}.") for name in of.fused]
    return (
        " + ".join([of.name, *inside]),
        *_figures(of.operations, of.bytes, of.intensity, limit.attainable, limit.seconds, whole),
        limit.bound,
    )


def _share_row(share: Share, whole: Share) -> tuple[str, ...]:
    bound = f"memory {share.memory_bound:.0%}" if share.memory_bound else "compute"
    return (
        share.name,
        *_figures(
            share.operations, share.bytes, share.intensity, share.attainable, share.seconds, whole
        ),
        "memory" if share.memory_bound == 1 else bound,
    )


def _figures(
    operations: int, bytes: int, intensity: float, attainable: float, seconds: float, whole: Share
) -> tuple[str, ...]:
    return (
        _scaled(operations) if operations else "—",
        _scaled(bytes),
        f"{intensity:.1f}" if operations else "—",
        _scaled(attainable) if operations else "—",
        _time(seconds),
        f"{seconds / whole.seconds:.1%}",
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    ends = (0, len(head) - 1)  # names and words to the left, numbers to the right
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if i in ends else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


def _scaled(value: float) -> str:
    """Three digits and the prefix of the unit: ``2.04 T``."""
    for power, prefix in ((12, "T"), (9, "G"), (6, "M"), (3, "k")):
        if value >= 0.9995 * 10**power:
            return f"{value / 10**power:.3g} {prefix}"
    return f"{value:.3g} "


def _time(seconds: float) -> str:
    """Milliseconds, or microseconds where it is less than one."""
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-3 else f"{1e6 * seconds:.1f} µs"
