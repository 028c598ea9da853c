"""`resnetc bench`: how fast a network runs, beside what else could run it, or in ONNX Runtime on one of its providers."""

from __future__ import annotations

import pathlib
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.commands.export_options import Precision
from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit
from resnet_compiler.console import misuse, print_json, reading, reporting

if TYPE_CHECKING:
    from resnet_compiler.bench.jobs import Options
    from resnet_compiler.graph import Graph

DEFAULTS = {"cpu": (("float32", "int8"), (1, 8)), "cuda": (("float16", "bfloat16"), (1, 32, 256))}
"""Precisions and batches, where none are named."""


class Provider(StrEnum):
    """What runs the network."""

    cpu = "cpu"
    cuda = "cuda"
    tensorrt = "tensorrt"


class DeviceKind(StrEnum):
    """What contenders run on."""

    cpu = "cpu"
    cuda = "cuda"


def bench(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A path, or a shipped name.")],
    against: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="What to compare with, such as torchvision,onnxruntime; everything by default, `none` for nothing.",
        ),
    ] = None,
    device: Annotated[
        DeviceKind, typer.Option(help="What the contenders run on.")
    ] = DeviceKind.cpu,
    provider: Annotated[
        Provider | None,
        typer.Option(help="Time ONNX Runtime alone, on this provider, in every precision."),
    ] = None,
    precision: Annotated[
        list[Precision] | None, typer.Option(help="One precision, may be repeated.")
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="Images at once, may be repeated.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many runs the median is taken of.")] = 20,
    threads: Annotated[
        int | None, typer.Option(min=1, help="How many threads compute on a CPU; one a core.")
    ] = None,
    channels_last: Annotated[
        bool | None,
        typer.Option(
            "--channels-last/--channels-first",
            help="The layout that eager models are given; last on CUDA, first on a CPU.",
        ),
    ] = None,
    plot: Annotated[
        pathlib.Path | None, typer.Option(metavar="FILE", help="Draw it there, as SVG.")
    ] = None,
    record: Annotated[
        pathlib.Path | None,
        typer.Option(metavar="FILE", help="Add a line of JSON to that file."),
    ] = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Time a network, as emitted and as other libraries run it, with the same random weights, at the declared size."""
    from resnet_compiler.bench.jobs import Options

    names = contenders_named(against)
    if provider is not None and (against, plot, record, threads, channels_last) != (None,) * 5:
        misuse("with `--provider`, ONNX Runtime runs alone: only --precision, --batch and --runs")
    graphs = reading(limit, style.value).graphs_or_exit([spec])
    if len(graphs) != 1:
        misuse(f"one spec is timed at a time, and {spec} has {len(graphs)}")
    asked = [each.value for each in precision] if precision else None
    if provider is not None:
        _on_provider(graphs[0], provider.value, asked, batch or [1, 16], runs, as_json)
        return
    from resnet_compiler.bench.hardware import threads_here

    precisions, batches = DEFAULTS[device.value]
    options = Options(
        names,
        device.value,
        tuple(dict.fromkeys(asked or precisions)),
        tuple(dict.fromkeys(batch or batches)),
        runs,
        threads or threads_here(),
        device is DeviceKind.cuda if channels_last is None else channels_last,
    )
    _compared(graphs[0], options, plot, record, as_json)


def contenders_named(against: str | None) -> tuple[str, ...]:
    """What takes part, in the table's order; a name that means nothing is misuse."""
    from resnet_compiler.bench.contenders import CONTENDERS, OURS, PEERS
    from resnet_compiler.diagnostics import did_you_mean

    if against is None:
        return tuple(CONTENDERS)
    asked = [] if against == "none" else [name.strip() for name in against.split(",")]
    for name in asked:
        if name not in CONTENDERS:
            near = "; ".join(did_you_mean(name, PEERS)) or f"there are {', '.join(PEERS)}"
            misuse(f"nothing is called {name or 'by no name'} that could be compared with: {near}")
    return tuple(name for name in CONTENDERS if name in OURS or name in asked)


def _compared(
    graph: Graph,
    options: Options,
    plot: pathlib.Path | None,
    record: pathlib.Path | None,
    as_json: bool,
) -> None:
    from importlib.util import find_spec

    from resnet_compiler.bench.compare import NothingToRun, compare
    from resnet_compiler.bench.hardware import MissingDevice
    from resnet_compiler.bench.report import outcome_text, with_record
    from resnet_compiler.bench.rounds import terminal_note
    from resnet_compiler.output import write_all

    if plot is not None and find_spec("matplotlib") is None:
        misuse("a plot needs matplotlib: pip install 'resnet-compiler[benchmark]'")
    if record is not None:
        checked_record(record)  # before anything is timed
    try:
        outcome = compare(graph, options, terminal_note)
    except (MissingDevice, NothingToRun) as reason:
        misuse(f"nothing was run: {reason}")
    files = {}
    if plot is not None:
        from resnet_compiler.bench.plot import svg

        files[plot] = [svg(outcome)]
    if record is not None:
        files[record] = [with_record(checked_record(record), outcome)]
    if as_json:
        print_json([outcome.as_dict()])
    else:
        print(outcome_text(outcome))
    reporting(lambda: write_all(files))


def checked_record(path: pathlib.Path) -> bytes:
    """What is in the file of records so far; one that is no such file is misuse."""
    from resnet_compiler.bench.report import records_in
    from resnet_compiler.support.read import ReadError

    try:
        return records_in(path)
    except ReadError as failure:
        misuse(f"--record: {failure}")


def _on_provider(
    graph: Graph,
    provider: str,
    precisions: list[str] | None,
    batches: list[int],
    runs: int,
    as_json: bool,
) -> None:
    from dataclasses import asdict

    from resnet_compiler.bench.providers import MissingProvider, check_provider
    from resnet_compiler.bench.providers import bench as measure

    try:
        check_provider(provider)
    except MissingProvider as reason:
        misuse(f"nothing was run: {reason}")
    found = measure(graph, provider, precisions or [p.value for p in Precision], batches, runs)
    if as_json:
        rows = [asdict(each) for each in found]
        print_json([{"name": graph.identity.name, "provider": provider, "speeds": rows}])
        return
    size = " × ".join(str(extent.declared) for extent in graph.extents)
    print(f"{graph.identity.title} at {size}, {provider}, medians of {runs} runs")
    print("  precision  batch        ms  images/s")
    for each in found:
        if each.milliseconds is None or each.images_per_second is None:
            print(f"  {each.precision:<9}  {each.batch:>5}  not run: {each.refused}")
        else:
            speed = f"{each.milliseconds:>8.2f}  {each.images_per_second:>8.1f}"
            print(f"  {each.precision:<9}  {each.batch:>5}  {speed}")
