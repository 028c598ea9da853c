"""A network as one self-contained page to look through: diagram, outline, spec and source, linked with each other.

`page_data` is what there is to know, as JSON values; the scripts in `templates/page/` draw it. `page_html` is both in one
file. A page that is open takes new data without being loaded anew: `window.resnetc.update(data)`, or from the page that
it is framed in, `frame.contentWindow.postMessage({type: "resnetc.update", data}, origin)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_compiler.pipeline import Compilation

FORMAT_VERSION = 1
"""Of the data; it grows when a field changes its meaning."""


def page_data(compilation: Compilation) -> dict[str, Any]:
    """The data of a page as JSON values.

    ``network`` is null where the spec is wrong; ``diagnostics`` then say why, and ``files`` are what was read of it. An
    open page that is given such data shows the findings, and the network that it had before.
    """
    from resnet_compiler.characters import escaped
    from resnet_compiler.page.network import network_data
    from resnet_compiler.render.as_json import to_dict

    files = [
        {"name": escaped(name), "text": escaped(text.replace("\r\n", "\n"), keep="\n\t")}
        for name, text in compilation.texts.items()
    ]
    graph = compilation.graph
    return {
        "format_version": FORMAT_VERSION,
        "spec": escaped(compilation.spec.display),
        "valid": compilation.valid,
        "diagnostics": [to_dict(diagnostic) for diagnostic in compilation.diagnostics],
        "files": files,
        "network": None if graph is None else network_data(graph, list(compilation.texts)),
    }


def page_html(compilation: Compilation) -> str:
    """The page as one HTML file, which asks no server for anything.

    Its Content-Security-Policy allows its own scripts and styles by their hashes, and nothing else.
    """
    from resnet_compiler.page.document import document

    return document(page_data(compilation))


__all__ = ["FORMAT_VERSION", "page_data", "page_html"]
