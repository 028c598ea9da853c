"""`check` tells all independent errors of a spec at once, in the order of the text, and none that follows from another."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import compile_file

NET = """\
name: net
title: A net
input: {height: 32, width: 32}
norm: batch_norm
let: {wide: 24, half: wide / 2}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
  - bn: norm
  - relu: {relu: {}, from: bn}
stages:
  - layer1: {block: basic, depth: 2, width: 8}
  - layer2: {block: mine, depth: 2, width: 16, stride: 2, shortcut: auto}
  - layer3: {block: bottleneck, depth: 2, width: 8, stride: 2, groups: 2}
  - layer4: {block: basic, depth: 3, width: [32, 32, 32], stride: 2}
head:
  - relu_out: relu
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
expect: {weighted_layers: 22}
blocks:
  mine:
    parameters: {width: required, stride: 1}
    let: {inner: width * 2}
    residual:
      - conv1: {conv: {out: inner, kernel: 3, stride: stride}}
      - r: {repeat: {index: i, count: 2, layers: [{"n{i}": norm}]}}
      - conv2: {conv: {out: width, kernel: 3}}
    shortcut:
      - downsample: {conv: {out: width, kernel: 1, stride: stride}}
"""

FAULTS = [
    ("title: A net", "titel: A net", "RC0201"),
    ("height: 32", "height: tall", "RC0203"),
    ("norm: batch_norm\n", "norm: batch_nrom\n", "RC0207"),
    ("half: wide / 2", "half: wide / 0", "RC0214"),
    ("out: 8, kernel: 3", "out: 8, kernal: 3", "RC0208"),
    ("- bn: norm", "- bn: nrom", "RC0207"),
    ("from: bn}", "from: bnn}", "RC0211"),
    ("block: basic, depth: 2", "block: basci, depth: 2", "RC0207"),
    ("width: 16, stride: 2", "widht: 16, stride: 2", "RC0209"),
    ("shortcut: auto", "shortcut: auto, colour: 3", "RC0209"),
    ("depth: 2, width: 8, stride", "depth: 0, width: 8, stride", "RC0204"),
    ("groups: 2}", "groups: 2, expansion: 2.3}", "RC0204"),
    ("width: [32, 32, 32]", "width: [32, 32]", "RC0222"),
    ("- relu_out: relu", "- relu_out: [relu]", "RC0203"),
    ("out: 10", "out: ten", "RC0207"),
    ("weighted_layers: 22", "weighted_layer: 22", "RC0201"),
    ("inner: width * 2", "inner: width * twice", "RC0214"),
    ('[{"n{i}": norm}]', '[{"n{i}": {norm: {epsilon: 1}}}]', "RC0208"),
    ("downsample: {conv: {out: width", "downsample: {cnov: {out: width", "RC0207"),
]
"""What stands in the spec, what to write for it, and the code that must come of it, on the line where it stands."""


def findings(text: str) -> list[tuple[int, str]]:
    found = compile_file(SpecFile("net.yaml", None), text)
    assert all(each.span is not None for each in found.diagnostics)
    return [(each.span.line, each.code.id) for each in found.diagnostics if each.span]


def with_faults(chosen: list[int]) -> tuple[str, list[tuple[int, str]]]:
    text = NET
    wanted = []
    for index in chosen:
        right, wrong, code = FAULTS[index]
        assert NET.count(right) == 1, right
        wanted.append((NET[: NET.index(right)].count("\n") + 1, code))
        text = text.replace(right, wrong)
    return text, wanted


def test_the_spec_without_a_fault_is_right() -> None:
    assert findings(NET) == []


@pytest.mark.parametrize("index", range(len(FAULTS)))
def test_each_alone_is_one_error(index: int) -> None:
    text, wanted = with_faults([index])
    assert findings(text) == wanted


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(range(len(FAULTS))), unique=True, min_size=2))
def test_of_several_each_is_told_and_nothing_else(chosen: list[int]) -> None:
    text, wanted = with_faults(chosen)
    told = findings(text)
    assert told == sorted(told, key=lambda each: each[0]), "in the order of the text"
    assert sorted(told) == sorted(wanted)


def test_every_pair() -> None:
    for pair in itertools.combinations(range(len(FAULTS)), 2):
        text, wanted = with_faults(list(pair))
        assert sorted(findings(text)) == sorted(wanted), pair


def test_a_hundred_errors_are_enough() -> None:
    layers = "".join(f"  - l{i}: {{conv: {{out: 8, kernel: 3, k{i}: 1}}}}\n" for i in range(500))
    assert (
        len(findings(f"name: net\nstem:\n{layers}stages:\n  - s: {{block: basic, depth: 1}}\n"))
        <= 101
    )


def test_residual_errors_in_two_stages_are_both_told() -> None:
    text = NET.replace("depth: 2, width: 8}", "depth: 2, width: 9, shortcut: identity}")
    text = text.replace("shortcut: auto", "shortcut: identity")
    assert findings(text) == [(11, "RC0301"), (12, "RC0301")]
