"""Ranges that leave out what is rare, from a histogram of each tensor's magnitudes: by percentile, or by entropy.

ONNX Runtime has both, too. Its entropy method looks at 128 bins for 128 levels by default, so it clips nothing; with more
bins it takes seconds for each tensor, and the number of bins grows with the outliers, which is what they are looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from resnet_compiler.quantize.calibration import Feed, Range
from resnet_compiler.quantize.errors import session_for
from resnet_compiler.weights import Array

if TYPE_CHECKING:
    import onnx

BINS = 2048
"""Of a histogram, from zero to the greatest magnitude."""
STRIDE = 4
"""Bins from one range that is looked at to the next."""
PERCENTILE = 99.99
"""Of the values that stay in range (Wu et al. 2020, section 5: 99.99 and more)."""
LEVELS, LEVELS_OF_BOTH_SIGNS = 255, 128
"""Steps of an 8-bit range for magnitudes: all of them where nothing is negative, else half."""


def clipped(
    model: onnx.ModelProto,
    feeds: Iterable[Feed],
    extremes: Mapping[str, Range],
    method: Literal["percentile", "entropy"],
) -> dict[str, Range]:
    """The ranges with what is rare left out.

    Args:
        model: float32, its weights inside.
        feeds: its inputs.
        extremes: the least and the greatest value of each tensor on them.
        method: "percentile" keeps 99.99 % of the values; "entropy" the range that loses the least information (Migacz
            2017, "8-bit Inference with TensorRT").
    """
    import numpy as np

    made = {name for node in model.graph.node for name in node.output}
    names = [n for n in extremes if n in made or n in {each.name for each in model.graph.input}]
    counts = {name: np.zeros(BINS, np.int64) for name in names}
    inner = [name for name in names if name in made]
    session = session_for(model, inner)
    for feed in feeds:
        values = dict(zip(inner, session.run(inner, dict(feed)), strict=True))
        for name in names:
            value = values[name] if name in values else feed[name]
            counts[name] += _histogram(value, extremes[name])
    ranges = dict(extremes)
    for name in names:
        greatest = _magnitude(extremes[name])
        is_signed = extremes[name].least < 0
        levels = LEVELS_OF_BOTH_SIGNS if is_signed else LEVELS
        of = (
            of_percentile(counts[name])
            if method == "percentile"
            else of_entropy(counts[name], levels)
        )
        bound = greatest * of / BINS
        least, most = extremes[name].least, extremes[name].greatest
        ranges[name] = Range(max(least, -bound), min(most, bound))
    return ranges


def _magnitude(seen: Range) -> float:
    return max(abs(seen.least), abs(seen.greatest))


def _histogram(values: Array, seen: Range) -> Array:
    import numpy as np

    top = _magnitude(seen)
    if not top:
        return np.zeros(BINS, np.int64)
    counts: Array = np.histogram(np.abs(values.astype(np.float32)), BINS, (0, top))[0]
    return counts


def of_percentile(counts: Array, percentile: float = PERCENTILE) -> int:
    """How many bins from zero on hold so many hundredths of the values."""
    import numpy as np

    total = int(counts.sum())
    if not total:
        return len(counts)
    return int(np.searchsorted(np.cumsum(counts), total * percentile / 100)) + 1


def of_entropy(counts: Array, levels: int) -> int:
    """How many bins from zero on make the range that loses the least information at so many levels.

    For each number of bins, the distribution with what is beyond put into the last bin is compared with itself rounded to
    the levels, by the Kullback-Leibler divergence. The first bin is given its neighbour's count: a ReLU's zeros are
    exact at any scale, and there are so many that nothing else would count.
    """
    import numpy as np

    bins = counts.astype(np.float64)
    bins[0] = bins[1]
    total = bins.sum()
    if not total:
        return len(counts)
    best, least = len(bins), np.inf
    for count in [*range(levels, len(bins), STRIDE), len(bins)]:
        kept = bins[:count].copy()
        rounded = _rounded(kept, levels)
        kept[-1] += total - kept.sum()
        divergence = _divergence(kept, rounded)
        if divergence < least:
            best, least = count, divergence
    return best


def _rounded(bins: Array, levels: int) -> Array:
    """A distribution at so many levels, spread again over the bins of each level that were not empty."""
    import numpy as np

    starts = np.arange(levels) * len(bins) // levels
    filled = bins > 0
    sums = np.add.reduceat(bins, starts)
    members = np.add.reduceat(filled.astype(np.float64), starts)
    lengths = np.diff(np.append(starts, len(bins)))
    means = np.divide(sums, members, out=np.zeros_like(sums), where=members > 0)
    spread: Array = np.repeat(means, lengths) * filled
    return spread


def _divergence(of: Array, by: Array) -> float:
    """The Kullback-Leibler divergence of two histograms; infinite where only the second is empty."""
    import numpy as np

    there = of > 0
    if not by.sum() or (by[there] <= 0).any():
        # the last bin holds what is beyond, also where nothing was in it
        by = by + 1e-6 * of.sum() * there / max(int(there.sum()), 1)
    p, q = of[there] / of.sum(), by[there] / by.sum()
    return float((p * np.log(p / q)).sum())
