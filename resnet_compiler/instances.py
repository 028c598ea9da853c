"""Instances of a block that differ in nothing but their names: the first is made, the others are copies of it.

A stage repeats its block, and what follows from the same values and the same input shape is the same. A copy counts as
much towards the limits as what it is a copy of; what would pass one is made layer by layer, for the error to be exact.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from resnet_compiler.definitions import Call, Located
from resnet_compiler.environment import Bound, Deferred, Environment
from resnet_compiler.graph import NAME, Node, Proof, Scope
from resnet_compiler.place import NOTHING
from resnet_compiler.values import BlockCall

if TYPE_CHECKING:
    from resnet_compiler.diagnostics import Span
    from resnet_compiler.maker import Maker
    from resnet_compiler.trial import Mark

_MOST_PARTS = 64
"""Values of more parts are not compared: that would be more work than to make the block again."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What came of one instance: nodes, scopes and proofs, and what it counted towards the limits."""

    name: str
    entry: str
    output: str
    nodes: tuple[Node, ...]
    scopes: tuple[Scope, ...]
    proofs: tuple[Proof, ...]
    origins: tuple[Mapping[str, Bound] | None, ...]
    counts: tuple[int, int, int]
    longest: int
    parts: int


def key_of(
    maker: Maker,
    word: str,
    environment: Environment,
    value: str,
    span: Span,
    shortcut: Located | None,
    depth: int,
) -> Hashable | None:
    """What instances must share to be alike; None for one that is not compared."""
    if value == NOTHING or (shortcut is not None and isinstance(shortcut.value, Call)):
        return None
    budget = [_MOST_PARTS]
    values = tuple(
        (name, _value_key(bound.value, budget)) for name, bound in environment.bindings.items()
    )
    if budget[0] < 0:
        return None
    choice = shortcut.value if shortcut else None
    of_constants = value in maker.constants
    return (word, values, maker.shape(value), of_constants, span, choice, depth, maker.section)


def _value_key(value: Any, budget: list[int]) -> Hashable:
    """What tells a value from others, with its type: True equals 1. ``budget`` falls below zero where it is too much."""
    budget[0] -= 1
    if budget[0] < 0:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return (type(value), value)
    if isinstance(value, tuple):
        return tuple(_value_key(each, budget) for each in value)
    if isinstance(value, BlockCall):
        arguments = value.arguments.items()
        inner = tuple((name, _value_key(bound.value, budget)) for name, bound in arguments)
        return (BlockCall, value.word, value.span, inner)
    if isinstance(value, Deferred):
        read = value.environment.bindings.items()
        inner = tuple((name, _value_key(bound.value, budget)) for name, bound in read)
        return (Deferred, value.located.value, value.located.span, inner)
    budget[0] = -1  # unknown: there is an error to be told
    return None


def remember(maker: Maker, key: Hashable, name: str, entry: str, output: str, at: Mark) -> None:
    """Keep an instance that was just made, unless something was found in it or one like it is known."""
    if maker.findings.extent != at.findings or output == NOTHING or key in maker.instances:
        return
    names = maker.made_since(at.nodes)
    inside = [each[len(name) :] for each in names]
    steps, instances, parameters = (
        now - before for now, before in zip(maker.counts, at.counts, strict=True)
    )
    maker.instances[key] = Instance(
        name=name,
        entry=entry,
        output=output,
        nodes=tuple(maker.nodes[each] for each in names),
        scopes=tuple(list(maker.scopes.values())[at.scopes :]),
        proofs=tuple(maker.proofs[at.proofs :]),
        origins=tuple(maker.origins.get(each) for each in names),
        counts=(steps, instances, parameters),
        longest=max(map(len, inside), default=0),
        parts=max((each.count(".") for each in inside), default=0),
    )


def copied(maker: Maker, key: Hashable, name: str, entry: str) -> str | None:
    """Put a copy of a known instance under another name; returns its output, or None where it has to be made."""
    known = maker.instances.get(key)
    if known is None or not _is_within_limits(maker, known, name):
        return None
    cut = len(known.name)

    def renamed(value: str) -> str:
        return entry if value == known.entry else name + value[cut:]

    maker.count(known.counts)
    nodes = [
        Node(
            name + node.name[cut:],
            node.operator,
            tuple(map(renamed, node.inputs)),
            node.shape,
            node.section,
            node.span,
            node.also,
        )
        for node in known.nodes
    ]
    names = sorted(node.name for node in nodes)  # all inside one name that was free
    first = bisect_left(maker.sorted_names, names[0]) if names else 0
    maker.sorted_names[first:first] = names
    for node, origin in zip(nodes, known.origins, strict=True):
        maker.keep(node, origin)
    for proof in known.proofs:
        maker.proofs.append(replace(proof, node=renamed(proof.node)))
    for scope in known.scopes:
        maker.scopes[name + scope.name[cut:]] = replace(
            scope,
            name=name + scope.name[cut:],
            entry=renamed(scope.entry),
            exit=renamed(scope.exit),
            join=None if scope.join is None else renamed(scope.join),
            shortcut_layers=tuple(map(renamed, scope.shortcut_layers)),
        )
    return renamed(known.output)


def _is_within_limits(maker: Maker, known: Instance, name: str) -> bool:
    limits = maker.limits
    steps, instances, parameters = (
        now + more for now, more in zip(maker.counts, known.counts, strict=True)
    )
    return (
        steps <= limits.steps
        and max(instances, len(maker.nodes) + len(known.nodes)) <= limits.layers
        and parameters <= limits.parameters
        and len(name) + known.longest <= limits.name_length
        and name.count(".") + known.parts < limits.name_parts
        and NAME.fullmatch(name) is not None
    )
