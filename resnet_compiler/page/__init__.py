"""A network as one self-contained page to look through: diagram, outline, spec and source, linked with each other.

`page_data` is what there is to know, as JSON values; the scripts in `templates/page/` draw it. `page_html` is both in one
file. A page that is open takes new data without being loaded anew: `window.resnetc.update(data)`, or from the page that
it is framed in, `frame.contentWindow.postMessage({type: "resnetc.update", data}, origin)`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_compiler.diagnostics import Diagnostic
    from resnet_compiler.pipeline import Compilation

FORMAT_VERSION = 1
"""Of the data; it grows when a field changes its meaning."""


def page_data(compilation: Compilation) -> dict[str, Any]:
    """The data of a page as JSON values.

    ``network`` is null where the spec is wrong; ``diagnostics`` then say why, and ``files`` are what was read of it. An
    open page that is given such data shows the findings, and the network that it had before. Files are named from the
    spec's folder on, so that no folder of this machine is in the data.
    """
    from resnet_compiler.characters import escaped
    from resnet_compiler.page.network import network_data

    files = [
        {
            "name": _name(compilation, name),
            "text": escaped(text.replace("\r\n", "\n"), keep="\n\t"),
        }
        for name, text in compilation.texts.items()
    ]
    graph = compilation.graph
    return {
        "format_version": FORMAT_VERSION,
        "spec": _name(compilation, compilation.spec.display),
        "valid": compilation.valid,
        "diagnostics": [_finding(compilation, each) for each in compilation.diagnostics],
        "files": files,
        "network": None if graph is None else network_data(graph, list(compilation.texts)),
    }


EMPTY_DATA = json.dumps(
    {
        "format_version": FORMAT_VERSION,
        "spec": "",
        "valid": False,
        "diagnostics": [],
        "files": [],
        "network": None,
    }
).encode()
"""The data of a page that has nothing to show yet, as JSON."""


def empty_html() -> str:
    """A page that has nothing to show yet, as HTML: it waits for data."""
    from resnet_compiler.page.document import document

    return document(json.loads(EMPTY_DATA))


def _finding(compilation: Compilation, diagnostic: Diagnostic) -> dict[str, Any]:
    """What a page shows of a diagnostic: the fields of `check --json` that it needs."""
    from resnet_compiler.render.as_json import to_dict

    found = to_dict(diagnostic)
    file = found["file"]
    return {
        "file": None if file is None else _name(compilation, str(file)),
        **{key: found[key] for key in ("severity", "code", "summary", "detail", "help", "range")},
    }


def _name(compilation: Compilation, name: str) -> str:
    """A file's name as the page has it: a shipped one's own, another's from the spec's folder on."""
    from resnet_compiler.characters import escaped
    from resnet_compiler.diagnostics import is_shipped

    folder, slash, _ = compilation.spec.display.rpartition("/")
    return escaped(name if is_shipped(name) else name.removeprefix(folder + slash))


def page_html(compilation: Compilation) -> str:
    """The page as one HTML file, which asks no server for anything.

    Its Content-Security-Policy allows its own scripts and styles by their hashes, and nothing else.
    """
    from resnet_compiler.page.document import document

    return document(page_data(compilation))


__all__ = ["EMPTY_DATA", "FORMAT_VERSION", "empty_html", "page_data", "page_html"]
