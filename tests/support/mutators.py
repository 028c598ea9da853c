"""Mutators: small functions from a generator of chance and a text to a text that is wrong in one more way.

A text that stands for bytes which are no UTF-8 holds them as surrogates, as Python's file names do (``encoded``).
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from resnet_compiler import spec
from resnet_compiler.expressions import FUNCTIONS
from resnet_compiler.library import shipped_blocks
from resnet_compiler.operators import OPERATORS
from resnet_compiler.residual import CHOICES

Mutator = Callable[[random.Random, str], str]
Tree = Any


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


_MODELS = (spec.Network, spec.Block, spec.Stage, spec.Input, spec.OpenSize, spec.Expect)
KEYS = sorted(
    {name.rstrip("_") for model in (*_MODELS, spec.Repeat) for name in model.model_fields}
    | {"use", "repeat", "when", "from"}
)
"""The keys of the language."""
ATTRIBUTES = sorted({name for operator in OPERATORS.values() for name in operator.attributes()})
BLOCKS = [path.stem for path in shipped_blocks()]
WORDS = [*KEYS, *OPERATORS, *ATTRIBUTES, *BLOCKS, *FUNCTIONS, *CHOICES, "norm", "act", "required"]
"""The words of the language, whatever they stand for."""

SCALARS: tuple[Any, ...] = (
    *(0, 1, -1, 2, 7, 1.5, -0.0, 2**20, 2**20 + 1, 2**31, 2**53 + 1, 10**9, 1e308, 5e-324),
    *(True, False, None, "", " ", "\0", "\x1b[2J", "w" * 150, "w" * 600, "é", "\u202e", "\u2028"),
    *("none", "true", "index", "block_index / block_count", "in_channels", "depth * 8", "2 ** 52"),
    *("1 / 0", "8 % 0", "7 // (stride - stride)", "nobody + 1", "größe * 2", "𝟖 + ﬀ", "width²"),
    *("9 ** 9 ** 9", "-" * 90 + "8", "(" * 40 + "8" + ")" * 40, "(" * 300, "1 if", "a.b", "x[0]"),
    *("widths[index]", "max()", "max(1, none)", "sqrt(-1)", "log2(0)", "round(1e308)", "f(x)"),
    *(
        "make_divisible(8, 0)",
        "[1, 2]",
        "{i}",
        "{index",
        "{1 / 0}",
        "'a'",
        "lambda: 0",
        "1 < 2 < 3",
    ),
    *("__import__('os')", "not 1", "1 and none", "0x10", "1e999", "١٢", "*", "a*", "input", "a.0"),
)
"""What is put in the place of a value."""


# --- texts from nothing ----------------------------------------------------------------------------------------------


def random_bytes(draw: random.Random, text: str) -> str:
    """Any bytes, now and then in mostly readable company."""
    pool = bytes(range(256)) if draw.random() < 0.5 else b"abc:-,[]{}#&*!|>'\"%@` \n\t\r\0\xff"
    return decoded(bytes(draw.choice(pool) for _ in range(draw.randint(0, 200))))


_TOKENS = (
    *(
        ": ",
        ":",
        "- ",
        "-",
        "? ",
        ", ",
        "\n",
        "\n  ",
        "\n    ",
        "\n- ",
        "[",
        "]",
        "{",
        "}",
        "#",
        " #",
    ),
    *(
        "&a ",
        "*a",
        "!!int ",
        "!x ",
        "<<: ",
        "%YAML 1.1\n",
        "---\n",
        "...\n",
        "|\n",
        ">-\n",
        "'",
        '"',
    ),
    *(
        "\\",
        "\\u",
        "\t",
        "\r",
        "\r\n",
        "\ufeff",
        "\x85",
        "\udcff",
        "~",
        "010",
        "12:30",
        "1e9",
        ".nan",
    ),
)


def token_soup(draw: random.Random, text: str) -> str:
    """Tokens of YAML and words of the language in any order."""
    kinds = (_TOKENS, _TOKENS, WORDS, tuple(map(str, range(10))))
    return "".join(draw.choice(draw.choice(kinds)) for _ in range(draw.randint(1, 80)))


def random_tree(draw: random.Random, text: str) -> str:
    """A mapping of the language's own keys and words, nested at random, with `name` and `stages` more often than not."""
    tree = {draw.choice(KEYS): _random_node(draw, 0) for _ in range(draw.randint(0, 5))}
    likely = {
        "name": lambda: "random",
        "stages": lambda: [{"s": _random_call(draw, 1)} for _ in range(draw.randint(1, 3))],
        "stem": lambda: [{"c": _random_call(draw, 1)} for _ in range(draw.randint(1, 3))],
        "blocks": lambda: {"b": {"layers": [{"c": _random_call(draw, 2)}]}},
    }
    tree |= {key: make() for key, make in likely.items() if draw.random() < 0.8}
    return dumped(draw, tree)


