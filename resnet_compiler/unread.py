"""Arguments and definitions that no layer reads: told as warnings, since they are often misspelt or meant for another block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resnet_compiler import codes
from resnet_compiler.definitions import Block, Call, Layer, Located, Network
from resnet_compiler.diagnostics import Diagnostic, SpecError, did_you_mean, error
from resnet_compiler.environment import Bound
from resnet_compiler.expressions import names_in
from resnet_compiler.operators import OPERATORS

if TYPE_CHECKING:
    from resnet_compiler.maker import Maker

_BRACES = re.compile(r"\{([^{}]*)\}")
INHERITED = ("norm", "act")
"""What every block takes, and passes on to the blocks that it uses."""


def tell_arguments(maker: Maker, word: str, arguments: Mapping[str, Bound]) -> None:
    """A warning for each argument written for a block by its name that no layer of the block reads."""
    if not arguments or word in OPERATORS or (block := maker.vocabulary.block(word)) is None:
        return
    read = names_of_block(maker, word, block)
    for name, bound in arguments.items():
        at = bound.key or bound.span
        if name in read or at is None or (name not in block.parameters and name not in INHERITED):
            continue
        summary = f"no layer of the block `{word}` reads `{name}`"
        help = [f"take it out, or let a layer of `{word}` read it"]
        _tell(maker, error(codes.UNREAD_ARGUMENT, summary, at, help=help, severity="warning"))


def tell_definitions(maker: Maker) -> None:
    """A warning for each `let` of a variant that nothing reads, in it or its bases."""
    network = maker.network
    if len(maker.chain) == 1:
        return
    read = dict.fromkeys(_names_of_network(network))
    for name, located in network.let.items():
        at = located.key or located.span
        if name in read or at.file != network.root.span.file:
            continue
        others = [each for each in network.let if each != name]
        help = did_you_mean(name, [*others, *read]) or (
            "take it out, or name it where it is meant",
        )
        summary = f"nothing in the spec reads `{name}`"
        _tell(maker, error(codes.UNREAD_ARGUMENT, summary, at, help=help, severity="warning"))


def _tell(maker: Maker, found: Diagnostic) -> None:
    known = ((each.code, each.span) for each in maker.findings.diagnostics)
    if (found.code, found.span) not in known:
        maker.findings.add(found)


def names_of_block(maker: Maker, word: str, block: Block) -> frozenset[str]:
    """The names that something in a block reads; `norm` and `act` too where a block that it uses reads them."""
    if word in maker.reads:
        return maker.reads[word]
    maker.reads[word] = frozenset(INHERITED)  # in case it uses itself
    parts = (block.layers or (), block.residual, block.shortcut, block.after)
    layers = [layer for part in parts for layer in every(part)]
    names = dict.fromkeys(
        name
        for located in (*block.parameters.values(), *block.let.values())
        for name in _names(located)
    )
    names |= dict.fromkeys(name for layer in layers for name in _names_of_layer(layer))
    local = {*block.parameters, *block.let}
    for layer in layers:
        names |= dict.fromkeys(_passed_on(maker, layer, word, local))
    maker.reads[word] = frozenset(names)
    return maker.reads[word]


def _passed_on(maker: Maker, layer: Layer, word: str, local: Iterable[str]) -> Iterable[str]:
    """Which of `norm` and `act` a layer reads as a block that has them from around it; both, where that is not known."""
    if layer.repeat is not None or layer.word in (word, "none", *INHERITED):
        return ()
    if layer.word in local or not layer.word.isidentifier():
        return INHERITED
    if layer.word in OPERATORS:
        return ()
    try:
        block = maker.vocabulary.block(layer.word)
    except SpecError:
        return INHERITED
    if block is None:
        return INHERITED
    read = names_of_block(maker, layer.word, block)
    return [name for name in INHERITED if name in read]


def every(layers: Iterable[Layer]) -> Iterator[Layer]:
    """Layers, and those in the place of each `repeat`."""
    for layer in layers:
        yield layer
        if layer.repeat is not None:
            yield from every(layer.repeat.layers)


def _names_of_network(network: Network) -> Iterator[str]:
    for layer in every((*network.stem, *network.head)):
        yield from _names_of_layer(layer)
    singles: list[Located | None] = [network.norm, network.act, network.names]
    for stage in network.stages:
        singles += (stage.block, stage.depth, stage.stride, stage.shortcut, stage.names)
        for located in (*stage.arguments.values(), *stage.first.values()):
            yield from _names(located)
    for each in (*singles, *network.let.values()):
        if each is not None:
            yield from _names(each)


def _names_of_layer(layer: Layer) -> Iterator[str]:
    yield layer.word
    if layer.is_use:
        yield from names_in(layer.word)
    sources = layer.sources or ()
    for text in (layer.name, *(str(source.value) for source in sources)):
        for match in _BRACES.finditer(text):
            yield from names_in(match[1])
    count = layer.repeat.count if layer.repeat is not None else None
    for located in (*layer.arguments.values(), layer.when, count):
        if located is not None:
            yield from _names(located)


def _names(located: Located) -> Iterator[str]:
    """The names that a written value reads, in lists and calls too, and in the braces of a name."""
    waiting: list[Any] = [located.value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Located):
            waiting.append(value.value)
        elif isinstance(value, tuple):
            waiting += value
        elif isinstance(value, Call):
            yield value.word
            waiting += value.arguments.values()
        elif isinstance(value, str):
            yield from names_in(value)
            for match in _BRACES.finditer(value):
                yield from names_in(match[1])
