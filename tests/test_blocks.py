"""Blocks, shortcuts and stages: parameters, defaults, per-block lists, names."""

from __future__ import annotations

import pytest
from support.language import (
    OWN,
    ROUNDING,
    compilation,
    compile,
    covered,
    failure,
    names,
    net,
    operator,
    stage,
)

from resnet_compiler import Measures
from resnet_compiler.operators.activation import Relu, Silu
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.normalization import BatchNorm, GroupNorm


def test_parameters_and_let() -> None:
    text = net(
        stages=(
            "  - x: {block: own, depth: 1, width: 16}\n"
            "  - y: {block: own, depth: 1, width: 16, ratio: 0.25, twice: 1}\n"
        ),
        blocks=OWN,
    )
    graph = compile(text)
    outs = [operator(graph, f"{s}.0.{layer}").out for s in "xy" for layer in "abc"]
    assert outs == [8, 32, 32 + 8, 4, 16, 1 + 40]
    assert graph.scopes["x.0"].values["inner"] == 8


def test_a_name_of_the_network_is_not_known_inside_a_block() -> None:
    """A block depends on its parameters alone, so that it means the same wherever it stands."""
    block = OWN.replace("ratio: 0.5", "ratio: k")
    text = stage("block: own, depth: 1, width: 16", block, top="let: {k: 0.5}\n")
    found = failure(text)
    assert found.code.id in ("RC0207", "RC0214") and covered(text, found.span) == "k"
    passed = stage("block: own, depth: 1, width: 16, ratio: k", OWN, top="let: {k: 0.5}\n")
    assert operator(compile(passed), "layer1.0.a").out == 8


def test_norm_and_act() -> None:
    usual = compile(net())
    assert (
        operator(usual, "layer1.0.bn1") == BatchNorm()
        and operator(usual, "layer1.0.act1") == Relu()
    )
    other = compile(net(top="norm: {group_norm: {groups: 4}}\nact: silu\n"))
    assert operator(other, "layer1.0.bn1") == GroupNorm(groups=4)
    assert operator(other, "layer1.0.act2") == Silu()
    one = compile(
        stage("block: basic, depth: 1, width: 8, act: silu, norm: {batch_norm: {eps: 0.1}}")
    )
    assert operator(one, "layer1.0.act1") == Silu() and operator(one, "layer1.0.bn1").eps == 0.1
    none = compile(stage("block: basic, depth: 1, width: 8, act: none"))
    assert "layer1.0.act1" not in names(none) and none["fc"].inputs == ("pool",)
    assert none["pool"].inputs == ("layer1.0.add",)


def test_defaults_of_operators() -> None:
    graph = compile(
        net(
            stem="  - a: {conv: {out: 8, kernel: 3}}\n  - b: {conv: {out: 8, kernel: 3, bias: false}}\n",
            top="defaults: {conv: {bias: true}, linear: {bias: false}}\n",
        )
    )
    found = [operator(graph, name).bias for name in ("a", "b", "layer1.0.conv1", "fc")]
    assert found == [True, False, True, False]


def test_a_default_of_no_operator_is_an_error() -> None:
    text = net(top="defaults: {convolution: {bias: true}}\n")
    assert covered(text, failure(text).span) == "convolution"


@pytest.mark.parametrize(
    ("first", "second"),
    [("groups: 1", "groups: true"), ("bias: true", "bias: 1"), ("bias: false", "bias: 0")],
)
def test_a_flag_is_no_number_even_where_they_are_equal(first: str, second: str) -> None:
    """`True == 1` in Python: a table of operators made so far must not take one for the other."""
    stem = "".join(
        f"  - {name}: {{conv: {{out: 8, kernel: 3, {given}}}}}\n"
        for name, given in (("a", first), ("b", second))
    )
    found = failure(net(stem=stem))
    assert found.code.id == "RC0204" and found.span is not None and found.span.line == 5


def shortcut(
    choice: str, width: int = 8, stride: int = 1, blocks: str = ""
) -> tuple[str, list[str]]:
    """The kind of shortcut of a stage's first block, and the layers on it."""
    said = f", shortcut: {choice}" if choice else ""
    text = stage(f"block: basic, depth: 2, width: {width}, stride: {stride}{said}", blocks)
    first, second = (compile(text).scopes[f"layer1.{index}"] for index in range(2))
    assert choice in ("projection", "none") or second.shortcut == "identity"
    return first.shortcut, [name.removeprefix("layer1.0.") for name in first.shortcut_layers]


def test_auto_is_the_identity_where_it_fits() -> None:
    projection = ("projection", ["downsample.0", "downsample.1"])
    assert shortcut("") == shortcut("auto") == shortcut("identity") == ("identity", [])
    assert shortcut("", width=16) == shortcut("auto", stride=2) == projection
    assert shortcut("projection") == projection
    assert shortcut("none", width=16) == ("none", [])


def test_zero_pad_and_blocks_of_ones_own() -> None:
    padded = ["downsample.subsample", "downsample.pad"]
    assert shortcut("zero_pad") == ("identity", [])
    assert shortcut("zero_pad", 16, 2) == ("zero_pad", padded)
    own = "  mine:\n    parameters: {out: required, stride: 1, kernel: 1}\n    layers:\n"
    own += "      - conv: {conv: {out: out, kernel: kernel, stride: stride}}\n"
    assert shortcut("mine", 16, 2, own) == ("mine", ["downsample.conv"])
    text = stage("block: basic, depth: 1, width: 16, stride: 2, shortcut: {mine: {kernel: 3}}", own)
    made = operator(compile(text), "layer1.0.downsample.conv")
    assert made == Conv(out=16, kernel=(3, 3), stride=(2, 2))


