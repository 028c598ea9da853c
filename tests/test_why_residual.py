"""docs/why-residual.md: its tables and figures are those of the tables that were kept, and each figure has its command.

After a change that is meant to alter them: `PYTHONPATH=.:tests python tests/test_why_residual.py`, then read the diff.
"""

from __future__ import annotations

import importlib.metadata
import math
import pathlib
import re
import shlex
import sys
from functools import cache

import pytest
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler.cli import app
from resnet_compiler.lab.degradation_report import final_table
from resnet_compiler.lab.degradation_rows import Row, changes, verdict
from resnet_compiler.lab.degradation_rows import read_csv as read_degradation
from resnet_compiler.lab.gradient_report import number
from resnet_compiler.lab.plots import SUPERSCRIPTS
from resnet_compiler.lab.records import BLOCK_GRADIENT, WEIGHT_GRADIENT, Ends, ends, read_csv
from resnet_compiler.lab.trunk import trunk_of
from resnet_compiler.library import shipped_specs

ROOT = pathlib.Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "why-residual.md"
DATA = ROOT / "docs" / "data"
FIGURES = ROOT / "docs" / "figures"
DRAWS = ("resnetc draw", "resnetc lab plot")
"""Commands that make figures."""
RULES = (
    ("He, seed 0", "initial"),
    ("He, seed 1", "seed1"),
    ("He, seed 2", "seed2"),
    ("Glorot", "glorot"),
    ("PyTorch", "torch"),
)
PLAIN, RESIDUAL = "plain56_nonorm", "resnet56_nonorm"


# --- what the tables say ---


@cache
def stages() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """The names in the first stage and in the last, of each spec of specs/lab."""
    found = {}
    for spec in shipped_specs():
        if spec.display.startswith("specs/lab/"):
            graph = resnet_compiler.compile(spec.display)
            trunk = trunk_of(graph)
            found[graph.identity.name] = (trunk.first, trunk.last)
    return found


@cache
def at_initialisation(table: str) -> dict[tuple[str, str], Ends]:
    """The first stage against the last, by spec and quantity, before any step."""
    records = read_csv((DATA / "gradients" / f"{table}.csv").read_text("utf-8"))
    return {(e.spec, e.quantity): e for e in ends(records, stages()) if e.when == 0}


@cache
def degradation(table: str) -> list[Row]:
    return read_degradation((DATA / f"{table}.csv").read_text("utf-8"))


