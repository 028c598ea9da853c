"""A spec and a block file that use every string field of the language: what hostile text is put into.

Names that a person chooses begin with `q_`, so that one can be renamed wherever it stands.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import yaml

from resnet_compiler import spec

Path = tuple[int | str, ...]
"""Where something stands in a parsed spec; a last step "<key>" means the key before it."""

KEY = "<key>"

NETWORK = """
name: q_net
title: A title
doc: A sentence
input: {channels: 3, height: 16, width: {multiple_of: 2, minimum: 2, default: 16}}
norm: {batch_norm: {eps: 1 / 1024}}
act: silu
defaults: {conv: {bias: "true"}}
let: {q_number: 2 + 2, q_word: relu, q_call: {leaky_relu: {slope: 1 / 8}}, q_list: [relu, q_number]}
names: "{stage}.{index}"
stem:
  - q_stem: {conv: {out: q_number, kernel: "3"}}
  - q_act: {use: q_word}
  - q_box.q_left: {conv: {out: 4, kernel: 1}, from: q_act, when: q_number > 1}
  - q_box.q_right: {max_pool: {kernel: 1}, from: q_act}
  - q_join: {add: {}, from: [q_box.q_left, q_box.q_right]}
  - q_turns: {repeat: {index: q_turn, count: 1 + 1, layers: [{"q_piece.{q_turn}": act}]}}
stages:
  - q_stage1: {block: q_block, depth: 1 + 2, stride: 1 + 1, shortcut: projection, q_width: 2 * 2, q_gates: [none, none, q_gate],
      first: {q_scale: 1 / 2}, names: "{stage}_{index}"}
  - q_stage2: {block: q_beside, depth: 2, shortcut: {zero_pad: {}}, q_out: [4, 6], q_factor: index + 2}
head:
  - q_pool: {global_avg_pool: {}, from: q_stage2}
  - q_fc: {linear: {out: 4 + 1}}
blocks:
  q_block:
    title: Block title
    doc: Block sentence
    parameters: {q_width: required, stride: 1, q_scale: 1 / 4, q_gates: none, q_default: {q_gate: {q_ratio: 3}}}
    let: {q_inner: q_width * 2}
    residual:
      - q_conv: {conv: {out: q_inner, kernel: 3, stride: stride}}
      - q_norm: norm
      - q_scaled: {scale: {factor: q_scale}}
      - q_gated: {use: q_gates}
      - q_more: {use: q_default}
      - q_out: {conv: {out: q_width, kernel: 1}}
    shortcut:
      - q_short.0: {conv: {out: q_width, kernel: 1, stride: stride}}
      - q_short.1: norm
    after:
      - q_after: act
  q_gate:
    title: Gate title
    parameters: {q_ratio: 1}
    layers:
      - q_mean: {reduce: {by: mean, over: channels}, from: input}
      - q_row: {conv: {out: 1, kernel: q_ratio}}
      - q_sigmoid: sigmoid
      - q_product: {mul: {}, from: [input, q_sigmoid]}
expect: {weighted_layers: 11, parameters: 1457, macs: 105758, output_shape: [5]}
"""

BLOCK = """
name: q_beside
title: Beside title
doc: Beside sentence
parameters: {q_out: required, q_factor: 1, q_kernel: [1, 2 + 1]}
let: {q_flag: q_out > 1}
residual:
  - q_first: {conv: {out: q_out, kernel: q_kernel, bias: q_flag}}
  - q_scaled: {scale: {factor: q_factor}}
  - q_last: {add: {}, from: [q_first, q_scaled], when: q_flag}
"""

VARIANT = """
name: q_variant
title: A variant
extends: base.yaml
norm: group_norm
act: {leaky_relu: {slope: 0.1}}
defaults: {group_norm: {groups: 1 + 1}}
let: {q_number: 6 - 2}
stem:
  q_act: {use: q_call}
stages:
  "*": {shortcut: zero_pad}
  q_stage1: {q_width: 8, first: {q_scale: 1}}
  q_stage2: {q_out: [8, 10]}
head:
  q_fc: {linear: {out: 3}}
"""


def parsed(text: str) -> Any:
    """A template as Python values."""
    return yaml.safe_load(text)


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every key and every scalar, in order."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, key, KEY)
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from places(below, (*path, index))
    else:
        yield path


LAYER_LISTS = ("stem", "head", "layers", "residual", "shortcut", "after")


def fields(text: str) -> dict[str, Path]:
    """The string fields of a template by name, each once: `layers.*.….from` is that of a layer, wherever it stands.

    What a person names is `…`, an item of a list `*`; keys of the language are one field for each mapping.
    """
    found: dict[str, Path] = {}
    for path in places(parsed(text)):
        steps = ["*" if isinstance(s, int) else s if s in language_keys() else "…" for s in path]
        if steps[-1] == KEY and steps[-2] != "…":
            steps[-2] = "a key"
        lists = [i for i, s in enumerate(path[:-1]) if s in LAYER_LISTS and steps[i + 1] == "*"]
        kept = ["layers", *steps[max(lists) + 1 :]] if lists else steps
        found.setdefault(".".join(kept), path)
    return found


@lru_cache(maxsize=1)
def language_keys() -> frozenset[str]:
    """Every key of the language, and the mark of a key."""
    models = (spec.Network, spec.Block, spec.Stage, spec.LayerBody, spec.Repeat)
    models += (spec.Input, spec.OpenSize, spec.Expect)
    names = {field.alias or name for m in models for name, field in m.model_fields.items()}
    return frozenset({*names, KEY})


def replaced(value: Any, path: Path, text: str) -> Any:
    """The same values with the text at one place."""
    if not path:
        return text
    step, rest = path[0], path[1:]
    if isinstance(value, list):
        return [replaced(v, rest, text) if i == step else v for i, v in enumerate(value)]
    if rest == (KEY,):
        return {text if key == step else key: below for key, below in value.items()}
    return {k: replaced(v, rest, text) if k == step else v for k, v in value.items()}


def renamed(value: Any, name: str, text: str) -> Any:
    """The same values with one of the chosen names changed wherever it stands, in expressions and patterns too."""
    if isinstance(value, dict):
        return {renamed(k, name, text): renamed(v, name, text) for k, v in value.items()}
    if isinstance(value, list):
        return [renamed(each, name, text) for each in value]
    if isinstance(value, str):
        return re.sub(rf"\b{name}\b", lambda _: text, value)
    return value


def chosen_names(text: str) -> list[str]:
    """The names in a template that a person chose, in order."""
    return list(dict.fromkeys(re.findall(r"\bq_\w+", text)))


def yaml_text(value: Any) -> str:
    """The values as YAML, every text in double quotes."""
    if isinstance(value, dict):
        entries = (f"{quoted(str(key))}: {yaml_text(below)}" for key, below in value.items())
        return "{" + ",\n".join(entries) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(map(yaml_text, value)) + "]"
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else str(value).lower()


def quoted(text: str) -> str:
    """A text in double quotes; what is not plain ASCII is an escape, also a lone surrogate."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return "\\" + char
    if 0x20 <= code < 0x7F:
        return char
    return (
        f"\\x{code:02x}"
        if code < 0x100
        else f"\\u{code:04x}"
        if code < 0x10000
        else f"\\U{code:08x}"
    )


def write_files(folder: pathlib.Path) -> None:
    """The block that stands beside the spec, and the spec that the variant extends."""
    (folder / "blocks").mkdir()
    (folder / "blocks" / "q_beside.yaml").write_text(BLOCK, "utf-8")
    (folder / "base.yaml").write_text(NETWORK, "utf-8")
