"""What is said to the habits that people bring from PyTorch and from YAML: the whole message, and what is to be written.

`tests/messages.txt` has a case behind each line of `===`: a spec, then `---`, then what is said of it. To write what is
said anew, and read the difference: `RESNETC_UPDATE_GOLDEN=1 python -m pytest tests/test_messages.py`.
"""

from __future__ import annotations

import os
import pathlib
import re

import pytest

from resnet_compiler import habits
from resnet_compiler.diagnostics import Diagnostic
from resnet_compiler.library import SpecFile, shipped_blocks
from resnet_compiler.operators import OPERATORS
from resnet_compiler.pipeline import compile_file

FILE = pathlib.Path(__file__).parent / "messages.txt"
UPDATE = bool(os.environ.get("RESNETC_UPDATE_GOLDEN"))
SPEC = SpecFile("nowhere/net.yaml", pathlib.Path("nowhere/net.yaml"))


def _cases() -> dict[str, tuple[str, str]]:
    found = {}
    for piece in FILE.read_text("utf-8").split("=== ")[1:]:
        title, _, rest = piece.partition("\n")
        text, _, said = rest.partition("---\n")
        found[title] = (text, said)
    return found


def _said(one: Diagnostic) -> str:
    at = f"{one.span.line}:{one.span.column}: " if one.span else ""
    lines = [f"{at}{one.code.id}: {one.summary}", *(f"  help: {help}" for help in one.help)]
    if one.fix is not None:
        how = "safe" if one.fix.is_safe else "unsafe"
        lines.append(f"  fix, {how}: {one.fix.word} -> {one.fix.text}")
    return "\n".join(lines) + "\n"


def _messages(text: str) -> str:
    found = compile_file(SPEC, text)
    return "".join(map(_said, found.diagnostics)) or "ok\n"


@pytest.mark.parametrize("title", _cases())
def test_what_is_said(title: str) -> None:
    cases = _cases()
    text, said = cases[title]
    if UPDATE:
        said = _messages(text)
        cases[title] = (text, said)
        pieces = [f"=== {title}\n{text}---\n{said}" for title, (text, said) in cases.items()]
        FILE.write_text("".join(pieces), "utf-8")
    assert _messages(text) == said


ACT = "name: net\ninput: {{height: 32, width: 32}}\nact: {}\nstages:\n  - layer1: {{block: basic, depth: 1, width: 8}}\n"
LAYER = "name: net\ninput: {{height: 32, width: 32}}\nhead:\n  - layer: {{{}: {{}}}}\nstages:\n  - layer1: {{block: basic, depth: 1, width: 8}}\n"


@pytest.mark.parametrize("form", [ACT, LAYER], ids=["act", "layer"])
def test_what_is_known_elsewhere_is_never_written_over(form: str) -> None:
    """No name of PyTorch or ONNX is taken for a misspelt one; only what is the same thing here is written, if asked to."""
    ours = {*OPERATORS, *(path.stem for path in shipped_blocks())}
    for number, word in enumerate(sorted(habits.names_elsewhere() - ours)):
        camel = "".join(part.capitalize() for part in word.split("_"))
        spelt = (word, camel, f"{word}2d", f"{camel}2d")[number % 4]
        for one in compile_file(SPEC, form.format(spelt)).diagnostics:
            if one.fix is not None:
                assert one.fix.text == habits.layers()[word] and not one.fix.is_safe, spelt


def test_the_tables_name_what_there_is() -> None:
    from resnet_compiler import spec

    blocks = [path.read_text("utf-8") for path in shipped_blocks()]
    layers = {*OPERATORS, *(path.stem for path in shipped_blocks()), "act", "norm"}
    models = (spec.Network, spec.Block, spec.Stage, spec.Input, spec.Expect, spec.Repeat)
    keys = {key for model in models for key in model.model_fields}
    keys |= {key for kind in OPERATORS.values() for key in kind.attributes()} | {"act", "norm"}
    keys |= {word for text in blocks for word in re.findall(r"(\w+):", text)}
    assert set(habits.layers().values()) <= layers
    assert not habits.layers().keys() & layers
    assert {word for words in habits.KEYS.values() for word in words} <= keys
    assert not (habits.names_elsewhere() - {"zero_pad"}) & layers
    said = [*habits.INSTEAD.values(), *habits.LEFT_OUT.values(), *habits.VALUES.values()]
    named = {word for text in said for word in re.findall(r"`(\w+)`", text)}
    assert named <= {*layers, *keys}
