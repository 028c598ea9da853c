"""`resnetc train`: a network trained on images, from its spec; weights that `export` takes."""

from __future__ import annotations

import pathlib
import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import Format, HowWritten, Limit
from resnet_compiler.console import FINE, MISUSE, WRONG, misuse, reading, render_all

if TYPE_CHECKING:
    from resnet_compiler.graph import Graph
    from resnet_compiler.lab.data import Data
    from resnet_compiler.lab.metrics import Row
    from resnet_compiler.lab.trainer import Outcome


class Device(StrEnum):
    """What to compute on."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Precision(StrEnum):
    """What the forward pass computes in."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"


def train(
    spec: Annotated[
        str, typer.Argument(metavar="SPEC", help="A path, `folder/name`, or a shipped name.")
    ],
    data: Annotated[
        str,
        typer.Option(metavar="NAME", help="digits, mnist5k, cifar10:DIR or folder:DIR."),
    ],
    output: Annotated[
        pathlib.Path,
        typer.Option("-o", "--output", help="The run's folder; a run that is there goes on."),
    ],
    epochs: Annotated[int, typer.Option(min=1, help="How often every image is seen.")] = 15,
    batch: Annotated[int, typer.Option(min=2, help="Images of a step, over all processes.")] = 64,
    rate: Annotated[float, typer.Option(min=0, help="The highest learning rate.")] = 0.1,
    momentum: Annotated[float, typer.Option(min=0, max=0.9999, help="Of SGD, Nesterov's.")] = 0.9,
    weight_decay: Annotated[
        float, typer.Option(min=0, help="Of convolutions and linear layers; others have none.")
    ] = 5e-4,
    warm_up: Annotated[
        float, typer.Option(min=0, help="Epochs in which the rate rises, before it falls.")
    ] = 1.0,
    augment: Annotated[
        bool, typer.Option("--augment/--no-augment", help="Shift images, and mirror them.")
    ] = True,
    flip: Annotated[
        bool | None,
        typer.Option(
            "--flip/--no-flip", help="Whether images may be mirrored; on for cifar10 alone."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of all that is random.")] = 0,
    stop_at: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="End when this share of held-out images is right."),
    ] = None,
    device: Annotated[Device, typer.Option(help="auto: cuda where there is one.")] = Device.auto,
    precision: Annotated[
        Precision, typer.Option(help="auto: bfloat16 on cuda, else float32.")
    ] = Precision.auto,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            metavar="STEPS",
            min=1,
            help="1 on the CPU; on cuda as often as a twentieth of the time allows, 50 with several processes.",
        ),
    ] = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
) -> None:
    """Train a network on images, and go on where a run was broken off (needs torch and matplotlib)."""
    from importlib.util import find_spec

    missing = [name for name in ("torch", "matplotlib") if find_spec(name) is None]
    if missing:
        misuse(f"train needs {' and '.join(missing)}: pip install 'resnet-compiler[lab]'")
    graphs = reading(limit, style.value).graphs_or_exit([spec])
    if len(graphs) != 1:
        misuse(f"one spec is trained at a time, and {spec} has {len(graphs)}")

    from resnet_compiler.diagnostics import SpecError
    from resnet_compiler.lab import LabError
    from resnet_compiler.lab.data import load
    from resnet_compiler.lab.settings import Settings

    asked = {
        "device": device.value,
        "precision": precision.value,
        "checkpoint_every": checkpoint_every,
    }
    try:
        settings = Settings(
            epochs, batch, rate, momentum, weight_decay, warm_up, augment, flip, seed, stop_at
        )
        images = load(data)
        done = _run(graphs[0], images, settings, output, asked)
    except LabError as failure:
        misuse(str(failure))
    except SpecError as failure:
        render_all([(failure.diagnostics, {})], style.value)
        cannot_write = failure.diagnostics[0].code.id.startswith("RC050")
        raise typer.Exit(MISUSE if cannot_write else WRONG) from None
    if not done.is_first:
        raise typer.Exit(MISUSE if done.ending == "diverged" else FINE)
    if done.ending == "diverged":
        misuse(
            f"the loss is no number any more after epoch {len(done.rows)}: give a lower --rate than {rate:g}, "
            "or a longer --warm-up, and another -o"
        )
    _tell(spec, done, images, output, graphs[0])


def _run(
    graph: Graph, data: Data, settings: Any, output: pathlib.Path, asked: dict[str, Any]
) -> Outcome:
    """The run, with a bar on a terminal and a line for each epoch."""
    import torch

    from resnet_compiler.lab.trainer import Listener, train

    bar: Any = None
    is_shown = sys.stderr.isatty()
    cleared = "\r\x1b[K" if is_shown else ""  # the bar's line

    def step(done: int, total: int) -> None:
        nonlocal bar
        if is_shown:
            if bar is None:
                bar = typer.progressbar(length=total, label="steps", file=sys.stderr)
            bar.update(done - bar.pos)

    def epoch(row: Row) -> None:
        print(
            f"{cleared}epoch {row.epoch}/{settings.epochs}  loss {row.loss:.4f}  "
            f"training error {row.training_error:.2%}  held-out error {row.held_out_error:.2%}",
            flush=True,
        )

    def note(line: str) -> None:
        print(f"resnetc: {escaped(line)}", file=sys.stderr)

    listener = Listener(note, step, epoch)
    try:
        return train(graph, data, settings, output, listener=listener, **asked)
    except torch.OutOfMemoryError:
        misuse(f"the device has too little memory for --batch {settings.batch}: give a smaller one")
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(130) from None
    finally:
        if bar is not None:
            bar.render_finish()


def _tell(spec: str, done: Outcome, data: Data, output: pathlib.Path, before: Graph) -> None:
    """What came of the run, and how its weights become a model."""
    from resnet_compiler.lab.folder import CALIBRATION, WEIGHTS

    last = done.rows[-1]
    count = len(data.held_out)
    right = round(done.accuracy * count)
    print(
        f"{last.epoch} epochs, {last.step:,} steps: {right:,} of {count:,} held-out images are given their class, "
        f"{done.accuracy:.2%}"
    )
    channels, height, width = data.shape
    takes = done.graph.concrete("input")[0]
    mean, std = (
        ",".join(f"{each:g}" for each in (values * takes if channels < takes else values))
        for values in (data.mean, data.std)
    )
    classes = done.graph.concrete(done.graph.output)[0]
    command = ["resnetc", "export", spec, "--weights", (output / WEIGHTS).as_posix()]
    if before.concrete(before.output)[0] != classes:
        command += ["--num-classes", str(classes)]
    command += ["--preprocess", "--mean", mean, "--std", std, "--size", f"{height}x{width}"]
    print(escaped(f"wrote {output.as_posix()}; a model for a runtime: {shlex.join(command)}"))
    path = shlex.quote((output / CALIBRATION).as_posix())
    print(escaped(f"in int8, with: --precision int8 --calibration {path}"))
