"""The shipped specs and blocks keep the form they promise: short, with their facts and their sources."""

from __future__ import annotations

import pathlib
import re

import onnx
import pytest

from resnet_compiler.library import data_folder
from resnet_compiler.operators import OPERATORS

SPECS = data_folder("specs")
PAPER = sorted(
    path for family in ("imagenet", "cifar", "lab") for path in (SPECS / family).glob("*.yaml")
)


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_a_spec_is_short_and_says_what_must_be_true(path: pathlib.Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= (10 if "\nextends:" in text else 30)
    assert re.search(r"^expect: \{.*weighted_layers: \d+.*parameters: \d+", text, re.M)
    assert re.match(r"# .*", text)


@pytest.mark.parametrize(
    "path", sorted((SPECS / "blocks").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_block_names_its_paper_or_what_it_is_in(path: pathlib.Path) -> None:
    comment = "".join(line for line in path.read_text("utf-8").splitlines() if line.startswith("#"))
    assert re.search(r"\(?(19|20)\d\d\)?", comment), path.name


def test_there_are_few_operators() -> None:
    assert len(OPERATORS) < 35


def test_python_knows_no_networks() -> None:
    """What makes a block or a family is in YAML; the package names none of them. Operators of ONNX are no networks."""
    operators = {schema.name for schema in onnx.defs.get_all_schemas()}
    for path in sorted(pathlib.Path(__file__).parent.parent.glob("resnet_compiler/**/*.py")):
        text = re.sub(
            r'"(\w+)"', lambda m: "" if m[1] in operators else m[0], path.read_text("utf-8")
        )
        for word in ("bottleneck", "squeeze", "inverted", "resnext"):
            assert word not in text.lower(), (path.name, word)
