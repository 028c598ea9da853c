"""`resnetc build`: specs to PyTorch source, ONNX with initial weights, and cards."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit, Opset, Specs
from resnet_compiler.console import FINE, WRONG, misuse, print_json, reading, render_all, reporting
from resnet_compiler.targets import MisplacedError, Plan, Target

if TYPE_CHECKING:
    from resnet_compiler.api import Folded
    from resnet_compiler.graph import Graph
    from resnet_compiler.output import Content

Output = Annotated[
    pathlib.Path,
    typer.Option(
        "-o", "--output", help="A folder; or for one spec a file ending in .py, .onnx or .md."
    ),
]
Targets = Annotated[
    list[Target] | None, typer.Option(help="What to write; torch and onnx, when it is not given.")
]
Fold = Annotated[
    bool,
    typer.Option(
        "--fold/--no-fold",
        help="For inference: batch norms folded into the convolutions, weights standardised, no dropout.",
    ),
]
Seed = Annotated[int, typer.Option(help="The seed of the weights in the ONNX.", min=0)]


def build(
    specs: Specs,
    output: Output = pathlib.Path(),
    target: Targets = None,
    check_only: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit 1 with a diff where the disk is stale."),
    ] = False,
    fold: Fold = False,
    opset: Opset = 18,
    seed: Seed = 0,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Compile specs to FOLDER/NAME/model.py and model.onnx (or a card, README.md), and print what was built."""
    from resnet_compiler import api

    graphs = reading(limit, style.value).graphs_or_exit(specs)
    networks = [api.fold(graph) if fold else graph for graph in graphs]
    plan = Plan(output, tuple(target or ()), opset, seed)
    files = planned(plan, networks)
    if check_only:
        from resnet_compiler.output import stale, stale_outputs

        differences = stale(files)
        if as_json:
            print_json([{"stale": [path.as_posix() for path in differences]}])
        else:
            print("\n".join(differences.values()), end="\n" if differences else "")
            render_all([(stale_outputs(differences), {})])
        raise typer.Exit(WRONG if differences else FINE)
    from resnet_compiler.output import write_all

    sizes = reporting(lambda: write_all(files))
    if as_json:
        print_json([_built(graph, plan, files) for graph in graphs])
    else:
        from resnet_compiler.report import summary_text

        for network in networks:
            print(summary_text(api.graph_of(network), "stage"), end="\n\n")
        for path, size in sizes.items():
            print(escaped(f"wrote {path.as_posix()} ({size:,} bytes)"))


def planned(plan: Plan, networks: Sequence[Graph | Folded]) -> dict[pathlib.Path, Content]:
    """The files of a plan; one that cannot be carried out is misuse."""
    try:
        return reporting(lambda: plan.files(networks))
    except MisplacedError as reason:
        misuse(str(reason))


def _built(
    graph: Graph, plan: Plan, files: Mapping[pathlib.Path, Content]
) -> dict[str, str | list[str]]:
    paths = plan.paths(graph, list(files))
    return {"name": graph.identity.name, "files": [path.as_posix() for path in paths]}
