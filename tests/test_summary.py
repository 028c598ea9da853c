"""The summary: every layer is counted in one row, the rows come to the totals, and the bars say what they are of."""

from __future__ import annotations

import re

import pytest
from support.specs import compile_text
from test_counts import GATED

import resnet_compiler
from resnet_compiler import Graph, Measures
from resnet_compiler.report import summary_text
from resnet_compiler.rows import Depth, summary_rows
from resnet_compiler.tables import COLUMNS, SHORTEST, bar

DEPTHS: tuple[Depth, ...] = ("stage", "block", "layer")
NETWORKS = (
    "resnet18",
    "plain34",
    "cifar/preact_resnet164",
    "timm/seresnet50",
    "timm/resnetv2_50x1_bit",
    "timm/resnet26d",
)


def graph_of(name: str) -> Graph:
    return compile_text(GATED) if name == "gated" else resnet_compiler.compile(name)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", [*NETWORKS, "gated"])
def test_rows_come_to_the_totals(name: str, depth: Depth) -> None:
    measures = Measures(graph_of(name))
    rows = summary_rows(measures, depth)
    assert sum(row.parameters for row in rows) == measures.parameters > 0
    assert sum(row.macs for row in rows) == measures.macs > 0
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("name", [*NETWORKS, "gated"])
def test_a_stage_has_what_its_blocks_have(name: str) -> None:
    graph = graph_of(name)
    measures = Measures(graph)
    blocks = {row.name: row for row in summary_rows(measures, "block")}
    stages = {row.name: row for row in summary_rows(measures, "stage")}
    for stage in graph.stages:
        of_blocks = [blocks[block] for block in stage.blocks]
        row = stages[stage.name]
        assert row.depth == len(of_blocks) > 0
        assert row.parameters == sum(each.parameters for each in of_blocks)
        assert row.macs == sum(each.macs for each in of_blocks)
        assert row.output == of_blocks[-1].output == graph.concrete(stage.exit)
    named = {"stem", "head"} & stages.keys()
    assert {name: stages[name] for name in named} == {name: blocks[name] for name in named}
    assert len(blocks) == len(named) + sum(len(stage.blocks) for stage in graph.stages)


def test_the_breakdown_is_in_the_papers_words() -> None:
    text = summary_text(resnet_compiler.compile("resnet18"), "stage")
    assert "  weighted layers  1 (stem) + 16 (8 blocks × 2) + 1 (fc) = 18\n" in text


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_bars_are_shares_and_leave_the_table_within_its_width(name: str, depth: Depth) -> None:
    graph = graph_of(name)
    lines = summary_text(graph, depth).splitlines()
    measures = Measures(graph)
    rows = summary_rows(measures, depth)
    head, *table = lines[2 : 3 + len(rows)]
    assert all(len(line) <= COLUMNS for line in (head, *table))
    shares = [(measures.parameters, [row.parameters for row in rows])]
    shares += [(measures.macs, [row.macs for row in rows])]
    if head.count("share") == 1:  # long names of layers leave room for the MACs alone
        assert (name, depth) == ("timm/resnetv2_50x1_bit", "layer")
        del shares[0]
    assert head.count("share") == len(shares)
    for at, (total, costs) in enumerate(shares):
        bars = [re.findall(r"▏[█▏▎▍▌▋▊▉]*", line)[at] for line in table]
        longest = max(bars, key=len)
        assert len(longest) > SHORTEST
        assert bars == [bar(cost / max(costs), len(longest) - 1) for cost in costs]
        assert f"(longest {max(costs) / total:.1%})" in lines[3 + len(rows) + 1]


def test_bars_are_left_out_where_there_is_no_room() -> None:
    """The widest table of all shipped specs; every number is still in it."""
    graph = resnet_compiler.compile("timm/resnetv2_152x4_bit")
    text = summary_text(graph, "layer")
    assert "share" not in text and "▏" not in text
    assert all(f"{layer.macs:,}" in text for layer in Measures(graph).layers)


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, "▏"), (1, "▏████"), (0.5, "▏██"), (1 / 32, "▏▏"), (0.01, "▏")]
)
def test_a_bar_is_drawn_in_eighths(share: float, drawn: str) -> None:
    assert bar(share, 4) == drawn


def test_a_network_without_costs_has_a_summary() -> None:
    graph = compile_text(
        "name: none\ninput: {height: 8, width: 8}\nstem: [{a: act}]\n"
        "stages: [{one: {block: still, depth: 2}}]\n"
        "blocks: {still: {residual: [{act: act}]}}\n"
    )
    assert "of all MACs (longest 0%)" in summary_text(graph, "stage")
