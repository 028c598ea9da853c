"""The operators and the shipped blocks, described from what they are: for `resnetc operators` and `resnetc blocks`."""

from __future__ import annotations

import inspect
from dataclasses import MISSING
from typing import Any

from resnet_compiler.definitions import Call, Located
from resnet_compiler.library import Library, shipped_blocks
from resnet_compiler.operators import OPERATORS

Entry = dict[str, Any]


def operator_entries() -> list[Entry]:
    """Each operator: its word, its documentation, and its attributes with kinds and defaults."""
    return [
        {
            "name": word,
            "doc": " ".join((inspect.getdoc(operator) or "").split()),
            "parameters": [
                {
                    "name": name,
                    "kind": " or ".join(field.metadata["words"]) or field.metadata["kind"],
                    "default": None if field.default is MISSING else _written(field.default),
                    "required": field.default is MISSING,
                    "doc": field.metadata["doc"],
                }
                for name, field in operator.attributes().items()
            ],
        }
        for word, operator in OPERATORS.items()
    ]


def block_entries() -> list[Entry]:
    """Each shipped block: its name, what it says of itself, and its parameters with their defaults as written."""
    library = Library()
    entries = []
    for path in shipped_blocks():
        block = library.find_block(path.stem, {}, ())
        assert block is not None
        entries.append(
            {
                "name": block.name,
                "doc": block.doc or block.title,
                "parameters": [
                    {
                        "name": name,
                        "kind": "",
                        "default": None if default.value == "required" else _as_written(default),
                        "required": default.value == "required",
                        "doc": "",
                    }
                    for name, default in block.parameters.items()
                ],
            }
        )
    return entries


def reference_text(entries: list[Entry]) -> str:
    """Entries for reading: a line for each, and one for each of its parameters."""
    lines = []
    for entry in entries:
        lines.append(f"{entry['name']}: {entry['doc']}")
        for parameter in entry["parameters"]:
            value = "required" if parameter["required"] else f"default {parameter['default']}"
            said = "; ".join(part for part in (parameter["kind"], value) if part)
            doc = f": {parameter['doc']}" if parameter["doc"] else ""
            lines.append(f"    {parameter['name']} ({said}){doc}")
        lines.append("")
    return "\n".join(lines).rstrip()


def _written(value: Any) -> str:
    """An attribute's default as a spec would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(value[0]) if len(set(value)) == 1 else str(list(value))
    return str(value)


def _as_written(default: Located) -> str:
    """A block parameter's default as its file writes it."""
    if isinstance(default.value, Call):
        inner = ", ".join(f"{key}: {_as_written(v)}" for key, v in default.value.arguments.items())
        return f"{{{default.value.word}: {{{inner}}}}}"
    return _written(default.value)
