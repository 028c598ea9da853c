"""Emitted source is read back and is its graph; a source with a fault is not, and the layer at fault is named.

`RESNETC_READ_BACK=all` reads back every shipped spec in each form, and plants every fault that there is in more of them.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import pathlib
import sys
from functools import cache

import pytest
from support.differential.case import case_number
from support.random_specs import random_graph, random_instances
from support.source_faults import Fault, faults, is_named
from support.specs import compile_layers, compile_text
from support.structures import STRUCTURES

import resnet_compiler
from resnet_compiler import Graph, api, cli
from resnet_compiler.console import FAULT
from resnet_compiler.emit.pytorch import emit_pytorch
from resnet_compiler.emit.pytorch.bodies import Body
from resnet_compiler.emit.pytorch.read_back import read_back
from resnet_compiler.emit.pytorch.read_back.expected import Expectations
from resnet_compiler.emit.pytorch.read_back.meanings import TABLE
from resnet_compiler.emit.pytorch.read_back.modules import MODULES
from resnet_compiler.emit.pytorch.read_back.signatures import REQUIRED
from resnet_compiler.emit.pytorch.read_back.steps import Steps
from resnet_compiler.emit.pytorch.read_back.world import HELPERS, digest
from resnet_compiler.faults import ReadBackError
from resnet_compiler.library import data_folder, shipped_specs
from resnet_compiler.operators import OPERATORS
from resnet_compiler.operators.fused import FusedConv, FusedConvAdd
from resnet_compiler.passes import INFERENCE, run

ALL = os.environ.get("RESNETC_READ_BACK") == "all"
SPECS = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]
FORMS = ("source", "folded", "inference")


@cache
def graph_of(name: str, form: str) -> Graph:
    """The graph that stands behind one of the forms of a shipped spec's source."""
    graph = resnet_compiler.compile(name)
    if form == "folded":
        return api.fold(graph).graph
    return run(graph, INFERENCE)[0] if form == "inference" else graph


def difference(graph: Graph, text: str) -> ReadBackError | None:
    try:
        read_back(graph, text)
    except ReadBackError as fault:
        return fault
    return None


# --- what is emitted is the graph -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SPECS if ALL else SPECS[3::16])
def test_a_shipped_spec(name: str, form: str) -> None:
    """`tests/test_source_lines.py` reads back the source of each."""
    graph = graph_of.__wrapped__(name, form)
    read_back(graph, emit_pytorch(graph, "1"))


@pytest.mark.parametrize("name", STRUCTURES)
def test_an_odd_structure(name: str) -> None:
    graph = compile_text(STRUCTURES[name])
    api.emit_pytorch(graph), api.emit_pytorch(api.fold(graph)), api.emit_inference(graph)


@pytest.mark.parametrize("seed", range(6))
def test_random_networks(seed: int) -> None:
    graphs = [compile_text(random_graph(seed)), compile_text(random_instances(seed))]
    graphs += [g for n in range(5) if (g := case_number(5 * seed + n).compile().graph)]
    for graph in graphs:
        api.emit_pytorch(graph), api.emit_pytorch(api.fold(graph)), api.emit_inference(graph)


# --- a fault is found, and its layer named -----------------------------------------------------------------------------

PLANTED = {
    "imagenet/resnet18": 22,
    "cifar/preact_resnet164": 16,
    "timm/test_resnet": 22,
    "timm/resnetblur18": 22,
    "timm/ecaresnet26t": 16,
    "cifar/resnet20": 16,
}
MORE = (
    *("timm/resnetv2_50d_frn", "timm/resnetv2_50d_gn", "timm/resnetv2_50x1_bit", "timm/resnetrs50"),
    *("timm/senet154", "timm/resnet50_gn", "cifar/resnet20_b", "imagenet/resnext50_32x4d"),
    *("timm/resnetv2_50d_evos", "timm/resnetaa50d", "imagenet/resnet34_a", "lab/resnet20_nonorm"),
)


@cache
def planted_in(name: str, form: str) -> list[Fault]:
    """The faults planted in one form of a spec's source."""
    count = 10**6 if ALL else PLANTED[name]
    seed = 3 * len(name) + FORMS.index(form)
    return faults(emit_pytorch(graph_of(name, form), "1"), seed, count)


