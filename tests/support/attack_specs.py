"""How specs that ask for far too much are made: the parts of tests/support/attacks.py.

Files are written when they are needed: some are a megabyte long.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

SPEC = "attack.yaml"
Files = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Attack:
    """A spec, with the files beside it; ``code`` is what must be said, and ``says`` is part of it: the limit's name."""

    files: Callable[[], Files]
    code: str
    says: str = ""
    prepare: Callable[[pathlib.Path], None] = field(default=lambda folder: None)

    def write(self, folder: pathlib.Path) -> None:
        for name, text in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self.prepare(folder)


def listed(lines: Iterable[str], spaces: int) -> str:
    return "".join(f"{' ' * spaces}- {line}\n" for line in lines)


def network(
    stages: Iterable[str] = ("s: {block: b, depth: 1}",),
    blocks: Mapping[str, Iterable[str]] | None = None,
    stem: Iterable[str] = (),
    more: str = "",
) -> str:
    """A spec from the lines of its stages, of its stem, and of the layers of its blocks."""
    text = f"name: attack\ninput: {{channels: 8, height: 32, width: 32}}\n{more}"
    text += f"stem:\n{listed(stem, 2)}" if stem else ""
    text += f"stages:\n{listed(stages, 2)}"
    if not blocks:
        return text
    bodies = (
        f"  {word}:\n    layers:\n{listed(each, 6)}" if each else f"  {word}: {{layers: []}}\n"
        for word, each in blocks.items()
    )
    return f"{text}blocks:\n{''.join(bodies)}"


def of(make: Callable[[], str], code: str, says: str = "") -> Attack:
    """An attack of one file."""
    return Attack(lambda: {SPEC: make()}, code, says)


def width(expression: str, more: str = "") -> str:
    """A spec with an expression for a width."""
    return network([f"s: {{block: basic, depth: 1, width: '{expression}'}}"], more=more)


def layers(*lines: str) -> str:
    """A spec with one block of these layers."""
    return network(blocks={"b": lines})


def repeated(layer: str, count: int, index: str = "i") -> str:
    """A `repeat` of one layer."""
    return f"r{index}: {{repeat: {{index: {index}, count: {count}, layers: [{{{layer}}}]}}}}"


def lets(first: Iterable[str], step: Callable[[int], str], count: int) -> str:
    """A `let` whose entries are each made of those before."""
    names = [f"  l{i}: {value}\n" for i, value in enumerate(first)]
    return "let:\n" + "".join([*names, *(f"  l{i}: {step(i)}\n" for i in range(len(names), count))])


def doubled(levels: int, last: Iterable[str]) -> str:
    """Blocks that each use the next one twice."""
    blocks: dict[str, Iterable[str]] = {
        f"b{i}": (f"x: b{i + 1}", f"y: b{i + 1}") for i in range(levels)
    }
    return network(["s: {block: b0, depth: 1}"], {**blocks, f"b{levels}": last}, ["r: relu"])


def bomb() -> str:
    rows = ["a0: &a0 [x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    return "\n".join(rows)


def chain_of_specs() -> Files:
    links = {f"f{i}.yaml": f"name: f\nextends: f{i + 1}.yaml\n" for i in range(1000)}
    last = {"f1000.yaml": network(["s: {block: basic, depth: 1, width: 8}"])}
    return {SPEC: "name: attack\nextends: f0.yaml\n", **links, **last}


def many_values(begin: str, count: int = 90_000) -> str:
    return f"{begin}let: {{x: [{'1,' * count}]}}\n"


def large_files() -> Files:
    blocks = {
        f"blocks/b{i}.yaml": many_values(f"name: b{i}\n") + "layers: [{a: relu}]\n"
        for i in range(30)
    }
    stem = [f"x{i}: b{i}" for i in range(30)]
    return {SPEC: network(["s: {block: basic, depth: 1, width: 8}"], stem=stem), **blocks}


def nested_repeats(levels: int, inside: str) -> str:
    for level in range(levels):
        inside = repeated(inside, 1, f"n{level}")
    return inside


def deep_everything() -> str:
    """Blocks in repeats in blocks, an expression at the bottom: deep in every way at once."""
    blocks: dict[str, Iterable[str]] = {
        f"b{i}": (nested_repeats(9, f"x: b{i + 1}"),) for i in range(15)
    }
    last = "c: {conv: {out: " + "-" * 180 + "8, kernel: 1}}"
    blocks["b15"] = (nested_repeats(9, last),)
    return network(["s: {block: b0, depth: 1}"], blocks)


def unknown_overrides() -> Files:
    word = "abcdefgh" * 10
    changes = "".join(f"  {word}x{i}: {{depth: 2}}\n" for i in range(5000))
    base = network([f"{word}y{i}: {{block: basic, depth: 1, width: 8}}" for i in range(1000)])
    return {SPEC: f"name: attack\nextends: base.yaml\nstages:\n{changes}", "base.yaml": base}


def unlike_strides() -> str:
    """Branches whose sizes differ for the first time after very many of the sizes that are claimed."""
    lines = []
    for i in range(300):
        lines += [
            f"a{i}: {{max_pool: {{kernel: 1, stride: 32768}}, from: input}}",
            f"c{i}: {{max_pool: {{kernel: {2 + i}, stride: 32769}}, from: input}}",
            f"d{i}: {{concat: {{}}, from: [a{i}, c{i}]}}",
        ]
    text = layers(*lines, "z: {concat: {}, from: ['d*']}")
    claimed = "height: {multiple_of: 65536}, width: {multiple_of: 65536}"
    return text.replace("height: 32, width: 32", claimed)
