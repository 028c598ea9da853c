"""`resnetc draw`: what it writes, and what it says of what it cannot."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from xml.etree import ElementTree as xml

import pytest
from click.testing import Result
from support.figures import boxes_of, check_figure, paths_of
from support.structures import STRUCTURES
from typer.testing import CliRunner

from resnet_compiler.cli import app
from resnet_compiler.draw import as_png
from resnet_compiler.draw.one_block import block_figure, compile_block
from resnet_compiler.library import shipped_blocks


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["draw", *arguments])


def test_without_a_file_svg_is_printed() -> None:
    result = run("resnet18")
    assert result.exit_code == 0
    assert xml.fromstring(result.stdout).tag.endswith("svg")


@pytest.mark.parametrize(
    ("suffix", "begin"),
    [(".svg", b"<svg"), (".png", b"\x89PNG"), (".mmd", b"flowchart"), (".dot", b"digraph")],
)
@pytest.mark.parametrize("detail", ["compact", "blocks", "detailed"])
def test_the_suffix_says_what_is_written(
    suffix: str, begin: bytes, detail: str, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "new" / f"out{suffix}"
    result = run("resnet18", "-o", str(path), "--detail", detail)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("wrote ")
    assert path.read_bytes().startswith(begin)


def test_a_spec_of_ones_own_is_drawn(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(STRUCTURES["one stage"])
    assert "data-name" in run(str(path)).stdout


def test_several_stand_side_by_side() -> None:
    text = run("plain34", "resnet34").stdout
    assert "Plain-34 and ResNet-34" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "a SPEC is needed"),
        (("resnet18", "-o", "out.pdf"), "a file ending in .svg, .png, .mmd, .dot is needed"),
        (("resnet18", "resnet34", "-o", "out.dot"), "holds one network"),
        (("resnet18", "--set", "width=3"), "--set goes with --block"),
        (("--block", "bottleneck", "--set", "width"), "NAME=VALUE such as width=64"),
        (("--block", "bottleneck", "--set", "widht=3"), "did you mean `width`?"),
        (("--block", "botleneck"), "did you mean `bottleneck`?"),
        (("--block", "bottleneck", "--detail", "compact"), "--detail does not go with --block"),
        (("--block", "bottleneck", "-o", "out.mmd"), "--block writes .svg or .png"),
        (("resnet18", "resnet34", "--block", "bottleneck"), "one SPEC at most"),
    ],
)
def test_misuse_is_one_line(
    arguments: tuple[str, ...], said: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_spec_is_no_drawing(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "net.yaml"
    path.write_text(STRUCTURES["one stage"].replace("basic", "basik"))
    result = run(str(path), "-o", str(tmp_path / "out.svg"))
    assert result.exit_code == 1
    assert "did you mean `basic`?" in result.stderr
    assert not (tmp_path / "out.svg").exists()


def test_png_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setattr(as_png, "NEEDED", ("resvg_py", "a_font_that_is_not_there"))
    result = run("resnet18", "-o", str(tmp_path / "out.png"))
    assert result.exit_code == 2
    assert "pip install 'resnet-compiler[png]'" in result.stderr
    assert list(tmp_path.iterdir()) == []


# --- blocks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.stem for path in shipped_blocks()])
def test_every_shipped_block_can_be_drawn(name: str) -> None:
    found = compile_block(name, {})
    assert found.compilation.graph is not None, found.compilation.diagnostics
    figure = block_figure(found.block, found.compilation.graph)
    check_figure(figure)
    kinds = {path.kind for path in paths_of(figure)} - {"flow"}
    assert kinds == ({"identity", "projection"} if found.block.residual else set())
    assert len(boxes_of(figure, "frame")) == (2 if found.block.residual else 1)


def test_parameters_of_a_block_are_set() -> None:
    text = run(
        "--block", "bottleneck", "--set", "width=96", "--set", "attention=squeeze_excite"
    ).stdout
    assert "1×1 conv, 384" in text
    assert "se.gate" in text


def test_a_parameter_that_does_not_fit_is_a_diagnostic() -> None:
    result = run("--block", "bottleneck", "--set", "groups=7", "--set", "inner=60")
    assert result.exit_code == 1
    assert "7 groups do not divide" in result.stderr


def test_a_block_of_a_spec_is_drawn_with_its_norm(tmp_path: pathlib.Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "name: net\ninput: {height: {multiple_of: 32}, width: {multiple_of: 32}}\n"
        "norm: {group_norm: {groups: 4}}\n"
        "stem:\n  - conv1: {conv: {out: 8, kernel: 3}}\n"
        "stages:\n  - one: {block: own, depth: 1}\n"
        "head:\n  - pool: global_avg_pool\n"
        "blocks:\n  own:\n    residual:\n      - c: {conv: {out: in_channels, kernel: 3}}\n      - n: norm\n"
    )
    result = run(str(tmp_path / "net.yaml"), "--block", "own")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Own, identity shortcut" in result.stdout
    assert "group norm, groups 4" in result.stdout


def test_a_block_in_the_working_folder_is_drawn(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gate.yaml").write_text("name: gate\nlayers:\n  - gate: sigmoid\n")
    monkeypatch.chdir(tmp_path)
    assert "sigmoid" in run("--block", "gate").stdout


@pytest.mark.parametrize("suffix", [".svg", ".mmd", ".dot"])
def test_the_same_bytes_whatever_the_hash_seed(suffix: str, tmp_path: pathlib.Path) -> None:
    found = set()
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}{suffix}"
        command = [sys.executable, "-m", "resnet_compiler", "draw", "timm/seresnet18"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [*command, "-o", str(path)], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        found.add(path.read_bytes())
    assert len(found) == 1
