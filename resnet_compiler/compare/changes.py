"""What may change of a block or of a layer, and what does between two of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resnet_compiler.graph import Node, Scope
from resnet_compiler.operators.base import Operator
from resnet_compiler.values import BlockCall


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that is another in the second network; both as they are written in a spec."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LayerAdded:
    """A layer that the second alone has, by its name within the block; what its operator is."""

    name: str
    operator: str


@dataclass(frozen=True, slots=True)
class LayerRemoved:
    """A layer that the first alone has, by its name within the block; what its operator is."""

    name: str
    operator: str


@dataclass(frozen=True, slots=True)
class LayerRenamed:
    """A layer that has another name in the second, with the same operator and inputs."""

    name: str
    after: str


@dataclass(frozen=True, slots=True)
class LayerChanged:
    """A layer of which the operator, attributes or inputs change."""

    name: str
    changes: tuple[Change, ...]


Item = Change | LayerAdded | LayerRemoved | LayerRenamed | LayerChanged

_FOLLOWS = "in_channels"
"""What every block knows of its place; it changes with the layers before."""


def changed_block(first: Scope, second: Scope) -> Iterator[Change]:
    """The block's kind, shortcut, and parameters, as far as they are not the same.

    Of the definitions and defaults that are worked out from others, those are left out that change because these do.
    """
    if first.block != second.block:
        yield Change("block", first.block, second.block)
    if first.shortcut != second.shortcut:
        yield Change("shortcut", first.shortcut, second.shortcut)
    shared = [key for key in first.values if key in second.values and key != _FOLLOWS]
    changed = {
        key: (written(first.values[key]), written(second.values[key]))
        for key in shared
        if written(first.values[key]) != written(second.values[key])
    }
    for key, (a, b) in changed.items():
        causes = {*changed, _FOLLOWS} - {key}
        if not (_follows(first, key, causes) and _follows(second, key, causes)):
            yield Change(key, a, b)


def _follows(scope: Scope, key: str, causes: set[str]) -> bool:
    """Whether a value is, unless the spec says otherwise, worked out from one of these."""
    default = scope.defaults.get(key)
    return isinstance(default, str) and not causes.isdisjoint(re.findall(r"[A-Za-z_]\w*", default))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a layer is: the block or section it is in, and the layer whose output comes in there ("" for a section)."""

    name: str
    entry: str = ""

    def inside(self, layer: str) -> str:
        """A layer's name as it is said here: within the block, and `input` for what comes in."""
        return "input" if layer == self.entry else layer.removeprefix(f"{self.name}.")


def changed_layer(
    nodes: tuple[Node, Node],
    places: tuple[Place, Place],
    pairs: Mapping[str, str],
    partner: Mapping[str, str],
) -> LayerChanged | None:
    """What changes of a layer that both networks have; None where nothing does.

    Args:
        nodes, places: the layer in both, and where it is.
        pairs: the layers that both networks have, each with the one it stands for.
        partner: the same, the other way round.

    Inputs are told only where both networks have all of them: that a layer takes in what was put before it goes without
    saying.
    """
    before, after = nodes
    changes = list(_attributes(before.operator, after.operator))
    known = all(s in pairs for s in before.inputs) and all(s in partner for s in after.inputs)
    if known and tuple(pairs[source] for source in before.inputs) != after.inputs:
        inputs = (
            ", ".join(place.inside(source) for source in node.inputs)
            for node, place in zip(nodes, places, strict=True)
        )
        changes.append(Change("from", *inputs))
    return LayerChanged(places[0].inside(before.name), tuple(changes)) if changes else None


def _attributes(before: Operator, after: Operator) -> Iterator[Change]:
    if before == after:
        return
    if before.word != after.word:
        yield Change("operator", before.word, after.word)
        return
    for key in before.attributes():
        old, new = getattr(before, key), getattr(after, key)
        if old != new:
            yield Change(key, written(old), written(new))


def written(value: Any) -> str:
    """A value as a spec writes it; a block that is called with its arguments."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case (a, b) if a == b:
            return written(a)
        case tuple() | list():
            return f"[{', '.join(written(item) for item in value)}]"
        case BlockCall(word, arguments) if arguments:
            inside = (f"{key}: {written(bound.value)}" for key, bound in arguments.items())
            return f"{{{word}: {{{', '.join(inside)}}}}}"
    return str(value)
