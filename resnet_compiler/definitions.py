"""Spec and block files as frozen definitions that remember where each thing was written.

The pydantic models have checked the form; what is built here is what elaboration reads.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from resnet_compiler.diagnostics import Span
from resnet_compiler.source import Mapping, Node, Scalar, Sequence

REQUIRED = "required"
"""The word that stands for a block parameter's default where there is none."""


@dataclass(frozen=True, slots=True)
class Located:
    """A value as written, not yet evaluated: a scalar, a tuple of values, or a call of a block or operator."""

    value: Any
    span: Span
    key: Span | None = None

    @property
    def entry(self) -> Span:
        """The key and the value together, where they stand on one line: ``stride: 2``."""
        key = self.key
        if key is None or (key.file, key.line) != (self.span.file, self.span.end_line):
            return self.span
        return Span(key.file, key.line, key.column, self.span.end_line, self.span.end_column)


@dataclass(frozen=True, slots=True)
class Call:
    """A block or operator with arguments, written as a value: ``{gate: {reduction: 16}}``."""

    word: str
    arguments: MappingType[str, Located]
    span: Span


@dataclass(frozen=True, slots=True)
class Layer:
    """One item of a list of layers. ``span`` is the name's, ``word_span`` the operator's, ``also`` those of other lines."""

    name: str
    span: Span
    word: str
    word_span: Span
    is_use: bool
    arguments: MappingType[str, Located]
    sources: tuple[Located, ...] | None = None
    when: Located | None = None
    repeat: Repeat | None = None
    also: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Repeat:
    """Layers that stand ``count`` times, with ``index`` naming the turn."""

    index: str
    count: Located
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its parameters with their defaults, its definitions, and its layers."""

    name: str
    title: str
    doc: str
    file: str
    span: Span
    parameters: MappingType[str, Located]
    let: MappingType[str, Located]
    layers: tuple[Layer, ...] | None
    residual: tuple[Layer, ...]
    shortcut: tuple[Layer, ...]
    after: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """A row of blocks, as written. ``arguments`` go to every block, ``first`` to the first alone.

    ``also`` are places on other lines than the block's, of the variant too: ``depth: 8``.
    """

    name: str
    span: Span
    block: Located
    depth: Located
    stride: Located | None
    shortcut: Located | None
    names: Located | None
    arguments: MappingType[str, Located]
    first: MappingType[str, Located]
    also: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """A whole spec, its variants merged in. ``blocks`` are those written inside it."""

    name: Located
    title: str
    doc: str
    root: Mapping
    norm: Located | None
    act: Located | None
    defaults: MappingType[str, MappingType[str, Located]]
    let: MappingType[str, Located]
    names: Located | None
    stem: tuple[Layer, ...]
    stages: tuple[Stage, ...]
    head: tuple[Layer, ...]
    blocks: MappingType[str, Block]


def title_of(word: str) -> str:
    """A title for a thing that has none: its name with spaces and a capital."""
    return word.replace("_", " ").capitalize()


def network_of(root: Mapping) -> Network:
    """The definitions of a complete spec (variants merged, models satisfied)."""
    name = _located(root.get("name"))
    assert name is not None
    defaults = root.get("defaults")
    blocks = root.get("blocks")
    return Network(
        name=name,
        title=_text(root, "title") or str(name.value),
        doc=_text(root, "doc"),
        root=root,
        norm=_located(root.get("norm")),
        act=_located(root.get("act")),
        defaults=MappingProxyType({word: _mapping(node) for word, _, node in _entries(defaults)}),
        let=_mapping(root.get("let")),
        names=_located(root.get("names")),
        stem=_layers(root.get("stem")),
        stages=tuple(_stage(item) for item in _items(root.get("stages"))),
        head=_layers(root.get("head")),
        blocks=MappingProxyType(
            {
                word: block_of(node, word)
                for word, _, node in _entries(blocks)
                if isinstance(node, Mapping)
            }
        ),
    )


def block_of(root: Mapping, name: str) -> Block:
    """The definition of a block, from its file or from a spec's ``blocks``."""
    layers = root.get("layers")
    return Block(
        name=name,
        title=_text(root, "title") or title_of(name),
        doc=_text(root, "doc"),
        file=root.span.file,
        span=root.span,
        parameters=_mapping(root.get("parameters")),
        let=_mapping(root.get("let")),
        layers=_layers(layers) if isinstance(layers, Sequence) else None,
        residual=_layers(root.get("residual")),
        shortcut=_layers(root.get("shortcut")),
        after=_layers(root.get("after")),
    )


