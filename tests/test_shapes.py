"""The closed form of sizes, and the search for an input at which two sizes differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_compiler.shapes import (
    Dim,
    Disagreement,
    Extent,
    Size,
    dim_at,
    element_count,
    floor_sum,
    next_disagreement,
    same_for_all,
    shape_at,
    window_size,
)

offsets = st.integers(-40, 40)
strides = st.integers(1, 12)

# --- sizes ----------------------------------------------------------------------------------------


@given(steps=st.lists(st.tuples(offsets, strides), max_size=6), extent=st.integers(-500, 5000))
def test_composition_is_step_by_step_division(steps: list[tuple[int, int]], extent: int) -> None:
    size, number = Size("H"), extent
    for offset, stride in steps:
        size, number = size.then(offset, stride), (number + offset) // stride
    assert size.at(extent) == number


@given(offset=offsets, stride=strides)
def test_the_minimum_extent_is_the_first_with_a_pixel_left(offset: int, stride: int) -> None:
    size = Size("W", offset, stride)
    assert size.at(size.minimum_extent) >= 1 > size.at(size.minimum_extent - 1)


@given(offset=offsets, stride=strides, least=st.integers(1, 9))
def test_the_least_extent_is_the_first_with_pixels_enough(
    offset: int, stride: int, least: int
) -> None:
    size = Size("H", offset, stride)
    extent = size.least_extent(least)
    assert size.at(extent) >= least > size.at(extent - 1)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (Size("H"), "H"),
        (Size("W", 3), "W + 3"),
        (Size("W", 1), "W + 1"),
        (Size("H", -2), "H - 2"),
        (Size("H", 0, 4), "⌊H/4⌋"),
        (Size("W", 31, 32), "⌊(W + 31)/32⌋"),
        (Size("H", -1, 2), "⌊(H - 1)/2⌋"),
    ],
)
def test_a_size_reads_as_the_formula_it_is(size: Size, text: str) -> None:
    assert str(size) == text


@given(offset=offsets, stride=strides, extent=st.integers(0, 300))
def test_the_next_change_is_the_first_input_with_another_size(
    offset: int, stride: int, extent: int
) -> None:
    size = Size("H", offset, stride)
    later = next(x for x in range(extent, extent + 20) if size.at(x) != size.at(extent))
    assert size.next_change(extent) == later


def test_shapes_in_numbers() -> None:
    extents = {"H": 33, "W": 20}
    assert dim_at(7, extents) == 7
    assert dim_at(Size("W", 1, 2), extents) == 10
    assert shape_at((64, Size("H", 1, 2), Size("W")), extents) == (64, 17, 20)
    assert element_count((64, 17, 20)) == 64 * 17 * 20
    assert element_count(()) == 1


def windows_counted(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> int:
    """How many windows there are, counted one by one: each begins a stride behind the one before."""
    reach = dilation * (kernel - 1)
    last = size + padding - 1  # the last row, that of the padding below included
    starts = range(-padding, size + padding, stride)
    whole = [start for start in starts if start + reach <= last]
    if not ceil_mode:
        return len(whole)
    # one more where rows are left over, unless it would begin in the padding below
    left_over = bool(whole) and whole[-1] + reach < last
    return len(whole) + (left_over and whole[-1] + stride < size)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_a_window_leaves_as_many_pixels_as_there_are_windows(ceil_mode: bool) -> None:
    for kernel in range(1, 6):
        for stride in range(1, 5):
            for dilation in (1, 2, 3):
                for padding in range(kernel // 2 + 1):
                    window = kernel, stride, padding, dilation, ceil_mode
                    symbolic = window_size(Size("H"), *window)
                    assert isinstance(symbolic, Size) and symbolic.stride == stride
                    for size in range(dilation * (kernel - 1) + 1, 24):
                        expected = windows_counted(size, *window)
                        assert window_size(size, *window) == expected, (size, window)
                        assert symbolic.at(size) == expected, (size, window)


def test_a_window_touches_each_pixel_by_default() -> None:
    """Neither dilated nor rounded up."""
    assert window_size(Size("H"), 3, 2, 1) == Size("H", 1, 2)
    assert window_size(6, 3, 2, 0) == 2


def test_a_windows_size_is_of_the_size_before() -> None:
    size = window_size(Size("W", 1, 2), 3, 2, 1)
    assert size == Size("W", 3, 4)
    assert [size.at(x) for x in range(1, 9)] == [1, 1, 1, 1, 2, 2, 2, 2]


# --- extents --------------------------------------------------------------------------------------


def test_bounds_admit_multiples_from_the_minimum() -> None:
    extent = Extent("H", 224, True, 32, 64)
    assert [x for x in range(200) if extent.admits(x)] == [64, 96, 128, 160, 192]
    assert not extent.admits(32)
    assert [x for x in range(-3, 4) if Extent("H", 224).admits(x)] == [1, 2, 3]
    assert not Extent("H", 224).is_open


# --- where two sizes differ -----------------------------------------------------------------------


dims = st.one_of(
    st.integers(0, 12), st.builds(Size, st.just("H"), st.integers(-9, 40), st.integers(1, 7))
)
extents = st.builds(
    Extent, st.just("H"), st.just(64), st.booleans(), st.integers(1, 6), st.integers(1, 40)
)


@given(left=dims, right=dims, extent=extents, start=st.integers(-5, 90))
def test_the_next_disagreement_is_found_by_trying(
    left: Dim, right: Dim, extent: Extent, start: int
) -> None:
    """Strides up to 7 and steps up to 6: whatever does not differ within 2,000 sizes does not at all."""
    admitted = (x for x in range(max(start, 1), 2000) if extent.admits(x))
    tried = ((x, dim_at(left, {"H": x}), dim_at(right, {"H": x})) for x in admitted)
    first = next((Disagreement("H", *each) for each in tried if each[1] != each[2]), None)
    found = next_disagreement(left, right, extent, start)
    assert found == first
    if found is not None:
        assert all(type(n) is int for n in (found.extent, found.left, found.right))
    if extent.minimum >= start:
        sized = isinstance(left, Size) or isinstance(right, Size)
        assert same_for_all(left, right, extent) == (first is None and (sized or left == right))


@pytest.mark.parametrize(
    ("left", "right", "step", "start", "expected"),
    [
        # equal strides: they differ once in a period, here at the last of it
        (Size("H", 0, 7), Size("H", 1, 7), 1, 7, (13, 1, 2)),
        (Size("H", 0, 7), Size("H", 1, 7), 5, 10, (20, 2, 3)),
        (Size("H", 0, 4), Size("H", 3, 4), 4, 4, None),
        (Size("H", 0, 4), Size("H", 3, 4), 2, 4, (6, 1, 2)),
        (Size("H", 0, 6), Size("H", 5, 6), 4, 12, (16, 2, 3)),
        # unequal strides: equal for long
        (Size("H", 0, 1000), Size("H", 0, 1001), 1, 1, (1000, 1, 0)),
        (Size("H", -999_000, 1000), 1, 1, 1_000_000, (1_001_000, 2, 1)),
        (1, Size("H", -999_000, 1000), 7, 1_000_000, (1_001_000, 1, 2)),
        # what differs ahead of a crossing and behind it adds up to nothing
        (Size("H", 16, 16), 13, 100, 2, (100, 7, 13)),
        (Size("H", -4, 5), 0, 3, 1, (3, -1, 0)),
        (27, Size("H", 3, 4), 3, 2, (3, 27, 1)),
        (4, Size("H", -8), 1, 1, (1, 4, -7)),
        (Size("H", -6, 3), Size("H", -1, 4), 3, 10, (24, 6, 5)),
    ],
)
def test_where_two_sizes_differ_next(
    left: Dim, right: Dim, step: int, start: int, expected: tuple[int, int, int] | None
) -> None:
    found = next_disagreement(left, right, Extent("H", 64, True, step), start)
    assert found == (Disagreement("H", *expected) if expected else None)
    if found is not None:
        assert all(type(n) is int for n in (found.extent, found.left, found.right))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("other", [0, 2, 3, 5])
def test_where_two_lines_cross_is_found_by_trying(stride: int, other: int) -> None:
    """Behind a crossing the other one is greater: taken together, what differs on both sides may add up to nothing.
    Another stride of 0 is a constant."""
    for offset in range(-4, 5):
        for right in (Size("H", n, other) if other else n for n in range(12)):
            left = Size("H", offset, stride)
            tried = ((x, left.at(x), dim_at(right, {"H": x})) for x in range(1, 60))
            first = next((Disagreement("H", *each) for each in tried if each[1] != each[2]), None)
            assert next_disagreement(left, right, Extent("H", 64), 1) == first, (left, right)
            turned = next_disagreement(right, left, Extent("H", 64), 1)
            assert (turned and turned.extent) == (first and first.extent), (left, right)


def test_a_sum_of_rounded_numbers_is_that_of_adding_them_up() -> None:
    for divisor in range(1, 6):
        for factor in range(-3, 11):
            for offset in range(-8, 9):
                total = 0
                for count in range(9):
                    found = floor_sum(count, divisor, factor, offset)
                    assert found == total, (count, divisor, factor, offset)
                    total += (factor * count + offset) // divisor


def test_a_sum_of_rounded_numbers_is_exact_and_quick_for_great_counts() -> None:
    half = 10**30
    assert floor_sum(2 * half, 2, 1, 0) == half * (half - 1)
    assert floor_sum(2 * half, 2, 3, 0) == half * (half - 1) + 2 * half * (2 * half - 1) // 2
    assert floor_sum(2 * half, 2, 1, 1) == half * half


def test_different_constants_disagree_at_the_first_size() -> None:
    extent = Extent("H", 64, True, 32, 40)
    assert next_disagreement(3, 4, extent, 1) == Disagreement("H", 64, 3, 4)
    assert not same_for_all(3, 4, extent)


def test_sizes_of_different_axes_are_not_the_same_for_all() -> None:
    height, width = Extent("H", 64), Extent("W", 64)
    assert not same_for_all(Size("H"), Size("W"), height)
    assert not same_for_all(Size("H"), Size("W"), width)
    assert not same_for_all(Size("H", 0, 2), Size("H", 1, 2), Extent("W", 64, True, 2))
    assert not same_for_all(Size("H", 0, 2), Size("H", 1, 2), None)
    assert not same_for_all(1, 2, None)
    assert same_for_all(Size("H", 1, 2), Size("H", 1, 2), None)
    assert same_for_all(Size("H", 0, 2), Size("H", 1, 2), Extent("H", 64, True, 2))
