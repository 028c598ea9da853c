"""What is emitted stays the same from release to release, unless the change is named.

`generated/` and `tests/emitted/` are trees of emitted files to be read: sources, and ONNX graphs as text. Of every other
shipped spec the digest of its source is kept. After a wanted change, write them anew, read the difference, and name the
change under "Emitted files" in CHANGELOG.md:

    RESNETC_UPDATE_EMITTED=1 python -m pytest tests/test_replay.py && git diff tests/emitted
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
from functools import cache

import pytest

import resnet_compiler
from resnet_compiler import Graph
from resnet_compiler.library import shipped_specs

TREE = pathlib.Path(__file__).parent / "emitted"
UPDATE = bool(os.environ.get("RESNETC_UPDATE_EMITTED"))
SPECS = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]
READ = (
    "cifar/plain20",
    "cifar/preact_resnet164",
    "cifar/wrn_28_10",
    "timm/ecaresnet50t",
    "timm/resnetaa50",
    "timm/resnetrs50",
    "timm/resnetv2_50x1_bit",
    "timm/resnetblur18",
    "timm/resnetv2_50d_frn",
    "timm/seresnext26d_32x4d",
)
"""Specs whose source is kept whole: one of each kind that `generated/` does not have."""
GRAPHS = ("imagenet/resnet18", "imagenet/plain18", "timm/resnetv2_50x1_bit", "timm/seresnet18")
"""Specs whose ONNX graph is kept as text, with a digest of each file's bytes, weights and all."""


@cache
def graph_of(name: str) -> Graph:
    return resnet_compiler.compile(name)


def source(name: str) -> str:
    """The source, without the version and the hash of the spec's text, which change with every edit of a comment."""
    text = resnet_compiler.emit_pytorch(graph_of(name))
    return re.sub(r"resnetc \d+\.\d+\.\d+|\(sha256 [0-9a-f]+\)", "MASKED", text)


def replayed(path: pathlib.Path, text: str) -> None:
    """Hold a text against the file of the tree."""
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), "emitted anew; see the docstring of this file"


@pytest.mark.parametrize("name", READ)
def test_sources_to_read(name: str) -> None:
    assert name in SPECS
    replayed(TREE / f"{name}.py", source(name))


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_to_read(name: str) -> None:
    import onnx

    model = resnet_compiler.build_onnx(graph_of(name), opset=18, seed=0)
    digest = hashlib.sha256()
    for each in model.graph.initializer:
        digest.update(f"{each.name} {each.dims} {each.data_type}".encode() + each.raw_data)
    weights = [f"{each.name} {list(each.dims)}" for each in model.graph.initializer]
    del model.graph.initializer[:], model.metadata_props[:]
    model.producer_version = ""
    text = re.sub(r"\(sha256 [0-9a-f]+\)", "MASKED", onnx.printer.to_text(model)).rstrip()
    lines = [text, "", f"weights, sha256 {digest.hexdigest()}:", *weights]
    replayed(TREE / f"{name}.onnx.txt", "\n".join(lines) + "\n")


def digests(names: list[str]) -> dict[str, str]:
    return {name: hashlib.sha256(source(name).encode()).hexdigest()[:16] for name in names}


PARTS = 8
"""The specs are divided, so that several workers share them."""


@pytest.mark.parametrize("part", range(PARTS))
def test_sources_of_all_others(part: int) -> None:
    names = SPECS[part::PARTS]
    replayed(TREE / f"digests-{part}.json", json.dumps(digests(names), indent=1) + "\n")


def test_the_tree_holds_nothing_else() -> None:
    wanted = {f"{name}.py" for name in READ} | {f"{name}.onnx.txt" for name in GRAPHS}
    wanted |= {f"digests-{part}.json" for part in range(PARTS)}
    assert {p.relative_to(TREE).as_posix() for p in TREE.rglob("*") if p.is_file()} == wanted