def gradient_table() -> str:
    found = at_initialisation("initial")
    specs = dict.fromkeys(spec for spec, _ in found)
    rows = [
        "| spec | at blocks: first stage | last stage | first / last | weights: first stage | last stage | first / last |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for spec in sorted(specs, key=lambda name: ("nonorm" in name, name[:5], len(name), name)):
        cells = [
            number(value)
            for quantity in (BLOCK_GRADIENT, WEIGHT_GRADIENT)
            for each in [found[spec, quantity]]
            for value in (each.first, each.last, each.ratio)
        ]
        rows.append(f"| `{spec}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def initialisation_table() -> str:
    rows = [
        "| initial weights | spec | at blocks: first / last | weights: first / last |",
        "|---|---|--:|--:|",
    ]
    for rule, table in RULES:
        found = at_initialisation(table)
        for spec in ("plain56", "resnet56", PLAIN, RESIDUAL):
            if (spec, BLOCK_GRADIENT) in found:
                blocks, weights = (
                    number(found[spec, each].ratio) for each in (BLOCK_GRADIENT, WEIGHT_GRADIENT)
                )
                rows.append(f"| {rule} | `{spec}` | {blocks} | {weights} |")
    return "\n".join(rows)


def times_smaller(table: str, quantity: str) -> float:
    """How many times smaller the plain network's first stage is, relative to its last, than the residual one's."""
    found = at_initialisation(table)
    return found[RESIDUAL, quantity].ratio / found[PLAIN, quantity].ratio


def rounded(value: float) -> str:
    """A large number with two significant digits: 3,200,000, or 10¹⁴."""
    if value >= 1e9:
        return "10" + str(round(math.log10(value))).translate(SUPERSCRIPTS)
    return f"{float(f'{value:.2g}'):,.0f}"


def claim() -> str:
    he = [times_smaller(table, BLOCK_GRADIENT) for _, table in RULES[:3]]
    weights = [times_smaller(table, WEIGHT_GRADIENT) for _, table in RULES]
    glorot, torch = (rounded(times_smaller(table, BLOCK_GRADIENT)) for _, table in RULES[3:])
    return (
        "So, at depth 56 without batch norm: relative to the last stage, the gradient that reaches the blocks of the first one is "
        f"{rounded(min(he))} to {rounded(max(he))} times smaller in the plain network than in the residual one with He's initial "
        f"weights, {glorot} times with Glorot's, and {torch} times with PyTorch's own. With He's weights more of that is the "
        "residual network's growth than the plain network's loss. And for the gradients of the *weights* there is no such effect: "
        f"the same figure lies between {min(weights):.2g} and {max(weights):.2g}."
    )


def summary(name: str) -> str:
    result = CliRunner().invoke(app, ["summary", name])
    return f"```text\n{result.stdout}```"


def degradation_text() -> str:
    rows = degradation("degradation")
    return "\n".join([*final_table(rows), "", verdict(rows)])


TABLES = {
    "gradients": gradient_table,
    "initialisations": initialisation_table,
    "claim": claim,
    "degradation": degradation_text,
    "higher rate": lambda: "\n".join(final_table(degradation("degradation-rate-0.1"))),
    "summary resnet18": lambda: summary("resnet18"),
    "summary resnet50": lambda: summary("resnet50"),
}


def between(name: str, text: str) -> str:
    match = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- /{name} -->", text, re.DOTALL)
    assert match is not None, f"the document has no `<!-- {name} -->` markers"
    return match[1]


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_those_of_the_numbers(name: str) -> None:
    assert between(name, DOCUMENT.read_text("utf-8")) == TABLES[name]()


def test_the_effect_is_there_in_numbers() -> None:
    """At depth 56 without batch norm, the first stage's gradient relative to the last's."""
    for _, table in RULES:
        assert times_smaller(table, BLOCK_GRADIENT) >= 100
        assert 0.1 < times_smaller(table, WEIGHT_GRADIENT) < 10, "the document says there is none"
    found = at_initialisation("initial")
    assert found["plain56", BLOCK_GRADIENT].ratio > 100, "with batch norm it explodes"
    assert found["resnet56", BLOCK_GRADIENT].ratio < 10
    assert at_initialisation("glorot")[PLAIN, BLOCK_GRADIENT].ratio < 1e-4


def test_degradation_in_numbers() -> None:
    rows = degradation("degradation")
    assert {(row.depth, row.seed) for row in rows} == {(d, s) for d in (20, 56) for s in range(3)}
    plain, residual = changes(rows)
    assert plain.is_worse and plain.mean > 10 * abs(residual.mean)


def test_arithmetic_of_the_text() -> None:
    """Figures in sentences that no table has."""
    text = DOCUMENT.read_text("utf-8")
    layers = resnet_compiler.compile("resnet50").measures.layers
    first = [layer for layer in layers if layer.name.startswith("layer1.")]
    convolutions = sum(
        layer.parameters for layer in first if layer.weighted or "downsample.0" in layer.name
    )
    norms = sum(layer.parameters for layer in first if layer.operator == "batch_norm")
    assert (convolutions, norms) == (212_992, 2_816)
    for total in ("25,557,032", f"{convolutions:,} + {norms:,} = 215,808"):
        assert total in text
    last = [layer for layer in layers if layer.name.startswith("layer4.")]
    assert sum(layer.parameters for layer in last) / 25_557_032 == pytest.approx(0.6, abs=0.05)
    total = sum(layer.macs for layer in layers)
    assert sum(layer.macs for layer in last) / total == pytest.approx(0.2, abs=0.05)


# --- its figures ---


def commands(text: str) -> list[str]:
    """Every command of the document, in order."""
    lines = [
        line
        for fence in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in fence.splitlines()
    ]
    return [line for line in lines if line.startswith("resnetc ")]


def shown(text: str) -> list[str]:
    return re.findall(r"!\[[^\]]+\]\((figures/[^)]+)\)", text)


def make_figures(root: pathlib.Path) -> None:
    """Run each command that makes figures, as it stands in the document, with its output under another root."""
    for command in commands(DOCUMENT.read_text("utf-8")):
        if command.startswith(DRAWS):
            words = [
                str(ROOT / word) if word.startswith("docs/data/") else word
                for word in shlex.split(command)[1:]
            ]
            words = [
                str(root / word) if word.startswith("docs/figures") else word for word in words
            ]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, (command, result.output)


PINNED = dict(
    re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
)


def test_figures_are_those_their_commands_make(tmp_path: pathlib.Path) -> None:
    make_figures(tmp_path)
    made = {p.relative_to(tmp_path / "docs").as_posix(): p for p in tmp_path.rglob("*.svg")}
    assert sorted(made) == sorted(set(shown(DOCUMENT.read_text("utf-8"))))
    kept = {p.relative_to(ROOT / "docs").as_posix() for p in FIGURES.rglob("*") if p.is_file()}
    assert kept == set(made)
    same_version = importlib.metadata.version("matplotlib") == PINNED["matplotlib"]
    for name, path in made.items():
        text, before = path.read_text("utf-8"), (ROOT / "docs" / name).read_text("utf-8")
        if same_version or "matplotlib" not in text:
            assert text == before, f"{name} is made anew by this file's docstring's command"
        else:  # another version lays out otherwise, but draws the same lines
            assert text.count("<path") == before.count("<path")


def test_every_table_kept_has_its_command() -> None:
    text = DOCUMENT.read_text("utf-8")
    measured = [shlex.split(c) for c in commands(text) if c.startswith("resnetc gradients")]
    made = {words[words.index("-o") + 1] for words in measured}
    assert {path.stem for path in (DATA / "gradients").iterdir()} == made
    for words in measured:
        table = words[words.index("-o") + 1]
        names = {s.removeprefix("lab/") for s in words[2:] if s.startswith("lab/")} or set(stages())
        records = read_csv((DATA / "gradients" / f"{table}.csv").read_text("utf-8"))
        assert {record.spec for record in records} == names


def test_links_lead_somewhere() -> None:
    text = DOCUMENT.read_text("utf-8")
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert not path or (DOCUMENT.parent / path).exists(), target
        if anchor and not path:
            headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings]
            assert anchor in slugs, target


def rewrite() -> None:
    """Write the tables and the figures anew."""
    text = DOCUMENT.read_text("utf-8")
    for name, table in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        text = f"{head}{start}{table()}\n{end}{tail}"
    DOCUMENT.write_text(text, "utf-8")
    make_figures(ROOT)


if __name__ == "__main__":
    sys.exit(rewrite())
