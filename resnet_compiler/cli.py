"""The `resnetc` command: its commands put together. Each is a file of `commands/`."""

from __future__ import annotations

import gc
import os
import signal
import sys
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
from resnet_compiler.console import FAULT, FINE, misuse
from resnet_compiler.faults import CompilerFault

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
    """Exit codes: 0 fine, 1 a spec or its weights are wrong (or an output is stale), 2 misuse, 3 verification failed."""
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


def main() -> None:
    """The entry point. Output is UTF-8 whatever the locale, so that the same command prints the same bytes."""
    # pydantic looks through every installed package for plugins of its own; there are none here, and it takes a while
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    # a graph has next to no cycles: to look for some after every 700 new objects takes a tenth of a build
    gc.set_threshold(10_000)
    if hasattr(
        signal, "SIGPIPE"
    ):  # the reader went away (`| head`): end quietly, as other commands do
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # being told to end is no reason to leave half a file behind: what is open is put in order on the way out
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        app()
    except CompilerFault as fault:
        print(f"resnetc is at fault, and nothing was written: {fault}", file=sys.stderr)
        sys.exit(FAULT)
    except (
        BrokenPipeError
    ):  # the reader went away (`| head`): nothing to say, and nobody to say it to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FINE)


if __name__ == "__main__":
    main()
