"""`resnetc lab`: experiments that train several networks, and plots of tables that were kept."""

from __future__ import annotations

import csv
import math
import os
import pathlib
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.lab_packages import need_packages
from resnet_compiler.console import MISUSE, WRONG, misuse, reading, render_all, reporting

if TYPE_CHECKING:
    from resnet_compiler.lab.degradation import Run
    from resnet_compiler.lab.degradation_rows import Row
    from resnet_compiler.lab.plots import Plot


INTERRUPTED = 130
"""The exit code of a command that was told to stop at the keyboard, as shells have it."""


class Kind(StrEnum):
    """What `plot` writes."""

    svg = "svg"
    png = "png"


app = typer.Typer(help="Experiments: whether depth makes training worse; plots of kept tables.")


@app.command()
def degradation(
    output: Annotated[
        pathlib.Path,
        typer.Option("-o", "--output", help="The folder; runs that are there go on."),
    ] = pathlib.Path("degradation"),
    data: Annotated[
        str, typer.Option(help="Images: digits, mnist5k, cifar10:DIR or folder:DIR.")
    ] = "mnist5k",
    depths: Annotated[str, typer.Option(help="Two depths or more.")] = "20,56",
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How many runs of each network.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="How often every image is seen.")] = 10,
    batch: Annotated[int, typer.Option(min=2, help="Images of a step.")] = 64,
    rate: Annotated[float, typer.Option(min=0, help="The highest learning rate.")] = 0.02,
    shrink: Annotated[
        int, typer.Option(min=1, help="Make images smaller by this factor, in height and width.")
    ] = 2,
    plain: Annotated[
        str, typer.Option(metavar="SPEC", help="The plain networks; {depth} is replaced.")
    ] = "lab/plain{depth}",
    residual: Annotated[
        str, typer.Option(metavar="SPEC", help="The residual ones, likewise.")
    ] = "lab/resnet{depth}",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Runs at once; as many as there are cores.")
    ] = None,
) -> None:
    """Train plain and residual networks alike, and say whether depth makes either worse (He et al. 2015)."""
    if not math.isfinite(rate):
        misuse(f"--rate: a finite number is needed, not {rate}")
    for option, word in (("--plain", plain), ("--residual", residual)):
        if "{depth}" not in word:
            misuse(f"{option}: the name of a spec with {{depth}} in it is needed, not `{word}`")
    if os.path.lexists(output) and not os.path.isdir(output):
        misuse(f"-o: {output.as_posix()} is a file, and a folder is needed")
    need_packages("lab degradation", "torch", "matplotlib")
    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.lab import LabError
    from resnet_compiler.lab.degradation import Experiment, runs, settings_account, train_all
    from resnet_compiler.lab.degradation_report import TEXT, degradation_files, final_table
    from resnet_compiler.lab.degradation_rows import verdict
    from resnet_compiler.lab.settings import Settings
    from resnet_compiler.output import write_all

    experiment = Experiment(
        (plain, residual),
        _depths(depths),
        seeds,
        data,
        shrink,
        Settings(epochs=epochs, batch=batch, rate=rate),
    )
    names = [run.spec for run in runs(experiment)]
    reading(None).graphs_or_exit(list(dict.fromkeys(names)))

    def report(run: Run, rows: list[Row]) -> None:
        last = rows[-1]
        print(
            f"{run.name}  epoch {last.epoch}  loss {last.loss:.4f}  training error "
            f"{last.training_error:.2%}  held-out error {last.held_out_error:.2%}",
            flush=True,
        )

    try:
        rows = train_all(experiment, output / "runs", jobs or os.cpu_count() or 1, report)
    except LabError as failure:
        misuse(str(failure))
    except SpecError as failure:
        render_all([(failure.diagnostics, {})])
        cannot_write = failure.diagnostics[0].code.id.startswith("RC050")
        raise typer.Exit(MISUSE if cannot_write else WRONG) from None
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    files = degradation_files(rows, settings_account(experiment))
    reporting(lambda: write_all({output / name: [content] for name, content in files.items()}))
    print("\n".join(["", *final_table(rows), "", verdict(rows)]))
    print(escaped(f"wrote {(output / TEXT).as_posix()}"))


def _depths(text: str) -> tuple[int, ...]:
    try:
        found = tuple(int(word) for word in text.split(","))
    except ValueError:
        found = ()
    if len(set(found)) < 2 or min(found) < 1:
        misuse(f"--depths: two depths or more are needed, such as 20,56, not `{text}`")
    return tuple(sorted(set(found)))


@app.command()
def plot(
    table: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="CSV", help="A gradients.csv or degradation.csv.", exists=True, dir_okay=False
        ),
    ],
    output: Annotated[
        pathlib.Path, typer.Option("-o", "--output", help="The folder for the plots.")
    ] = pathlib.Path(),
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One plot, such as block_gradient; may be repeated."),
    ] = None,
    kind: Annotated[
        list[Kind] | None, typer.Option(help="svg or png; both, when it is not given.")
    ] = None,
) -> None:
    """Draw the plots of a table that `gradients` or `lab degradation` wrote, as SVG and PNG."""
    need_packages("lab plot", "matplotlib")
    from resnet_compiler.lab.plots import images
    from resnet_compiler.output import write_all

    plots = _plots(table)
    for name in only or ():
        if name not in plots:
            misuse(f"--only: there is no plot `{name}` of this table; there are {', '.join(plots)}")
    made = {
        output / f"{name}.{form}": [content]
        for name, each in plots.items()
        if not only or name in only
        for form, content in images(each).items()
        if not kind or form in kind
    }
    reporting(lambda: write_all(made))
    for path in made:
        print(escaped(f"wrote {path.as_posix()}"))


def _plots(table: pathlib.Path) -> dict[str, Plot]:
    """The plots of a table of either kind."""
    from resnet_compiler.lab import degradation_rows, records
    from resnet_compiler.lab.degradation_report import degradation_plots
    from resnet_compiler.lab.gradient_plots import gradient_plots
    from resnet_compiler.support.read import ReadError, text

    try:
        said = text(table)
        if said.startswith(",".join(degradation_rows.HEADER)):
            return degradation_plots(degradation_rows.read_csv(said))
        return gradient_plots(records.read_csv(said))
    except (records.RecordsError, csv.Error, ReadError) as reason:
        why = reason.reason if isinstance(reason, ReadError) else reason
        misuse(f"{table.as_posix()} is no table of `gradients` or `lab degradation`: {why}")
