"""Names and values: expressions in names and in `use`, values of a stage, `in_channels` in calls, and what nobody reads."""

from __future__ import annotations

import pathlib

import pytest
from support.language import STEM, compilation, compile, covered, failure, net, stage

from resnet_compiler.commands.check import _verdict
from resnet_compiler.console import _each_once
from resnet_compiler.graph import Graph
from resnet_compiler.library import SpecFile, shipped_specs
from resnet_compiler.pipeline import compile_file

CASES = pathlib.Path(__file__).parent / "cases" / "names"


def case(name: str) -> Graph:
    found = compile_file(SpecFile(name, CASES / name))
    assert found.graph is not None, found.diagnostics
    return found.graph


def test_an_expression_in_a_name() -> None:
    assert "layer1.0.convsample.1" in case("expression_in_name.yaml").nodes
    same = (CASES / "expression_in_name.yaml").read_text("utf-8").replace("stride: 2}\nb", "}\nb")
    for text, name in (
        (same.replace("depth: 1, width: 32, stride: 2", "depth: 1, width: 32"), "convsample.0"),
        (same.replace("convsample.{1 if stride > 1 else 0}", "c{max(stride, 3)}"), "c3"),
        (same.replace("convsample.{1 if stride > 1 else 0}", "{width // 2 * (1 == 1)}"), "16"),
    ):
        if "1 == 1" in text:
            assert failure(text).code.id == "RC0214"  # a flag is no number
        else:
            assert f"layer1.0.{name}" in compile(text).nodes


def test_a_name_that_is_none() -> None:
    for name in ("a{b", "a}b", "{a{b}}", "a/b", "{é}", "{a\\u202eb}"):
        text = net(stem=f'  - "{name}": {{conv: {{out: 8, kernel: 3}}}}\n')
        assert failure(text).code.id == "RC0213", name


def test_an_expression_in_use() -> None:
    assert case("expression_in_use.yaml")["s.0.q"].operator.word == "relu"
    text = (CASES / "expression_in_use.yaml").read_text("utf-8")
    assert compile(text.replace("n: 2", "n: 1"))["s.0.q"].operator.word == "sigmoid"
    gone = compile(text.replace("else sigmoid", "else none").replace("n: 2", "n: 1"))
    assert "s.0.q" not in gone.nodes
    for wrong, code in (("n + 1", "RC0207"), ("n +", "RC0214"), ("m > 1", "RC0214")):
        assert failure(text.replace("relu if n > 1 else sigmoid", wrong)).code.id == code


def test_none_leaves_nothing() -> None:
    graph = case("use_none.yaml")
    assert "none_here" not in graph.nodes and graph["layer1.0.conv1"].inputs == ("conv1",)
    graph = compile(net(stem=STEM + "  - gone: none\n  - a: {add: {}, from: [gone, conv]}\n"))
    assert graph["a"].inputs == ("conv", "conv")


def test_a_value_of_a_stage_reads_those_before_it() -> None:
    operator = case("stage_value_reads_another.yaml")["s.0.q"].operator
    assert operator.out == 32  # type: ignore[attr-defined]
    block = (
        "  b: {parameters: {width: required, inner: 1, last: 2}, layers: ["
        "{a: {conv: {out: inner, kernel: 1}}}, {b: {conv: {out: last, kernel: 1}}}, "
        "{c: {conv: {out: width, kernel: 1}}}]}\n"
    )
    given = "block: b, depth: 2, width: [8, 16], inner: width * 2, first: {last: inner + 1}"
    graph = compile(stage(given, block))
    assert [graph.shape(f"layer1.{i}.{n}")[0] for i in (0, 1) for n in "ab"] == [16, 17, 32, 2]
    later = stage("block: b, depth: 1, inner: width * 2, width: 8", block)
    found = failure(later)
    assert found.code.id == "RC0214" and covered(later, found.span) == "width * 2"