def _random_node(draw: random.Random, depth: int) -> Tree:
    kind = draw.random()
    if depth > 4 or kind < 0.3:
        return draw.choice(draw.choice((SCALARS, WORDS)))
    if kind < 0.5:
        return [_random_node(draw, depth + 1) for _ in range(draw.randint(0, 3))]
    return _random_call(draw, depth) if kind < 0.8 else {draw.choice(KEYS): draw.choice(SCALARS)}


def _random_call(draw: random.Random, depth: int) -> Tree:
    """What a layer or a stage might look like."""
    if draw.random() < 0.4:
        arguments = {
            draw.choice(ATTRIBUTES): draw.choice(SCALARS) for _ in range(draw.randint(0, 3))
        }
        return {draw.choice([*OPERATORS]): {**arguments, "out": 8, "kernel": draw.choice((1, 3))}}
    row = {"block": draw.choice([*BLOCKS, "b"]), "depth": draw.randint(1, 3), "width": 8}
    more = {draw.choice(KEYS): _random_node(draw, depth + 1) for _ in range(draw.randint(0, 2))}
    return {**row, **more} if draw.random() < 0.7 else more


# --- texts with one thing changed ------------------------------------------------------------------------------------


def _at(draw: random.Random, text: str) -> int:
    return draw.randint(0, max(0, len(text) - 1))


def flip_a_byte(draw: random.Random, text: str) -> str:
    data = bytearray(encoded(text) or b" ")
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return decoded(bytes(data))


def delete_a_piece(draw: random.Random, text: str) -> str:
    at = _at(draw, text)
    return text[:at] + text[at + draw.choice((1, 1, 1, 5, 50)) :]


def insert_a_token(draw: random.Random, text: str) -> str:
    at = _at(draw, text)
    return text[:at] + draw.choice(draw.choice((_TOKENS, WORDS))) + text[at:]


def repeat_a_piece(draw: random.Random, text: str) -> str:
    at = _at(draw, text)
    end = at + draw.choice((1, 2, 10, 100))
    return text[:at] + text[at:end] * draw.choice((2, 3, 50)) + text[end:]


def _lines(change: Callable[[random.Random, list[str], int], object]) -> Mutator:
    """A mutator from what is done with the lines, and the number of one of them."""

    def mutate(draw: random.Random, text: str) -> str:
        lines = text.splitlines(keepends=True) or [""]
        change(draw, lines, draw.randrange(len(lines)))
        return "".join(lines)

    return mutate


drop_a_line = _lines(lambda draw, lines, at: lines.pop(at))
double_a_line = _lines(lambda draw, lines, at: lines.insert(at, lines[at]))
move_a_line = _lines(
    lambda draw, lines, at: lines.insert(draw.randrange(len(lines)), lines.pop(at))
)


def reindent_a_line(draw: random.Random, text: str) -> str:
    """A line further in or out, or behind a tab."""

    def change(draw: random.Random, lines: list[str], at: int) -> None:
        lead = draw.choice(("", " ", "  ", "   ", "      ", "\t", "- ", "\xa0"))
        lines[at] = lead + (lines[at].lstrip(" ") if draw.random() < 0.5 else lines[at])

    return _lines(change)(draw, text)


def other_line_ends(draw: random.Random, text: str) -> str:
    end = draw.choice(("\r\n", "\r", "\n\n", "\n\r", "\x85", "\u2028", "\0"))
    return text.replace("\n", end, draw.choice((-1, -1, 1, 3)))


def byte_order_mark(draw: random.Random, text: str) -> str:
    at = draw.choice((0, 0, len(text), _at(draw, text)))
    return text[:at] + draw.choice(("\ufeff", "\udcff\udcfe")) + text[at:]


def another_encoding(draw: random.Random, text: str) -> str:
    encoding = draw.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "cp037"))
    return decoded(text.encode(encoding, "replace"))


def yaml_feature(draw: random.Random, text: str) -> str:
    """An anchor, an alias, a tag, a merge key, a directive, a second document, where it may stand or not."""
    if draw.random() < 0.3:
        return draw.choice(("%YAML 1.1\n---\n", "---\n", "%TAG ! x\n", "&a\n", "!!map\n")) + text
    places = [i for i, char in enumerate(text) if char in ":[{,-" and text[i + 1 : i + 2] == " "]
    if not places:
        return text + "\n---\na: *b\n"
    at = draw.choice(places) + 2
    words = (
        "&a ",
        "*a ",
        "!!int ",
        "!!python/name:os.system ",
        "!x ",
        "<<: *a, ",
        "<<: {a: 1}, ",
        "? ",
    )
    return text[:at] + draw.choice(words) + text[at:]


def cut_off(draw: random.Random, text: str) -> str:
    return text[: _at(draw, text)]


# --- trees with one thing changed ------------------------------------------------------------------------------------


def dumped(draw: random.Random, tree: Tree) -> str:
    flow = draw.choice((True, False, None))
    options = {"default_flow_style": flow, "sort_keys": False, "allow_unicode": draw.random() < 0.5}
    return str(yaml.dump(tree, Dumper=_Dumper, width=draw.choice((80, 10**6)), **options))


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True  # what stands twice is written twice


