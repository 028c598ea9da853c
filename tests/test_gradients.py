"""`resnetc gradients`: what is recorded is what autograd gives, for any network; the same command gives the same bytes."""

from __future__ import annotations

import html.parser
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from support.random_specs import random_graph, random_instances
from support.structures import STRUCTURES
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler import Graph
from resnet_compiler.cli import app
from resnet_compiler.console import MISUSE, WRONG
from resnet_compiler.lab import LabError
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.gradients import Settings, labels, measure
from resnet_compiler.lab.network import built
from resnet_compiler.lab.records import (
    ACTIVATION_GRADIENT,
    BLOCK_GRADIENT,
    BLOCK_VARIANCE,
    UPDATE_RATIO,
    VARIANCE,
    WEIGHT_GRADIENT,
    Record,
    RecordsError,
    csv_text,
    ends,
    read_csv,
)
from resnet_compiler.lab.trunk import trunk_of

NET = """\
name: net
input: {channels: 1, height: 8, width: 8}
norm: none
stem:
  - conv: {conv: {out: 4, kernel: 3}}
  - relu: act
stages:
  - one: {block: basic, depth: 2, width: 4}
  - two: {block: basic, depth: 1, width: 8, stride: 2}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""


def images_for(graph: Graph, count: int = 8) -> Data:
    """Random images of the size that a network declares, and answers of its classes."""
    random = np.random.default_rng(0)
    shape = graph.concrete("input")
    classes = graph.concrete(graph.output)[0]
    pixels = random.integers(0, 256, (count, *shape)).astype(np.uint8)
    answers = random.integers(0, classes, count)
    names = tuple(str(number) for number in range(classes))
    return Data(
        "random", pixels, answers, pixels, answers, names, (0.5,) * shape[0], (0.25,) * shape[0]
    )


def by_layer(records: list[Record], quantity: str, when: int = 0) -> dict[str, float]:
    return {r.layer: r.value for r in records if r.quantity == quantity and r.when == when}


def test_what_is_recorded_is_what_autograd_gives() -> None:
    """Against a network without in-place activations and without hooks, its convolutions called one by one."""
    graph = resnet_compiler.compile("net.yaml", text=NET)
    data = images_for(graph)
    settings = Settings(steps=0, batch=8, seed=3, learning_rate=0.25)
    records = measure("net", graph, data, settings)

    order = np.random.default_rng(3).permutation(8)
    x = torch.from_numpy(data.normalised(data.images[order]))
    answers = torch.from_numpy(data.labels[order])
    _, net = built(graph, 3)
    weight = {n.removesuffix(".weight"): p for n, p in net.named_parameters() if "weight" in n}
    seen: dict[str, torch.Tensor] = {}

    def conv(name: str, value: torch.Tensor, stride: int = 1) -> torch.Tensor:
        window = weight[name].shape[-1]
        seen[name] = torch.nn.functional.conv2d(value, weight[name], None, stride, window // 2)
        return seen[name]

    x = conv("conv", x).relu()
    for block in ("one.0", "one.1"):
        inner = conv(f"{block}.conv2", conv(f"{block}.conv1", x).relu())
        x = seen[block] = (inner + x).relu()
    inner = conv("two.0.conv2", conv("two.0.conv1", x, 2).relu())
    x = seen["two.0"] = (inner + conv("two.0.downsample.0", x, 2)).relu()
    seen["fc"] = torch.nn.functional.linear(x.mean((2, 3)), weight["fc"], net.fc.bias)
    loss = torch.nn.functional.cross_entropy(seen["fc"], answers)
    expected = dict(
        zip(seen, torch.autograd.grad(loss, [*seen.values()], retain_graph=True), strict=True)
    )
    moved = dict(zip(weight, torch.autograd.grad(loss, list(weight.values())), strict=True))

    layers = ["conv", *(f"{b}.conv{i}" for b in ("one.0", "one.1", "two.0") for i in (1, 2)), "fc"]
    blocks = ["one.0", "one.1", "two.0"]
    close = pytest.approx
    assert by_layer(records, ACTIVATION_GRADIENT) == close(
        {name: float(expected[name].norm()) for name in layers}, rel=1e-4
    )
    assert by_layer(records, BLOCK_GRADIENT) == close(
        {name: float(expected[name].norm()) for name in blocks}, rel=1e-4
    )
    assert by_layer(records, VARIANCE) == close(
        {name: float(seen[name].detach().var(correction=0)) for name in layers}, rel=1e-4
    )
    assert by_layer(records, BLOCK_VARIANCE) == close(
        {name: float(seen[name].detach().var(correction=0)) for name in blocks}, rel=1e-4
    )
    assert by_layer(records, WEIGHT_GRADIENT) == close(
        {name: float(moved[name].norm()) for name in layers}, rel=1e-4
    )
    assert by_layer(records, UPDATE_RATIO) == close(
        {name: 0.25 * float(moved[name].norm() / weight[name].detach().norm()) for name in layers},
        rel=1e-3,
    )
    depths = {r.layer: r.depth for r in records}
    assert [depths[name] for name in layers] == list(range(1, 9))
    assert [depths[name] for name in blocks] == [3, 5, 7]


ODD = {
    **STRUCTURES,
    **{f"graph {seed}": random_graph(seed) for seed in range(4)},
    **{f"instances {seed}": random_instances(seed) for seed in range(4)},
}
SHIPPED = ("timm/test_resnet", "timm/resnetv2_50d_frn", "timm/seresnext26d_32x4d")


def test_every_layer_of_any_network_is_recorded() -> None:
    graphs = {name: resnet_compiler.compile("odd.yaml", text=text) for name, text in ODD.items()}
    graphs |= {name: resnet_compiler.compile(name) for name in SHIPPED}
    measured = 0
    for name, graph in graphs.items():
        if len(graph.concrete(graph.output)) != 1:
            continue
        trunk = trunk_of(graph)
        records = measure(name, graph, images_for(graph, 2), Settings(steps=0, batch=2))
        for quantity in (WEIGHT_GRADIENT, ACTIVATION_GRADIENT, VARIANCE, UPDATE_RATIO):
            assert list(by_layer(records, quantity)) == [n for n, _ in trunk.layers], name
        for quantity in (BLOCK_GRADIENT, BLOCK_VARIANCE):
            assert list(by_layer(records, quantity)) == [n for n, _ in trunk.blocks], name
        measured += 1
    assert measured > 40


def test_depth_counts_the_weighted_layers_of_the_name() -> None:
    for name in ("lab/plain20", "lab/resnet56_nonorm", "imagenet/resnet50"):
        trunk = trunk_of(resnet_compiler.compile(name))
        (depth,) = (int(word) for word in ("20", "56", "50") if word in name)
        assert [at for _, at in trunk.layers] == list(range(1, depth + 1))
        assert trunk.first and trunk.last and not trunk.first & trunk.last


def test_the_effect_at_depth_56_without_norm() -> None:
    """What docs/why-residual.md says, on a small batch: at the blocks, first stage against last, plain against residual."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (4, 1, 32, 32)).astype(np.uint8)
    answers = np.arange(4)
    data = Data("random", pixels, answers, pixels, answers, tuple("0123456789"), (0.5,), (0.25,))
    ratio = {}
    for name in ("plain56_nonorm", "resnet56_nonorm"):
        graph = resnet_compiler.compile(f"lab/{name}")
        trunk = trunk_of(graph)
        records = measure(name, graph, data, Settings(steps=0, batch=4))
        for each in ends(records, {name: (trunk.first, trunk.last)}):
            ratio[name, each.quantity] = each.ratio
    assert ratio["resnet56_nonorm", BLOCK_GRADIENT] >= 100 * ratio["plain56_nonorm", BLOCK_GRADIENT]
    # the weights' gradient is even along the depth in both: it is that of the output times what came in
    for name in ("plain56_nonorm", "resnet56_nonorm"):
        assert 0.1 < ratio[name, WEIGHT_GRADIENT] < 10


