"""The page of each diagnostic code, `docs/codes/RC0301.md`: Markdown of one strict layout, for reading as it is.

A page says what the code means and why that is wrong, and has an example in two versions, wrong and mended. An example
is files (yaml fences; a first line `# blocks/mine.yaml` names one, otherwise it is net.yaml) and commands (an sh fence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resnet_compiler.codes import GROUPS, Code, catalogue
from resnet_compiler.library import data_folder
from resnet_compiler.support.read import text

FOLDER = "docs/codes"
USUAL_COMMAND = "resnetc check net.yaml"

_PAGE = re.compile(
    r"# (?P<code>RC\d{4}): (?P<title>[^\n]+)\n\n(?P<meaning>[^\n#].*?)\n\n"
    r"## Why it is wrong\n\n(?P<why>.+?)\n\n## Wrong\n\n(?P<wrong>.+?\n)\n## Right\n\n(?P<right>.+?\n)",
    re.DOTALL,
)
_EXAMPLE = re.compile(r"(?:```(?:yaml|sh)\n(?:(?!```)[^\n]*\n)*```\n\n?)+")
_FENCE = re.compile(r"^```(yaml|sh)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"# ([\w/.-]+\.yaml)\n")


@dataclass(frozen=True, slots=True)
class Example:
    """Files by name, and what is run beside them, a line for each command."""

    files: Mapping[str, str]
    command: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page: ``markdown`` is all of it, the rest its parts."""

    code: str
    title: str
    meaning: str
    why: str
    wrong: Example
    right: Example
    markdown: str


def page_of(code: Code) -> Page:
    """The page of a code."""
    path = data_folder(FOLDER) / f"{code.id}.md"
    return parse(text(path))


def parse(markdown: str) -> Page:
    """A page read into its parts.

    Raises:
        ValueError: the text has another layout.
    """
    found = _PAGE.fullmatch(markdown)
    if found is None:
        raise ValueError("the page's headings are not those of the layout")
    parts = found.groupdict()
    wrong, right = _example(parts.pop("wrong")), _example(parts.pop("right"))
    return Page(**parts, wrong=wrong, right=right, markdown=markdown)


def _example(section: str) -> Example:
    if _EXAMPLE.fullmatch(section) is None:
        raise ValueError("an example is fences of yaml or sh alone")
    files: dict[str, str] = {}
    commands = []
    for language, inside in _FENCE.findall(section):
        if language == "sh":
            commands.append(inside.rstrip("\n"))
        else:
            named = _FILE_NAME.match(inside)
            files[named[1] if named else "net.yaml"] = inside
    return Example(files, "\n".join(commands) or USUAL_COMMAND)


def page_dict(page: Page) -> dict[str, Any]:
    """A page as JSON values."""
    return {
        "code": page.code,
        "title": page.title,
        "text": f"{page.meaning}\n\n{page.why}",
        "wrong": {"files": dict(page.wrong.files), "command": page.wrong.command},
        "right": {"files": dict(page.right.files), "command": page.right.command},
    }


def listing() -> str:
    """Every code with its title, group by group."""
    groups = []
    for prefix, about in GROUPS.items():
        lines = [f"{c.id}  {c.title}" for c in catalogue() if c.id.startswith(prefix)]
        groups.append("\n  ".join([about, *lines]))
    return "\n\n".join(groups)
