"""Exact symbolic sizes: how height and width depend on the input, for every input size at once.

Any chain of convolutions and poolings maps an input size X to ``floor((X + c) / s)`` with two integers, and that form is
closed under composition:

    floor((floor((X + c1) / s1) + c2) / s2) = floor((X + c1 + c2*s1) / (s1*s2))

so two branches agree for all sizes exactly when their (c, s) are equal. Pooling with ``ceil_mode`` fits too: the rule
"drop the last window if it would start in the padding" is the minimum of two such forms with one s, which is again one.
Sources: Dumoulin & Visin, "A guide to convolution arithmetic for deep learning" (2016), and the PyTorch documentation
of Conv2d and MaxPool2d.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """``floor((axis + offset) / stride)``: the extent of a tensor along one axis of the input, for every input extent.

    ``axis`` is the input axis it depends on, "H" or "W".
    """

    axis: str
    offset: int = 0
    stride: int = 1

    def next_change(self, extent: int) -> int:
        """The first input extent above ``extent`` for which this size is another."""
        return (self.at(extent) + 1) * self.stride - self.offset

    def at(self, extent: int) -> int:
        """The size for an input of ``extent`` pixels along the axis."""
        return (extent + self.offset) // self.stride

    def then(self, offset: int, stride: int) -> Size:
        """The size after another layer with ``floor((size + offset) / stride)``."""
        return Size(self.axis, self.offset + offset * self.stride, self.stride * stride)

    @property
    def minimum_extent(self) -> int:
        """The smallest input extent for which this size is at least 1."""
        return self.least_extent(1)

    def least_extent(self, size: int) -> int:
        """The smallest input extent for which this size is at least ``size``."""
        return size * self.stride - self.offset

    def __str__(self) -> str:
        shifted = self.axis
        if self.offset:
            shifted = f"{self.axis} {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        if self.stride == 1:
            return shifted
        return f"⌊({shifted})/{self.stride}⌋" if self.offset else f"⌊{shifted}/{self.stride}⌋"


Dim = int | Size
"""One dimension of a tensor, the batch left out: a constant, or a size that depends on the input."""

Shape = tuple[Dim, ...]
"""A tensor's shape without its batch dimension. A feature map is (channels, height, width); a vector is (features,)."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The sizes a spec is for along one input axis, and the one at which costs are counted.

    ``declared`` is the size costs are counted at. With ``is_open`` the spec claims every ``multiple_of`` from
    ``minimum`` on; without it, only the declared size is claimed and others are a bonus.
    """

    axis: str
    declared: int
    is_open: bool = False
    multiple_of: int = 1
    minimum: int = 1

    def admits(self, extent: int) -> bool:
        """Whether the spec's bounds admit an input of this extent."""
        return extent % self.multiple_of == 0 and extent >= self.minimum

    def first_from(self, least: int) -> int:
        """The smallest admitted extent that is at least ``least``."""
        return -(-max(least, self.minimum) // self.multiple_of) * self.multiple_of


def window_size(
    size: Dim, kernel: int, stride: int, padding: int, dilation: int = 1, ceil_mode: bool = False
) -> Dim:
    """The size after sliding a window (convolution or pooling), as PyTorch and ONNX define it.

    Floor mode: ``floor((x + 2p - d(k-1) - 1) / s) + 1``. In ceil mode the division rounds up, and a last window that
    would start in the padding on the right is dropped: the size is at most ``ceil((x + p) / s)``.
    """
    offset = 2 * padding - dilation * (kernel - 1) - 1 + stride
    if ceil_mode:
        offset = min(offset + stride - 1, padding + stride - 1)
    if isinstance(size, Size):
        return size.then(offset, stride)
    return (size + offset) // stride


def dim_at(dim: Dim, extents: dict[str, int]) -> int:
    """The dimension as a number, for an input whose axes have these extents."""
    return dim.at(extents[dim.axis]) if isinstance(dim, Size) else dim


def shape_at(shape: Shape, extents: dict[str, int]) -> tuple[int, ...]:
    """The shape in numbers, for an input whose axes have these extents."""
    return tuple(dim_at(dim, extents) for dim in shape)


def element_count(shape: Sequence[int]) -> int:
    """The number of elements of a concrete shape."""
    return math.prod(shape)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An input extent for which two sizes differ, and the two sizes there."""

    axis: str
    extent: int
    left: int
    right: int


def next_disagreement(left: Dim, right: Dim, extent: Extent, start: int) -> Disagreement | None:
    """The first admitted extent from ``start`` on at which the two sizes differ, or None when there is none at all.

    Both must depend on ``extent.axis`` or be constant. Nothing is searched for extent by extent. Both sizes are lines
    rounded down; as long as one line is nowhere below the other, neither is its size, so the sums of the two sizes over
    a run of extents are equal exactly where all its pairs are. Such sums have a closed form (``floor_sum``), and a
    bisection over the run's length finds its first unequal pair. With equal strides the difference repeats with the
    stride, so one period decides; with unequal strides the lines cross once, and part.
    """
    if left == right:
        return None
    step = extent.multiple_of
    first = -(-max(start, extent.minimum) // step)
    lines = (_line(left), _line(right))
    (slope1, offset1, stride1), (slope2, offset2, stride2) = lines
    slope = slope1 * stride2 - slope2 * stride1  # of left - right, times both strides
    apart = offset2 * stride1 - offset1 * stride2
    if slope == 0:
        runs = [(first, max(1, stride1 // math.gcd(stride1, step)))]
    else:
        crossing = max(first, -(-apart // (slope * step)))  # the first multiple at or behind it
        beyond = -(-2 * stride1 * stride2 // (abs(slope) * step)) + 2  # they are over 1 apart there
        runs = [(first, crossing - first), (crossing, beyond)]
    for begin, count in runs:
        at = _first_unequal(lines, step, begin, count)
        if at is not None:
            found = {extent.axis: at * step}
            return Disagreement(extent.axis, at * step, dim_at(left, found), dim_at(right, found))
    return None


Line = tuple[int, int, int]
"""``floor((slope * extent + offset) / stride)``, with a slope of 0 or 1."""


def _line(dim: Dim) -> Line:
    return (1, dim.offset, dim.stride) if isinstance(dim, Size) else (0, dim, 1)


def _first_unequal(lines: tuple[Line, Line], step: int, begin: int, count: int) -> int | None:
    """The first of ``count`` multiples of ``step``, from the ``begin``-th on, at which two lines that do not cross there
    differ when they are rounded down."""

    def differ(length: int) -> bool:
        left, right = (
            floor_sum(length, stride, slope * step, slope * step * begin + offset)
            for slope, offset, stride in lines
        )
        return left != right

    if count < 1 or not differ(count):
        return None
    low, high = 0, 1  # low are equal, high are not
    while not differ(high):
        low, high = high, min(2 * high, count)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if differ(middle) else (middle, high)
    return begin + low


def floor_sum(count: int, divisor: int, factor: int, offset: int) -> int:
    """The sum of ``floor((factor * i + offset) / divisor)`` over i from 0 to ``count - 1``, in logarithmic time.

    Whole multiples of the divisor are summed at once; what is left counts the grid points below a line, and turning the
    grid on its side swaps factor and divisor, as in Euclid's algorithm.
    """
    total = 0
    while True:
        whole, factor = divmod(factor, divisor)
        total += count * (count - 1) // 2 * whole
        whole, offset = divmod(offset, divisor)
        total += count * whole
        highest = factor * count + offset
        if highest < divisor:
            return total
        count, offset = divmod(highest, divisor)
        divisor, factor = factor, divisor


def same_for_all(left: Dim, right: Dim, extent: Extent | None) -> bool:
    """Whether two dimensions are equal for every admitted input extent (None: for every extent there is)."""
    if left == right:
        return True
    axes = {dim.axis for dim in (left, right) if isinstance(dim, Size)}
    if extent is None or len(axes) != 1 or extent.axis not in axes:
        return False
    return next_disagreement(left, right, extent, extent.minimum) is None
