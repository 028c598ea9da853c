"""The commands put together: the application that `cli.main` runs."""

from __future__ import annotations

from typing import Annotated

import typer

from resnet_compiler import __version__
from resnet_compiler.commands import (
    bench,
    build,
    check,
    diff,
    draw,
    export,
    gradients,
    init,
    inspect,
    lab,
    reference,
    serve,
    summary,
    train,
    verify,
    view,
    watch,
)
from resnet_compiler.console import misuse

app = typer.Typer(
    name="resnetc",
    help="Compile YAML specs of residual networks to PyTorch source and ONNX, every residual add proved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def common(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Exit codes: 0 fine, 1 a spec or its weights are wrong (or an output is stale), 2 misuse, 3 verification failed, 4 a fault of resnetc itself."""
    if version:
        print(f"resnetc {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        misuse("a command is needed; `resnetc --help` lists them")


app.command()(check.check)
app.command()(build.build)
app.command()(export.export)
app.command()(watch.watch)
app.command()(summary.summary)
app.command()(diff.diff)
app.command()(view.view)
app.command()(serve.serve)
app.command()(draw.draw)
app.command()(train.train)
app.command()(verify.verify)
app.command()(inspect.inspect)
app.command()(bench.bench)
app.command()(gradients.gradients)
app.add_typer(lab.app, name="lab")
app.command(name="list")(reference.list_specs)
app.command(name="show")(reference.show_file)
app.command()(reference.operators)
app.command()(reference.blocks)
app.command()(reference.explain)
app.command()(reference.schema)
app.command()(init.init)
