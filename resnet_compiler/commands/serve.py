"""`resnetc serve`: a spec to edit in the browser, with its network beside it."""

from __future__ import annotations

import pathlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from resnet_compiler.characters import escaped
from resnet_compiler.commands.options import Limit
from resnet_compiler.console import FINE, MISUSE, misuse, reading, render_all

if TYPE_CHECKING:
    from resnet_compiler.library import SpecFile
    from resnet_compiler.limits import Limits
    from resnet_compiler.serve.workspace import Workspace


def serve(
    spec: Annotated[
        str | None,
        typer.Argument(metavar="[SPEC]", help="A path; or a shipped name, which opens a copy."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to listen; 0 takes a port that is free.")
    ] = 8350,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser.")
    ] = False,
    limit: Limit = None,
) -> None:
    """Serve a page on this machine in which the diagram and the counts follow the spec as it is typed; Ctrl-C ends it."""
    from importlib.util import find_spec

    if find_spec("nicegui") is None:
        misuse("serve needs nicegui: pip install 'resnet-compiler[serve]'")
    from resnet_compiler.serve.server import PortTakenError, Studio, loopback_sockets
    from resnet_compiler.serve.server import serve as run
    from resnet_compiler.serve.workspace import UnreadableError

    reader = reading(limit)
    found = reader.find([spec]) if spec is not None else []
    if len(found) > 1:
        misuse(f"one spec is edited at a time, and {spec} has {len(found)}")
    first = found[0] if found else None
    try:
        _workspace(first, reader.limits)
        sockets, port = loopback_sockets(port)
    except UnreadableError as reason:
        render_all([([reason.diagnostic], {})])
        raise typer.Exit(MISUSE) from None
    except PortTakenError as reason:
        said = (reason.strerror or "it is taken").lower()
        misuse(f"cannot listen at port {port}: {said}; --port 0 takes one that is free")
    address = f"http://127.0.0.1:{port}/"
    name = first.display if first else "a new spec"
    print(escaped(f"serving {name} at {address} (Ctrl-C ends it)"), flush=True)
    if open_browser:
        import webbrowser

        webbrowser.open(address)
    try:
        run(Studio(lambda: _workspace(first, reader.limits), reader.limits), sockets, port)
    except KeyboardInterrupt:
        print(
            "", file=sys.stderr
        )  # the terminal shows ^C; the prompt is to stand on a line of its own
        raise typer.Exit(FINE) from None


def _workspace(spec: SpecFile | None, limits: Limits) -> Workspace:
    """The file itself; for a shipped spec a copy, and for none a small spec to start from, both without a file."""
    from resnet_compiler.diagnostics import is_shipped
    from resnet_compiler.serve.workspace import Workspace
    from resnet_compiler.support.read import text as read_text
    from resnet_compiler.templating import environment

    if spec is None or spec.path is None:
        name = "my_resnet"
        text = environment().get_template("spec.yaml.j2").render(name=name)
        return Workspace(pathlib.Path(), None, text, name)
    if is_shipped(spec.display):
        text = read_text(spec.path)
        return Workspace(pathlib.Path(), None, text, spec.path.stem)
    return Workspace.opened(spec.path, limits.text_bytes)
