"""Graphs that are wrong about their input or their proofs, and what the verifier says."""

from __future__ import annotations

from dataclasses import replace

from resnet_compiler.graph import Graph
from resnet_compiler.shapes import Extent, Size
from support.graphs import (
    Mutation,
    change,
    change_operator,
    change_proof,
    change_scope,
    inferred,
)

# --- the input ------------------------------------------------------------------------------------


def input_of_one_size(graph: Graph) -> Graph:
    return inferred(replace(graph, input_shape=(3, 32, Size("W"))))


def input_on_its_side(graph: Graph) -> Graph:
    return inferred(replace(graph, input_shape=(3, Size("W"), Size("H"))))


def input_that_is_strided(graph: Graph) -> Graph:
    return inferred(replace(graph, input_shape=(3, Size("H", 0, 2), Size("W"))))


def input_without_channels(graph: Graph) -> Graph:
    return replace(graph, input_shape=(0, Size("H"), Size("W")))


def input_of_a_size_of_channels(graph: Graph) -> Graph:
    return replace(graph, input_shape=(Size("H"), Size("H"), Size("W")))


def input_of_no_dimensions(graph: Graph) -> Graph:
    return replace(graph, input_shape=())


def input_of_four_dimensions(graph: Graph) -> Graph:
    return replace(graph, input_shape=(3, Size("H"), Size("W"), 1))


def extents_swapped(graph: Graph) -> Graph:
    height, width = graph.extents
    return replace(graph, extents=(width, height))


def height_twice(graph: Graph) -> Graph:
    return replace(graph, extents=(graph.extents[0], graph.extents[0]))


def no_height(graph: Graph) -> Graph:
    return replace(graph, extents=(Extent("H", 0), graph.extents[1]))


def half_a_width(graph: Graph) -> Graph:
    return replace(graph, extents=(graph.extents[0], Extent("W", 32.5)))  # type: ignore[arg-type]


def multiple_of_nothing(graph: Graph) -> Graph:
    return replace(graph, extents=(Extent("H", 32, True, 0), graph.extents[1]))


def minimum_of_nothing(graph: Graph) -> Graph:
    return replace(graph, extents=(Extent("H", 32, True, 1, 0), graph.extents[1]))


def declared_is_no_multiple(graph: Graph) -> Graph:
    return replace(graph, extents=(Extent("H", 32, True, 5), graph.extents[1]))


def declared_is_below_the_minimum(graph: Graph) -> Graph:
    return replace(graph, extents=(graph.extents[0], Extent("W", 32, True, 1, 33)))


# --- proofs ---------------------------------------------------------------------------------------


def proof_missing(graph: Graph) -> Graph:
    return replace(graph, proofs=graph.proofs[1:])


def proof_of_some_sizes_missing(graph: Graph) -> Graph:
    return replace(graph, proofs=graph.proofs[:-1])


def proof_of_a_gate_missing(graph: Graph) -> Graph:
    """A product of equal shapes at this size alone: there must be a proof that says so."""
    gate = graph["layer3.0.add"].operator
    assert gate.word == "add"
    scaled = graph["layer1.0.se.scaled"].operator
    graph = change(graph, "layer3.0.add", operator=scaled)
    graph = change_scope(graph, "layer3.0", join=None, shortcut="none", shortcut_layers=())
    return replace(graph, proofs=graph.proofs[:-1])


def proof_of_no_join(graph: Graph) -> Graph:
    return change_proof(graph, "layer1.0.add", node="layer1.0.act2")


def proof_of_nothing(graph: Graph) -> Graph:
    return change_proof(graph, "layer1.0.add", node="nowhere")


def proof_twice(graph: Graph) -> Graph:
    return replace(graph, proofs=(*graph.proofs, graph.proofs[0]))


def proof_of_the_sides_swapped(graph: Graph) -> Graph:
    left, right = (graph.shape(name) for name in graph["layer3.0.add"].inputs)
    return change_proof(graph, "layer3.0.add", left=right, right=left)


def proof_of_an_add_within(graph: Graph) -> Graph:
    return change_proof(graph, "layer1.1.add", residual=False)


def proof_that_claims_too_much(graph: Graph) -> Graph:
    return change_proof(graph, "layer3.0.add", verdict="all sizes", counterexample=None)


