"""Specs that ask for far too much in few words, and the diagnostic that must end each before the work begins."""

from __future__ import annotations

import os

from support.attack_specs import (
    SPEC,
    Attack,
    bomb,
    chain_of_specs,
    deep_everything,
    doubled,
    large_files,
    layers,
    lets,
    network,
    of,
    repeated,
    unknown_overrides,
    unlike_strides,
    width,
)

KEYS = "name: attack\nstages: [{s: {block: basic, depth: 1, width: 8}}]\n"
WIDE = "+".join(["1"] * 180)
LONG = "abcdefgh" * 10
DOTS = "x{i}" + ".a" * 48
TWICE = "{concat: {}, from: ['p{i}', 'p{i}']}"
FAR = "'a{i}': {max_pool: {kernel: 1, stride: 1048576}}"
STARRED = "'a{i}': {add: {}, from: ['a*', a]}"
NAMED = "'a{i}': {add: {}, from: [" + "a," * 20_000 + "]}"


ATTACKS: dict[str, Attack] = {
    # --- the text ---
    "alias bomb": of(bomb, "RC0105", "an alias has no place"),
    "10,000 brackets": of(lambda: "a: " + "[" * 10_000, "RC0602", "text_depth"),
    "10,000 brackets, closed": of(
        lambda: f"a: {'[' * 10_000}{']' * 10_000}", "RC0602", "text_depth"
    ),
    "10,000 indented keys": of(
        lambda: "\n".join(" " * i + "a:" for i in range(1000)), "RC0602", "text_depth"
    ),
    "an integer of 5,000 digits": of(
        lambda: width("9" * 5000).replace("'", ""), "RC0604", "integer"
    ),
    "a megabyte in one scalar": of(lambda: f"name: {'x' * 999_000}\n", "RC0204", "over 100 char"),
    "a megabyte in one expression": of(lambda: width("1+" * 490_000 + "1"), "RC0204", "over 500"),
    "a megabyte in one line": of(
        lambda: "{" + ", ".join(f"key{i}: {i}" for i in range(45_000)) + "}", "RC0201", "no key"
    ),
    "over a megabyte": of(lambda: KEYS + "#" * 10**6, "RC0601", "text_bytes"),
    "100,000 values": of(lambda: f"a: [{'1,' * 100_001}]", "RC0603", "text_nodes"),
    "20,000 anchors": of(
        lambda: "[" + ",".join(f"&a{i} *b" for i in range(20_000)) + "]", "RC0105", "an anchor"
    ),
    # --- files ---
    "extends in a circle": Attack(
        lambda: {SPEC: "name: a\nextends: b.yaml\n", "b.yaml": f"name: b\nextends: {SPEC}\n"},
        "RC0215",
        f"{SPEC} → b.yaml → {SPEC}",
    ),
    "1,000 specs that extend each other": Attack(chain_of_specs, "RC0215", "nesting"),
    "30 large block files": Attack(large_files, "RC0603", "text_nodes"),
    "a pipe": Attack(
        lambda: {}, "RC0101", "not a regular file", lambda folder: os.mkfifo(folder / SPEC)
    ),
    "an endless device": Attack(
        lambda: {},
        "RC0101",
        "not a regular file",
        lambda folder: (folder / SPEC).symlink_to("/dev/zero"),
    ),
    "a pipe that is extended": Attack(
        lambda: {SPEC: "name: attack\nextends: base.yaml\n"},
        "RC0101",
        "not a regular file",
        lambda folder: os.mkfifo(folder / "base.yaml"),
    ),
    "a link to itself that is extended": Attack(
        lambda: {SPEC: "name: attack\nextends: base.yaml\n"},
        "RC0206",
        "there is no spec",
        lambda folder: (folder / "base.yaml").symlink_to("base.yaml"),
    ),
    # --- blocks and layers ---
    "a block in itself": of(lambda: layers("a: b"), "RC0216", "nesting"),
    "blocks in each other": of(
        lambda: network(blocks={"b": ["a: c"], "c": ["a: b"]}), "RC0216", "nesting"
    ),
    "a block in itself, by a parameter": of(
        lambda: (
            network(["s: {block: b, depth: 1, inner: b}"])
            + "blocks: {b: {parameters: {inner: none}, layers: [{a: {use: inner}}, {c: {b: {inner: inner}}}]}}\n"
        ),
        "RC0216",
        "nesting",
    ),
    "repeats in repeats in blocks": of(deep_everything, "RC0216", "nesting"),
    "10⁹ blocks": of(
        lambda: network(["s: {block: basic, depth: 1000000000, width: 8}"]), "RC0605", "layers"
    ),
    "10⁹ blocks by an expression": of(
        lambda: network(["s: {block: basic, depth: 10 ** 9, width: 8}"]), "RC0605", "layers"
    ),
    "10⁹ turns": of(lambda: layers(repeated("'a{i}': relu", 10**9)), "RC0605", "layers"),
    "10,000 × 10,000 turns of nothing": of(
        lambda: layers(
            "r: {repeat: {index: i, count: 10000, layers: [{q: {repeat: "
            "{index: j, count: 10000, layers: []}}}]}}"
        ),
        "RC0606",
        "steps",
    ),
    "10,000 × 10,000 layers that are not there": of(
        lambda: layers(repeated(repeated("x: {relu: {}, when: false}", 10_000, "j"), 10_000)),
        "RC0606",
        "steps",
    ),
    "2¹⁵ blocks of nothing": of(lambda: doubled(15, []), "RC0605", "layers"),
    "2¹⁵ blocks of one layer": of(lambda: doubled(15, ["r: relu"]), "RC0605", "layers"),
    "names that grow with each block": of(
        lambda: network(
            ["s: {block: b0, depth: 1}"],
            {f"b{i}": [f"{'x' * 190}: {f'b{i + 1}' if i < 12 else 'relu'}"] for i in range(13)},
        ),
        "RC0609",
        "name_length",
    ),
    "names of 50 parts": of(
        lambda: layers(repeated(f"'{DOTS}': relu", 9_900)), "RC0609", "name_parts"
    ),
    "every layer reads every other": of(
        lambda: layers("a: relu", repeated(STARRED, 9_000)), "RC0606", "steps"
    ),
    "every layer looks among all": of(
        lambda: layers("z: relu", repeated("'a{i}': {relu: {}, from: 'z*'}", 9_000)).replace(
            "from: 'z*'", "from: ['z*']"
        ),
        "RC0606",
        "steps",
    ),
    "20,000 inputs again and again": of(
        lambda: layers("a: relu", repeated(NAMED, 10_000)), "RC0606", "steps"
    ),
    # --- numbers ---
    "2⁶³ channels": of(lambda: width(str(2**63)).replace("'", ""), "RC0604", "integer"),
    "2⁵² channels by an expression": of(lambda: width("2 ** 52"), "RC0608", "attribute"),
    "too many parameters": of(
        lambda: layers(*(f"c{i}: {{conv: {{out: 1048576, kernel: 1}}}}" for i in range(2))),
        "RC0607",
        "parameters",
    ),
    "a huge kernel": of(
        lambda: layers("c: {conv: {out: 8, kernel: 1048576}}"), "RC0607", "parameters"
    ),
    **{
        f"a huge {name}": of(
            lambda name=name: layers(f"c: {{conv: {{out: 8, kernel: 3, {name}: 2 ** 30}}}}"),
            "RC0608",
            "attribute",
        )
        for name in ("stride", "padding", "dilation", "groups")
    },
    "9,000 layers of stride 2": of(
        lambda: layers(repeated("'a{i}': {max_pool: {kernel: 1, stride: 2}}", 9_000)),
        "RC0608",
        "attribute",
    ),
    "a huge stride 9,000 times": of(lambda: layers(repeated(FAR, 9_000)), "RC0608", "attribute"),
    "channels that double 9,000 times": of(
        lambda: layers(
            f"r: {{repeat: {{index: i, count: 9000, layers: [{{'p{{i}}': relu}}, {{'a{{i}}': {TWICE}}}]}}}}"
        ),
        "RC0608",
        "attribute",
    ),
    "a tensor of 5,000 dimensions": of(
        lambda: layers(
            "g: global_avg_pool", repeated("'a{i}': {reshape: {to: [" + "1," * 5000 + "8]}}", 9)
        ),
        "RC0204",
        "8 dimensions at most",
    ),
    "strides that agree for very long": of(
        unlike_strides, "RC0305", "the next size where they differ"
    ),
    # --- expressions and values ---
    "a tower of powers": of(lambda: width("9 ** 9 ** 9 ** 9"), "RC0214", "no finite value"),
    "powers of powers": of(lambda: width("((2 ** 52) ** 64) ** 64"), "RC0214", "no finite value"),
    "249 parentheses": of(
        lambda: width("(" * 249 + "1" + ")" * 249), "RC0214", "not an arithmetic"
    ),
    "498 signs": of(lambda: width("-" * 498 + "8"), "RC0214", "nests deeper than 200"),
    "wide expressions, very often": of(
        lambda: network(
            ["s: {block: b, depth: 200}"],
            {"b": [*(f"a{i}: {{relu: {{}}, when: {WIDE} < {i}}}" for i in range(100)), "r: relu"]},
        ),
        "RC0606",
        "steps",
    ),
    "4,500 expressions in turn": of(
        lambda: network(
            ["s: {block: b0, depth: 30}"],
            {
                f"b{k}": [
                    *(
                        f"a{i}: {{relu: {{}}, when: {'1+' * 90}{900 * k + i} < 0}}"
                        for i in range(900)
                    ),
                    f"n: {f'b{k + 1}' if k < 4 else 'relu'}",
                ]
                for k in range(5)
            },
        ),
        "RC0606",
        "steps",
    ),
    "lists that double": of(
        lambda: width("l40", lets(["[1, 2]"], lambda i: f"[l{i - 1}, l{i - 1}]", 41)),
        "RC0606",
        "steps",
    ),
    "calls that double": of(
        lambda: width(
            "l40", lets(["relu"], lambda i: f"{{basic: {{x: l{i - 1}, y: l{i - 1}}}}}", 41)
        ),
        "RC0606",
        "steps",
    ),
    "numbers that double": of(
        lambda: width("l60", lets(["1"], lambda i: f"l{i - 1} + l{i - 1}", 61)),
        "RC0214",
        "no finite",
    ),
    "a wrong value with a million derivations": of(
        lambda: width("l70 - 0.5", lets(["1", "1"], lambda i: f"l{i - 1} + l{i - 2}", 71)),
        "RC0204",
        "an integer is needed",
    ),
    "a wrong value far behind": of(
        lambda: width("l900 / 0", lets(["1"], lambda i: f"l{i - 1} + 0", 901)), "RC0214", "by zero"
    ),
    "40,000 parameters, 1,000 times": of(
        lambda: (
            network(["s: {block: b, depth: 1000}"])
            + "blocks:\n  b:\n    parameters:\n"
            + "".join(f"      l{i}: {i}\n" for i in range(40_000))
            + "    layers: [{a: relu}]\n"
        ),
        "RC0606",
        "steps",
    ),
    "a list of 90,000 in a block, 5,000 times": of(
        lambda: (
            network(["s: {block: b, depth: 5000}"])
            + f"blocks: {{b: {{parameters: {{w: [{'8,' * 90_000}]}}, layers: [{{a: relu}}]}}}}\n"
        ),
        "RC0606",
        "steps",
    ),
    # --- very many errors ---
    "45,000 unknown keys": of(
        lambda: KEYS + "".join(f"k{i}: {i}\n" for i in range(45_000)), "RC0201", "no key `k0`"
    ),
    "5,000 long unknown keys": of(
        lambda: KEYS + "".join(f"{'extend' * 30}{i}: 1\n" for i in range(5000)), "RC0201", "no key"
    ),
    "18,000 wrong layers": of(
        lambda: network(blocks={f"b{k}": [f"a{i}: 3" for i in range(900)] for k in range(20)}),
        "RC0203",
        "needs a word or text",
    ),
    "5,000 overrides of nothing": Attack(unknown_overrides, "RC0217", "has no stage"),
    "a block that is not there, 10,000 times": of(
        lambda: network(["s: {block: basik, depth: 10000, width: 8}"]),
        "RC0207",
        "did you mean `basic`",
    ),
    "a wrong expression, 10,000 times": of(
        lambda: network(["s: {block: basic, depth: 10000, width: 8 / (index - index)}"]),
        "RC0214",
        "by zero",
    ),
    "wrong layers in 10,000 blocks": of(
        lambda: network(
            ["s: {block: b, depth: 10000}"],
            {
                "b": [
                    "a: relux",
                    "c: {conv: {}}",
                    "d: {conv: {out: 1.5, kernel: 3}}",
                    "e: {relu: {}, from: z}",
                ]
            },
        ),
        "RC0207",
        "relux",
    ),
    "a missing layer among 9,000": of(
        lambda: layers(
            repeated(f"'{LONG}{{i}}': relu", 9_000), f"x: {{relu: {{}}, from: {LONG[:-1]}i}}"
        ),
        "RC0211",
        "there is no layer",
    ),
}
