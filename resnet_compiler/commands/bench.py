"""`resnetc bench`: images per second in ONNX Runtime."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from resnet_compiler.commands.export_options import Precision
from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit
from resnet_compiler.console import misuse, print_json, reading


class Provider(StrEnum):
    """What runs the network."""

    cpu = "cpu"
    cuda = "cuda"
    tensorrt = "tensorrt"


def bench(
    spec: Annotated[str, typer.Argument(metavar="SPEC", help="A path, or a shipped name.")],
    provider: Annotated[
        Provider, typer.Option(help="Where ONNX Runtime runs the network.")
    ] = Provider.cpu,
    precision: Annotated[
        list[Precision] | None, typer.Option(help="One precision, may be repeated; all by default.")
    ] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, help="Images at once, may be repeated; 1 and 16.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="How many runs the median is taken of.")] = 20,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Print images per second of a network in ONNX Runtime, with random weights, at the declared size."""
    graphs = reading(limit, style.value).graphs_or_exit([spec])
    if len(graphs) != 1:
        misuse(f"one spec is timed at a time, and {spec} has {len(graphs)}")
    from resnet_compiler.bench.providers import MissingProvider, check_provider
    from resnet_compiler.bench.providers import bench as measure

    try:
        check_provider(provider.value)
    except MissingProvider as reason:
        misuse(f"nothing was run: {reason}")
    asked = [each.value for each in precision or list(Precision)]
    found = measure(graphs[0], provider.value, asked, batch or [1, 16], runs)
    if as_json:
        rows = [asdict(each) for each in found]
        print_json([{"name": graphs[0].identity.name, "provider": provider.value, "speeds": rows}])
        return
    size = " × ".join(str(extent.declared) for extent in graphs[0].extents)
    print(f"{graphs[0].identity.title} at {size}, {provider.value}, medians of {runs} runs")
    print("  precision  batch        ms  images/s")
    for each in found:
        if each.milliseconds is None or each.images_per_second is None:
            print(f"  {each.precision:<9}  {each.batch:>5}  not run: {each.refused}")
        else:
            speed = f"{each.milliseconds:>8.2f}  {each.images_per_second:>8.1f}"
            print(f"  {each.precision:<9}  {each.batch:>5}  {speed}")
