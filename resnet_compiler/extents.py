"""The input a spec is for: channels, and along each axis the sizes it claims."""

from __future__ import annotations

from resnet_compiler import codes
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.shapes import Extent, Shape, Size
from resnet_compiler.source import Mapping, Node, Scalar, locate

DEFAULT_EXTENT = 224


def extents_of(root: Mapping) -> tuple[Shape, tuple[Extent, Extent]]:
    """The input's shape and the extents of its two axes, from a validated spec."""
    given = root.get("input")
    fields = given if isinstance(given, Mapping) else Mapping((), root.span)
    channels = fields.get("channels")
    count = channels.value if isinstance(channels, Scalar) and channels.value is not None else 3
    assert isinstance(count, int | float)
    height = _extent("H", fields.get("height"))
    width = _extent("W", fields.get("width"))
    return (int(count), Size("H"), Size("W")), (height, width)


def _extent(axis: str, node: Node | None) -> Extent:
    if isinstance(node, Scalar) and isinstance(node.value, int | float):
        return Extent(axis, int(node.value))
    if not isinstance(node, Mapping):
        return Extent(axis, DEFAULT_EXTENT)
    numbers = {
        str(key.value): int(value.value)
        for key, value in node.entries
        if isinstance(value, Scalar) and isinstance(value.value, int | float)
    }
    multiple_of = numbers.get("multiple_of", 1)
    minimum = numbers.get("minimum", 1)
    at_least = max(DEFAULT_EXTENT, minimum)
    declared = numbers.get("default", -(-at_least // multiple_of) * multiple_of)
    extent = Extent(axis, declared, True, multiple_of, minimum)
    if not extent.admits(declared):
        raise SpecError(
            [
                error(
                    codes.WRONG_VALUE,
                    f"the default size {declared} is not one of those declared",
                    locate(node, ("default",)),
                    help=[f"take a multiple of {multiple_of} that is at least {minimum}"],
                )
            ]
        )
    return extent
