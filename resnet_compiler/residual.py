"""Residual blocks: which shortcut stands beside the residual path, the add, and what is said when it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_compiler import absent, blocks, codes, definitions, joins, layers
from resnet_compiler.definitions import Call, Located
from resnet_compiler.diagnostics import Span, SpecError, error, misspelt
from resnet_compiler.environment import Bound, Environment
from resnet_compiler.operators.joining import Add
from resnet_compiler.place import NOTHING
from resnet_compiler.shapes import (
    Size,
    same_for_all,
)
from resnet_compiler.values import BlockCall

if TYPE_CHECKING:
    from resnet_compiler.maker import Maker
    from resnet_compiler.place import Place

CHOICES = ("auto", "identity", "projection", "fitting", "none")
"""What `shortcut:` may say besides the name of a block."""

ADD = Add()
"""The sum of both paths: one for all, so that residual adds are seen to be alike."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The outcome: the add's name (None for a plain block), the kind of shortcut, and the layers on it."""

    join: str | None
    kind: str
    layers: tuple[str, ...] = ()


def make_residual(
    maker: Maker,
    block: definitions.Block,
    place: Place,
    value: str,
    choice: Located | None,
    span: Span,
    outside: Environment,
) -> tuple[str, Joined]:
    """The residual path, the shortcut that was chosen, their sum, and what comes after it."""
    path = layers.make_layers(maker, block.residual, place, value)
    kind, call = _choose(maker, block, value, path, choice, span, outside)
    if kind == "none":
        return layers.make_layers(maker, block.after, place, path), Joined(None, kind)
    before = len(maker.nodes)
    if call is not None and path == NOTHING:
        shortcut = NOTHING  # what it must reach is not known
    elif call is not None:
        shortcut = _replacement(maker, block, call, place, value, path, span)
    elif kind == "projection":
        shortcut = layers.make_layers(maker, block.shortcut, place, value)
    else:
        shortcut = value
    if NOTHING in (path, shortcut):
        place.layers["add"] = path
        return layers.make_layers(maker, block.after, place, path), Joined(None, kind)
    on_shortcut = tuple(maker.made_since(before))
    name = place.name("add")
    maker.add_node(name, ADD, [path, shortcut], None, block.span)
    verdict = joins.prove(
        maker, name, is_residual=True, block=block, place=place, choice=choice, span=span
    )
    if path == shortcut and path != NOTHING:
        summary = f"the residual add of {place.prefix} adds a value to itself: no layer of the residual path is there"
        help = [
            f"give the block a layer that is always there, or its use in {place.prefix} a `when`"
        ]
        maker.findings.add(error(codes.READ_TWICE, summary, span, help=help, severity="warning"))
    if verdict == "no" and kind != "projection":
        layers.make_unknown(block.shortcut, place)  # they stand there where the choice is mended
    if kind != "none" and shortcut == value and not on_shortcut:
        kind = "identity"  # all layers of the projection are absent
    place.layers["add"] = name
    return layers.make_layers(maker, block.after, place, name), Joined(name, kind, on_shortcut)


def _choose(
    maker: Maker,
    block: definitions.Block,
    value: str,
    path: str,
    choice: Located | None,
    span: Span,
    outside: Environment,
) -> tuple[str, BlockCall | None]:
    """The kind of shortcut, and the block to stand there where the spec names one."""
    fits = NOTHING not in (value, path) and _fits(maker, value, path)
    said = choice.value if choice else "auto"
    if isinstance(said, str) and said in CHOICES:
        if said == "fitting":
            said = "identity" if fits else "none"
        if said == "auto":
            said = "identity" if fits or not block.shortcut else "projection"
        if said == "projection" and not block.shortcut:
            raise maker.failure(
                codes.NO_SHORTCUT,
                f"the block `{block.name}` has no `shortcut:` to project with",
                choice.span if choice else span,
                help=["add one to the block, or choose `zero_pad`, which needs no weights"],
            )
        return str(said), None
    assert choice is not None
    arguments = (
        {key: outside.bind(item) for key, item in said.arguments.items()}
        if isinstance(said, Call)
        else {}
    )
    word = said.word if isinstance(said, Call) else str(said)
    if maker.vocabulary.block(word) is None:
        summary = f"there is no shortcut `{word}`"
        known = [*CHOICES, *maker.vocabulary.block_words()]
        others = [
            f"write {', '.join(f'`{c}`' for c in CHOICES)}, or the name of a block such as `zero_pad`"
        ]
        at = (codes.UNKNOWN_WORD, summary, choice.span)
        raise SpecError([misspelt(*at, word, known, otherwise=others, kind="layer")])
    if fits:
        return "identity", None
    return word, BlockCall(word, arguments, choice.span)


def _fits(maker: Maker, value: str, path: str) -> bool:
    left, right = maker.shape(path), maker.shape(value)
    extents = {extent.axis: extent for extent in maker.extents if extent.is_open}
    return len(left) == len(right) and all(
        same_for_all(a, b, extents.get(a.axis) if isinstance(a, Size) else None)
        for a, b in zip(left, right, strict=True)
    )


def _replacement(
    maker: Maker,
    block: definitions.Block,
    call: BlockCall,
    place: Place,
    value: str,
    path: str,
    span: Span,
) -> str:
    """A block in the place of the shortcut; it is told the channels to reach (`out`) and the `stride`."""
    wanted = maker.vocabulary.block(call.word)
    assert wanted is not None
    given = dict(call.arguments)
    to, start = maker.shape(path), maker.shape(value)
    known = {"out": to[0], "stride": joins.stride_between(start, to)}
    given |= {k: Bound(v) for k, v in known.items() if k in wanted.parameters and k not in given}
    # what the block's own projection reads, its replacement reads too: behind the first activation, say
    sources = block.shortcut[0].sources if block.shortcut else None
    if sources is not None and len(sources) == 1:
        local = place.environment.interpolate(str(sources[0].value), sources[0].span)
        value = absent.read(maker, place.layers.get(local, value), sources[0].span)
    own = [place.environment.interpolate(each.name, each.span) for each in block.shortcut]
    heads = list(dict.fromkeys(name.split(".")[0] for name in own))
    local = heads[0] if len(heads) == 1 else "shortcut"
    return blocks.make_block(
        maker, call.word, given, place, place.name(local), value, call.span or span
    )
