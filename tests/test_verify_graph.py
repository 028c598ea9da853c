"""The verifier accepts real graphs, and refuses each one that was broken, saying what is wrong and which rule says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.graphs import Mutation, inferred, nodes_of, rebuilt, sound
from support.mutations import MUTATIONS
from support.specs import compile_layers

from resnet_compiler.graph import GraphError, verify_graph
from resnet_compiler.rules import RULES


def test_a_real_graph_and_a_rebuilt_one_pass() -> None:
    verify_graph(sound())
    verify_graph(rebuilt(sound(), nodes_of(sound())))
    verify_graph(inferred(sound()))


@pytest.mark.parametrize(
    "layers",
    [
        ("a: relu", "b: {add: {}, from: [input, a, a]}", "c: {concat: {}, from: [b, a, input]}"),
        ("a: {blur_pool: {stride: 2}}",),  # which needs two rows and columns
    ],
)
def test_what_is_just_enough_passes(layers: tuple[str, ...]) -> None:
    verify_graph(compile_layers(*layers, channels=1, size=(2, 2)))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_mutation_is_refused(mutation: Mutation) -> None:
    with pytest.raises(GraphError) as refused:
        verify_graph(mutation(sound()))
    assert str(refused.value) == MUTATIONS[mutation]


def test_every_rule_is_broken_by_some_mutation() -> None:
    broken = {message.rpartition("(")[2].rstrip(")") for message in MUTATIONS.values()}
    assert broken == {rule.__name__.replace("_", " ") for rule in RULES}


@pytest.mark.parametrize("name", ["", "1a", "a b", "a..b", "a.", ".a", "a\n", "ﬁ", "a-b", "a.b\n"])
def test_a_node_cannot_have_an_invalid_name(name: str) -> None:
    with pytest.raises(ValueError, match="not a layer name"):
        replace(sound()["conv"], name=name)