STAGE_KEYS = ("block", "depth", "stride", "shortcut", "first", "names")


def _stage(item: Node) -> Stage:
    ((name, span, body),) = _entries(item)
    assert isinstance(body, Mapping)
    known = {key: _entry(body, key) for key in STAGE_KEYS if key != "first"}
    block, depth = known["block"], known["depth"]
    assert block is not None and depth is not None
    return Stage(
        name=name,
        span=span,
        block=block,
        depth=depth,
        stride=known["stride"],
        shortcut=known["shortcut"],
        names=known["names"],
        arguments=_mapping(body, skip=STAGE_KEYS),
        first=_mapping(body.get("first")),
        also=_other_lines(block.span, item),
    )


def _layers(node: Node | None) -> tuple[Layer, ...]:
    return tuple(_layer(item) for item in _items(node))


def _layer(item: Node) -> Layer:
    ((name, span, body),) = _entries(item)
    if isinstance(body, Scalar):
        return Layer(name, span, str(body.value), body.span, False, MappingProxyType({}))
    assert isinstance(body, Mapping)
    sources = body.get("from")
    (word_key, content), *_ = [
        (key, value) for key, value in body.entries if key.value not in ("from", "when")
    ]
    word, word_span = str(word_key.value), word_key.span
    is_use = word == "use"
    repeat = None
    if is_use and isinstance(content, Scalar):
        word, word_span = str(content.value), content.span
    if word == "repeat" and isinstance(content, Mapping):
        count = _located(content.get("count"))
        assert count is not None
        repeat = Repeat(_text(content, "index"), count, _layers(content.get("layers")))
    return Layer(
        name=name,
        span=span,
        word=word,
        word_span=word_span,
        is_use=is_use,
        arguments=_mapping(content) if repeat is None else MappingProxyType({}),
        sources=None if _is_null(sources) else tuple(_sources(sources)),
        when=_located(body.get("when")),
        repeat=repeat,
        also=_other_lines(span, body) if repeat is None else (),
    )


def _other_lines(at: Span, written: Node) -> tuple[Span, ...]:
    """Where else something stands of what is written at a place: the first word of each other line, of any file."""
    found = {(at.file, at.line): at}
    waiting = [written]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            for key, value in reversed(node.entries):
                waiting += (value, key)
        elif isinstance(node, Sequence):
            waiting += reversed(node.items)
        else:
            found.setdefault((node.span.file, node.span.line), node.span)
    return tuple(found.values())[1:]


def _sources(node: Node | None) -> list[Located]:
    items = node.items if isinstance(node, Sequence) else (node,)
    return [Located(item.value, item.span) for item in items if isinstance(item, Scalar)]


def _is_null(node: Node | None) -> bool:
    return node is None or (isinstance(node, Scalar) and node.value is None)


def _located(node: Node | None) -> Located | None:
    """A value with its place; an absent one or a null is None."""
    return None if node is None or _is_null(node) else Located(_value(node), node.span)


def _entry(root: Mapping, key: str) -> Located | None:
    """The value under a key, with the key's place."""
    found, name = _located(root.get(key)), root.key(key)
    return Located(found.value, found.span, name.span) if found and name else None


def _value(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return tuple(Located(_value(item), item.span) for item in node.items)
    ((word, span, arguments),) = _entries(node)
    return Call(word, _mapping(arguments), span)


def _mapping(node: Node | None, skip: tuple[str, ...] = ()) -> MappingType[str, Located]:
    entries = {
        key: Located(_value(value), value.span, span)
        for key, span, value in _entries(node)
        if key not in skip
    }
    return MappingProxyType(entries)


def _entries(node: Node | None) -> list[tuple[str, Span, Node]]:
    if not isinstance(node, Mapping):
        return []
    return [(str(key.value), key.span, value) for key, value in node.entries]


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else ()


def _text(root: Mapping, key: str) -> str:
    node = root.get(key)
    return str(node.value) if isinstance(node, Scalar) and node.value is not None else ""
