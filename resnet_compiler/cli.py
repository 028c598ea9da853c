"""The `resnetc` command: commands only. What they do is in the modules they import when they run."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler import __version__
from resnet_compiler.characters import escaped
from resnet_compiler.console import (
    FINE,
    UNVERIFIED,
    WRONG,
    misuse,
    print_json,
    reading,
    render_all,
    reporting,
)

if TYPE_CHECKING:
    from resnet_compiler.api import Folded
    from resnet_compiler.graph import Graph
    from resnet_compiler.output import Content
    from resnet_compiler.pipeline import Compilation


app = typer.Typer(
    name="resnetc",
    help="Compile YAML specs of residual networks to PyTorch source and ONNX, every residual add proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Specs = Annotated[
    list[str],
    typer.Argument(metavar="SPEC...", help="A path, a folder, `folder/name`, or a shipped name."),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=NUMBER",
        help="Change a limit, such as layers=100000; may be repeated.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON: an object, or a list for several specs.")
]


Weights = Annotated[
    pathlib.Path | None,
    typer.Option(help="Do these weights fit? Safetensors, or a PyTorch checkpoint (needs torch)."),
]
Classes = Annotated[
    int | None,
    typer.Option(
        "--num-classes", min=1, max=2**20, help="Give the network a head of so many classes before."
    ),
]


class Target(StrEnum):
    """What `build` can write."""

    torch = "torch"
    onnx = "onnx"


class Format(StrEnum):
    """How diagnostics are written."""

    full = "full"
    short = "short"
    json = "json"
    github = "github"


HowWritten = Annotated[
    Format, typer.Option("--format", help="How diagnostics are written, on standard error.")
]


class Depth(StrEnum):
    """How finely `summary` divides a network."""

    stage = "stage"
    block = "block"
    layer = "layer"


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Exit codes: 0 fine, 1 the spec is wrong (or an output is stale), 2 misuse, 3 verification failed."""
    if version:
        print(f"resnetc {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        misuse("a command is needed; `resnetc --help` lists them")


@app.command()
def check(
    specs: Specs,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Make the fixes that leave no doubt, such as misspelt keys."),
    ] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="With --fix: the fixes that change the network, too.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what --fix would change, and write nothing.")
    ] = False,
    weights: Weights = None,
    classes: Classes = None,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Check specs: the language, every shape, every residual add, and what `expect` says; and weights for one."""
    reader = reading(limit, style.value)
    if (unsafe or diff) and not fix:
        fix = diff
        if not fix:
            misuse("--unsafe goes with --fix or --diff")
    compilations = (
        reader.fix_all(specs, unsafe, write=not diff) if fix else reader.compile_all(specs)
    )
    if weights is not None:
        if len(compilations) != 1:
            misuse("--weights goes with one spec")
        compilations = [_with_weights(compilations[0], weights, classes)]
    elif classes is not None:
        misuse("--num-classes goes with --weights")
    if as_json:
        from resnet_compiler.report import check_dict

        print_json([check_dict(each) for each in compilations])
    else:
        for each in compilations:
            if each.graph is not None:
                print(f"{each.graph.identity.name}: {_verdict(each.graph)}")
        reader.show(compilations)
    raise typer.Exit(FINE if all(each.valid for each in compilations) else WRONG)


@app.command()
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
    opset: Annotated[int, typer.Option(help="The ONNX opset, 13 to 22.", min=13, max=22)] = 18,
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


@app.command()
def summary(
    specs: Specs,
    depth: Annotated[Depth, typer.Option(help="One line for each of these.")] = Depth.stage,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Print layers, shapes, parameters and MACs, and where the weighted layers are."""
    from resnet_compiler.report import summary_dict, summary_text

    graphs = reading(limit, style.value).graphs_or_exit(specs)
    if as_json:
        print_json([summary_dict(graph) for graph in graphs])
    else:
        print("\n\n".join(summary_text(graph, depth.value) for graph in graphs))


