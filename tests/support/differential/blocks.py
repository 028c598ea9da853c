"""Blocks at random: a residual path, the projection that reaches the same shape, and what follows the add."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from support.differential import moves
from support.differential.body import Body, Layer, Parameter
from support.differential.gates import GATES
from support.differential.values import (
    IN_CHANNELS,
    Arguments,
    Channels,
    Steps,
    Value,
    evaluate,
    keeps_rounding_up,
    size_after,
)

GATE_BLOCKS = (
    "none",
    "squeeze_excite",
    "efficient_channel_attention",
    {"squeeze_excite": {"ratio": 0.25, "divisor": 2}},
    {"efficient_channel_attention": {"kernel": 5}},
)


@dataclass(frozen=True)
class Template:
    """A block and what must be known to use it: its shape rule, its parameters with what they can be."""

    word: str
    body: Layer = field(default_factory=dict)
    """As it stands under `blocks:`; empty for a shipped one."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values that parameters have where none is given, for the shape rule."""
    out: Channels = IN_CHANNELS
    sizes: Mapping[Steps, int] = field(default_factory=dict)
    steps: Steps = ()
    residual: bool = False
    projects: bool = False
    beside: Steps = ()
    """How the size of its projection comes about; another way than ``steps`` is equal at some sizes only."""
    names_sum: bool = False
    """Whether what follows the add reads it by name, so that it must be there."""
    pair_stride: bool = False
    """Whether its stride can be a pair."""

    @property
    def strides(self) -> bool:
        return any(step.stride == "stride" for step in self.steps)

    def values(self, given: Arguments, in_channels: int) -> dict[str, Any]:
        """What names mean in an instance, as far as shapes depend on it."""
        found = {"in_channels": in_channels, "stride": 1, **self.defaults, **given}
        for name in ("inner", "out"):
            if isinstance(found.get(name), str):
                found[name] = evaluate(found[name], found)
        return found

    def channels(self, given: Arguments, in_channels: int) -> int:
        return self.out.at(self.values(given, in_channels))

    def size(self, given: Arguments, size: tuple[int, int]) -> tuple[int, int] | None:
        """The size that comes out, or None where something on the way would vanish."""
        arguments = self.values(given, 4)
        for steps, least in self.sizes.items():
            if min(size_after(steps, size, arguments)) < least:
                return None
        return size_after(self.steps, size, arguments)

    def sides_are_equal(self, given: Arguments, size: tuple[int, int]) -> bool:
        arguments = self.values(given, 4)
        return size_after(self.steps, size, arguments) == size_after(self.beside, size, arguments)

    @property
    def mixes(self) -> bool:
        return self.projects and self.beside != self.steps

    @property
    def pads_zeros(self) -> bool:
        """Whether a subsampled input has the size that comes out."""
        return keeps_rounding_up(self.steps)


def random_moves(body: Body, count: int) -> None:
    for _ in range(count):
        kind = moves.PLAIN if body.chance(0.72) else GATES
        body.draw.choice(kind)(body)


def plain_block(draw: random.Random, word: str, helpers: tuple[str, ...] = ()) -> Template:
    """A block of layers without an add of its own."""
    body = Body(draw, free=draw.random() < 0.5, helpers=helpers, dotted=draw.random() < 0.3)
    body.numbered = draw.random() < 0.15
    if draw.random() < 0.6:
        body.parameter("width", "required", 4, 8)
    random_moves(body, draw.choice((1, 2, 3)))
    if draw.random() < 0.6:
        body.parameter("stride", 1)
        moves.stride(body)
        random_moves(body, draw.choice((0, 1)))
    if body.current.channels.by % 4:
        moves.conv(body, IN_CHANNELS)
    body_of: Layer = {"layers": body.take()}
    return _template(word, body, body_of, body.current)


def keeping_block(draw: random.Random, word: str) -> Template:
    """A block of layers that keeps its input's shape: for gates, norms and use inside other blocks."""
    body = Body(draw, dotted=draw.random() < 0.3, numbered=draw.random() < 0.25)
    random_moves(body, draw.choice((1, 2)))
    if body.current.channels.text != "in_channels":
        moves.conv(body, IN_CHANNELS)
    if draw.random() < 0.15:  # a block in which it stands itself, so often and no more
        body.parameter("levels", 2, 1, 3)
        arguments = {"levels": "levels - 1"}
        body.put(word, arguments, when="levels > 1")
    return _template(word, body, {"layers": body.take()}, body.current)


def projection_block(draw: random.Random, word: str) -> Template:
    """A block to stand for a shortcut: it is told the channels to reach and the stride."""
    body = Body(draw)
    body.parameter("out", "required")
    body.parameter("stride", 1)
    random_moves(body, draw.choice((0, 0, 1)))
    moves.stride(body)
    moves.conv(body, Channels("out", 4))
    if draw.random() < 0.5:
        moves.norm(body)
    return _template(word, body, {"layers": body.take()}, body.current)


