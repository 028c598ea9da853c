"""What must hold of every figure: all of it on the page, and nothing on top of what it does not belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from resnet_compiler.draw.primitives import Box, Figure, Label, Path

Extent = tuple[float, float, float, float]
TOUCH = 0.05
"""Points; what meets at an edge does not overlap."""
NEAR, LEAD = 0.2, 6.0
"""How far from a box a line may end, and from the name above it begin."""
BUCKET = 120.0
SOLID = ("box", "pill", "join", "banner")


def boxes_of(figure: Figure, *shapes: str) -> list[Box]:
    return [each for each in figure.items if isinstance(each, Box) and each.shape in shapes]


def paths_of(figure: Figure) -> list[Path]:
    return [each for each in figure.items if isinstance(each, Path)]


def overlaps(first: Extent, second: Extent) -> bool:
    return (
        first[0] < second[2] - TOUCH
        and second[0] < first[2] - TOUCH
        and first[1] < second[3] - TOUCH
        and second[1] < first[3] - TOUCH
    )


def segments(path: Path) -> list[Extent]:
    """The lines of a path as the extents they cover, a little wider than nothing."""
    return [
        (
            min(a[0], b[0]) - 2 * TOUCH,
            min(a[1], b[1]) - 2 * TOUCH,
            max(a[0], b[0]) + 2 * TOUCH,
            max(a[1], b[1]) + 2 * TOUCH,
        )
        for a, b in pairwise(path.points)
    ]


def shrunk(extent: Extent, by: float) -> Extent:
    left, top, right, bottom = extent
    return left + by, top + by, right - by, bottom - by


def pairs(first: Sequence[Extent], second: Sequence[Extent]) -> Iterator[tuple[int, int]]:
    """The pairs that overlap, found without looking at every pair."""
    buckets: dict[tuple[int, int], list[int]] = {}
    for number, extent in enumerate(second):
        for place in _places(extent):
            buckets.setdefault(place, []).append(number)
    for number, extent in enumerate(first):
        near = {other for place in _places(extent) for other in buckets.get(place, ())}
        for other in sorted(near):
            if overlaps(extent, second[other]):
                yield number, other


def _places(extent: Extent) -> list[tuple[int, int]]:
    left, top, right, bottom = (int(each // BUCKET) for each in extent)
    return [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]


def check_figure(figure: Figure) -> None:
    """Assert all of it."""
    solid = boxes_of(figure, *SOLID)
    frames = boxes_of(figure, "frame")
    free = [each for each in figure.items if isinstance(each, Label)]
    labels = [*free, *(label for box in solid for label in box.labels)]
    for item in [*solid, *frames, *boxes_of(figure, "panel"), *free]:
        left, top, right, bottom = item.extent
        assert left >= 0 and top >= 0 and right <= figure.width and bottom <= figure.height, item
    for path in paths_of(figure):
        assert all(0 <= x <= figure.width and 0 <= y <= figure.height for x, y in path.points)
        assert all(a[0] == b[0] or abs(a[1] - b[1]) < 1e-6 for a, b in pairwise(path.points)), path
    for box in solid:
        for label in box.labels:
            left, _, right, _ = label.extent
            assert left >= box.x - TOUCH and right <= box.x + box.width + TOUCH, (box, label)
            assert box.y <= label.y <= box.y + box.height, (box, label)
    extents = [box.extent for box in solid]
    assert [(solid[a], solid[b]) for a, b in pairs(extents, extents) if a != b] == []
    framed = [frame.extent for frame in frames]
    assert [(frames[a], frames[b]) for a, b in pairs(framed, framed) if a != b] == []
    texts = [label.extent for label in labels]
    assert [(labels[a], labels[b]) for a, b in pairs(texts, texts) if a != b] == []
    alone = [label.extent for label in free]
    assert [(free[a], solid[b]) for a, b in pairs(alone, extents)] == []
    lines = [(path, line) for path in paths_of(figure) for line in segments(path)]
    drawn = [line for _, line in lines]
    inner = [shrunk(extent, 0.3) for extent in extents]
    assert [(lines[a][0], solid[b]) for a, b in pairs(drawn, inner)] == []
    assert [(lines[a][0], free[b]) for a, b in pairs(drawn, alone)] == []
    check_ends(figure, extents, alone)


def check_ends(figure: Figure, boxes: Sequence[Extent], labels: Sequence[Extent]) -> None:
    """Every line begins at a box, on another line, or under the name of where it comes from, and every arrow ends at one of
    the first two: none hangs in the air. The samples of the legend do."""
    paths = [path for path in paths_of(figure) if path.source or path.target or path.kind == "flow"]
    lines = [(number, line) for number, path in enumerate(paths) for line in segments(path)]
    named = [(left, top, right, bottom + LEAD) for left, top, right, bottom in labels]
    drawn = [line for _, line in lines]
    for place, there in ((0, [*boxes, *named]), (-1, list(boxes))):
        points = [(path.points[place][0], path.points[place][1]) for path in paths]
        ends = [(x - NEAR, y - NEAR, x + NEAR, y + NEAR) for x, y in points]
        met = {number for number, _ in pairs(ends, there)}
        met |= {number for number, other in pairs(ends, drawn) if lines[other][0] != number}
        hanging = [path for number, path in enumerate(paths) if number not in met]
        assert [path for path in hanging if path.arrow or place == 0] == []