@app.command()
def verify(
    specs: Specs,
    seed: Annotated[int, typer.Option(help="The seed of weights and images.", min=0)] = 0,
    opset: Annotated[int, typer.Option(help="The ONNX opset, 13 to 22.", min=13, max=22)] = 18,
    tolerance: Annotated[
        float, typer.Option(help="Greatest difference, relative to the output's largest magnitude.")
    ] = 1e-4,
    style: HowWritten = Format.full,
    limit: Limit = None,
    as_json: AsJson = False,
) -> None:
    """Run the emitted source and the ONNX with the same weights, and compare (needs torch and onnxruntime)."""
    from dataclasses import asdict
    from importlib.util import find_spec

    missing = [name for name in ("torch", "onnxruntime") if find_spec(name) is None]
    if missing:
        misuse(
            f"verify needs {' and '.join(missing)}: pip install 'resnet-compiler[torch,onnxruntime]'"
        )
    from resnet_compiler.verify import verify as compare

    results, failed = [], False
    for graph in reading(limit, style.value).graphs_or_exit(specs):
        found = compare(graph, seed, opset)
        worst = max(each.relative for each in found)
        passed = worst <= tolerance
        failed = failed or not passed
        results.append(
            {
                "name": graph.identity.name,
                "passed": passed,
                "tolerance": tolerance,
                "comparisons": [asdict(each) for each in found],
            }
        )
        if not as_json:
            print(f"{graph.identity.name}: {'the same' if passed else 'DIFFERENT'}")
            for each in found:
                print(
                    f"  batch {each.batch}, {each.height} × {each.width}:"
                    f"  greatest difference {each.absolute:.2e} absolute, {each.relative:.2e} relative"
                )
    if as_json:
        print_json(results)
    raise typer.Exit(UNVERIFIED if failed else FINE)


@app.command()
def inspect(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="ONNX files, of any maker.")
    ],
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Height and width, where a file leaves them open."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="The batch, where a file leaves it open; 1 otherwise.", min=1)
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Add a table of the nodes.")] = False,
    style: HowWritten = Format.full,
    as_json: AsJson = False,
) -> None:
    """Tell what is in ONNX files: operators, parameters, weighted layers, MACs, precision, residual adds."""
    from resnet_compiler.inspect.command import run

    run(files, size, batch, layers, style.value, as_json)


@app.command(name="list")
def list_specs(
    pattern: Annotated[
        str, typer.Argument(metavar="[GLOB]", help="Such as 'imagenet/*' or '*50*'.")
    ] = "*",
    as_json: AsJson = False,
) -> None:
    """List the shipped specs."""
    from fnmatch import fnmatchcase

    from resnet_compiler.library import shipped_specs

    names = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]
    chosen = [n for n in names if fnmatchcase(n, pattern) or fnmatchcase(n.split("/")[1], pattern)]
    if as_json:
        print(json.dumps(chosen, indent=2))
    elif chosen:
        print("\n".join(chosen))
    else:
        print(escaped(f"resnetc: no shipped spec matches {pattern}"), file=sys.stderr)


@app.command(name="show")
def show_file(
    name: Annotated[str, typer.Argument(help="A shipped spec or block.")],
) -> None:
    """Print the YAML of a shipped spec or block, to read or to copy."""
    from resnet_compiler.diagnostics import did_you_mean
    from resnet_compiler.library import shipped_blocks, shipped_specs

    files = {path.stem: path for path in shipped_blocks()}
    for spec in reversed(shipped_specs()):
        assert spec.path is not None
        full = spec.display.removeprefix("specs/").removesuffix(".yaml")
        files |= {full: spec.path, spec.path.stem: spec.path}
    if name not in files:
        hint = "; ".join(did_you_mean(name, files))
        misuse(f"there is no shipped spec or block `{name}`" + (f"; {hint}" if hint else ""))
    print(files[name].read_text("utf-8"), end="")


