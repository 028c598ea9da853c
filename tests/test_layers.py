"""Layers: `from`, `when`, `repeat`, `use`."""

from __future__ import annotations

import pytest
from support.language import (
    HEAD,
    STAGE,
    STEM,
    compile,
    covered,
    failure,
    names,
    net,
    operator,
    stage,
)

from resnet_compiler import Measures


def test_from() -> None:
    graph = compile(
        net(
            stem=(
                "  - a: {conv: {out: 8, kernel: 3}}\n"
                "  - b: {conv: {out: 8, kernel: 1}, from: input}\n"
                "  - c: {add: {}, from: [a, b]}\n"
                "  - d: {concat: {}, from: [c, a, a]}\n"
            ),
            stages=STAGE + STAGE.replace("layer1", "layer2"),
            head="  - e: {add: {}, from: [layer1, layer2]}\n" + HEAD,
        )
    )
    assert graph["b"].inputs == ("input",)
    assert graph["c"].inputs == ("a", "b")
    assert graph["d"].inputs == ("c", "a", "a") and graph.concrete("d")[0] == 24
    assert graph["e"].inputs == (graph.stages[0].exit, graph.stages[1].exit)


@pytest.mark.parametrize(("k", "there"), [(1, True), (0, False)])
def test_when(k: int, there: bool) -> None:
    stem = (
        "  - a: {conv: {out: 8, kernel: 3}}\n"
        "  - b: {relu: {}, when: k > 0}\n"
        "  - c: {sigmoid: {}, from: b}\n"
        "  - d: {relu: {}, when: false}\n"
    )
    graph = compile(net(stem=stem, top=f"let: {{k: {k}}}\n"))
    assert ("b" in names(graph)) is there
    assert graph["c"].inputs == ("b" if there else "a",)
    assert "d" not in names(graph)


REPEATED = """\
  - r:
      repeat:
        index: i
        count: {count}
        layers:
          - "c{{i}}": {{conv: {{out: 8 * (i + 1), kernel: 3}}}}
          - "d{{i}}": {{relu: {{}}, when: i > 0, from: "c{{i}}"}}
"""


@pytest.mark.parametrize(("count", "made"), [("2", ["c0", "c1", "d1"]), ("k - 1", []), ("0", [])])
def test_repeat(count: str, made: list[str]) -> None:
    graph = compile(net(stem=STEM + REPEATED.format(count=count), top="let: {k: 1}\n"))
    head = names(graph)[: 1 + len(made)]
    assert head == ["conv", *made]
    if made:
        assert graph.concrete("d1")[0] == 16 and graph["d1"].inputs == ("c1",)


@pytest.mark.parametrize("count", ["-1", "1.5", "true", "nothing", "'1e999'", "none"])
def test_a_count_that_is_none(count: str) -> None:
    text = net(stem=STEM + REPEATED.format(count=count))
    assert count.strip("'") in covered(text, failure(text).span)


GATE = """\
  gate:
    parameters: {reduction: 4, last: sigmoid}
    layers:
      - pool: global_avg_pool
      - fc: {conv: {out: in_channels / reduction, kernel: 1, bias: true}}
      - up: {conv: {out: in_channels, kernel: 1}}
      - last: {use: last}
      - scale: {mul: {}, from: [input, last]}
"""


@pytest.mark.parametrize(
    ("attention", "there", "hidden"),
    [
        ("gate", True, 2),
        ("{gate: {reduction: 2, last: hard_sigmoid}}", True, 4),
        ("none", False, 0),
        ("null", False, 0),
    ],
)
def test_use_of_a_block_given_as_a_parameter(attention: str, there: bool, hidden: int) -> None:
    graph = compile(stage(f"block: basic, depth: 1, width: 8, attention: {attention}", GATE))
    assert ("layer1.0.se.scale" in names(graph)) is there
    if there:
        assert graph.concrete("layer1.0.se.fc") == (hidden, 1, 1)
        assert graph["layer1.0.se.scale"].inputs == ("layer1.0.bn2", "layer1.0.se.last")
        assert operator(graph, "layer1.0.se.last").word in attention + " sigmoid"
        assert graph["layer1.0.add"].inputs[0] == "layer1.0.se.scale"


def test_a_star_reads_every_layer_that_fits() -> None:
    graph = compile(
        net(
            stem=STEM + "  - b.0: relu\n  - b.1: {sigmoid: {}, from: conv}\n"
            '  - cat: {concat: {}, from: ["b.*", conv]}\n'
        )
    )
    assert graph["cat"].inputs == ("b.0", "b.1", "conv")


def test_fitting_adds_only_where_shapes_are_equal() -> None:
    text = stage("block: basic, depth: 2, width: 16, stride: 2, shortcut: fitting")
    graph = compile(text)
    assert [proof.node for proof in graph.proofs] == ["layer1.1.add"]
    assert Measures(graph).weighted_layers == 1 + 4 + 1


def test_words_can_be_chosen_and_lists_read() -> None:
    block = (
        "  own: {parameters: {gate: none, widths: none}, layers: "
        '[{c: {conv: {out: "widths[1]", kernel: 1}}}, {g: {use: gate}}]}\n'
    )
    graph = compile(
        stage(
            "block: own, depth: 2, gate: relu if index > 0 else none, widths: [[4, 8], [4, 6]]",
            block,
        )
    )
    assert [n.name for n in graph if n.operator.word == "relu"] == ["layer1.1.g"]
    assert [graph.shape(f"layer1.{i}.c")[0] for i in (0, 1)] == [8, 6]


def test_a_layer_that_is_not_there_passes_on_what_it_names() -> None:
    graph = compile(
        net(
            stem=STEM
            + "  - a: relu\n  - b: {sigmoid: {}, from: conv, when: false}\n  - c: {add: {}, from: [a, b]}\n"
        )
    )
    assert graph["c"].inputs == ("a", "conv")


def test_repeat_has_from_and_when() -> None:
    layers = '{index: i, count: 2, layers: [{"r{i}": relu}]}'
    graph = compile(
        net(
            stem=STEM + "  - a: sigmoid\n"
            f"  - x: {{repeat: {layers}, from: conv}}\n"
            f"  - y: {{repeat: {layers.replace('r{i}', 's{i}')}, when: false}}\n"
            "  - sum: {add: {}, from: [a, r1]}\n"
        )
    )
    assert graph["r0"].inputs == ("conv",)
    assert not any(node.name.startswith("s0") for node in graph)


def test_a_number_hides_no_operator() -> None:
    block = "  own: {parameters: {scale: 2}, layers: [{s: {scale: {factor: scale}}}]}\n"
    assert compile(stage("block: own, depth: 1", block))["layer1.0.s"].operator.word == "scale"
