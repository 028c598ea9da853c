"""Layers that are not there: what they give on, what is said where that is nothing, and what the graph tells of it."""

from __future__ import annotations

import pathlib

import pytest
from support.language import STEM, compilation, compile, failure, failures, net, stage

from resnet_compiler import Graph
from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import Compilation, compile_file

CASES = pathlib.Path(__file__).parent / "cases"


def case(name: str, *changes: tuple[str, str]) -> Compilation:
    """The compilation of a stored case, with texts in it changed."""
    text = (CASES / name).read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return compile_file(SpecFile("net.yaml", None), text)


def graph_of(found: Compilation) -> Graph:
    assert found.graph is not None, found.diagnostics
    return found.graph


def block(layers: str, parameters: str = "on: false") -> str:
    """A spec with one block of these layers behind a stem of 8 channels."""
    lines = "".join(f"      - {line}\n" for line in layers.strip().splitlines())
    return stage(
        "block: own, depth: 1", f"  own:\n    parameters: {{{parameters}}}\n    layers:\n{lines}"
    )


@pytest.mark.parametrize("name", ["gate.yaml", "conv.yaml"])
@pytest.mark.parametrize("depth", ["depth: 1", "depth: 3"])
def test_an_absent_product_gives_on_its_value_and_not_its_parameter(name: str, depth: str) -> None:
    """The parameter, which is there for the product alone, is absent with it."""
    graph = graph_of(case(f"absent_layers/{name}", ("depth: 1", depth)))
    assert not [node.name for node in graph if node.operator.word == "parameter"]
    reader = graph["s.0.z" if name == "gate.yaml" else "s.0.conv"]
    assert reader.inputs[0] == "conv1" and graph.shape(reader.name) == graph.shape("conv1")
    there = graph_of(case(f"absent_layers/{name}", ("gated: false", "gated: true")))
    assert there["s.0.y"].inputs == ("conv1", "s.0.bias")


def test_what_is_computed_of_parameters_alone_is_absent_too_and_no_other_layer() -> None:
    layers = """g: {parameter: {channels: 8}}
h: {sigmoid: {}, from: g}
b: {mul: {}, from: [input, h], when: on}
c: relu"""
    graph = compile(block(layers))
    assert [name for name in graph.nodes if name.startswith("layer1")] == ["layer1.0.c"]
    both = compile(block(layers + "\nd: {mul: {}, from: [c, h]}"))
    assert both["layer1.0.d"].inputs == ("layer1.0.c", "layer1.0.h")
    (left,) = failures(block("a: silu\nb: {mul: {}, from: [input, a], when: on}\nc: relu"))
    assert (left.code.id, left.summary) == ("RC0221", "nothing uses the output of `layer1.0.a`")


@pytest.mark.parametrize(
    ("layers", "reads"),
    [
        ("a: relu\nb: {add: {}, from: [a, input], when: on}\nc: silu", "layer1.0.a"),
        ("a: relu\nb: {add: {}, from: [input, a], when: on}\nc: {add: {}, from: [b, a]}", "conv"),
        ("a: relu\nb: {concat: {}, from: [missing, a], when: on}\nc: silu", "layer1.0.a"),
        ("a: relu\nb: {concat: {}, from: [missing], when: on}\nc: silu", "layer1.0.a"),
        ('x.0: relu\nx.1: silu\nb: {add: {}, from: ["x.*"], when: on}\n'
         "c: {add: {}, from: [b, x.1]}", "layer1.0.x.0"),
        ("a: relu\nb: {squeeze_excite: {}, from: input, when: on}\nc: {add: {}, from: [b, a]}",
         "conv"),
        ("a: relu\nb: {use: none, from: input}\nc: {add: {}, from: [b, a]}", "conv"),
        ("a: relu\nb: none\nc: silu", "layer1.0.a"),
        ("a: relu\nb: {repeat: {index: i, count: 2, layers: [\"r{i}\": norm]}, from: input, when: on}\n"
         "c: {add: {}, from: [a, input]}\nd: silu", "layer1.0.c"),
        ("g: {parameter: {channels: 8}}\nh: {sigmoid: {}, from: g}\n"
         "b: {mul: {}, from: [h, input], when: on}\nc: {mul: {}, from: [b, h]}", "conv"),
    ],
)  # fmt: skip
def test_what_an_absent_layer_gives_on(layers: str, reads: str) -> None:
    graph = compile(block(layers))
    assert graph[list(graph.nodes)[-3]].inputs[0] == reads, [n.name for n in graph]


def test_an_absent_repeat_gives_on_what_it_names() -> None:
    layers = (
        "a: relu\n"
        'r: {repeat: {index: i, count: 1, layers: ["r{i}": norm]}, from: input, when: on}\n'
        "b: silu\nc: {add: {}, from: [a, b]}"
    )
    for text, reads in ((block(layers), "conv"), (block(layers, "on: true"), "layer1.0.r0")):
        assert compile(text)["layer1.0.b"].inputs == (reads,)


def test_a_repeat_begins_with_one_value() -> None:
    text = block(
        'a: relu\nr: {repeat: {index: i, count: 1, layers: ["r{i}": norm]}, from: [a, input]}'
    )
    assert failure(text).code.id == "RC0218"