def test_training_between_the_measurements() -> None:
    graph = resnet_compiler.compile("net.yaml", text=NET)
    data = images_for(graph, 20)
    told: list[int] = []
    settings = Settings(steps=3, batch=8)
    records = measure("net", graph, data, settings, told.append)
    assert told == [1, 2, 3]
    assert {record.when for record in records} == {0, 3}
    assert by_layer(records, WEIGHT_GRADIENT, 0) != by_layer(records, WEIGHT_GRADIENT, 3)
    still = measure("net", graph, data, Settings(steps=3, batch=8, learning_rate=0.0))
    assert by_layer(still, UPDATE_RATIO) == dict.fromkeys(by_layer(still, UPDATE_RATIO), 0.0)
    assert by_layer(still, WEIGHT_GRADIENT, 0) == by_layer(still, WEIGHT_GRADIENT, 3)


def test_other_initial_weights() -> None:
    """The gain of a wide layer behind a ReLU is 1 by He's rule, 1/2 by Glorot's, and 1/6 by PyTorch's own."""
    wide = NET.replace("out: 4,", "out: 64,").replace("width: 4}", "width: 64, shortcut: none}")
    graph = resnet_compiler.compile("net.yaml", text=wide)
    data = images_for(graph)
    gain = {}
    for rule in ("emitted", "glorot", "torch"):
        found = by_layer(
            measure("net", graph, data, Settings(steps=0, batch=8, initialisation=rule)), VARIANCE
        )
        gain[rule] = (found["one.1.conv2"] / found["one.0.conv1"]) ** (1 / 3)
    assert gain["emitted"] == pytest.approx(2 * gain["glorot"], rel=0.25)
    assert gain["emitted"] == pytest.approx(6 * gain["torch"], rel=0.25)


