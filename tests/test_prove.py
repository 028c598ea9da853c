"""The proof of a join against trying every size."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from support.chains import Chain, chain_by_hand, random_chain, symbolic_sizes
from support.graphs import sound
from support.specs import compile_layers

from resnet_compiler.library import SpecFile
from resnet_compiler.operators.base import Operator
from resnet_compiler.operators.joining import Add, Concat, Mul
from resnet_compiler.operators.layout import Subsample
from resnet_compiler.operators.linear import Conv
from resnet_compiler.operators.pooling import MaxPool
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.prove import prove_join, works_at
from resnet_compiler.render import render
from resnet_compiler.shapes import (
    Disagreement,
    Extent,
    Shape,
    Size,
    next_disagreement,
    same_for_all,
)

PAIRS = 1000


def random_pair(draw: random.Random) -> tuple[Chain, Chain]:
    """Two branches: unrelated ones, ones that nearly agree, and ones that agree for all sizes."""
    kind = draw.choice(("unrelated", "near", "near", "equal"))
    left = random_chain(draw)[:3]
    if kind == "unrelated":
        return left, random_chain(draw)[:3]
    windows = [layer.window() or ((1, 1), (1, 1)) for layer in left]
    strides = [stride for _, (stride, _) in windows]
    if kind == "equal":
        left = tuple(Conv(1, (draw.choice((1, 3, 5)), 1), (stride, 1)) for stride in strides)
        return left, tuple(
            draw.choice((Subsample((stride, 1)), MaxPool((3, 1), (stride, 1), (1, 0))))
            for stride in strides
        )
    draw.shuffle(strides)
    right: list[Operator] = []
    for stride in strides:
        kernel = draw.choice((1, stride, stride, 3, 5))
        padding = draw.randint(0, kernel // 2)
        pool = MaxPool((kernel, 1), (stride, 1), (padding, 0), draw.random() < 0.5)
        right.append(draw.choice((pool, Conv(1, (kernel, 1), (stride, 1)))))
    return left, tuple(right)


def random_extent(draw: random.Random, axis: str, minimum: int, chains: Sequence[Chain]) -> Extent:
    """Sizes that a spec could claim, mostly around one at which the branches agree: one, or all of
    a kind."""
    declared = minimum + draw.randrange(200)
    if draw.random() < 0.7:
        later = range(declared, declared + 200)
        declared = next(
            (x for x in later if len({chain_by_hand(c, x) for c in chains}) == 1), declared
        )
    if draw.random() < 0.3:
        return Extent(axis, declared)
    step = draw.choice([step for step in (1, 2, 3, 4, 5, 8, 32) if declared % step == 0])
    return Extent(axis, declared, True, step, draw.randint(minimum, declared))


@pytest.mark.parametrize("batch", range(4))
def test_the_verdict_on_a_join_equals_trying_every_size(batch: int) -> None:
    import numpy as np

    draw, verdicts, proved_by_bounds = random.Random(batch), [], 0
    for _ in range(PAIRS // 4):
        chains, axis = random_pair(draw), draw.choice("HW")
        ends = [symbolic_sizes(chain, axis) for chain in chains]
        least = max(1, *(size.minimum_extent for end in ends for size in end))
        extent = random_extent(draw, axis, least, chains)
        other = Extent("W" if axis == "H" else "H", 224)
        shapes = [(1, end[-1], Size(other.axis)) for end in ends]
        extents = (extent, other) if axis == "H" else (other, extent)
        found = prove_join(Add(), shapes, extents)
        verdicts.append(found[0])

        # past a common multiple of strides and step the differences repeat, or have grown by 1
        period = math.lcm(ends[0][-1].stride, ends[1][-1].stride, extent.multiple_of)
        tried = np.arange(max(extent.minimum, least), extent.declared + 2 * period + 1)
        tried = tried[tried % extent.multiple_of == 0]
        left, right = (chain_by_hand(chain, tried) for chain in chains)
        failing = tried[left != right]
        above = failing[failing > extent.declared]
        if extent.declared in failing:
            expected: object = ("no", None)
        elif not len(failing):
            expected = ("all sizes", None)
        else:
            at = int(above[0])
            sizes = (chain_by_hand(chain, at) for chain in chains)
            expected = ("declared sizes", Disagreement(axis, at, *sizes))
        assert found == expected, (chains, extent)

        both = ends[0][-1], ends[1][-1]
        proved_by_bounds += found[0] == "all sizes" and both[0] != both[1]
        assert same_for_all(*both, extent) == (len(failing) == 0), (chains, extent)
        first = next_disagreement(*both, extent, int(tried[0]))
        assert (first.extent if first else None) == (failing[0] if len(failing) else None)
    counts = [verdicts.count(verdict) for verdict in ("all sizes", "declared sizes", "no")]
    assert min(counts) >= PAIRS // 100, counts
    assert proved_by_bounds


EXTENTS = (Extent("H", 64), Extent("W", 48))
MAP = (8, Size("H", 1, 2), Size("W", 1, 2))


@pytest.mark.parametrize(
    ("operator", "shapes", "verdict"),
    [
        (Add(), [MAP, MAP, MAP], "all sizes"),
        (Add(), [MAP, (1, *MAP[1:])], "no"),  # torch would broadcast
        (Add(), [(1, *MAP[1:]), MAP], "no"),
        (Add(), [MAP, (8, 1, 1)], "no"),
        (Add(), [MAP, (8, MAP[1], Size("W", 0, 2))], "declared sizes"),
        (Add(), [MAP, MAP, (8, MAP[1], Size("W", 3, 2))], "no"),
        (Add(), [MAP, (8, 32, 24)], "declared sizes"),  # a constant that is right by chance
        (Add(), [(8,), (8,)], "all sizes"),
        (Concat(), [MAP, (1, *MAP[1:])], "all sizes"),
        (Concat(), [MAP, (1, Size("H", 0, 2), MAP[2])], "declared sizes"),
        (Mul(), [MAP, (8, 1, 1)], "all sizes"),
        (Mul(), [MAP, (1, *MAP[1:])], "all sizes"),
        (Mul(), [(8, 1, 1), MAP], "no"),  # the gate is the second input
        (Mul(), [MAP, (4, 1, 1)], "no"),
    ],
)
def test_joins_agree_in_every_dimension_that_must(
    operator: Operator, shapes: list[Shape], verdict: str
) -> None:
    assert prove_join(operator, shapes, EXTENTS)[0] == verdict


@pytest.mark.parametrize(
    ("left", "right", "extents", "expected"),
    [
        (Size("W"), Size("H"), (Extent("H", 64), Extent("W", 64, True, 4)), (65, 64, 65)),
        (Size("H"), Size("W"), (Extent("H", 64), Extent("W", 64, True, 4)), (65, 65, 64)),
        (Size("H", 0, 3), Size("W", -11, 1), (Extent("H", 64), Extent("W", 32)), (66, 22, 21)),
        (Size("W", -11, 1), Size("H", 0, 3), (Extent("H", 64), Extent("W", 32)), (66, 21, 22)),
        # the next change is at 66, which is no multiple of 4
        (
            Size("W", -11),
            Size("H", 0, 3),
            (Extent("H", 64, True, 4), Extent("W", 32)),
            (68, 21, 22),
        ),
        (Size("H", 1, 8), Size("W"), (Extent("H", 64, True, 16), Extent("W", 8)), (80, 10, 8)),
    ],
)
def test_a_height_against_a_width_parts_where_the_height_next_changes(
    left: Size, right: Size, extents: tuple[Extent, Extent], expected: tuple[int, int, int]
) -> None:
    assert prove_join(Add(), [(8, left), (8, right)], extents) == (
        "declared sizes",
        Disagreement("H", *expected),
    )


def test_a_height_that_is_no_width_does_not_join() -> None:
    extents = (Extent("H", 64), Extent("W", 48))
    assert prove_join(Add(), [(8, Size("H")), (8, Size("W"))], extents) == ("no", None)


def test_the_counterexample_is_that_of_the_first_dimension_that_has_one() -> None:
    extents = (Extent("H", 64), Extent("W", 48))
    shapes = [(8, Size("H"), Size("W")), (8, 64, 48)]
    expected = ("declared sizes", Disagreement("H", 65, 65, 64))
    assert prove_join(Add(), shapes, extents) == expected
    shapes = [(8, Size("H"), Size("W")), (8, Size("H"), 48)]
    expected = ("declared sizes", Disagreement("W", 49, 49, 48))
    assert prove_join(Add(), shapes, extents) == expected


# --- one size -------------------------------------------------------------------------------------


def test_a_network_works_at_the_sizes_that_arithmetic_says() -> None:
    """Its last add joins ⌊(x + 1)/4⌋ and ⌊(x + 3)/4⌋, and what follows needs two rows and columns."""
    graph = sound()
    assert graph.minimum_extents == {"H": 7, "W": 7}
    good = {size for size in range(1, 60) if size >= 7 and (size + 1) // 4 == (size + 3) // 4}
    assert {7, 8, 11, 12} <= good and not {4, 9, 10} & good
    for size in range(1, 60):
        assert works_at(graph, size, 8) == (size in good), size
        assert works_at(graph, 400, size) == (size in good), size


def test_a_network_without_joins_works_from_its_smallest_input() -> None:
    graph = compile_layers("conv: {conv: {out: 8, kernel: [5, 3], padding: 0}}", "relu: relu")
    for height, width in ((5, 3), (600, 3), (5, 600)):
        assert works_at(graph, height, width)
    for height, width in ((4, 3), (5, 2), (4, 600), (600, 2)):
        assert not works_at(graph, height, width)


@pytest.mark.parametrize("order", ["[a, b]", "[b, a]"])
def test_a_network_works_where_its_sides_are_equal_whichever_is_greater(order: str) -> None:
    graph = compile_layers(
        "a: {max_pool: {kernel: 2}}",
        "b: {max_pool: {kernel: 2, ceil_mode: true}, from: input}",
        f"c: {{add: {{}}, from: {order}}}",
        size=(8, 8),
    )
    assert [size for size in range(1, 9) if works_at(graph, size, 8)] == [2, 4, 6, 8]
    assert [size for size in range(1, 9) if works_at(graph, 8, size)] == [2, 4, 6, 8]


# --- sizes of a whole network ---------------------------------------------------------------------


def compile_resnetaa50(height: str) -> Compilation:
    """A network with average pools where others have strides, which fails at most sizes."""
    text = f"name: pools\nextends: timm/resnetaa50\ninput: {{height: {height}, width: 224}}\n"
    return compile_file(SpecFile("pools.yaml", None), text)


def test_sizes_that_fail_are_a_warning_where_one_size_is_declared() -> None:
    compilation = compile_resnetaa50("224")
    assert compilation.valid
    assert {each.severity for each in compilation.diagnostics} == {"warning"}
    text = render(list(compilation.diagnostics), "full", compilation.texts, False)
    assert all(number in text for number in ("227", "28", "29"))
    proofs = [proof for proof in compilation.proofs if proof.counterexample]
    assert {proof.verdict for proof in proofs} == {"declared sizes"}
    first = proofs[0].counterexample
    assert first is not None
    assert (first.extent, {first.left, first.right}) == (227, {28, 29})


def test_sizes_that_fail_are_an_error_where_every_size_is_declared() -> None:
    compilation = compile_resnetaa50("{multiple_of: 1}")
    assert not compilation.valid and compilation.graph is None


def test_bounds_that_leave_them_out_are_enough_for_the_proof() -> None:
    compilation = compile_resnetaa50("{multiple_of: 32}")
    assert compilation.valid
    found = [proof.counterexample for proof in compilation.proofs if proof.counterexample]
    assert {each.axis for each in found} == {"W"}
