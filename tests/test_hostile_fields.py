"""Hostile text in every string field of the language: refused with a diagnostic, or compiled and harmless.

By default each field has a share of the strings, another one than its neighbours; `RESNETC_HOSTILE=all` gives every
field every string.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import pytest
from support import hostile_template as template
from support.hostile_outputs import complaints
from support.hostile_strings import TEXTS, WORDS, turns

from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import Compilation, compile_file

TEMPLATES = {"network": template.NETWORK, "variant": template.VARIANT, "block": template.BLOCK}
FIELDS = [(name, field) for name, text in TEMPLATES.items() for field in template.fields(text)]
WRITTEN_OUT = ("name", "title", "doc", "extends", "blocks.….title", "blocks.….doc")
"""Fields whose text reaches outputs, or the file system, as it is: they have larger shares."""

Compile = Callable[[str, Any], Compilation]


@pytest.fixture
def compiled(tmp_path: pathlib.Path) -> Compile:
    """Compiles one of the templates with other values, the others beside it as they are."""
    template.write_files(tmp_path)
    block = tmp_path / "blocks" / "q_beside.yaml"

    def compile_values(name: str, values: Any) -> Compilation:
        text = template.yaml_text(values)
        if name == "block":
            block.write_text(text, "ascii")
            text = template.NETWORK
        return compile_file(SpecFile("net.yaml", tmp_path / "net.yaml"), text)

    return compile_values


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_templates_themselves_compile(name: str, compiled: Compile) -> None:
    found = compiled(name, template.parsed(TEMPLATES[name]))
    assert found.graph is not None and not complaints(found)


def test_the_templates_use_every_key_of_the_language() -> None:
    """A field that is added to the language has to be added here."""
    steps = {
        step
        for text in TEMPLATES.values()
        for path in template.places(template.parsed(text))
        for step in path
    }
    assert template.language_keys() - steps == set()


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_a_field(name: str, field: str, compiled: Compile) -> None:
    values = template.parsed(TEMPLATES[name])
    place = template.fields(TEMPLATES[name])[field]
    number = FIELDS.index((name, field))
    shares = (2, 8) if field in WRITTEN_OUT else (12, 24)
    labels = turns(TEXTS, number, shares[0])
    strings = {label: TEXTS[label] for label in labels}
    strings |= {word: word for word in turns(WORDS, number, shares[1])}
    wrong = {}
    for label, string in strings.items():
        found = complaints(compiled(name, template.replaced(values, place, string)))
        if found:
            wrong[label] = found
    assert not wrong