def loaded(text: str) -> Tree:
    """The tree of a text, None where it has none that YAML 1.1 could tell."""
    try:
        return yaml.load(text.replace("\0", ""), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError, UnicodeError):
        return None


Place = tuple[Any, Any]
"""A container, and the key or index of one of its values."""


def places(tree: Tree) -> Iterator[Place]:
    """Every place in a tree, the outer ones first."""
    entries = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in list(entries):
        yield tree, key
        yield from places(value)


def _tree(change: Callable[[random.Random, Any, Any], object]) -> Mutator:
    """A mutator of texts from what is done at one place of their tree."""

    def mutate(draw: random.Random, text: str) -> str:
        tree = loaded(text)
        found = list(places(tree))
        if not found:
            return text
        change(draw, *draw.choice(found))
        return dumped(draw, tree)

    return mutate


def _renamed(container: Any, key: Any, new: Any) -> None:
    """Change a key and nothing else, not even its place."""
    if isinstance(container, dict):
        entries = [(new if name == key else name, value) for name, value in container.items()]
        container.clear()
        container.update(entries)


def _near_miss(draw: random.Random, word: str) -> str:
    at = _at(draw, word)
    return draw.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at : at + 1] * 2 + word[at + 1 :],
            word[:at] + draw.choice("aeiouxyz_-.1 ") + word[at + 1 :],
            word.upper(),
            word + "s",
        )
    )


def _nested(draw: random.Random, value: Tree) -> Tree:
    once = draw.choice(
        (lambda v: [v], lambda v: {"use": v}, lambda v: [v, v], lambda v: {draw.choice(WORDS): v})
    )
    for _ in range(draw.choice((1, 1, 2, 12, 60))):
        value = once(value) if len(repr(value)) < 5000 else [value]
    return value


def splice_from(other: str) -> Mutator:
    """A mutator that puts a piece of another text's tree in the place of one here."""

    def change(draw: random.Random, container: Any, key: Any) -> None:
        found = list(places(loaded(other)))
        if found:
            inside, name = draw.choice(found)
            container[key] = copy.deepcopy(inside[name])

    return _tree(change)


def _put(choose: Callable[[random.Random, Any], Any]) -> Mutator:
    def change(draw: random.Random, container: Any, key: Any) -> None:
        container[key] = choose(draw, container[key])

    return _tree(change)


def _nudge(draw: random.Random, container: Any, key: Any) -> None:
    """Another number for one of the numbers near by: most such specs are right still, and none is what it was."""
    found = [each for each in places(container) if type(each[0][each[1]]) in (int, float)]
    if found:
        inside, name = draw.choice(found)
        number = inside[name]
        inside[name] = draw.choice(
            (number + 1, number - 1, number * 2, number // 2, draw.randint(0, 9))
        )


def _grow(draw: random.Random, container: Any, key: Any) -> None:
    """An item of a list, or an entry under another name, several times."""
    for _ in range(draw.choice((1, 1, 3, 30))):
        value = copy.deepcopy(container[key])
        if isinstance(container, list):
            container.insert(key, value)
        else:
            container[draw.choice((_near_miss(draw, str(key)), draw.choice(WORDS)))] = value


replace_a_value = _put(lambda draw, value: draw.choice(SCALARS))
nudge_a_number = _tree(_nudge)
replace_by_a_word = _put(lambda draw, value: draw.choice(WORDS))
nest_a_value = _put(_nested)
expression_around = _put(
    lambda draw, value: draw.choice(
        ("{} + 1", "{} / 0", "max({}, 1)", "{} if index else none", "-{}", "{{{}}}")
    ).format(value)
)
rename_a_key = _tree(lambda draw, at, key: _renamed(at, key, _near_miss(draw, str(key))))
another_key = _tree(lambda draw, at, key: _renamed(at, key, draw.choice([*WORDS, *SCALARS])))
remove_a_node = _tree(lambda draw, at, key: at.pop(key))
duplicate_a_node = _tree(_grow)

FROM_NOTHING: tuple[Mutator, ...] = (random_bytes, token_soup, token_soup, random_tree, random_tree)
OF_TEXTS: tuple[Mutator, ...] = (
    *(flip_a_byte, delete_a_piece, insert_a_token, repeat_a_piece, drop_a_line, double_a_line),
    *(move_a_line, reindent_a_line, other_line_ends, byte_order_mark, another_encoding),
    *(yaml_feature, yaml_feature, cut_off),
)
OF_TREES: tuple[Mutator, ...] = (
    *(replace_a_value, replace_a_value, replace_by_a_word, replace_by_a_word, nest_a_value),
    *(nudge_a_number, nudge_a_number, nudge_a_number, nudge_a_number, nudge_a_number),
    *(expression_around, rename_a_key, another_key, remove_a_node, duplicate_a_node),
)
