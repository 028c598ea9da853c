"""Inputs by number: a spec with the files beside it, made of shipped and generated ones and wrong in some way.

``try_input`` does with one what a user could, in this process, and says how it ended.
"""

from __future__ import annotations

import functools
import pathlib
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

import resnet_compiler
from resnet_compiler.fix import fixed
from resnet_compiler.library import data_folder, find_spec, shipped_blocks, shipped_specs
from resnet_compiler.limits import DEFAULT_LIMITS
from resnet_compiler.pipeline import compile_file
from resnet_compiler.render import render
from resnet_compiler.report import check_dict, summary_dict, summary_text
from support.mutators import (
    FROM_NOTHING,
    OF_TEXTS,
    OF_TREES,
    Mutator,
    decoded,
    encoded,
    splice_from,
)
from support.random_specs import random_graph, random_instances
from support.structures import STRUCTURES

SPEC = "spec.yaml"
STYLES = ("full", "short", "json", "github")

Files = Mapping[str, str]
"""Texts by their paths in a folder; bytes that are no UTF-8 stand in them as surrogates."""


@dataclass(frozen=True, slots=True)
class Input:
    """What is compiled, ``spec.yaml``, with what stands beside it; ``kind`` says how it was made."""

    kind: str
    files: Files


def write(files: Files, folder: pathlib.Path) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(text))


def read(folder: pathlib.Path) -> Files:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): decoded(path.read_bytes()) for path in found}


@functools.cache
def shipped_texts() -> tuple[str, ...]:
    """The shipped specs, without what they expect: a change would show there, and nowhere else."""
    texts = [spec.path.read_text("utf-8") for spec in shipped_specs() if spec.path]
    return tuple(re.sub(r"(?m)^expect:.*\n?(?:[ ].*\n?)*", "", text) for text in texts)


@functools.cache
def documented_texts() -> tuple[str, ...]:
    """The complete specs in the document of the language."""
    text = (data_folder("specs").parent / "docs" / "language.md").read_text("utf-8")
    return tuple(each for each in re.findall(r"```yaml\n(.*?)```", text, re.S) if "stages:" in each)


@functools.cache
def block_texts() -> Mapping[str, str]:
    return {path.stem: path.read_text("utf-8") for path in shipped_blocks()}


def a_spec(draw: random.Random) -> str:
    """A spec that compiles."""
    match draw.randrange(5):
        case 0:
            return draw.choice(shipped_texts())
        case 1:
            return draw.choice([*STRUCTURES.values()])
        case 2:
            return draw.choice(documented_texts())
        case 3:
            return random_graph(draw.randrange(10**6))
    return random_instances(draw.randrange(10**6))


def changed(draw: random.Random, text: str) -> str:
    """A text with one thing changed, now and then a few."""
    splice = splice_from(a_spec(draw))
    mutators: tuple[Mutator, ...] = (*OF_TEXTS, *OF_TREES, *OF_TREES, splice, splice, splice)
    for _ in range(draw.choice((1, 1, 1, 1, 2, 4))):
        text = draw.choice(mutators)(draw, text)
    return text


BASES = (
    "imagenet/resnet50",
    "resnet18",
    "cifar/resnet20",
    "timm/resnet50d",
    "timm/seresnet50",
    "base.yaml",
)
VARIANT = """name: variant
extends: {base}
act: silu
let: {{k: 2}}
stages:
  "*": {{depth: 2}}
  layer1: {{depth: k, width: 32, shortcut: projection}}
head: {{fc: {{linear: {{out: 7}}}}}}
"""


def input_of(number: int) -> Input:
    """The input of a number: always the same."""
    draw = random.Random(f"input {number}")
    kind = draw.random()
    if kind < 0.18:
        return Input("from nothing", {SPEC: draw.choice(FROM_NOTHING)(draw, "")})
    if kind < 0.72:
        return Input("a spec changed", {SPEC: changed(draw, a_spec(draw))})
    if kind < 0.87:
        return _with_a_block(draw)
    base = changed(draw, draw.choice(shipped_texts())) if draw.random() < 0.4 else a_spec(draw)
    variant = VARIANT.format(base=draw.choice(BASES))
    variant = changed(draw, variant) if draw.random() < 0.8 else variant
    return Input("a variant changed", {SPEC: variant, "base.yaml": base})


def _with_a_block(draw: random.Random) -> Input:
    """A spec that uses a block file beside it, which hides the shipped one and is changed."""
    word, text = draw.choice([*block_texts().items()])
    is_residual = re.search(r"(?m)^residual:", text) is not None
    more = (
        ", width: 8" if "width: required" in text else ", out: 8" if "out: required" in text else ""
    )
    use = f"  - s: {{block: {word}, depth: 2{more}}}" if is_residual or draw.random() < 0.5 else ""
    stem = "stem:\n  - conv: {conv: {out: 8, kernel: 3}}\n"
    stem += "" if use else f"  - probe: {{{word}: {{{more.removeprefix(', ')}}}}}\n"
    stages = use or "  - s: {block: basic, depth: 1, width: 8}"
    spec = f"name: beside\ninput: {{height: 32, width: 32}}\n{stem}stages:\n{stages}\n"
    where = draw.choice(("", "blocks/"))
    spec = changed(draw, spec) if draw.random() < 0.2 else spec
    return Input("a block changed", {SPEC: spec, f"{where}{word}.yaml": changed(draw, text)})


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one input ended: the exit code, the processor seconds that checking and showing took, and those of the rest."""

    exit: int
    checking: float
    emitting: float


SMALL = 400
"""Nodes of a network whose source is written; a tenth of it, and there is ONNX too."""


def try_input(folder: pathlib.Path) -> Outcome:
    """Check the spec in a folder, show what is found in every style, and mend it; write what a small valid one becomes."""
    started = time.process_time()
    spec = find_spec((folder / SPEC).as_posix())
    compilation = compile_file(spec)
    for style in STYLES:
        render(compilation.diagnostics, style, compilation.texts, color=style == "full")
    check_dict(compilation)
    checked = time.process_time()
    fixed(spec, DEFAULT_LIMITS, unsafe=True).diff()
    graph = compilation.graph
    assert compilation.valid == (graph is not None)
    if graph is not None and len(graph) <= SMALL:
        for depth in ("stage", "block", "layer"):
            summary_text(graph, depth)
        summary_dict(graph)
        compile(resnet_compiler.emit_pytorch(graph), "<emitted>", "exec")
        if len(graph) <= SMALL // 10 and resnet_compiler.Measures(graph).parameters < 10**6:
            resnet_compiler.emit_onnx(graph)
    return Outcome(0 if graph else 1, checked - started, time.process_time() - checked)
