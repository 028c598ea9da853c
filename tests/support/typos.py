"""One slip of the fingers in a text of the language, and what `check --fix` makes of it."""

from __future__ import annotations

import pathlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import yaml

from resnet_compiler.fix import fixed
from resnet_compiler.graph import Graph
from resnet_compiler.library import Library, SpecFile, shipped_blocks, shipped_specs
from resnet_compiler.limits import DEFAULT_LIMITS
from resnet_compiler.pipeline import compile_file
from resnet_compiler.reader import read_text
from resnet_compiler.source import Mapping, Node, Scalar, Sequence, plain

FOLDER = pathlib.Path("nowhere")
"""Where the texts are said to be: nothing is read from there and nothing written."""
FREE_TEXT = ("name", "title", "doc")
"""Keys whose values are text, in which nothing is misspelt."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

Slip = Literal["left out", "doubled", "swapped", "changed"]
SLIPS: tuple[Slip, ...] = ("left out", "doubled", "swapped", "changed")
Outcome = Literal["valid", "mended", "untouched", "same network", "half", "other network"]
"""``valid``: the typo is a spec; ``mended``: back to the original bytes; ``same network``: valid again, with other words;
``half``: changed, and still wrong."""


@dataclass(frozen=True, slots=True)
class Typo:
    """A word of a text, as it was and as it is misspelt; ``at`` is the offset of its first letter."""

    file: str
    at: int
    word: str
    wrong: str
    slip: Slip

    def made_in(self, text: str) -> str:
        return text[: self.at] + self.wrong + text[self.at + len(self.word) :]


@lru_cache(maxsize=1)
def texts() -> dict[str, str]:
    """Every shipped spec as it is, and complete in itself: what it extends merged in, the blocks it uses written inside."""
    found: dict[str, str] = {}
    for spec in shipped_specs():
        assert spec.path is not None
        name = spec.display.removeprefix("specs/").replace("/", "_")
        found[name] = spec.path.read_text("utf-8")
        found[f"whole_{name}"] = _whole(spec)
    return found


def _whole(spec: SpecFile) -> str:
    root, _ = Library().read_spec(spec)
    network: Any = plain(root)
    network.pop("expect", None)
    shipped = {path.stem: path.read_text("utf-8") for path in shipped_blocks()}
    blocks: dict[str, Any] = dict(network.pop("blocks", None) or {})
    waiting = set(_WORD.findall(yaml.safe_dump(network)))
    while waiting:
        word = min(waiting)
        waiting.discard(word)
        if word in shipped and word not in blocks:
            block: Any = plain(read_text(shipped[word], word))
            block.pop("name")
            blocks[word] = block
            waiting |= set(_WORD.findall(yaml.safe_dump(block)))
    if blocks:
        network["blocks"] = dict(sorted(blocks.items()))
    return yaml.safe_dump(network, sort_keys=False, default_flow_style=None, width=10_000)


def words(text: str) -> list[int]:
    """The offsets of every key and every word of a value in a text."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    found = []
    for scalar in _scalars(read_text(text, "text")):
        at, end = (
            starts[line - 1] + column - 1
            for line, column in (
                (scalar.span.line, scalar.span.column),
                (scalar.span.end_line, scalar.span.end_column),
            )
        )
        found += [match.start() for match in _WORD.finditer(text, at, end)]
    return found


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Mapping):
        for key, value in node.entries:
            yield key
            if key.value not in FREE_TEXT:
                yield from _scalars(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _scalars(item)
    elif isinstance(node.value, str):
        yield node


@lru_cache(maxsize=1)
def _places() -> list[tuple[str, int]]:
    found = [(file, at) for file, text in texts().items() for at in words(text)]
    random.Random(0).shuffle(found)
    return found


def typo(number: int) -> Typo:
    """The typo of a number: each word of each text in turn, with a slip by chance."""
    places = _places()
    file, at = places[number % len(places)]
    match = _WORD.match(texts()[file], at)
    assert match is not None
    word, draw = match[0], random.Random(number)
    while True:
        slip = draw.choice(SLIPS)
        wrong = _slip(word, slip, draw)
        if wrong != word and _WORD.fullmatch(wrong):
            return Typo(file, at, word, wrong, slip)
        if not any(letter.isalpha() for letter in word) or len(word) == 1:
            return Typo(file, at, word, f"{word}{word[-1]}", "doubled")


def _slip(word: str, slip: Slip, draw: random.Random) -> str:
    at = draw.choice([index for index, letter in enumerate(word) if letter.isalpha()] or [0])
    before, letter, behind = word[:at], word[at], word[at + 1 :]
    match slip:
        case "left out":
            return before + behind
        case "doubled":
            return before + letter * 2 + behind
        case "swapped":
            return before + behind[:1] + letter + behind[1:] if behind[:1].isalpha() else word
        case "changed":
            return before + draw.choice(_LETTERS) + behind


def attempt(one: Typo) -> tuple[Outcome, str]:
    """What `--fix` makes of a typo, and the text that comes of it."""
    right = texts()[one.file]
    wrong = one.made_in(right)
    spec = SpecFile(f"nowhere/{one.file}", FOLDER / one.file)
    if compile_file(spec, wrong).valid:
        return "valid", wrong
    found = fixed(spec, DEFAULT_LIMITS, texts={spec.display: wrong})
    after = found.after.get(spec.display, wrong)
    if after == right:
        return "mended", after
    if after == wrong:
        return "untouched", after
    if not found.compilation.valid:
        return "half", after
    assert found.compilation.graph is not None
    same = network(found.compilation.graph) == _network(one.file)
    return ("same network" if same else "other network"), after


@lru_cache(maxsize=400)
def _network(file: str) -> object:
    graph = compile_file(SpecFile(f"nowhere/{file}", FOLDER / file), texts()[file]).graph
    assert graph is not None, file
    return network(graph)


def network(graph: Graph) -> object:
    """What tells one network from another: the layers with names, operators and inputs, and the sizes claimed."""
    nodes = [(node.name, node.operator, tuple(node.inputs)) for node in graph]
    return nodes, graph.output, graph.input_shape, graph.extents, graph.stages