def proof_that_claims_too_little(graph: Graph) -> Graph:
    return change_proof(graph, "layer1.0.add", verdict="declared sizes")


def proof_of_other_bounds(graph: Graph) -> Graph:
    """With heights and widths by fours alone, both sides round alike: the verdict is another now."""
    extents = tuple(replace(extent, multiple_of=4) for extent in graph.extents)
    return replace(graph, extents=extents)


def proof_of_shapes_that_were(graph: Graph) -> Graph:
    return inferred(change_operator(graph, "layer3.0.down", ceil_mode=True))


def counterexample_that_is_none(graph: Graph) -> Graph:
    found = graph.proofs[-1].counterexample
    assert found is not None
    return change_proof(graph, "layer3.0.add", counterexample=replace(found, extent=37))


def size_claimed_that_fails(graph: Graph) -> Graph:
    extents = tuple(replace(extent, is_open=True) for extent in graph.extents)
    return replace(graph, extents=extents)


IMAGE, PROOF, PROVED = "the input is an image", "proofs are true", "joins are proved"
CLAIM = "claims are kept"

MUTATIONS: dict[Mutation, str] = {
    input_of_one_size: f"input: its shape is 3 × 32 × W, not channels × H × W ({IMAGE})",
    input_on_its_side: f"input: its shape is 3 × W × H, not channels × H × W ({IMAGE})",
    input_that_is_strided: f"input: its shape is 3 × ⌊H/2⌋ × W, not channels × H × W ({IMAGE})",
    input_without_channels: f"input: its shape is 0 × H × W, not channels × H × W ({IMAGE})",
    input_of_a_size_of_channels: f"input: its shape is H × H × W, not channels × H × W ({IMAGE})",
    input_of_no_dimensions: f"input: its shape is , not channels × H × W ({IMAGE})",
    input_of_four_dimensions: f"input: its shape is 3 × H × W × 1, not channels × H × W ({IMAGE})",
    extents_swapped: f"input: its extents are not those of H and W ({IMAGE})",
    height_twice: f"input: its extents are not those of H and W ({IMAGE})",
    no_height: f"input: an extent of H is no whole number from 1 ({IMAGE})",
    half_a_width: f"input: an extent of W is no whole number from 1 ({IMAGE})",
    multiple_of_nothing: f"input: an extent of H is no whole number from 1 ({IMAGE})",
    minimum_of_nothing: f"input: an extent of H is no whole number from 1 ({IMAGE})",
    declared_is_no_multiple: f"input: its bounds do not admit the declared H, 32 ({IMAGE})",
    declared_is_below_the_minimum: f"input: its bounds do not admit the declared W, 32 ({IMAGE})",
    proof_missing: f"layer1.0.add: there is no proof of it ({PROVED})",
    proof_of_some_sizes_missing: f"layer3.0.add: there is no proof of it ({PROVED})",
    proof_of_a_gate_missing: f"layer3.0.add: there is no proof of it ({PROVED})",
    proof_of_no_join: f"layer1.0.act2: there is a proof of it, but it is no join ({PROOF})",
    proof_of_nothing: f"nowhere: there is a proof of it, but it is no join ({PROOF})",
    proof_twice: f"layer1.0.add: there are two proofs of it ({PROOF})",
    proof_of_the_sides_swapped: f"layer3.0.add: its proof is of other shapes ({PROOF})",
    proof_of_an_add_within: f"layer1.1.add: its proof is wrong about whether it ends a residual"
    f" path ({PROOF})",
    proof_that_claims_too_much: f"layer3.0.add: its proof says all sizes, but it is declared"
    f" sizes ({PROOF})",
    proof_that_claims_too_little: f"layer1.0.add: its proof says declared sizes, but it is all"
    f" sizes ({PROOF})",
    proof_of_other_bounds: f"layer3.0.add: its proof says declared sizes, but it is all sizes"
    f" ({PROOF})",
    proof_of_shapes_that_were: f"layer3.0.add: its proof is of other shapes ({PROOF})",
    counterexample_that_is_none: f"layer3.0.add: its proof has another counterexample ({PROOF})",
    size_claimed_that_fails: f"layer3.0.add: joins 8 and 9 at H = 33 ({CLAIM})",
}
