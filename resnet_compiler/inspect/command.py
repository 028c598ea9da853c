"""The command `resnetc inspect`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import typer

from resnet_compiler import codes
from resnet_compiler.console import FINE, MISUSE, WRONG, misuse, print_json, render_all
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.inspect.process import Inspector
from resnet_compiler.inspect.report import failure_dict, report_dict, report_text
from resnet_compiler.inspect.shapes import SizeError, Sizes
from resnet_compiler.render import Style


def run(
    paths: Sequence[str],
    size: str | None,
    batch: int | None,
    layers: bool,
    style: Style,
    as_json: bool,
) -> None:
    """Inspect files and print what is found; ends with the exit code."""
    asked = _sizes(size, batch)
    missing = [path for path in paths if not os.path.lexists(path)]
    if missing:
        reason = "no such file"
        gone = [error(codes.UNREADABLE_FILE, f"cannot read {path}: {reason}") for path in missing]
        render_all([(gone, {})], style)
        raise typer.Exit(MISUSE)
    dicts, texts, valid = [], [], True
    diagnostics: list[Diagnostic] = []
    with Inspector() as inspector:
        for path in paths:
            try:
                found = inspector.inspect(path, asked)
            except SizeError as reason:
                misuse(f"{path} does not take these sizes: {reason}")
            except SpecError as failure:
                valid = False
                diagnostics += failure.diagnostics
                dicts.append(failure_dict(path, failure.diagnostics))
                continue
            valid = valid and found.valid
            diagnostics += found.diagnostics
            if as_json:
                dicts.append(report_dict(found, layers))
            else:
                texts.append(report_text(found, layers))
    if as_json:
        print_json(dicts)
    else:
        if texts:
            print("\n\n".join(texts))
        render_all([(diagnostics, {})], style)
    raise typer.Exit(FINE if valid else WRONG)


def _sizes(size: str | None, batch: int | None) -> Sizes:
    if size is None:
        return Sizes(batch=batch)
    given = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", size)
    if given is None:
        misuse(f"write a size as HxW, such as 224x224, not `{size}`")
    return Sizes(int(given[1]), int(given[2]), batch)
