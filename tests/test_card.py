"""The card: what it says is true of the network, its examples run, and what a spec calls itself stays text."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest
from markdown_it import MarkdownIt
from support.hostile_outputs import card
from support.hostile_strings import TEXTS
from support.specs import compile_text
from typer.testing import CliRunner, Result

import resnet_compiler
from resnet_compiler import Measures
from resnet_compiler.card import card_text, plain_text
from resnet_compiler.cli import app

NET = """\
name: net
title: "A *small* <b>net</b> | ResNet-8"
input: {channels: 3, height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 2, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""


def resnetc(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    return tmp_path


def test_the_examples_run(folder: pathlib.Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    targets = [f"--target={each}" for each in ("card", "torch", "onnx")]
    assert resnetc("build", "net.yaml", "-o", "out", *targets).exit_code == 0
    text = (folder / "out/net/README.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", text, re.S)
    assert ["torch" in each for each in examples] == [True, False]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for example in examples:
        assert "assert output.shape == (1, 10)" in example
        run = [sys.executable, "-c", example]
        done = subprocess.run(
            run, cwd=folder / "out/net", capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr


def test_the_first_and_last_names_are_those_of_the_state_dict(folder: pathlib.Path) -> None:
    torch = pytest.importorskip("torch")
    from support import peers

    graph = resnet_compiler.compile("net.yaml")
    with torch.device("meta"):
        source = peers.load_source(resnet_compiler.emit_pytorch(graph))
        names = list(peers.network_class(source)().state_dict())
    said = re.search(r"from `(.*?)` to `(.*?)`", card_text(graph, "0", ("a", "b")))
    assert said is not None and said.groups() == (names[0], names[-1])


def test_it_is_written_checked_and_found_stale(folder: pathlib.Path) -> None:
    build = ("build", "net.yaml", "--target", "card", "-o", "out")
    assert resnetc(*build).exit_code == 0
    made = sorted(path.name for path in (folder / "out/net").iterdir())
    assert made == ["README.md", "blocks.svg", "compact.svg"]
    assert resnetc(*build, "--check").exit_code == 0
    (folder / "net.yaml").write_text(NET.replace("depth: 2", "depth: 3"))
    result = resnetc(*build, "--check")
    assert result.exit_code == 1
    assert "-| layer1 | basic | 2 |" in result.stdout and "+| layer1 | basic | 3 |" in result.stdout
    assert "blocks.svg differs" in result.stdout


def test_it_can_be_one_file_with_its_figures_beside_it(folder: pathlib.Path) -> None:
    assert resnetc("build", "net.yaml", "-o", "my card.md").exit_code == 0
    figures = {path.name for path in folder.glob("*.svg")}
    assert figures == {"my card-compact.svg", "my card-blocks.svg"}
    text = (folder / "my card.md").read_text()
    assert "](my%20card-compact.svg)" in text and "](my%20card-blocks.svg)" in text
    assert resnetc("build", "net.yaml", "-o", "x.md", "--target", "onnx").exit_code == 2


def test_a_card_is_not_written_unless_it_is_asked_for(folder: pathlib.Path) -> None:
    assert resnetc("build", "net.yaml", "-o", "out").exit_code == 0
    assert {p.name for p in (folder / "out/net").iterdir()} == {"model.py", "model.onnx"}


def test_it_says_what_the_summary_says() -> None:
    graph = resnet_compiler.compile("resnet50")
    text = card_text(graph, "1.2.3", ("a.svg", "b.svg"))
    measures = Measures(graph)
    for said in (
        "1 (stem) + 48 (16 blocks × 3) + 1 (fc) = 50",
        f"{measures.parameters:,}",
        f"{measures.macs:,}",
        "| layer3 | bottleneck | 6 | 1024 × 14 × 14 | 7,098,368 | 1,464,336,384 |",
        "All 16 residual adds are proved",
        f"`{graph.identity.sha256}`",
        "resnetc 1.2.3",
        "specs/imagenet/resnet50.yaml",
        "There are no trained weights here.",
    ):
        assert said in text
    assert "licen" not in text


def test_adds_that_hold_at_some_sizes_are_named() -> None:
    text = card_text(resnet_compiler.compile("timm/resnetaa50"), "0", ("a", "b"))
    assert "- `layer2.0.add`: at a height of 227 the sides are 28 and 29" in text
    assert "at other sizes an add may fail" in text
    assert "## Residual adds\n\nThere are none." in card_text(
        resnet_compiler.compile("plain34"), "0", ("a", "b")
    )


def test_claimed_sizes_are_said() -> None:
    claims = NET.replace(
        "height: 32, width: 32", "height: {multiple_of: 8}, width: {multiple_of: 4}"
    )
    text = " ".join(card_text(compile_text(claims), "0", ("a", "b")).split())
    assert "every height from 1 that is a multiple of 8 and every width from 1 that is" in text


def test_a_folded_network_says_what_was_done(folder: pathlib.Path) -> None:
    assert resnetc("build", "net.yaml", "-o", "out", "--target", "card", "--fold").exit_code == 0
    assert "| passes | `" in (folder / "out/net/README.md").read_text()


def test_the_front_matter_is_yaml() -> None:
    import yaml

    text = card_text(compile_text(NET), "0", ("a", "b"))
    assert text.startswith("---\n")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front == {"library_name": "pytorch", "tags": ["residual-network"]}


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_titles_stay_text(name: str) -> None:
    """Read as Markdown the heading is the title itself; and in a cell of a table it stays one cell."""
    text = TEXTS[name][:200].replace("\n", " ").strip()
    shown = plain_text(text)
    markdown = MarkdownIt("commonmark").enable("table")
    line = " ".join(text.split())
    (paragraph,) = [t for t in markdown.parse(f"# x {shown}\n") if t.type == "inline"]
    assert {each.type for each in paragraph.children or ()} <= {"text", "text_special"}
    assert paragraph.children is not None
    wanted = f"x {line}".strip().replace("\0", "\ufffd")
    assert "".join(each.content for each in paragraph.children) == wanted
    table = markdown.parse(f"| a | b |\n|---|---|\n| {shown} | end |\n")
    cells = [t.content for t in table if t.type == "inline"]
    assert len(cells) == 4 and cells[-1] == "end"


def test_a_hostile_title_in_a_card() -> None:
    assert card(compile_text(NET)) == []
    for name in ("Markdown", "script", "SVG", "entity", "URL"):
        title = TEXTS[name].replace("\\", "\\\\").replace('"', '\\"')
        spec = NET.replace("A *small* <b>net</b> | ResNet-8", title)
        assert card(compile_text(spec)) == [], name
