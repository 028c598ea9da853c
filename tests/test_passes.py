"""What passes promise together: verified around each, pure, idempotent; and on every shipped spec, nothing left to do."""

from __future__ import annotations

import importlib
import pathlib
import re
from collections import Counter
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from support.specs import compile_layers, compile_text

import resnet_compiler
from resnet_compiler import Graph, Measures, passes, weights
from resnet_compiler.graph import INPUT, GraphError, verify_graph
from resnet_compiler.library import shipped_specs
from resnet_compiler.operators.linear import Conv
from resnet_compiler.passes import INFERENCE, PIPELINE, Derive, Pass, run, unchanged
from resnet_compiler.passes.fold_batch_norm import fold_batch_norm
from resnet_compiler.passes.fold_leading_batch_norm import fold_leading_batch_norm
from resnet_compiler.passes.standardize_weights import standardize_weights

SPECS = [spec.display.removeprefix("specs/").removesuffix(".yaml") for spec in shipped_specs()]
PARTS = 6
"""The specs are divided, so that several workers share them."""


@cache
def graph_of(name: str) -> Graph:
    return resnet_compiler.compile(name)


# --- the way they are run --------------------------------------------------------------------------------------------


def example_of_a_pass() -> Pass:
    """The one in CONTRIBUTING.md."""
    text = (pathlib.Path(__file__).parent.parent / "CONTRIBUTING.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", text.split("## Add a pass")[1], re.S | re.M)[:1]
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    found: Pass = namespace["hard_swish_for_silu"]
    return found


def without_the_last(graph: Graph) -> tuple[Graph, Derive]:
    """A pass that forgets to say what stands for what it takes out."""
    nodes = {node.name: node for node in graph if node.name != graph.output}
    return replace(graph, nodes=nodes), unchanged


def test_each_pass_has_a_file_of_its_name() -> None:
    folder = pathlib.Path(passes.__file__).parent
    parts = {"__init__", "base", "rebuild", "affine"}
    listed = dict.fromkeys((*PIPELINE, *INFERENCE))
    assert {each.__name__ for each in listed} == {p.stem for p in folder.glob("*.py")} - parts
    for each in listed:
        module = importlib.import_module(f"resnet_compiler.passes.{each.__name__}")
        assert getattr(module, each.__name__) is each


def test_the_passes_that_changed_a_graph_are_listed() -> None:
    graph = compile_layers("a: silu", "b: {conv: {out: 8, kernel: 3}}", "c: norm")
    changed, _ = run(graph, [*PIPELINE, example_of_a_pass()])
    assert graph.passes == ()
    assert changed.passes == ("fold_batch_norm", "hard_swish_for_silu")
    assert [node.operator.word for node in changed] == ["hard_swish", "conv"]


def test_the_graph_is_verified_after_each_pass() -> None:
    graph = compile_layers("a: relu", "b: relu")
    with pytest.raises(GraphError):
        run(graph, [without_the_last, *PIPELINE])


def test_the_graph_is_verified_before_the_first_pass() -> None:
    broken, _ = without_the_last(compile_layers("a: relu", "b: relu"))
    with pytest.raises(GraphError):
        run(broken, [])


@pytest.mark.parametrize("each", PIPELINE, ids=lambda each: each.__name__)
def test_a_pass_returns_the_graph_it_was_given_where_nothing_is_to_do(each: Pass) -> None:
    graph = compile_layers("a: {conv: {out: 8, kernel: 1}}", "b: relu", "c: norm", "d: relu")
    same, derive = each(graph)
    assert same is graph
    assert derive is unchanged


@pytest.mark.parametrize("each", [fold_batch_norm, fold_leading_batch_norm])
def test_a_norm_beside_a_standardised_convolution_waits_for_a_plain_one(each: Pass) -> None:
    conv = "b: {conv: {out: 8, kernel: 1, standardized: true}}"
    graph = compile_layers("a: norm", conv, "c: norm")
    assert each(graph)[0] is graph
    plain, _ = run(graph, [standardize_weights])
    assert len(each(plain)[0]) == 2


@pytest.mark.parametrize("name", ["imagenet/resnet18", "timm/resnetv2_50x1_bit"])
def test_the_graph_that_is_given_stays_as_it_is(name: str) -> None:
    before, graph = resnet_compiler.compile(name), resnet_compiler.compile(name)
    resnet_compiler.fold(graph)
    assert list(graph) == list(before)
    assert dict(graph.scopes) == dict(before.scopes)
    assert (graph.stages, graph.proofs, graph.output) == (
        before.stages,
        before.proofs,
        before.output,
    )


# --- on every shipped spec -------------------------------------------------------------------------------------------


def nothing_is_left_to_do(graph: Graph, folded: Graph) -> None:
    verify_graph(folded)
    reads = Counter(source for node in folded for source in node.inputs)
    reads.update(stage.exit for stage in folded.stages)
    for node in folded:
        assert not getattr(node.operator, "standardized", False), node.name
        assert node.operator.word not in ("dropout", "drop_path"), node.name
        if node.operator.word == "batch_norm" and node.inputs[0] != INPUT:
            before = folded[node.inputs[0]]
            assert before.operator.word != "conv" or reads[before.name] > 1, node.name
    again, derive = run(folded, PIPELINE)
    assert again is folded
    assert derive is unchanged