# --- the table ---


def test_the_table_is_read_as_it_was_written() -> None:
    records = [
        Record("a", 0, 1, "conv", WEIGHT_GRADIENT, 1.25e-30),
        Record("a", 20, 2, "fc", VARIANCE, math.inf),
        Record('odd, "name"', 0, 1, "conv", UPDATE_RATIO, 0.0),
    ]
    assert read_csv(csv_text(records)) == records
    (nan,) = read_csv(csv_text([Record("a", 0, 1, "conv", VARIANCE, math.nan)]))
    assert math.isnan(nan.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "first line"),
        ("spec,when\n", "first line"),
        (csv_text([]) + "a,0,1,conv,variance\n", "line 2"),
        (csv_text([]) + "a,0,1,conv,variance,much\n", "line 2"),
        (csv_text([]) + "a,0,1,conv,beauty,1\n", "beauty"),
    ],
)
def test_what_is_no_table(text: str, why: str) -> None:
    with pytest.raises(RecordsError, match=why):
        read_csv(text)


def test_first_stage_against_last() -> None:
    values = {"a": 4.0, "b": 1.0, "c": 0.5, "d": 0.0}
    records = [Record("net", 0, 1, name, VARIANCE, value) for name, value in values.items()]
    (found,) = ends(records, {"net": (frozenset("ab"), frozenset("c"))})
    assert (found.first, found.last, found.ratio) == pytest.approx((2, 0.5, 4))
    (found,) = ends(records, {"net": (frozenset("ab"), frozenset("cd"))})
    assert found.last == 0 and math.isnan(found.ratio)


# --- the command ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Pictures of two classes; a small net; one that diverges; what a page must not take for its own."""
    from PIL import Image

    root = tmp_path_factory.mktemp("gradients")
    random = np.random.default_rng(0)
    for label in ("dark", "light"):
        (root / "pictures" / label).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 128, (8, 8)) + 100 * (label == "light")
            Image.fromarray(pixels.astype(np.uint8)).save(
                root / "pictures" / label / f"{number}.png"
            )
    (root / "net.yaml").write_text(NET)
    (root / "other.yaml").write_text(
        NET.replace("name: net", "name: other") + "# </pre><script>alert(1)</script>\n"
    )
    return root