def complaints(graph: Graph, planted: list[Fault], text: str) -> list[str]:
    """The faults that were not found, or not named at their layer."""
    found = read_back(graph, text)
    wrong = []
    for fault in planted:
        compile(fault.text, "planted", "exec")
        told = difference(graph, fault.text)
        if told is None:
            wrong.append(f"not found: {fault.kind}: {fault.before} -> {fault.after}")
        elif not is_named(fault, told.layer, graph, found):
            wrong.append(f"not named: {fault.kind}: {fault.before} -> {fault.after}: {told}")
    return wrong


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*PLANTED, *MORE] if ALL else PLANTED)
def test_planted_faults(name: str, form: str) -> None:
    graph = graph_of(name, form)
    assert complaints(graph, planted_in(name, form), emit_pytorch(graph, "1")) == []


def test_the_faults_are_many_and_of_many_kinds() -> None:
    planted = [each.kind for name in PLANTED for form in FORMS for each in planted_in(name, form)]
    kinds = {kind.split(" of ")[0] for kind in planted}
    assert len(planted) >= 300
    assert kinds >= {
        *("number", "depth", "default", "first value", "helper", "hook", "another class"),
        *("another value", "another operand", "another parameter", "another activation"),
        *("a layer left out", "shortcut left out", "members swapped", "arguments swapped"),
        *("stages swapped", "a statement left out", "bias flipped", "ceil_mode left out"),
    }


def replaced(text: str, before: str, after: str) -> str:
    assert text.count(before) >= 1, before
    return text.replace(before, after, 1)


@pytest.mark.parametrize(
    ("layers", "before", "after", "layer", "what"),
    [
        (
            (
                "a: {conv: {out: 8, kernel: 3}}",
                "b: {conv: {out: 4, kernel: 3}, from: input}",
                "cat: {concat: {}, from: [a, b]}",
            ),
            *("[a, x]", "[x, a]", "cat", "inputs"),
        ),
        (
            ("a: {conv: {out: 8, kernel: 3}}", "r: relu", "sum: {add: {}, from: [r, a]}"),
            *("nn.ReLU()", "nn.ReLU(inplace=True)", "r", "input"),
        ),
        (("r: relu",), "nn.ReLU()", "nn.ReLU(inplace=True)", "r", "input"),
        (("n: {batch_norm: {eps: 0.001}}",), "eps=0.001", "eps=0.002", "n", "eps"),
        (("n: {batch_norm: {momentum: 0.2}}",), "momentum=0.2", "momentum=0.3", "n", "momentum"),
        (("n: {leaky_relu: {slope: 0.3}}",), "0.3", "0.2", "n", "slope"),
        (("s: {scale: {factor: 2, offset: 3}}",), "x * 2.0 + 3.0", "x * 3.0 + 2.0", "s", "factor"),
        (
            ("p: {part: {index: 1, of: 4}}",),
            *("chunk(4, 1)[1]", "chunk(4, 1)[0]", "p", "index"),
        ),
        (("p: {reduce: {by: variance}}",), "correction=0", "correction=1", "p", "correction"),
        (("p: {max_pool: {kernel: 3, padding: 1}}",), "3, padding=1", "3, 1, 1", "p", "stride"),
        (
            ("g: {parameter: {channels: 8, fill: 0.5}}", "m: {mul: {}, from: [input, g]}"),
            *("0.5", "0.25", "g", "first value of it"),
        ),
    ],
)
def test_one_attribute(
    layers: tuple[str, ...], before: str, after: str, layer: str, what: str
) -> None:
    """What is told of a fault: the layer, and what of it differs."""
    graph = compile_layers(*layers)
    told = difference(graph, replaced(emit_pytorch(graph, "1"), before, after))
    assert told is not None
    assert (told.layer.rpartition(".")[2], told.what) == (layer, what)


def test_two_dropouts_are_not_one() -> None:
    graph = compile_layers(
        "a: {dropout: {rate: 0.5}}",
        "b: {dropout: {rate: 0.5}, from: input}",
        "sum: {add: {}, from: [a, b]}",
    )
    text = emit_pytorch(graph, "1")
    assert difference(graph, text) is None
    told = difference(graph, replaced(text, "return a + x", "return a + a"))
    assert told is not None and told.layer.endswith((".b", ".sum"))


