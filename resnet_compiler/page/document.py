"""The page's data, styles and scripts as one HTML file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from resnet_compiler.characters import HIDDEN
from resnet_compiler.library import data_folder
from resnet_compiler.support.read import text
from resnet_compiler.templating import environment

SCRIPTS = (
    *("text", "model", "columns", "symbols", "gestures", "diagram", "outline", "search"),
    *("listing", "details", "charts", "page"),
)
"""The page's scripts in `templates/page/`, in the order in which they stand in it."""
STYLES = ("base", "diagram", "panes", "regions")


def document(data: dict[str, Any]) -> str:
    """The HTML of a page. Everything that comes from a spec stands in the data, but for the title."""
    folder = data_folder("templates") / "page"
    style = "\n".join(text(folder / f"{name}.css") for name in STYLES)
    scripts = [text(folder / f"{name}.js") for name in SCRIPTS]
    script = '"use strict";\n(() => {\n' + "\n".join(scripts) + "})();\n"
    network = data["network"]
    return (
        environment()
        .get_template("page/page.html.j2")
        .render(
            title=f"{network['title']} · resnetc" if network else "resnetc",
            policy=_policy(style, script),
            style=style,
            script=script,
            data=json_in_html(data),
        )
    )


_ACTING = re.compile(f"[<>&{HIDDEN}\ud800-\udfff]")


def json_in_html(value: Any) -> str:
    """A value as JSON that can stand in a script element: no character in it acts on HTML, or cannot be seen."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _ACTING.sub(lambda match: _escape(match[0]), plain)


def _escape(character: str) -> str:
    """A character as JSON escapes it."""
    return f"\\u{ord(character):04x}" if character in "<>&\x7f" else json.dumps(character)[1:-1]


def _policy(style: str, script: str) -> str:
    """The Content-Security-Policy: these very texts may act, and nothing may be asked for."""
    hashes = (
        base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()
        for each in (style, script)
    )
    of_style, of_script = hashes
    return (
        f"default-src 'none'; script-src 'sha256-{of_script}'; style-src 'sha256-{of_style}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