def residual_block(draw: random.Random, word: str, helpers: tuple[str, ...] = ()) -> Template:
    """A residual block: pre- or post-activation, with a projection or without, with a stride or without."""
    body = Body(draw, free=draw.random() < 0.4, helpers=helpers, dotted=draw.random() < 0.25)
    projects = draw.random() < 0.8
    strides = projects and draw.random() < 0.8
    mixes = strides and draw.random() < 0.5
    if projects:
        body.parameter("width", "required", 4, 8, 12)
    if strides:
        body.parameter("stride", 1)
    let: Layer = {}
    if projects and draw.random() < 0.4:
        let = {"out": draw.choice(("width * 2", "max(width, 8)", "width + in_channels"))}
        by = 8 if let["out"] == "width * 2" else 4
        out = Channels("out", by)
    else:
        out = Channels("width", 4) if projects else IN_CHANNELS
    body.free = body.free and projects
    behind = _pre_activation(body) if draw.random() < 0.3 else None
    random_moves(body, draw.choice((0, 1, 1, 2)))
    path_rounds_up = not mixes or draw.random() < 0.5
    if strides:
        moves.stride(body, rounds_up=path_rounds_up)
    random_moves(body, draw.choice((0, 0, 1)))
    body.free = False
    moves.conv(body, out)
    _end_of_path(body)
    found: Layer = {"residual": body.take()}
    end = body.current
    seen, beside = list(body.values), ()
    if projects:
        body.begin_at(body.values[0])
        body.groups = ("downsample",)  # a block in its place may take this name
        if behind is not None and draw.random() < 0.7:
            body.values.append(behind)
        _projection(body, end, not path_rounds_up if mixes else path_rounds_up)
        found["shortcut"], beside = body.take(), body.current.steps
    if draw.random() < 0.7:
        body.values = seen  # the projection's layers are not always there
        body.groups = ("after", "end")
        body.begin_at(Value("add", end.channels, end.steps))
        random_moves(body, draw.choice((0, 0, 1)))
        if body.current.channels.text != out.text:
            moves.conv(body, out)
        if not body.layers:
            moves.act(body)
        found["after"] = body.take()
    if let:
        found = {"let": let, **found}
    names_sum = any("add" in _read_names(layer) for layer in found.get("after", ()))
    return _template(
        word,
        body,
        found,
        end,
        let,
        residual=True,
        projects=projects,
        beside=beside,
        names_sum=names_sum,
    )


def _read_names(tree: Any) -> list[str]:
    """Every name that a `from` has in a layer."""
    if isinstance(tree, list):
        return [name for item in tree for name in _read_names(item)]
    if not isinstance(tree, dict):
        return []
    sources = tree.get("from", [])
    found = [sources] if isinstance(sources, str) else list(sources)
    return found + [name for item in tree.values() for name in _read_names(item)]


def _pre_activation(body: Body) -> Value:
    moves.norm(body)
    body.put(body.draw.choice(("relu", "act", "silu")))
    return body.current


def _end_of_path(body: Body) -> None:
    """What often stands last on a residual path: a norm, a gate that is an argument, a learned scale."""
    draw = body.draw
    if body.chance(0.6):
        moves.norm(body)
    match draw.randrange(6):
        case 0 | 1:
            attention = body.parameter("attention", "none", *GATE_BLOCKS[1:], *body.helpers)
            name = body.fresh("gate")
            body.layers.append({name: {"use": attention}})
            body.last = name
            body.keep(name, body.current)
        case 2:
            rate = body.parameter("drop_path_rate", 0, 0.1, 0.2)
            body.put("drop_path", {"rate": rate}, when=f"{rate} > 0")
        case 3:
            value = body.current
            arguments = {"channels": value.channels.written, "fill": 0.1}
            body.line("parameter", arguments, name=body.word("gamma"))
            body.put("mul", {}, [value.name, body.last])


def _projection(body: Body, end: Value, rounds_up: bool) -> None:
    """Layers from the current value to the residual path's channels and size."""
    draw = body.draw
    for step in end.steps:
        if step.stride == "stride":
            moves.stride(body, rounds_up=rounds_up)
            continue
        padding = [max(0, -e) for e in step.excess]
        if any(padding):
            body.put(
                "pad", {"border": padding}, step=type(step)((-2 * padding[0], -2 * padding[1]))
            )
        kernel = [1 + e + 2 * p for e, p in zip(step.excess, padding, strict=True)]
        taken = type(step)((kernel[0] - 1, kernel[1] - 1))
        if kernel != [1, 1]:
            word = draw.choice(("max_pool", "avg_pool", "conv"))
            arguments: Layer = {"kernel": kernel, "stride": 1}
            if word == "conv":
                arguments |= {"padding": 0, "out": body.current.channels.written}
            body.put(word, arguments, step=taken)
    if body.current.channels.text != end.channels.text or not body.layers or body.chance(0.3):
        arguments = {"out": end.channels.written, "kernel": draw.choice((1, 1, 3))}
        body.put("conv", arguments, channels=end.channels)
    if body.chance(0.6):
        body.put("norm")
    keeps_size = all(step.stride == "stride" for step in end.steps)
    if end.channels.text != "in_channels" and keeps_size and body.chance(0.5):
        differs = f"in_channels != {end.channels.operand}"
        if end.steps:
            body.compares_stride = True
            differs = f"stride > 1 or {differs}"
        for layer in body.layers:  # none of them is there where the shapes are equal
            ((name, inner),) = layer.items()
            inner = {inner: {}} if isinstance(inner, str) else inner
            if "when" not in inner:
                layer[name] = {**inner, "when": differs}


def _template(
    word: str, body: Body, found: Layer, end: Value, let: Layer | None = None, **more: Any
) -> Template:
    declared = {name: each.default for name, each in body.parameters.items()}
    if declared:
        found = {"parameters": declared, **found}
    kept = {k: p for k, p in body.parameters.items() if k != "stride"}
    kept = {
        k: Parameter(p.default, p.choices[1:] if p.default == "required" else p.choices)
        for k, p in kept.items()
    }
    pair = "stride" in declared and not body.compares_stride
    return Template(
        word,
        found,
        kept,
        {**{k: v for k, v in declared.items() if v != "required"}, **(let or {})},
        end.channels,
        dict(body.sizes),
        end.steps,
        pair_stride=pair,
        **more,
    )
