"""What a comparison found as text, and as a line for the record."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence

from resnet_compiler.bench.outcome import Measurement, Outcome
from resnet_compiler.characters import escaped
from resnet_compiler.support.read import ReadError, content, parsed_json

MIB = 2**20
HEAD = (
    *("contender", "precision", "median ms", "quartiles", "images/s", "times", "quartiles"),
    *("of limit", "MiB", "ready s", "difference"),
)


def outcome_text(outcome: Outcome) -> str:
    """A table for each batch, the machine's limit below it, and at the end who did not take part."""
    size = " × ".join(str(dim) for dim in outcome.size)
    options = outcome.options
    layout = "channels last" if options.channels_last else "channels first"
    how = f"{options.runs} rounds, {layout}"
    where = f"{options.threads} threads, " if options.device == "cpu" else ""
    lines = [
        f"{outcome.title} at {size}, {options.device}, {where}{how}",
        " · ".join(f"{key} {value}" for key, value in outcome.found_on.items()),
    ]
    for batch in options.batches:
        found = outcome.of_batch(batch)
        if found:
            lines += ["", *_batch(outcome, batch, found)]
    lines += ["", *_left_out(outcome)] if outcome.left_out else []
    return escaped("\n".join(lines), keep="\n")


def _batch(outcome: Outcome, batch: int, found: Sequence[Measurement]) -> list[str]:
    base = outcome.base(batch)
    assert base is not None
    held = any(each.held is not None for each in found)
    head = [*HEAD[:8], *(["device MiB"] if held else []), *HEAD[8:]]
    rows = [_row(outcome, each, held) for each in found]
    lines = [
        f"batch {batch}, times as fast as {base.label}",
        *_table(head, rows),
    ]
    for precision in dict.fromkeys(each.precision for each in found):
        limit = outcome.limits.get((precision, batch))
        if limit is None:
            lines.append(f"  limit for {precision}: not known, the machine's rate was not measured")
            continue
        rate, bandwidth = outcome.machine.rate(precision), outcome.machine.bandwidth
        lines.append(
            f"  limit for {precision}: {1e3 * limit:.2f} ms, {batch / limit:.0f} images/s"
            f" at {rate / 1e9:.4g} Gop/s and {bandwidth / 1e9:.3g} GB/s, as measured"
        )
    return lines


def _row(outcome: Outcome, each: Measurement, held: bool) -> list[str]:
    low, median, high = (1e3 * value for value in each.spread)
    least, times, most = outcome.times_as_fast(each)
    fraction = outcome.of_limit(each)
    name = f"{each.contender} ({each.of})" if each.of else each.contender
    device = ["?" if each.held is None else f"{each.held / MIB:.0f}"] if held else []
    return [
        name,
        each.precision,
        f"{median:.2f}",
        f"{low:.2f}..{high:.2f}",
        f"{each.images_per_second:.1f}",
        f"{times:.2f}",
        f"{least:.2f}..{most:.2f}",
        "—" if fraction is None else f"{fraction:.0%}",
        *device,
        f"{each.peak / MIB:.0f}",
        f"{each.ready:.1f}",
        f"{each.difference:.0e}",
    ]


def _left_out(outcome: Outcome) -> list[str]:
    lines = ["left out"]
    for each in outcome.left_out:
        precision = f" {each.precision}" if each.precision else ""
        batch = "" if each.batch is None else f", batch {each.batch}"
        lines.append(f"  {each.contender}{precision}{batch}: {each.reason}")
    return lines


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    words = 2  # names and precisions to the left, numbers to the right
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]


def records_in(path: pathlib.Path) -> bytes:
    """What is in a file of records, a line of JSON each; nothing where there is no file.

    Raises:
        ReadError: it holds something else, or cannot be read.
    """
    before = content(path) if os.path.lexists(path) else b""
    for number, line in enumerate(before.splitlines(), start=1):
        try:
            parsed_json(path, line)
        except ReadError as failure:
            raise ReadError(path, f"line {number}: {failure.reason}") from None
    return before


def with_record(before: bytes, outcome: Outcome) -> bytes:
    """The records so far with this comparison as one more line."""
    if before and not before.endswith(b"\n"):
        before += b"\n"
    return before + json.dumps(outcome.as_dict(), ensure_ascii=False).encode() + b"\n"