def test_an_absent_head_gives_on_the_first_stage_that_it_names() -> None:
    stages = (
        "  - s1: {block: basic, depth: 1, width: 8}\n  - s2: {block: basic, depth: 1, width: 8}\n"
    )
    head = "  - j: {concat: {}, from: [s1, s2], when: false}\n  - p: global_avg_pool\n"
    (left,) = failures(net(stages=stages, head=head))
    assert left.code.id == "RC0221" and "`s2.0.act2`" in left.summary
    graph = compile(net(stages=stages, head=head.replace("[s1, s2]", "[s2, s1]")))
    assert graph["p"].inputs == ("s2.0.act2",)


@pytest.mark.parametrize(
    ("layers", "at"),
    [
        (
            "g: {parameter: {channels: 8}}\nb: {sigmoid: {}, when: on}\nc: {mul: {}, from: [input, b]}",
            "b",
        ),
        ("g: {parameter: {channels: 8}}\nb: {sigmoid: {}, from: g, when: on}\nc: conv_norm", "b"),
        ("g: {parameter: {channels: 8}, when: on}\nc: {mul: {}, from: [input, g]}", "g"),
        ("a: relu\ng: {parameter: {channels: 8}}\nb: {sigmoid: {}, from: g, when: on}", "b"),
    ],
)
def test_where_nothing_is_to_be_given_on_the_layer_is_told(layers: str, at: str) -> None:
    text = block(layers.replace("conv_norm", "relu"))
    found = failures(text)
    assert [each.code.id for each in found] == ["RC0226"]
    assert found[0].summary == f"`{at}` is not there, and has nothing to give on"
    assert "the same `when: on`" in found[0].help[0]


def test_nothing_is_said_where_nobody_reads_it() -> None:
    layers = """
g: {parameter: {channels: 8}}
x: {shift: {}, from: [input, g]}
b: {sigmoid: {}, from: g, when: on}
c: {mul: {}, from: [x, b], when: on}
"""
    graph = compile(block(layers))
    assert graph.output == "fc" and graph["pool"].inputs == ("layer1.0.x",)


def test_an_instance_on_a_constant_is_no_copy_of_one_on_the_image() -> None:
    layers = """
g: {parameter: {channels: 8}}
p: {global_avg_pool: {}, from: input}
u: {inner: {}, from: p}
v: {inner: {}, from: g}
c: {mul: {}, from: [input, u]}
d: {mul: {}, from: [c, v]}
"""
    text = block(layers) + (
        "  inner: {parameters: {z: false}, layers: [a: sigmoid, "
        "b: {mul: {}, from: [a, input], when: z}]}\n"
    )
    found = compilation(text)
    assert [each.code.id for each in found.diagnostics] == ["RC0226"]


def test_shape_errors_name_the_layer_that_is_not_there() -> None:
    text = block("p: {global_avg_pool: {}, when: on}\nfc: {linear: {out: 8}}\n", "on: false")
    found = failure(text)
    assert found.code.id == "RC0303"
    assert any("`p` is not there" in label.text for label in found.secondary)


@pytest.mark.parametrize(
    ("name", "adds"),
    [
        (
            "b1",
            {"layer1.0": "layer1.0.act1", "layer1.1": "layer1.1.act1", "layer2.1": "layer2.1.act1"},
        ),
        ("m1", {"layer1.0": "layer1.0.act1", "layer1.1": "layer1.1.act1"}),
        ("m3", {"layer1.0": "layer1.0.act1", "layer2.1": "layer2.1.act1"}),
        ("m4", {"layer1.0.a": "layer1.0.a.act1"}),
    ],
)
def test_a_shortcut_without_layers_adds_what_its_first_layer_names(
    name: str, adds: dict[str, str]
) -> None:
    graph = graph_of(case(f"miscompiled/{name}.yaml"))
    for scope, source in adds.items():
        here = graph.scopes[scope]
        assert graph[here.join or ""].inputs[1] == source
        assert (here.shortcut, here.shortcut_layers) == ("projection", ())


def test_a_projection_whose_layers_are_all_absent_is_the_identity() -> None:
    graph = graph_of(case("miscompiled/b1.yaml", (", from: act1, when", ", when")))
    here = graph.scopes["layer1.1"]
    assert here.shortcut == "identity" and graph[here.join or ""].inputs[1] == here.entry


def test_an_absent_parameter_stands_in_no_ones_way() -> None:
    stem = STEM + "  - gain: {parameter: {channels: 8}, when: false}\n  - relu: relu\n"
    assert compile(net(stem=stem))["relu"].inputs == ("conv",)


@pytest.mark.parametrize(
    ("layers", "times"),
    [
        ("a: relu\nb: {silu: {}, when: on}\nc: {add: {}, from: [a, b]}", 1),
        ('a: relu\n"b.{1 + 1}": {silu: {}, when: on}\nc: {add: {}, from: [a, "b.{2}"]}', 1),
        ("a: relu\nb: {silu: {}, when: on}\nc: {add: {}, from: [a, b], when: on}", 0),
        ("a: relu\nb: {silu: {}, when: on}\nc: {add: {}, from: [input, b]}", 0),
        ("a: relu\nc: {add: {}, from: [a, a]}", 0),  # written so, with nothing absent
    ],
)
def test_a_value_that_is_joined_with_itself_is_told(layers: str, times: int) -> None:
    found = compilation(block(layers)).diagnostics
    assert [each.code.id for each in found] == ["RC0227"] * times
