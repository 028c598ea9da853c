"""Every layer is found in the emitted source: where it is constructed, and where its output is computed."""

from __future__ import annotations

import pytest
from support.random_specs import random_graph, random_instances
from support.specs import compile_layers, compile_text
from support.structures import STRUCTURES

import resnet_compiler
from resnet_compiler import Graph
from resnet_compiler.emit.pytorch.lines import SourceLines, source_lines
from resnet_compiler.library import shipped_specs
from resnet_compiler.operators.base import TorchExpression, TorchModule

SPECS = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]


def text(found: SourceLines, lines: tuple[int, int]) -> str:
    """The lines as one, without indentation."""
    first, last = lines
    return " ".join(line.strip() for line in found.text.split("\n")[first - 1 : last])


def complaints(graph: Graph, found: SourceLines) -> list[str]:
    """What is wrong with the lines of the layers of a graph."""
    wrong = []
    for node in graph:
        form = node.operator.torch_form(graph.input_shapes(node))
        constructed, computed = found.constructed.get(node.name), found.computed.get(node.name)
        own = node.name.split(".")
        if computed is None:
            wrong.append(f"{node.name}: computed nowhere")
        if isinstance(form, TorchExpression):
            wrong += [f"{node.name}: an expression has no constructor"] if constructed else []
            continue
        if constructed is None or computed is None:
            wrong.append(f"{node.name}: constructed nowhere")
            continue
        made, used = text(found, constructed), text(found, computed)
        callee = form.callee if isinstance(form, TorchModule) else "nn.Parameter"
        if f"{callee}(" not in made:
            wrong.append(f"{node.name}: no {callee} in {made}")
        # its own name, what layers with the same operator share, or the container it is in
        scope = node.name.rpartition(".")[0]
        shared = [n.name for n in graph if n.name.rpartition(".")[0] == scope]
        shared = [n.rpartition(".")[2] for n in shared if graph[n].operator == node.operator]
        attribute = made.removeprefix("self.").split(" = ")[0] if " = " in made else ""
        if attribute and attribute not in (*own, *shared, node.operator.word):
            wrong.append(f"{node.name}: {made}")
        if not any(f"self.{part}" in used for part in (attribute, *own) if part):
            wrong.append(f"{node.name}: nothing of its name in {used}")
    return wrong


@pytest.mark.parametrize("name", SPECS)
def test_every_layer_of_a_shipped_spec(name: str) -> None:
    graph = resnet_compiler.compile(name)
    found = source_lines(graph, resnet_compiler.__version__)
    assert found.text == resnet_compiler.emit_pytorch(graph)
    assert not complaints(graph, found)


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_layer_of_odd_blocks(name: str) -> None:
    graph = compile_text(STRUCTURES[name])
    assert not complaints(graph, source_lines(graph, "1"))


@pytest.mark.parametrize("seed", range(40))
def test_every_layer_of_random_blocks(seed: int) -> None:
    for text_of_spec in (random_graph(seed), random_instances(seed)):
        graph = compile_text(text_of_spec)
        assert not complaints(graph, source_lines(graph, "1"))


def test_the_lines_of_resnet50() -> None:
    """One layer of each kind, by the text that a person would point at."""
    graph = resnet_compiler.compile("resnet50")
    found = source_lines(graph, resnet_compiler.__version__)
    expected = {
        "conv1": (
            "self.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)",
            "x = self.relu(self.bn1(self.conv1(x)))",
        ),
        "layer3.4.act2": (
            "self.relu = nn.ReLU(inplace=True)",
            "x = self.relu(self.bn2(self.conv2(x)))",
        ),
        "layer2.0.downsample.1": (
            "nn.BatchNorm2d(out_channels),",
            "shortcut = x if self.downsample is None else self.downsample(x)",
        ),
        "layer2.1": (
            "*(Bottleneck(512, 128, 512) for _ in range(3)),",
            "for stage in (self.layer1, self.layer2, self.layer3, self.layer4): "
            "x = stage(x) features.append(x)",
        ),
        "fc": (
            "self.fc = nn.Linear(2048, num_classes)",
            "return self.fc(self.avgpool(x).flatten(1))",
        ),
    }
    assert expected == {
        name: (text(found, found.constructed[name]), text(found, found.computed[name]))
        for name in expected
    }
    assert "layer1.0.add" not in found.constructed
    assert text(found, found.computed["layer1.0.add"]) == "return self.relu(x + shortcut)"


def test_containers_that_are_called_one_by_one() -> None:
    graph = compile_layers(
        "branches.0: {conv: {out: 8, kernel: 3}}",
        "branches.1: {conv: {out: 8, kernel: 3}, from: input}",
        "sum: {add, from: [branches.0, branches.1]}",
        "tail.first: {conv: {out: 8, kernel: 1}}",
        "tail.second: norm",
    )
    found = source_lines(graph, "1")
    last = graph.stages[0].blocks[0]
    assert not complaints(graph, found)
    assert "self.branches[1](" in text(found, found.computed[f"{last}.branches.1"])
    assert "tail" in text(found, found.computed[f"{last}.tail.second"])
    assert "BatchNorm2d" in text(found, found.constructed[f"{last}.tail.second"])
