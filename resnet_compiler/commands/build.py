"""`resnetc build`: specs to PyTorch source and ONNX with initial weights."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import AsJson, Format, HowWritten, Limit, Opset, Specs
from resnet_compiler.console import FINE, WRONG, misuse, print_json, reading, render_all, reporting

if TYPE_CHECKING:
    from resnet_compiler.api import Folded
    from resnet_compiler.graph import Graph
    from resnet_compiler.output import Content


class Target(StrEnum):
    """What `build` can write."""

    torch = "torch"
    onnx = "onnx"


def build(
    specs: Specs,
    output: Annotated[
        pathlib.Path,
        typer.Option(
            "-o", "--output", help="A folder; or for one spec a file ending in .py or .onnx."
        ),
    ] = pathlib.Path(),
    target: Annotated[
        list[Target] | None, typer.Option(help="What to write; both, when it is not given.")
    ] = None,
    check_only: Annotated[
        bool,
        typer.Option("--check", help="Write nothing; exit 1 with a diff where the disk is stale."),
    ] = False,
    fold: Annotated[
        bool,
        typer.Option(
            "--fold/--no-fold",
            help="For inference: batch norms folded into the convolutions, weights standardised, no dropout.",
        ),
    ] = False,
    opset: Opset = 18,
    seed: Annotated[int, typer.Option(help="The seed of the weights in the ONNX.", min=0)] = 0,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Compile specs to FOLDER/NAME/model.py and model.onnx, and print what was built."""
    from resnet_compiler import api

    graphs = reading(limit, style.value).graphs_or_exit(specs)
    networks = [api.fold(graph) if fold else graph for graph in graphs]
    graphs = [api.graph_of(network) for network in networks]
    files: dict[pathlib.Path, Content] = {}
    taken: set[str] = set()
    for graph, network in zip(graphs, networks, strict=True):
        for path, wanted in _destinations(graph, output, target, len(graphs)):
            key = path.as_posix().casefold()  # some file systems know no case
            if key in taken:
                misuse(
                    f"two specs are called {graph.identity.name}: both would be written to {path.as_posix()}"
                )
            taken.add(key)
            files |= _emit(network, wanted, path, opset, seed)
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
        print_json([{"name": g.identity.name, "files": _written(g, files, output)} for g in graphs])
    else:
        from resnet_compiler.report import summary_text

        for graph in graphs:
            print(summary_text(graph, "stage"), end="\n\n")
        for path, size in sizes.items():
            print(escaped(f"wrote {path.as_posix()} ({size:,} bytes)"))


def _destinations(
    graph: Graph, output: pathlib.Path, target: list[Target] | None, count: int
) -> list[tuple[pathlib.Path, Target]]:
    """Where each target of a graph goes."""
    by_suffix = {".py": Target.torch, ".onnx": Target.onnx}
    single = by_suffix.get(output.suffix)
    if single is not None and not output.is_dir():
        if count > 1 or (target and target != [single]):
            misuse(
                f"{output.as_posix()} is one file; give -o a folder for several specs or targets"
            )
        return [(output, single)]
    from resnet_compiler.output import refuse_link_out

    folder = output / graph.identity.name
    reporting(lambda: refuse_link_out(folder, output))
    suffixes = {Target.torch: "model.py", Target.onnx: "model.onnx"}
    wanted = list(dict.fromkeys(target)) if target else list(Target)
    return [(folder / suffixes[each], each) for each in wanted]


def _emit(
    network: Graph | Folded, target: Target, path: pathlib.Path, opset: int, seed: int
) -> dict[pathlib.Path, Content]:
    from resnet_compiler import api

    if target is Target.torch:
        return {path: [api.emit_pytorch(network).encode()]}
    files = api.onnx_files(network, path.name, opset=opset, seed=seed)
    return {path.with_name(name): content for name, content in files.items()}


def _written(graph: Graph, files: Iterable[pathlib.Path], output: pathlib.Path) -> list[str]:
    return [p.as_posix() for p in files if p == output or p.parent.name == graph.identity.name]
