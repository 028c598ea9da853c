"""`resnetc watch`: build again whenever the spec is saved."""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.build import Fold, Output, Seed, Targets, planned
from resnet_compiler.commands.options import Format, HowWritten, Limit, Opset
from resnet_compiler.console import FINE, misuse, reading, render_all
from resnet_compiler.targets import Plan

if TYPE_CHECKING:
    from resnet_compiler.pipeline import Compilation


def watch(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A path, or a shipped name.")],
    output: Output = pathlib.Path(),
    target: Targets = None,
    fold: Fold = False,
    opset: Opset = 18,
    seed: Seed = 0,
    style: HowWritten = Format.full,
    limit: Limit = None,
) -> None:
    """Build, and build again whenever the spec, a block or what it extends is saved; Ctrl-C ends it.

    While the spec is wrong its diagnostics are shown, and what was built before stays.
    """
    from importlib.util import find_spec

    if find_spec("watchfiles") is None:
        misuse("watch needs watchfiles: pip install 'resnet-compiler[watch]'")
    from resnet_compiler.watch import compilations, files_read

    reader = reading(limit, style.value)
    found = reader.find([spec])
    if len(found) != 1:
        misuse(f"one spec is watched at a time, and {spec} has {len(found)}")
    plan = Plan(output, tuple(target or ()), opset, seed)
    told: tuple[pathlib.Path, ...] = ()
    try:
        for compilation in compilations(found[0], reader.limits):
            reader.show([compilation])
            _build(compilation, plan, fold)
            if files_read(compilation) != told:
                told = files_read(compilation)
                names = ", ".join(path.as_posix() for path in told)
                print(escaped(f"watching {names}; Ctrl-C ends it"), flush=True)
    except KeyboardInterrupt:
        print(
            "", file=sys.stderr
        )  # the terminal shows ^C; the prompt is to stand on a line of its own
        raise typer.Exit(FINE) from None


def _build(compilation: Compilation, plan: Plan, fold: bool) -> None:
    """Write what the plan says of a spec that is right; of one that is wrong, say that nothing was written."""
    from resnet_compiler import api
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.output import write_all

    graph = compilation.graph
    if graph is None:
        name = compilation.spec.display
        print(escaped(f"{name}: wrong; what was built before stays"), flush=True)
        return
    network = api.fold(graph) if fold else graph
    files = planned(plan, [network])
    try:
        sizes = write_all(files)
    except SpecError as failure:  # what is in the way may be gone at the next save
        render_all([(failure.diagnostics, {})])
        return
    measures = api.graph_of(network).measures
    counts = f"{measures.weighted_layers} weighted layers, {measures.parameters:,} parameters"
    written = ", ".join(path.as_posix() for path in sizes)
    print(
        escaped(f"{graph.identity.name}: {counts}, {measures.macs:,} MACs; wrote {written}"),
        flush=True,
    )
