"""What a page is given: every layer with its figures and places, layouts that parts share, and an HTML file that is sealed."""

from __future__ import annotations

import base64
import hashlib
import json
import pathlib
import re
from itertools import combinations, pairwise
from typing import Any

import pytest
from support.random_specs import random_graph, random_instances
from support.structures import STRUCTURES
from typer.testing import CliRunner

from resnet_compiler.cli import app
from resnet_compiler.graph import Graph
from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.measure import Measures, tensors_of
from resnet_compiler.page import page_data, page_html
from resnet_compiler.page.document import json_in_html
from resnet_compiler.page.network import LAYER_FIELDS
from resnet_compiler.pipeline import Compilation, compile_file

READ = ("resnet18", "resnet50", "preact_resnet164", "timm/seresnet50", "timm/resnetv2_50d_evos")


def compiled(name: str) -> Compilation:
    return compile_file(find_spec(name))


def from_text(text: str) -> Compilation:
    return compile_file(SpecFile("probe.yaml", None), text)


def graph_of(compilation: Compilation) -> Graph:
    assert compilation.graph is not None
    return compilation.graph


def rows(network: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The layers by name, each by its fields."""
    named = [dict(zip(network["fields"], row, strict=True)) for row in network["rows"]]
    return {row["name"]: row for row in named}


@pytest.mark.parametrize("name", READ)
def test_every_layer_has_its_figures(name: str) -> None:
    compilation = compiled(name)
    graph, network = graph_of(compilation), page_data(compilation)["network"]
    found = rows(network)
    assert network["fields"] == LAYER_FIELDS
    assert sorted(found) == sorted(node.name for node in graph)
    order = list(found)
    for cost in Measures(graph).layers:
        row, node = found[cost.name], graph[cost.name]
        assert network["operators"][row["operator"]]["word"] == cost.operator
        shape = network["shapes"][row["shape"]]
        assert shape["dims"] == list(cost.output_shape)
        assert shape["text"] == " × ".join(map(str, node.shape))
        assert [order[at] if at >= 0 else "input" for at in row["inputs"]] == list(node.inputs)
        figures = (row["parameters"], row["macs"], bool(row["weighted"]))
        assert figures == (cost.parameters, cost.macs, cost.weighted)
        assert (row["field"], row["stride"]) == (cost.receptive_field, cost.output_stride)
        owned = [(t.name, t.shape, t.trainable) for t in tensors_of(graph, node)]
        assert list(network["tensors"][row["tensors"]]) == owned


@pytest.mark.parametrize("name", READ)
def test_every_layer_has_its_line_in_the_spec(name: str) -> None:
    """A layer's line holds its name; a sum is the block's own."""
    compilation = compiled(name)
    data = page_data(compilation)
    network = data["network"]
    for name_, row in rows(network).items():
        file, line, column, *_ = network["spans"][row["spans"]][0]
        text = data["files"][file]["text"].split("\n")[line - 1]
        assert any(
            name_.endswith(word) for word in re.findall(r"[\w.]+", text[column - 1 :])[:1]
        ) or (name_.endswith(".add") and column == 1), (name_, text)


def lines_of(data: dict[str, Any], thing: dict[str, Any]) -> list[str]:
    """The lines of the spec that say something of a layer or block, from the word on that they were found by."""
    return [
        data["files"][file]["text"].split("\n")[line - 1][column - 1 :]
        for file, line, column, *_ in data["network"]["spans"][thing["spans"]]
    ]


BASE = """
name: base
input: {height: 32, width: 32}
stem:
  - conv1:
      conv:
        out: 8
        kernel:
          - 3
          - 5
  - deep: {tail: {width: 8}}
stages:
  - layer1:
      depth: 2
      block: basic
      width: 8
  - layer2: {block: basic, depth: 1, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
blocks:
  tail:
    parameters: {width: required}
    layers:
      - conv:
          conv: {out: width, kernel: 1}
      - relu: act
"""
MINE = """
name: mine
extends: base.yaml
stem:
  conv1: {conv: {stride: 2}}
  deep:
    tail: {width: 16}
stages:
  layer1:
    depth: 3
  layer2: {first: {act: none}}
head: {fc: {linear: {out: 5}}}
"""


def test_every_line_that_says_something_of_a_layer_or_block_is_known(
    tmp_path: pathlib.Path,
) -> None:
    """Of a spec on many lines, and of a variant of it."""
    for name, text in (("base", BASE), ("mine", MINE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    data = page_data(compile_file(find_spec(str(tmp_path / "mine.yaml"))))
    layers = rows(data["network"])
    assert {name: lines_of(data, layers[name]) for name in ("conv1", "deep.conv", "fc")} == {
        "conv1": ["conv1:", "conv: {stride: 2}}", "out: 8", "kernel:", "3", "5"],
        "deep.conv": ["conv:", "conv: {out: width, kernel: 1}"],
        "fc": ["fc: {linear: {out: 10}}", "linear: {out: 5}}}"],
    }
    stage = ["basic", "layer1:", "depth: 3", "width: 8"]
    assert {each["name"]: lines_of(data, each) for each in data["network"]["scopes"]} == {
        "deep": ["tail: {width: 16}", "deep: {tail: {width: 8}}"],
        **{f"layer1.{index}": stage for index in range(3)},
        "layer2.0": ["basic, depth: 1, width: 8}", "first: {act: none}}"],
    }


def test_totals_are_those_of_the_summary() -> None:
    network = page_data(compiled("resnet18"))["network"]
    assert (network["weighted_layers"], network["parameters"]) == (18, 11_689_512)
    assert network["breakdown"] == "1 (stem) + 16 (8 blocks × 2) + 1 (fc)"
    assert network["input"] == {"dims": [3, 224, 224], "text": "3 × H × W"}
    assert [add["verdict"] for add in network["adds"]] == ["equal at every input size"] * 8


def test_an_add_that_does_not_hold_everywhere_says_where() -> None:
    network = page_data(compiled("timm/resnetaa50"))["network"]
    failing = [add for add in network["adds"] if not add["holds"]]
    assert failing and all("not at every other: for H = " in add["verdict"] for add in failing)
    assert all(add["sides"][0] != add["sides"][1] for add in failing)


def test_blocks_that_are_built_alike_share_a_layout() -> None:
    network = page_data(compiled("preact_resnet1001"))["network"]
    assert len(network["parts"]) == 335
    used = {part["layout"] for part in network["parts"] if part["stage"] >= 0}
    assert len(used) == 2, "one with a projection, one without"
    shortcuts = [part["shortcut"] for part in network["parts"] if part["stage"] >= 0]
    assert (shortcuts.count("projection"), shortcuts.count("identity")) == (3, 330)


def test_what_the_head_reads_of_an_earlier_stage_is_named_there() -> None:
    """Only a trunk that comes from the part before has a line into it; what else is read stands above it by name."""
    head = (
        "head: [p1: {global_avg_pool: {}, from: layer1}, p2: {global_avg_pool: {}, from: layer2}, "
    )
    stages = "stages: [layer1: {block: basic, depth: 1, width: 8}, layer2: {block: basic, depth: 1, width: 8}]"
    stem = "stem: [c: {conv: {out: 8, kernel: 3}}]"
    text = f"name: probe\ninput: {{height: 16, width: 16}}\n{stem}\n{stages}\n{head}s: {{add: {{}}, from: [p1, p2]}}]\n"
    network = page_data(from_text(text))["network"]
    layouts = [network["layouts"][part["layout"]] for part in network["parts"]]
    assert [layout["trunk"] for layout in layouts] == [0, 0, 0, None]
    assert [len(layout["pills"]) for layout in layouts] == [0, 0, 0, 2]
    names = list(rows(network))
    read = [names[entry] for entry in network["parts"][-1]["entries"]]
    assert read == ["layer1.0.act2", "layer2.0.act2"]


def overlapping(network: dict[str, Any]) -> list[str]:
    """Boxes of a layout that share a place, and lines that run through a box which is at neither of their ends."""
    wrong = []
    for number, layout in enumerate(network["layouts"]):
        pills = {-1 - entry: rest for entry, *rest in layout["pills"]}
        places = dict(enumerate(layout["boxes"])) | pills
        boxes = {at: (x - w / 2, y, x + w / 2, y + h) for at, (x, y, w, h) in places.items()}
        for a, b in combinations(boxes.values(), 2):
            if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]:
                wrong.append(f"layout {number}: {a} and {b}")
        for source, target, _, points in layout["edges"]:
            ends = list(zip(points[::2], points[1::2], strict=True))
            for (x1, y1), (x2, y2) in pairwise(ends):
                for at, (left, top, right, bottom) in boxes.items():
                    if at in (source, target):
                        continue
                    if (
                        max(x1, x2) > left
                        and min(x1, x2) < right
                        and max(y1, y2) > top
                        and min(y1, y2) < bottom
                    ):
                        wrong.append(f"layout {number}: {source} to {target} through {at}")
    return wrong


@pytest.mark.parametrize("name", READ)
def test_nothing_overlaps_in_shipped_specs(name: str) -> None:
    assert not overlapping(page_data(compiled(name))["network"])


@pytest.mark.parametrize("name", STRUCTURES)
def test_nothing_overlaps_in_odd_blocks(name: str) -> None:
    assert not overlapping(page_data(from_text(STRUCTURES[name]))["network"])


@pytest.mark.parametrize("seed", range(30))
def test_nothing_overlaps_in_random_blocks(seed: int) -> None:
    for text in (random_graph(seed), random_instances(seed)):
        assert not overlapping(page_data(from_text(text))["network"])


# --- the file ---


@pytest.mark.parametrize(
    ("name", "most"), [("resnet50", 600_000), ("preact_resnet1001", 3_000_000)]
)
def test_the_size_of_a_page(name: str, most: int) -> None:
    assert len(page_html(compiled(name)).encode()) < most


def test_a_page_is_the_same_every_time() -> None:
    assert page_html(compiled("resnet18")) == page_html(compiled("resnet18"))


def test_a_page_allows_its_own_scripts_and_styles_alone() -> None:
    html = page_html(compiled("resnet18"))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert "default-src &#39;none&#39;" in policy and "unsafe" not in policy
    inside = [
        *re.findall(r"<script>(.*?)</script>", html, re.S),
        *re.findall(r"<style>(.*?)</style>", html, re.S),
    ]
    assert len(inside) == 2
    for text in inside:
        assert base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert not re.search(
        r"<[^>]+\s(on\w+|style|src|href=\"(?!data:,))=",
        html.split("<script>")[0].split("</style>")[1],
    )


def test_data_cannot_leave_its_script_element() -> None:
    value = {"</script>": "<!--&-->\u2028\x7f\u202e"}
    text = json_in_html(value)
    assert not set(text) & set("<>&\u2028\x7f\u202e")
    assert json.loads(text) == value


def test_a_wrong_spec_has_findings_and_no_network() -> None:
    compilation = from_text("name: probe\nextends: resnet18\nstages: {layer9: {depth: 2}}\n")
    data = page_data(compilation)
    assert data["network"] is None and not data["valid"]
    assert data["diagnostics"][0]["range"]["start"]["line"] == 3
    assert data["files"][0]["text"].startswith("name: probe")
    assert "<title>resnetc</title>" in page_html(compilation)


# --- the command ---


def run(*words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["view", *words])
    assert result.exit_code == code, result.output
    return result


def test_the_command_writes_the_page(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "new" / "page.html"
    printed = run("resnet18", "-o", str(path)).stdout
    assert printed == f"wrote {path.as_posix()} ({path.stat().st_size:,} bytes)\n"
    assert path.read_text("utf-8") == page_html(compiled("resnet18"))


def test_a_page_names_no_folder_of_the_machine(tmp_path: pathlib.Path) -> None:
    (tmp_path / "blocks").mkdir()
    block = "name: mine\nparameters: {width: required}\nresidual:\n  - conv: {conv: {out: width, kernel: 3}}\n"
    (tmp_path / "blocks" / "mine.yaml").write_text(block)
    base = "name: base\nextends: resnet18\nstages: {layer1: {block: mine, width: 64}}\n"
    (tmp_path / "base.yaml").write_text(base)
    spec = tmp_path / "net.yaml"
    spec.write_text("name: net\nextends: base.yaml\n")
    found = page_data(compiled(str(spec)))
    names = [file["name"] for file in found["files"]]
    assert names[:3] == ["net.yaml", "base.yaml", "specs/imagenet/resnet18.yaml"]
    assert "blocks/mine.yaml" in names
    assert str(tmp_path) not in page_html(compiled(str(spec)))
    spec.write_text("name: net\nextends: base.yaml\nstage: 1\n")
    wrong = page_data(compiled(str(spec)))
    assert wrong["diagnostics"][0]["file"] == "net.yaml"
    assert str(tmp_path) not in json.dumps(wrong)


def test_the_command_names_the_page_after_the_network(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("timm/resnet18").stdout.startswith("wrote resnet18.html (")


def test_the_command_refuses(tmp_path: pathlib.Path) -> None:
    spec = tmp_path / "net.yaml"
    spec.write_text("name: probe\nextends: resnet18\nstages: {layer9: {depth: 2}}\n")
    assert "RC02" in run(str(spec), "-o", str(tmp_path / "a.html"), code=1).stderr
    assert "is a folder" in run("resnet18", "-o", str(tmp_path), code=2).stderr
    assert "takes one spec" in run("cifar", "-o", str(tmp_path / "a.html"), code=2).stderr
    assert "ends in .html" in run("resnet18", "-o", str(spec), code=2).stderr
    assert spec.read_text().startswith("name: probe")
    assert not (tmp_path / "a.html").exists()