def resnetc(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "resnet_compiler", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


COMMAND = ("gradients", "net.yaml", "other.yaml", "--data", "folder:pictures", "--steps", "2")


@pytest.fixture(scope="module")
def report(folder: pathlib.Path) -> dict[str, bytes]:
    done = resnetc(folder, *COMMAND, "--batch", "4", "-o", "report")
    assert done.returncode == 0, done.stderr
    assert "net at initialisation, first stage / last: weight_gradient" in done.stdout
    return {path.name: path.read_bytes() for path in (folder / "report").iterdir()}


def test_the_same_command_gives_the_same_bytes(
    folder: pathlib.Path, report: dict[str, bytes]
) -> None:
    assert resnetc(folder, *COMMAND, "--batch", "4", "-o", "again").returncode == 0
    assert {p.name: p.read_bytes() for p in (folder / "again").iterdir()} == report
    assert resnetc(folder, *COMMAND, "--batch", "4", "--seed", "1", "-o", "seed").returncode == 0
    assert (folder / "seed" / "gradients.csv").read_bytes() != report["gradients.csv"]


def test_what_is_in_a_report(report: dict[str, bytes]) -> None:
    quantities = (
        *(WEIGHT_GRADIENT, ACTIVATION_GRADIENT, VARIANCE, UPDATE_RATIO),
        *(BLOCK_GRADIENT, BLOCK_VARIANCE),
    )
    plots = {f"{name}.{kind}" for name in quantities for kind in ("svg", "png")}
    assert report.keys() == plots | {"gradients.csv", "index.html", "settings.json"}
    records = read_csv(report["gradients.csv"].decode())
    assert {(r.spec, r.when) for r in records} == {(s, w) for s in ("net", "other") for w in (0, 2)}
    assert len(records) == 2 * 2 * (8 * 4 + 3 * 2)
    assert json.loads(report["settings.json"])["specs"] == ["net", "other"]
    assert all(report[f"{name}.png"].startswith(b"\x89PNG") for name in quantities)
    assert b"<dc:date>" not in report["variance.svg"] and b"net" in report["variance.svg"]


class Page(html.parser.HTMLParser):
    """The tags of a page, with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_runs_nothing(report: dict[str, bytes]) -> None:
    page = Page(report["index.html"].decode())
    assert "script" not in {tag for tag, _ in page.tags}
    assert "# </pre><script>alert(1)</script>" in page.text
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 6 + 2
    for each in pictures:
        assert each["alt"] and (each["src"] or "").startswith("data:image/svg+xml;base64,")
    linked = [value for _, each in page.tags for key, value in each.items() if key == "href"]
    assert linked == []


def test_the_plots_can_be_drawn_from_the_table(
    folder: pathlib.Path, report: dict[str, bytes]
) -> None:
    done = resnetc(folder, "lab", "plot", "report/gradients.csv", "-o", "plots")
    assert done.returncode == 0, done.stderr
    made = {path.name: path.read_bytes() for path in (folder / "plots").iterdir()}
    assert made == {n: c for n, c in report.items() if n.endswith((".svg", ".png"))}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("gradients nothing_of_that_name", MISUSE, "no spec called"),
        ("gradients net.yaml --data letters", MISUSE, "letters"),
        ("gradients net.yaml --data folder:pictures --batch 500", MISUSE, "--batch"),
        ("gradients net.yaml net.yaml --data folder:pictures --batch 4", MISUSE, "two networks"),
        ("gradients bad.yaml", WRONG, "RC0"),
        ("gradients map.yaml --data folder:pictures --batch 4", WRONG, "no head"),
        ("gradients net.yaml --learning-rate inf", MISUSE, "finite"),
        ("gradients net.yaml -o net.yaml", MISUSE, "a folder is needed"),
        ("lab plot net.yaml", MISUSE, "no table"),
        ("lab plot report/gradients.csv --only beauty", MISUSE, "block_gradient"),
    ],
)
def test_what_a_user_can_do_wrong(
    folder: pathlib.Path,
    report: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    arguments: str,
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(folder)
    pathlib.Path("bad.yaml").write_text(NET.replace("kernel", "kernal"))
    pathlib.Path("map.yaml").write_text(NET.partition("head:")[0])
    result = CliRunner().invoke(app, arguments.split())
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert not pathlib.Path("gradients").exists()


def test_names_that_are_the_same() -> None:
    both = [resnet_compiler.compile(name) for name in ("cifar/resnet20", "lab/resnet20")]
    assert labels(both) == ["cifar/resnet20", "lab/resnet20"]
    with pytest.raises(LabError, match="two networks"):
        labels([both[0], both[0]])


def test_a_network_that_diverges_is_shown_as_such() -> None:
    from resnet_compiler.lab.gradient_plots import gradient_plots
    from resnet_compiler.lab.plots import images

    records = [
        Record("wild", when, depth, f"conv{depth}", VARIANCE, value)
        for when, value in ((0, 1.0), (20, math.nan))
        for depth in (1, 2, 3)
    ]
    text = images(gradient_plots(records)[VARIANCE])["svg"].decode()
    assert "wild (diverged)" in text and ">wild<" in text