def test_a_module_in_two_places_shares_its_weights() -> None:
    graph = resnet_compiler.compile("cifar/resnet20")
    text = emit_pytorch(graph, "1")
    before = "self.bn1 = nn.BatchNorm2d(16)\n"
    shared = replaced(text, before, f"norm = nn.BatchNorm2d(16)\n        {before[:11]} norm\n")
    assert difference(graph, shared.replace("self.bn1 norm", "self.bn1 = norm")) is None
    row = "nn.Sequential(*(BasicBlock(16, 16) for _ in range(3)))"
    twice = replaced(
        text,
        f"self.layer1 = {row}",
        "block = BasicBlock(16, 16)\n        self.layer1 = nn.Sequential(block, block, block)",
    )
    told = difference(graph, twice)
    assert told is not None and told.layer.startswith("layer1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("nn.ReLU(inplace=True)", "nn.ReLU()"),
        ("nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)", None),
        ("nn.Linear(512, num_classes)", "nn.Linear(out_features=num_classes, in_features=2**9)"),
        ("*(BasicBlock(64, 64) for _ in range(2))", "BasicBlock(64, 64), BasicBlock(64, 64, 1)"),
        ("self.bn1 = nn.BatchNorm2d(64)", "n = nn.BatchNorm2d(64)\n        self.bn1 = n"),
        ("return self.relu(x + shortcut)", "y = x + shortcut\n        return self.relu(y)"),
        ("for stage in (self.layer1,", "for stage in (*[self.layer1],"),
        ("nn.MaxPool2d(3, 2, 1)", "nn.MaxPool2d((3, 3), 2, padding=3 // 2, ceil_mode=not True)"),
    ],
)
def test_another_way_to_write_the_same(before: str, after: str | None) -> None:
    """What is told are differences between networks, not between texts."""
    graph = graph_of("imagenet/resnet18", "source")
    text = emit_pytorch(graph, "1")
    after = after or (
        "nn.Conv2d(in_channels=in_channels, out_channels=2 * 32, kernel_size=(7, 7),"
        " stride=2 if in_channels else 1, padding=3, bias=False)"
    )
    after = after.replace("2**9", "16 * 32")
    assert difference(graph, replaced(text, before, after)) is None


# --- choices of whoever makes the network ------------------------------------------------------------------------------

IN_BLOCKS = """
name: probe
input: {channels: 3, height: 16, width: 16}
stem:
  - first: {begin: {}}
stages:
  - layer1: {block: basic, depth: 2, width: 16}
head:
  - pool: global_avg_pool
  - classifier: {last: {classes: 10}}
blocks:
  begin:
    layers:
      - bn: norm
      - conv: {conv: {out: 16, kernel: 3}}
  last:
    parameters: {classes: 10}
    layers:
      - inner: {inmost: {classes: classes}}
  inmost:
    parameters: {classes: 10}
    layers:
      - hidden: {linear: {out: 10}}
      - act: relu
      - fc: {linear: {out: classes}}
"""


@pytest.mark.parametrize("form", FORMS)
def test_blocks_hold_the_first_and_the_last_layer(form: str) -> None:
    """`num_classes` and `in_channels` are offered, and only the layers that they are for depend on them."""
    import torch
    from support import peers

    graph = compile_text(IN_BLOCKS)
    sources = {
        "source": lambda: api.emit_pytorch(graph),
        "folded": lambda: api.emit_pytorch(api.fold(graph)),
        "inference": lambda: api.emit_inference(graph),
    }
    network = peers.network_class(peers.load_source(sources[form]()))(num_classes=7, in_channels=5)
    with torch.inference_mode():
        assert network.eval()(torch.randn(2, 5, 16, 16)).shape == (2, 7)


@pytest.mark.parametrize(
    ("before", "after", "layer"),
    [
        ("nn.Linear(16, 10)", "nn.Linear(16, out_channels)", "hidden"),
        ("nn.Linear(10, out_channels)", "nn.Linear(10, 10)", "fc"),
        ("Begin(in_channels)", "Begin(3)", "first"),
        ("num_classes: int = 10", "num_classes: int = 11", "fc"),
    ],
)
def test_a_choice_that_reaches_the_wrong_layer(before: str, after: str, layer: str) -> None:
    """With the default numbers nothing of it could be seen."""
    graph = compile_text(IN_BLOCKS)
    told = difference(graph, replaced(emit_pytorch(graph, "1"), before, after))
    assert told is not None and layer in told.layer


# --- the fault that was there ------------------------------------------------------------------------------------------

ABSENT = sorted(pathlib.Path(__file__).with_name("regressions").glob("absent_shortcut_*.yaml"))


