"""`resnetc gradients`: what each layer along the trunk sees in a training step."""

from __future__ import annotations

import math
import os
import pathlib
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.lab_packages import need_packages
from resnet_compiler.commands.options import Format, HowWritten, Limit, Specs
from resnet_compiler.console import WRONG, misuse, reading, render_all, reporting

if TYPE_CHECKING:
    from resnet_compiler.lab.gradient_report import Measured
    from resnet_compiler.lab.records import Record


class Initial(StrEnum):
    """How weights are drawn."""

    emitted = "emitted"
    glorot = "glorot"
    torch = "torch"


def gradients(
    specs: Specs,
    output: Annotated[
        pathlib.Path, typer.Option("-o", "--output", help="The folder for the report.")
    ] = pathlib.Path("gradients"),
    data: Annotated[
        str, typer.Option(help="Images: digits, mnist5k, cifar10:DIR or folder:DIR.")
    ] = "digits",
    steps: Annotated[
        int, typer.Option(min=0, help="Training steps between the two measurements.")
    ] = 20,
    batch: Annotated[int, typer.Option(min=2, help="Images in a batch.")] = 64,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Of weights and of the images' order.")
    ] = 0,
    learning_rate: Annotated[float, typer.Option(min=0, help="Of SGD with momentum 0.9.")] = 0.01,
    initialisation: Annotated[
        Initial,
        typer.Option(help="Initial weights: the source's own, Glorot & Bengio's, or PyTorch's."),
    ] = Initial.emitted,
    style: HowWritten = Format.full,
    limit: Limit = None,
) -> None:
    """Measure gradients, variances and updates by depth, at initialisation and after some steps, and write a report."""
    if not math.isfinite(learning_rate):
        misuse(f"--learning-rate: a finite number is needed, not {learning_rate}")
    if os.path.lexists(output) and not os.path.isdir(output):
        misuse(f"-o: {output.as_posix()} is a file, and a folder is needed")
    how = reading(limit, style.value)
    compilations = how.compile_all(specs)
    how.show(compilations)
    if not all(each.graph for each in compilations):
        raise typer.Exit(WRONG)
    need_packages("gradients", "torch", "matplotlib")
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.lab import LabError
    from resnet_compiler.lab.data import load
    from resnet_compiler.lab.gradient_report import PAGE, Measured, report_files
    from resnet_compiler.lab.gradients import Settings, labels, measure
    from resnet_compiler.output import write_all

    settings = Settings(
        steps=steps,
        batch=batch,
        seed=seed,
        learning_rate=learning_rate,
        initialisation=initialisation.value,
    )
    networks: list[Measured] = []
    records: list[Record] = []
    try:
        images = load(data)
        graphs = [each.graph for each in compilations if each.graph]
        for label, graph, each in zip(labels(graphs), graphs, compilations, strict=True):
            networks.append(Measured(label, graph, each.texts))
            records += measure(label, graph, images, settings, steps_shown(label, steps))
            print_ends(networks[-1], records)
    except LabError as reason:
        misuse(f"nothing was written: {reason}")
    except SpecError as failure:
        render_all([(failure.diagnostics, {})], style.value)
        raise typer.Exit(WRONG) from None
    made = report_files(networks, records, settings, images.name)
    sizes = reporting(lambda: write_all({output / name: [made[name]] for name in made}))
    print(escaped(f"wrote {len(sizes)} files; open {(output / PAGE).as_posix()}"))


def steps_shown(label: str, steps: int) -> Callable[[int], None]:
    """What shows on a terminal how many steps are made; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda step: None

    def show(step: int) -> None:
        is_last = step >= steps
        text = "" if is_last else f"{label}: step {step} of {steps}"
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    return show


def print_ends(network: Measured, records: list[Record]) -> None:
    """A line on the gradients in the first stage against those in the last, at each time."""
    from resnet_compiler.lab.gradient_plots import title_of
    from resnet_compiler.lab.gradient_report import compared, number

    found = compared([network], records)
    for when in dict.fromkeys(each.when for each in found):
        ratios = ", ".join(
            f"{each.quantity} {number(each.ratio)}" for each in found if each.when == when
        )
        print(f"{network.label} {title_of(when)}, first stage / last: {ratios}", flush=True)