def test_in_channels_in_a_call_is_what_comes_in_where_it_is_used() -> None:
    graph = case("norm_by_channels.yaml")
    groups = [graph.scopes[f"layer{i}.0.bn1"].values["groups"] for i in (1, 2, 3, 4)]
    assert groups == [4, 8, 16, 32]
    group_norm = "norm: {group_norm: {groups: in_channels // 4}}\nlet: {div: 2}\n"
    two = "  - layer1: {block: basic, depth: 2, width: 8}\n  - layer2: {block: basic, depth: 2, width: 16}\n"
    graph = compile(net(stages=two, top=group_norm))
    of = {node.name: node.operator.groups for node in graph if node.operator.word == "group_norm"}  # type: ignore[attr-defined]
    assert {of[f"layer1.{i}.bn{j}"] for i in (0, 1) for j in (1, 2)} == {2}
    assert {of[f"layer2.{i}.bn{j}"] for i in (0, 1) for j in (1, 2)} == {4}
    attention = "{squeeze_excite: {reduced: in_channels // div}}"
    text = stage(f"block: basic, depth: 1, width: 8, attention: {attention}", top="let: {div: 2}\n")
    assert compile(text).shape("layer1.0.se.fc1")[0] == 4
    found = failure(net(stages=two, top=group_norm.replace("// 4", "/ 5")))
    assert found.code.id == "RC0204"


OWN = """\
  own:
    parameters: {width: required, stride: 1, spare: 1}
    layers:
      - c: {conv: {out: width, kernel: 1}}
      - g: {inner: {}}
  inner: {layers: [{n: norm}]}
  fits: {parameters: {zero_init: false}, layers: [{n: batch_norm}]}
"""


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("block: own, depth: 1, width: 8", []),
        ("block: own, depth: 2, width: 8, spare: 2", ["spare: 2"]),
        ("block: own, depth: 3, width: 8, stride: 2", ["stride: 2"]),
        ("block: own, depth: 1, width: 8, norm: layer_norm", []),  # the block that it uses reads it
        ("block: own, depth: 1, width: 8, act: silu", ["act: silu"]),
        ("block: own, depth: 2, width: 8, first: {spare: 3}", ["spare: 3"]),
        ("block: basic, depth: 1, width: 8, norm: fits", []),  # `zero_init` is laid over it
        ("block: basic, depth: 1, width: 8, attention: {squeeze_excite: {act: silu}}", ["act: silu"]),
        ("block: basic, depth: 1, width: 8, attention: {squeeze_excite: {ratio: 0.5}}", []),
    ],
)  # fmt: skip
def test_an_argument_that_no_layer_reads_is_told_once(given: str, told: list[str]) -> None:
    text = stage(given, OWN)
    found = compilation(text)
    assert found.valid
    assert [(d.code.id, d.severity) for d in found.diagnostics] == [("RC0225", "warning")] * len(
        told
    )
    for each, written in zip(found.diagnostics, told, strict=True):
        assert written.startswith(covered(text, each.span))


def test_blocks_that_use_themselves_are_read_to_their_end() -> None:
    block = (
        "  deep: {parameters: {n: 2}, layers: [{a: act}, {b: {deep: {n: n - 1}, when: n > 0}}]}\n"
    )
    assert not compilation(stage("block: deep, depth: 1, act: silu", block)).diagnostics


def test_a_misspelt_let_of_a_variant_is_told() -> None:
    text = "name: net\nextends: cifar/resnet20\nlet: {wdith: 8}\n"
    (found,) = compilation(text).diagnostics
    assert (found.code.id, covered(text, found.span)) == ("RC0225", "wdith")
    used = text + "stages:\n  layer1: {width: wdith * 2}\n"
    assert not compilation(used).diagnostics
    assert not compilation(net(top="let: {unread: 8}\n")).diagnostics  # its own, for variants


def test_shipped_specs_give_nothing_that_nobody_reads() -> None:
    for spec in shipped_specs()[::5]:
        codes = [each.code.id for each in compile_file(spec).diagnostics]
        assert "RC0225" not in codes, spec.display


def test_a_fault_of_a_base_is_told_once_for_all_its_variants(tmp_path: pathlib.Path) -> None:
    base = net(stages="  - layer1: {block: bsaic, depth: 1, width: 8}\n")
    (tmp_path / "base.yaml").write_text(base)
    for index in range(6):
        variant = f"name: v{index}\nextends: base.yaml\n"
        (tmp_path / f"v{index}.yaml").write_text(variant + "nmae: x\n" * (index == 3))
    found = [compile_file(SpecFile(p.as_posix(), p)) for p in sorted(tmp_path.glob("*.yaml"))]
    assert all(each.graph is None for each in found)
    told = _each_once([(each.diagnostics, each.texts) for each in found])
    assert [d.code.id for diagnostics, _ in told for d in diagnostics] == ["RC0207", "RC0201"]


def test_the_verdict_names_the_claimed_sizes() -> None:
    claimed = compile(net(input="{height: {multiple_of: 32}, width: {multiple_of: 32}}"))
    assert _verdict(claimed) == "ok, 1 residual add proved for every claimed size"
    assert _verdict(compile(net())) == "ok, 1 residual add proved for every size"
