"""A difference as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from resnet_compiler.compare.changes import (
    Change,
    Item,
    LayerAdded,
    LayerChanged,
    LayerRemoved,
    LayerRenamed,
)
from resnet_compiler.compare.difference import Difference, Figure, Group, StageDifference
from resnet_compiler.graph import Proof
from resnet_compiler.rows import shape_text
from resnet_compiler.tables import COLUMNS, aligned

_MOST = 12
"""How many renamed layers a group lists; JSON has all."""
_TIED = "\xa0"
"""A space at which no line is broken."""


def difference_text(found: Difference) -> str:
    """What changes, from the whole to the parts: totals, stages, then what changes alike in which blocks."""
    before, after = _names(found)
    parts = [_totals(found), _facts(found), _stages(found), _groups(found), _proofs(found)]
    if found.same_layers:
        parts = [_verdict(found), _groups(found)]
    lines = [f"{before} → {after}"]
    for part in parts:
        lines += ["", *part] if part else []
    return "\n".join(lines)


def _names(found: Difference) -> tuple[str, str]:
    before, after = found.before.identity.name, found.after.identity.name
    return (before, after) if before != after else (f"{before} (before)", f"{after} (after)")


def _verdict(found: Difference) -> list[str]:
    count = f"{len(found.before):,} layers"
    if found.same_names:
        said = f"  the same network: {count}, with the same names, operators, inputs and shapes"
        return [said + (", though written in other words" if found.groups else "")]
    lines = [f"  the same {count} under other names; renamed, the weights of one fit the other"]
    for pair in found.alignment.stages:
        old, new = zip(*pair.blocks, strict=True) if pair.blocks else ((), ())
        if old != new:
            lines.append(f"  {_run(old)} → {_run(new)}")
    return lines


def _totals(found: Difference) -> list[str]:
    rows = [("", *_names(found), "difference", "ratio")]
    rows += [
        (each.name, f"{each.before:,}", f"{each.after:,}", _signed(each), _ratio(each))
        for each in found.figures
    ]
    lines = aligned(rows, {1, 2, 3, 4})
    weighted = [found.before.measures, found.after.measures]
    if str(weighted[0].breakdown) != str(weighted[1].breakdown):
        lines += ["", "  weighted layers"]
        words = [
            (f"  {name}", f"{each.breakdown} = {each.weighted_layers}")
            for name, each in zip(_names(found), weighted, strict=True)
        ]
        lines += aligned(words, set())
    return lines


def _signed(figure: Figure) -> str:
    more = figure.after - figure.before
    return f"{more:+,}" if more else "the same"


def _ratio(figure: Figure) -> str:
    if figure.before == figure.after or not figure.before:
        return ""
    ratio = figure.after / figure.before
    return f"× {ratio:.2f}" if ratio >= 0.1 else f"× {ratio:.2g}"


def _facts(found: Difference) -> list[str]:
    return (
        aligned([(each.what, _arrow(each)) for each in found.facts], set()) if found.facts else []
    )


def _arrow(change: Change) -> str:
    return f"{change.before} → {change.after}"


def _stages(found: Difference) -> list[str]:
    lines = []
    if found.stages:
        rows = [("stage", "depth", "output", "parameters", "MACs"), *map(_stage, found.stages)]
        lines = aligned(rows, {3, 4})
    for each in found.stages:
        name = _stage_name(each)
        for word, blocks in (("removed", each.blocks_removed), ("added", each.blocks_added)):
            if blocks and each.before and each.after:
                count = f"{len(blocks)} block{'s' * (len(blocks) > 1)} {word}"
                lines.append(f"  {name}: {count}: {_run(blocks)}")
    if found.unchanged:
        lines.append(f"  the same: {', '.join(found.unchanged)}")
    return lines


def _stage_name(each: StageDifference) -> str:
    before, after = each.before, each.after
    if before is None or after is None:
        row = before or after
        assert row is not None
        return f"{row.name} ({'added' if before is None else 'removed'})"
    return before.name if before.name == after.name else f"{before.name} → {after.name}"


def _stage(each: StageDifference) -> tuple[str, ...]:
    before, after = each.before, each.after
    name = _stage_name(each)
    if before is None or after is None:
        row, sign = (after, 1) if after is not None else (before, -1)
        assert row is not None
        depth = "" if row.depth is None else str(row.depth)
        costs = f"{sign * row.parameters:+,}", f"{sign * row.macs:+,}"
        return name, depth, shape_text(row.output), *costs
    return (
        name,
        _both(*("" if row.depth is None else str(row.depth) for row in (before, after))),
        _both(shape_text(before.output), shape_text(after.output)),
        _signed(Figure("", before.parameters, after.parameters)),
        _signed(Figure("", before.macs, after.macs)),
    )


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _run(names: Sequence[str]) -> str:
    """Names that stand in a row, by the first and the last."""
    return ", ".join(names) if len(names) < 3 else f"{names[0]} … {names[-1]}"


def _groups(found: Difference) -> list[str]:
    lines: list[str] = []
    for group in found.groups:
        lines += [""] if lines else []
        lines += textwrap.wrap(
            _places(found, group), COLUMNS, initial_indent="  ", subsequent_indent="  "
        )
        rows = list(_item_rows(group.items))
        width = max(len(name) for name, _ in rows)
        for name, text in rows:
            lead = f"    {name.ljust(width)}  "
            wrapped = textwrap.wrap(
                text,
                COLUMNS,
                initial_indent=lead,
                subsequent_indent=" " * len(lead),
                break_on_hyphens=False,
                break_long_words=False,
            )
            lines += [line.replace(_TIED, " ") for line in wrapped]
    return lines


def _item_rows(items: Sequence[Item]) -> Iterator[tuple[str, str]]:
    """Facts of the block, then its layers: what was taken out, what was put in, what is another."""
    for item in items:
        if isinstance(item, Change):
            yield item.what, _arrow(item)
    removed = [_layer(i) for i in items if isinstance(i, LayerRemoved)]
    added = [_layer(i) for i in items if isinstance(i, LayerAdded)]
    renamed = [f"{i.name} → {i.after}" for i in items if isinstance(i, LayerRenamed)]
    for word, names in (("removed", removed), ("added", added), ("renamed", renamed)):
        if names:
            more = len(names) - _MOST
            shown = [*names[:_MOST], f"{more} more"] if word == "renamed" and more > 1 else names
            yield word, ", ".join(shown)
    for item in items:
        if isinstance(item, LayerChanged):
            yield item.name, ", ".join(f"{each.what} {_arrow(each)}" for each in item.changes)


def _layer(item: LayerAdded | LayerRemoved) -> str:
    return f"{item.name}{_TIED}({item.operator})"


def _places(found: Difference, group: Group) -> str:
    """Where a group's changes are: a stage stands for all its blocks, other blocks are named one by one."""
    inside = set(group.places)
    shared = found.alignment.blocks
    words = [place for place in group.places if place not in shared]
    blocks = [place for place in group.places if place in shared]
    if blocks and len(blocks) == len(shared):
        elsewhere = any(pair.added or pair.removed for pair in found.alignment.stages)
        return ", ".join([*words, "every block that both have" if elsewhere else "every block"])
    for pair in found.alignment.stages:
        names = [before for before, _ in pair.blocks]
        here = [name for name in names if name in inside]
        if here and pair.before is not None:
            if len(here) == len(names) > 1:
                words.append(pair.before.name)
            elif len(here) > 1 and here == names[1:]:
                words.append(f"{pair.before.name} but its first block")
            else:
                words += here
    return ", ".join(words)


def _proofs(found: Difference) -> list[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    for each in found.proofs:
        key = (
            _proved(each.before, found.before.proved_sizes),
            _proved(each.after, found.after.proved_sizes),
        )
        groups.setdefault(key, []).append(each.before.node)
    lines = []
    for (before, after), adds in groups.items():
        lines.append(f"  proof of {_list(adds)}: equal {before} → equal {after}")
    return [
        line for each in lines for line in textwrap.wrap(each, COLUMNS, subsequent_indent="    ")
    ]


def _list(names: Sequence[str]) -> str:
    return (
        ", ".join(names) if len(names) < 5 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    )


def _proved(proof: Proof, sizes: str) -> str:
    if proof.verdict == "all sizes":
        return f"at {sizes}"
    return "at the declared size alone" if proof.verdict == "declared sizes" else "at no size"