def what_is_left_is_what_there_was(graph: Graph, folded: Graph) -> None:
    """Nodes in their order, under their names, with their shapes; only norms go, and only convolutions change."""
    left = {node.name for node in folded}
    gone = [node for node in graph if node.name not in left]
    assert [node.name for node in folded] == [node.name for node in graph if node.name in left]
    assert {node.operator.word for node in gone} <= {"batch_norm"}
    for node in folded:
        before = graph[node.name]
        assert (node.shape, node.section) == (before.shape, before.section)
        if isinstance(before.operator, Conv):
            assert isinstance(node.operator, Conv)
            bias = node.operator.bias
            assert bias or not before.operator.bias
            assert node.operator == replace(before.operator, standardized=False, bias=bias)
        else:
            assert node.operator == before.operator
    assert folded.proofs == graph.proofs
    measures, after = Measures(graph), Measures(folded)
    assert after.macs == measures.macs
    assert after.weighted_layers == measures.weighted_layers
    # a norm has two numbers for a channel, and the convolution that takes it in has one more
    channels = sum(int(str(node.shape[0])) for node in gone)
    assert after.parameters == measures.parameters - channels


def scopes_and_stages_name_what_is_there(graph: Graph, folded: Graph) -> None:
    names = {node.name for node in folded}
    assert folded.output in names
    assert folded.scopes.keys() == graph.scopes.keys()
    for scope in folded.scopes.values():
        mentioned = {scope.exit, scope.entry, scope.join or scope.exit, *scope.shortcut_layers}
        assert mentioned - {INPUT} <= names, scope.name
    assert [(s.name, s.blocks) for s in folded.stages] == [(s.name, s.blocks) for s in graph.stages]
    assert {stage.exit for stage in folded.stages} <= names


def new_tensors_are_named_after_their_convolution(graph: Graph, folded: Graph) -> None:
    before = {name for name, _ in weights.tensors(graph)}
    after = [name for name, _ in weights.tensors(folded)]
    assert len(set(after)) == len(after)
    gone = {node.name for node in graph} - {node.name for node in folded}
    assert before - set(after) == {name for name in before if name.rpartition(".")[0] in gone}
    for name in set(after) - before:
        convolution, _, tensor = name.rpartition(".")
        assert tensor == "bias" and isinstance(folded[convolution].operator, Conv)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_shipped_spec(part: int) -> None:
    for name in SPECS[part::PARTS]:
        graph = resnet_compiler.compile(name)
        folded = resnet_compiler.fold(graph).graph
        for check in (
            nothing_is_left_to_do,
            what_is_left_is_what_there_was,
            scopes_and_stages_name_what_is_there,
            new_tensors_are_named_after_their_convolution,
        ):
            check(graph, folded)


# --- the goal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "folded", "left"),
    [
        ("imagenet/resnet50", 53, 0),
        ("imagenet/resnet18", 20, 0),
        ("cifar/resnet20", 19, 0),
        ("cifar/preact_resnet164", 109, 54),
        ("timm/resnetv2_50", 32, 17),
        ("timm/resnet50_gn", 0, 0),
    ],
)
def test_how_many_norms_are_folded(name: str, folded: int, left: int) -> None:
    graph, after = graph_of(name), resnet_compiler.fold(graph_of(name)).graph
    norms, rest = (
        sum(node.operator.word == "batch_norm" for node in each) for each in (graph, after)
    )
    assert (norms - rest, rest) == (folded, left)


def test_54_plain_convolutions_remain_of_standardised_ones() -> None:
    graph = resnet_compiler.fold(graph_of("timm/resnetv2_50x1_bit")).graph
    convolutions = [node.operator for node in graph if isinstance(node.operator, Conv)]
    assert len(convolutions) == 54
    assert not any(operator.standardized for operator in convolutions)
    assert "StdConv2d" not in resnet_compiler.emit_pytorch(graph)


def test_a_folded_spec_says_so() -> None:
    folded = resnet_compiler.fold(graph_of("cifar/resnet20"))
    said = "For inference, as these passes leave it: fold_batch_norm."
    assert said in resnet_compiler.emit_pytorch(folded).splitlines()
    assert "For inference" not in resnet_compiler.emit_pytorch(graph_of("cifar/resnet20"))
    metadata = {p.key: p.value for p in resnet_compiler.build_onnx(folded).metadata_props}
    assert metadata["passes"] == "fold_batch_norm"
    assert metadata["parameters"] == str(Measures(folded.graph).parameters)


def test_blocks_of_which_nothing_is_left_are_taken_out() -> None:
    graph = compile_text(
        "name: probe\ninput: {channels: 3, height: 8, width: 8}\n"
        "stem: [{conv: {conv: {out: 4, kernel: 3}}}]\n"
        "stages: [{a: {block: only_norm, depth: 1}}, {b: {block: mixed, depth: 2}}]\n"
        "blocks:\n  only_norm: {layers: [{n: norm}]}\n"
        "  mixed: {layers: [{inner: only_drop}, {inner2: relu}]}\n"
        "  only_drop: {layers: [{d: dropout}]}\n"
    )
    folded = resnet_compiler.fold(graph).graph
    assert [node.name for node in folded] == ["conv", "b.0.inner2", "b.1.inner2"]
    assert list(folded.scopes) == ["b.0", "b.1"]
    assert folded.scopes["b.0"].entry == "conv"
    assert [(stage.blocks, stage.exit) for stage in folded.stages] == [
        ((), "conv"),
        (("b.0", "b.1"), "b.1.inner2"),
    ]
