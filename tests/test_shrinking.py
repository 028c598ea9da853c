"""The shrinker: what it leaves fails still, nothing simpler does, and it asks no more than it may."""

from __future__ import annotations

import copy
import json
import pathlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.differential.case import Case, case_number, stored_case
from support.differential.compare import Outcome
from support.differential.regressions import same_failure, shrunk, store
from support.differential.shrink import candidates, replaced, shrink, size
from support.differential.variants import MAIN

from resnet_compiler.operators.activation import LeakyRelu

SCALARS = st.one_of(st.booleans(), st.integers(0, 40), st.sampled_from(("a", "bad", "x + 1")))
KEYS = st.sampled_from(("k", "m", "n", "bad"))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def holds(tree: Any, wanted: Any) -> bool:
    """Whether a value, or a key, occurs anywhere."""
    if isinstance(tree, dict):
        return wanted in tree or any(holds(value, wanted) for value in tree.values())
    if isinstance(tree, list):
        return any(holds(value, wanted) for value in tree)
    return type(tree) is type(wanted) and bool(tree == wanted)


@given(TREES)
def test_what_is_left_fails_and_nothing_simpler_does(tree: Any) -> None:
    def fails(candidate: Any) -> bool:
        return holds(candidate, "bad")

    if fails(tree):
        left = shrink(tree, fails)
        assert fails(left)
        assert not any(fails(each) for each in candidates(left))
        assert size(left) <= 2  # the word alone, or a key with a value that cannot be left out


@given(TREES)
def test_candidates_are_other_trees_and_leave_the_tree_as_it_is(tree: Any) -> None:
    before = copy.deepcopy(tree)
    texts = [json.dumps(each) for each in candidates(tree)]
    assert json.dumps(tree) not in texts
    assert tree == before


def test_two_things_that_fail_together_are_both_kept() -> None:
    tree = {"a": [1, {"left": 9}, 3], "b": {"c": {"right": 7}}, "d": list(range(50))}
    left = shrink(tree, lambda t: holds(t, "left") and holds(t, "right"))
    assert holds(left, "left")
    assert holds(left, "right")
    assert size(left) <= 5


def test_numbers_go_down_to_the_least_that_fails() -> None:
    assert shrink({"k": 40}, lambda tree: isinstance(tree, dict) and tree.get("k", 0) >= 13) == {
        "k": 13
    }


def test_an_expression_becomes_a_part_of_it() -> None:
    assert shrink("max(width, 2) * depth + 1", lambda tree: "depth" in str(tree)) == "depth"


def test_no_tree_is_tried_twice_and_the_budget_holds() -> None:
    asked: list[str] = []

    def fails(tree: Any) -> bool:
        asked.append(json.dumps(tree))
        return holds(tree, "bad")

    tree = {"k": [["bad", n] for n in range(30)]}
    shrink(tree, fails)
    assert len(asked) == len(set(asked))
    asked.clear()
    assert holds(shrink(tree, fails, budget=10), "bad")
    assert len(asked) <= 10


def test_a_value_is_replaced_where_it_stands() -> None:
    tree = {"a": [1, {"b": 2}], "c": 3}
    assert replaced(tree, ("a", 1, "b"), 5) == {"a": [1, {"b": 5}], "c": 3}
    assert replaced(tree, (), 5) == 5


# --- of specs -------------------------------------------------------------------------------------


def failing() -> Case:
    """A spec that a compiler with a fault in its leaky ReLU fails on."""
    cases = map(case_number, range(300))
    graphs = ((case, case.compile().graph) for case in cases if "leaky_relu" in str(case.texts))
    return next(
        case for case, graph in graphs if graph and any(n.operator == LeakyRelu(0.2) for n in graph)
    )


def test_a_spec_is_made_small_and_still_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        LeakyRelu, "onnx_form", lambda self, builder, inputs, shapes: builder.node("Relu", inputs)
    )
    case, outcome = failing(), Outcome("disagrees", "outputs", "")
    assert same_failure(dict(case.files), outcome, 18)
    small = shrunk(case, outcome, 18, budget=150)
    assert same_failure(dict(small.files), outcome, 18)
    assert size(dict(small.files)) < size(dict(case.files)) / 2
    assert "leaky_relu" in str(small.texts)


@pytest.mark.parametrize("files", [None, {}, {"other.yaml": {}}, {MAIN: 3}, {MAIN: {"name": "x"}}])
def test_what_is_no_spec_does_not_fail(files: Any) -> None:
    assert not same_failure(files, Outcome("disagrees", "outputs", ""), 18)


def test_a_stored_case_is_read_back(tmp_path: pathlib.Path) -> None:
    cases = [case_number(number) for number in range(60)]
    several = next(case for case in cases if len(case.files) > 1)
    single = next(case for case in cases if len(case.files) == 1)
    for number, case in enumerate((several, single)):
        found = Outcome("disagrees", "layer shape", "body.0: torch (1,), promised (2,)")
        path = store(case, found, number, tmp_path)
        assert stored_case(path).files == dict(case.files)
        text = path.read_text("utf-8") if path.is_file() else (path / MAIN).read_text("utf-8")
        assert text.startswith("# layer shape: body.0")
