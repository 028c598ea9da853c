"""300 specs over the whole language: the source in torch, the ONNX in ONNX Runtime, and what the compiler promised.

`tests/campaigns/differential.py` does the same for thousands.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from support.differential.case import case_number, stored_case
from support.differential.compare import examine, opset_of
from support.differential.constructs import ALL, constructs
from support.differential.coverage import Coverage
from support.differential.regressions import FOLDER, stored
from support.differential.wrong import RIGHT, found_in, wrong_case

from resnet_compiler import Graph
from resnet_compiler.emit.onnx import OPSETS

SPECS = 300
LANGUAGE = 600
"""How many specs it takes to meet every construct; they are compiled and not run."""
BATCH = 20


@cache
def graph_of(number: int) -> Graph:
    graph = case_number(number).compile().graph
    assert graph is not None
    return graph


@pytest.mark.parametrize("batch", range(SPECS // BATCH))
def test_torch_and_onnx_runtime_do_what_the_compiler_promised(batch: int) -> None:
    import torch

    torch.set_num_threads(1)
    numbers = range(batch * BATCH, (batch + 1) * BATCH)
    outcomes = {number: examine(case_number(number), opset_of(number)) for number in numbers}
    assert {n: f"{o.kind}: {o.detail}" for n, o in outcomes.items() if o.status != "agrees"} == {}
    # a network that amplifies rounding shows little, so that few may need float64
    assert sum(each.settled for each in outcomes.values()) <= 1


def test_the_specs_use_the_whole_language() -> None:
    """Every operator with every attribute, every shortcut, every construct."""
    counts: Counter[str] = Counter()
    for number in range(LANGUAGE):
        counts.update(constructs(case_number(number), graph_of(number)))
    assert ALL - set(counts) == set()


@pytest.mark.parametrize("number", range(40))
def test_a_residual_add_that_does_not_fit_is_one_error(number: int) -> None:
    """The projection that is made to learn its cost leaves nothing: no name, no layer, no second error."""
    assert found_in(wrong_case(number)) == [RIGHT]


def test_coverage_counts_what_was_met_alone_and_in_pairs() -> None:
    names = sorted(ALL)[:3]
    coverage = Coverage(frozenset(names))
    coverage.add(frozenset(names[:2]) | {"something else"})
    assert (coverage.met, coverage.of, coverage.pairs_met, coverage.pairs_of) == (2, 3, 1, 3)
    assert coverage.missing == [names[2]]
    assert coverage.missing_pairs == [(names[0], names[2]), (names[1], names[2])]


def test_the_proofs_have_all_verdicts() -> None:
    """All sizes, and some only with a counterexample; claimed sizes, and one size alone."""
    graphs = [graph_of(number) for number in range(SPECS)]
    verdicts = Counter(proof.verdict for graph in graphs for proof in graph.proofs)
    assert verdicts["all sizes"] > 100
    assert verdicts["declared sizes"] >= 5
    claimed = Counter(graph.extents[0].is_open for graph in graphs)
    assert min(claimed[True], claimed[False]) > 50


def test_a_number_gives_the_same_spec_each_time() -> None:
    texts = [case_number(number).texts for number in range(SPECS)]
    assert [case_number(number).texts for number in range(20)] == texts[:20]
    assert len(set(map(str, texts))) == SPECS


# --- what once disagreed --------------------------------------------------------------------------


@pytest.mark.parametrize("opset", [OPSETS.start, 17, 18, OPSETS.stop - 1])
@pytest.mark.parametrize("path", stored(), ids=lambda path: path.stem)
def test_a_regression_agrees_now(path: object, opset: int) -> None:
    found = examine(stored_case(path), opset)  # type: ignore[arg-type]
    assert (found.status, found.kind, found.detail) == ("agrees", "", "")


def test_there_are_regressions() -> None:
    assert stored(), f"nothing to replay in {FOLDER}"