@app.command()
def operators(as_json: AsJson = False) -> None:
    """List the operators: attributes, and what each does."""
    from resnet_compiler.reference import operator_entries, reference_text

    entries = operator_entries()
    print(json.dumps(entries, indent=2) if as_json else reference_text(entries))


@app.command()
def blocks(as_json: AsJson = False) -> None:
    """List the shipped blocks: parameters, and what each is."""
    from resnet_compiler.reference import block_entries, reference_text

    entries = block_entries()
    print(json.dumps(entries, indent=2) if as_json else reference_text(entries))


@app.command()
def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="Such as RC0301; without one, all are listed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a diagnostic code: what it means, why it is wrong, an example, and the same mended."""
    from resnet_compiler.codes import catalogue
    from resnet_compiler.explain import listing, page_dict, page_of

    known = {each.id: each for each in catalogue()}
    if code is None:
        titles = [{"code": each.id, "title": each.title} for each in known.values()]
        print(json.dumps(titles, indent=2) if as_json else listing())
    elif code.upper() in known:
        page = page_of(known[code.upper()])
        if as_json:
            print_json([page_dict(page)])
        else:
            print(page.markdown, end="")
    else:
        from resnet_compiler.diagnostics import did_you_mean

        near = did_you_mean(code.upper(), known)
        hint = "; ".join((*near, "`resnetc explain` lists all codes"))
        misuse(f"there is no code `{code}`; {hint}")


@app.command()
def schema(
    block: Annotated[
        bool, typer.Option("--block", help="The schema of block files instead.")
    ] = False,
) -> None:
    """Print the language as JSON Schema (draft 7), for editors."""
    from resnet_compiler.schema import json_schema

    print(json.dumps(json_schema("block" if block else "network"), indent=2))


@app.command()
def init(
    name: Annotated[
        str, typer.Argument(help="The new spec's name; NAME.yaml is written here.")
    ] = "my_resnet",
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a small spec to start from."""
    from resnet_compiler.graph import NAME
    from resnet_compiler.output import write_all
    from resnet_compiler.templating import environment

    if not NAME.fullmatch(name) or "." in name:
        misuse(
            f"`{name}` cannot be a name: write letters, digits and `_`, not starting with a digit"
        )
    path = pathlib.Path(f"{name}.yaml")
    if path.exists() and not force:
        misuse(f"{path} is there already; --force replaces it")
    text = environment().get_template("spec.yaml.j2").render(name=name)
    reporting(lambda: write_all({path: [text.encode()]}))
    print(f"wrote {path}; next: resnetc check {path}")


# --- where and what `build` writes -----------------------------------------------------------------------------------


def _verdict(graph: Graph) -> str:
    residual = [proof for proof in graph.proofs if proof.residual]
    some = sum(proof.verdict != "all sizes" for proof in residual)
    adds = f"{len(residual)} residual add{'' if len(residual) == 1 else 's'}"
    if not residual:
        return "ok, no residual adds"
    return (
        f"ok, {adds} proved for every size"
        if not some
        else f"ok, {adds}, {some} not for every size"
    )


def _with_weights(found: Compilation, path: pathlib.Path, classes: int | None) -> Compilation:
    """A compilation with what there is to say of weights for its network; without the graph where they do not fit."""
    from dataclasses import replace

    from resnet_compiler.checkpoints import check_weights

    if found.graph is None:
        return found
    said = check_weights(path, found.graph, classes=classes)
    fits = all(each.severity != "error" for each in said)
    return replace(
        found, diagnostics=(*found.diagnostics, *said), graph=found.graph if fits else None
    )


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


def main() -> None:
    """The entry point. Output is UTF-8 whatever the locale, so that the same command prints the same bytes."""
    # pydantic looks through every installed package for plugins of its own; there are none here, and it takes a while
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    if hasattr(
        signal, "SIGPIPE"
    ):  # the reader went away (`| head`): end quietly, as other commands do
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app()
    except (
        BrokenPipeError
    ):  # the reader went away (`| head`): nothing to say, and nobody to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)


if __name__ == "__main__":
    main()