def test_zero_pad_has_no_parameters() -> None:
    text = "block: basic, depth: 1, width: 16, stride: [2, 1], shortcut: "
    plain, padded = (Measures(compile(stage(text + kind))) for kind in ("none", "zero_pad"))
    assert plain.parameters == padded.parameters
    graph = compile(stage(text + "zero_pad"))
    assert graph.concrete("layer1.0.add") == (16, 16, 32)
    (proof,) = graph.proofs
    assert proof.verdict == "all sizes"


def test_an_identity_that_does_not_fit() -> None:
    text = stage("block: basic, depth: 1, width: 16, stride: 2, shortcut: identity")
    found = failure(text)
    assert found.code.id == "RC0301"
    assert (
        "shortcut: identity" in covered(text, found.span) or covered(text, found.span) == "identity"
    )
    labelled = {covered(text, label.span) for label in found.secondary}
    assert any("16" in part for part in labelled) and any("2" in part for part in labelled)
    assert "shortcut: projection" in "".join(found.help) and "zero_pad" in "".join(found.help)
    for choice in ("projection", "zero_pad"):
        assert compilation(text.replace("identity", choice)).valid
    extra = Measures(compile(text.replace("identity", "projection"))).parameters
    less = Measures(compile(text.replace("identity", "zero_pad"))).parameters
    assert f"adds {extra - less:,} parameters" in "".join(found.help)


def test_a_projection_that_does_not_fit_is_not_called_missing() -> None:
    """At an odd size the pool rounds down and the projection up: it is there, and zero_pad would not help."""
    text = stage("block: aa, depth: 1, width: 16", ROUNDING, input="{height: 33, width: 33}")
    found = failure(text)
    assert found.code.id == "RC0301"
    assert "no projection" not in found.detail
    assert not any("zero_pad" in line for line in found.help)
    assert not compilation(text.replace("width: 16}", "width: 16, shortcut: zero_pad}")).valid


def test_a_block_without_a_shortcut_has_nothing_to_project_with() -> None:
    bare = "  bare:\n    residual:\n      - conv: {conv: {out: 8, kernel: 3}}\n"
    text = stage("block: bare, depth: 1, shortcut: projection", bare)
    found = failure(text)
    assert found.code.id == "RC0219" and covered(text, found.span) == "projection"


def test_plain_networks_have_no_adds() -> None:
    graph = compile(stage("block: basic, depth: 2, width: 16, stride: 2, shortcut: none"))
    assert not graph.proofs and not any(node.operator.word == "add" for node in graph)


def test_per_block_lists_and_first() -> None:
    graph = compile(
        stage(
            "block: bottleneck, depth: 3, width: 8, groups: [1, 2, 4], stride: 2, first: {base_width: 128}"
        )
    )
    made = [operator(graph, f"layer1.{index}.conv2") for index in range(3)]
    assert [conv.groups for conv in made] == [1, 2, 4]
    assert [conv.out for conv in made] == [16, 16, 32]
    assert [conv.stride for conv in made] == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("counter", "values"),
    [
        ("index", [0, 0, 1]),
        ("depth", [1, 2, 2]),
        ("block_index", [0, 1, 2]),
        ("block_count", [3, 3, 3]),
    ],
)
def test_counters(counter: str, values: list[int]) -> None:
    """What the blocks of two stages, of one block and of two, can be told of where they stand."""
    argument = f"{{block: one, depth: DEPTH, n: {counter} + 1}}"
    graph = compile(
        net(
            stages=f"  - a: {argument}\n  - b: {argument}\n".replace("DEPTH", "1", 1).replace(
                "DEPTH", "2"
            ),
            blocks=(
                "  one:\n    parameters: {n: required}\n"
                "    layers:\n      - conv: {conv: {out: n, kernel: 1}}\n"
            ),
        )
    )
    found = [operator(graph, name).out - 1 for name in ("a.0.conv", "b.0.conv", "b.1.conv")]
    assert found == values


@pytest.mark.parametrize(
    ("top", "own", "found"),
    [
        ("", "", ["layer1.0", "layer1.1"]),
        ('names: "{stage}.blocks.{index}"\n', "", ["layer1.blocks.0", "layer1.blocks.1"]),
        ('names: "{stage}.blocks.{index}"\n', ', names: "b{index + 1}"', ["b1", "b2"]),
        ('names: "s{block_index}_{depth - index}"\n', "", ["s0_2", "s1_1"]),
    ],
)
def test_names_of_blocks(top: str, own: str, found: list[str]) -> None:
    graph = compile(stage(f"block: basic, depth: 2, width: 8{own}", top=top))
    assert list(graph.stages[0].blocks) == found
    assert all(f"{name}.conv1" in names(graph) for name in found)


def test_dotted_names() -> None:
    graph = compile(net(stem="  - stem.conv: {conv: {out: 8, kernel: 3}}\n  - stem.0.bn: norm\n"))
    assert names(graph)[:2] == ["stem.conv", "stem.0.bn"]
