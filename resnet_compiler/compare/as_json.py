"""A difference as JSON values."""

from __future__ import annotations

from typing import Any

from resnet_compiler.compare.changes import (
    Change,
    Item,
    LayerAdded,
    LayerChanged,
    LayerRemoved,
    LayerRenamed,
)
from resnet_compiler.compare.difference import Difference
from resnet_compiler.rows import SummaryRow

FORMAT_VERSION = 1


def difference_dict(found: Difference) -> dict[str, Any]:
    """The difference as JSON values; `docs/diff.md` says what each is."""
    return {
        "format_version": FORMAT_VERSION,
        "before": found.before.identity.name,
        "after": found.after.identity.name,
        "same": found.same,
        "same_layers": found.same_layers,
        "same_names": found.same_names,
        "figures": {
            each.name.lower().replace(" ", "_"): {"before": each.before, "after": each.after}
            for each in found.figures
        },
        "facts": [_change(each) for each in found.facts],
        "stages": [
            {
                "before": _row(each.before),
                "after": _row(each.after),
                "blocks_removed": list(each.blocks_removed),
                "blocks_added": list(each.blocks_added),
            }
            for each in found.stages
        ],
        "unchanged": list(found.unchanged),
        "changes": [
            {"places": list(group.places), "items": [_item(item) for item in group.items]}
            for group in found.groups
        ],
        "proofs": [
            {
                "before": {"name": each.before.node, "proved": each.before.proved},
                "after": {"name": each.after.node, "proved": each.after.proved},
            }
            for each in found.proofs
        ],
    }


def _row(row: SummaryRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "name": row.name,
        "block": row.kind,
        "depth": row.depth,
        "output_shape": list(row.output),
        "parameters": row.parameters,
        "macs": row.macs,
    }


def _change(change: Change) -> dict[str, str]:
    return {"what": change.what, "before": change.before, "after": change.after}


def _item(item: Item) -> dict[str, Any]:
    match item:
        case Change():
            return {"kind": "block", **_change(item)}
        case LayerAdded(name, operator):
            return {"kind": "layer added", "name": name, "operator": operator}
        case LayerRemoved(name, operator):
            return {"kind": "layer removed", "name": name, "operator": operator}
        case LayerRenamed(name, after):
            return {"kind": "layer renamed", "name": name, "after": after}
        case LayerChanged(name, changes):
            return {"kind": "layer changed", "name": name, "changes": [_change(c) for c in changes]}