@pytest.mark.parametrize("path", ABSENT, ids=lambda path: path.stem)
def test_a_shortcut_whose_layers_are_absent(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It adds what its first layer reads. The emitter as it was added the block's input: that is found."""
    graph = compile_text(path.read_text("utf-8"))
    api.emit_pytorch(graph), api.emit_inference(graph), api.emit_pytorch(api.fold(graph))
    monkeypatch.setattr(Body, "identity", property(lambda body: body.scope.entry))
    with pytest.raises(ReadBackError) as told:
        api.emit_pytorch(graph)
    assert told.value.layer.endswith(".add") and "act1" in str(told.value.graph)


ZERO = """
name: probe
input: {channels: 8, height: 16, width: 16}
stem:
  - c: {conv: {out: 8, kernel: 3}}
stages:
  - l: {block: b, depth: 2, shortcut: projection}
blocks:
  b:
    residual:
      - c: {conv: {out: 8, kernel: 3}}
    shortcut:
      - n: {batch_norm: {zero_init: true}}
"""


@pytest.mark.parametrize("text", [ZERO, ZERO.replace("conv: {out: 8, kernel: 3}", "relu: {}")])
def test_a_norm_on_a_shortcut_begins_at_zero(text: str) -> None:
    """Also where no layer is a convolution. Reading back found that the source let both begin at one."""
    import torch
    from support import peers

    network = peers.network_class(peers.load_source(api.emit_pytorch(compile_text(text))))()
    norms = [each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    assert len(norms) == 2 and not any(norm.weight.any() for norm in norms)


def test_nothing_is_written_on_a_fault(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Body, "identity", property(lambda body: body.scope.entry))
    output = tmp_path / "out"
    command = ["resnetc", "build", str(ABSENT[0]), "--target", "torch", "-o", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == FAULT
    assert "layer1.0.add" in capfd.readouterr().err
    assert not output.exists()


# --- the tables --------------------------------------------------------------------------------------------------------


def test_every_operator_has_a_meaning() -> None:
    assert {*OPERATORS.values(), FusedConv, FusedConvAdd} == set(TABLE)


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("torch.nn.")])
def test_signatures_are_those_of_torch(name: str) -> None:
    import torch

    found = inspect.signature(getattr(torch.nn, name.rpartition(".")[2])).parameters
    theirs = [
        (each.name, REQUIRED if each.default is each.empty else each.default)
        for each in found.values()
        if each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    assert list(MODULES[name].signature) == theirs[: len(MODULES[name].signature)]


def test_helpers_are_those_that_are_known() -> None:
    """A template that was changed must be understood anew before its digest is."""
    import ast

    found = {}
    for path in pathlib.Path(data_folder("templates"), "support").glob("*.py.j2"):
        text = path.read_text("utf-8")
        lines = text.split("\n")
        for each in ast.parse(text).body:
            assert isinstance(each, ast.ClassDef | ast.FunctionDef)
            found[each.name] = digest("\n".join(lines[each.lineno - 1 : each.end_lineno]))
    assert found == dict(HELPERS)


OTHERS = {bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v + 0.25}
INERT = {("conv", "eps"), ("fused", "standardized"), ("fused", "eps"), ("fused", "bias")}


@pytest.mark.parametrize("operator", [op for op in OPERATORS.values() if dataclasses.fields(op)])
def test_every_attribute_counts(operator: type) -> None:
    """An operator with another value of any attribute means something else."""
    needed = {"out": 8, "kernel": (3, 3), "groups": 2, "stride": (2, 2), "to": (2, -1)}
    needed |= {"rate": 0.5, "channels": 8, "exponent": 3.0, "index": 0, "of": 2, "border": (1, 1)}
    if operator.word == "conv1d":
        needed["kernel"] = 3
    names = {field.name for field in dataclasses.fields(operator)}
    base = operator(**{name: value for name, value in needed.items() if name in names})
    shape = (
        (8, 6)
        if operator.word == "conv1d"
        else (8, 1, 1)
        if operator.word == "linear"
        else (8, 6, 6)
    )
    expectations = Expectations(Steps())

    def meaning(op: object) -> object:
        return expectations._make(op, [shape, shape][: operator.arity or 2])

    for field in dataclasses.fields(operator):
        value = getattr(base, field.name)
        if (operator.word, field.name) in INERT:
            continue
        if isinstance(value, tuple):
            others = [tuple(each + 1 if each >= 0 else each for each in value)]
        elif isinstance(value, str):
            others = [w for w in field.metadata.get("words", ()) if w != value] or ["sum"]
        else:
            others = [OTHERS[type(value)](value)] if value is not None else []
        if field.name == "channels":
            others = [16]
        if field.name == "groups":
            others = [4]
        own = base
        if (operator.word, field.name) == ("reduce", "groups"):  # which only this one reads
            own = dataclasses.replace(base, over="groups")
        if (operator.word, field.name) in (("part", "start"), ("part", "stop")):
            own, others = dataclasses.replace(base, index=None), [5]
        for other in others:
            changed = dataclasses.replace(own, **{field.name: other})
            assert meaning(changed) != meaning(own), field.name
