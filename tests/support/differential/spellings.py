"""The same network in other words: expressions in names, in `use`, in counts, and in values of a stage that read another."""

from __future__ import annotations

import random
import re
from typing import Any

from support.differential.body import Layer
from support.differential.conditions import kind_of

NUMBERS = ("{0} if 1 < 2 else 9", "{0} + 0", "{0} * 1", "0 + {0}", "{0} % 1000")
COUNTS = ("{0} * 1", "{0} + 0", "sqrt({0} ** 2)", "log2(2 ** {0})", "{0} - 0", "{0} // 1")
WORDS = ("{0} if {1} else sigmoid", "none if not ({1}) else {0}", "{0} if {1} else none")
DOCS = ("A block made at random", "Layers in a row")
SPELLINGS = frozenset(
    (
        "a choice in a name",
        "an expression in use",
        "depth as an expression",
        "a stage's value that reads another",
        "a norm that reads in_channels",
        "expect",
        "title of a block",
        "doc of a block",
    )
)


def respelt(draw: random.Random, spec: Layer) -> None:
    """Write some of a spec, in place, in another way that means the same."""
    for section in ("stem", "head"):
        _layers(draw, spec.get(section, []), "1 < 2")
    for body in spec.get("blocks", {}).values():
        for part in ("layers", "residual", "after"):
            _layers(draw, body.get(part, []), "in_channels > 0")
        if draw.random() < 0.1:
            body["title"] = draw.choice(("Fuzzed block", "Block 8"))
        if draw.random() < 0.1:
            body["doc"] = draw.choice(DOCS)
    for stage in spec.get("stages", []):
        _stage(draw, spec, next(iter(stage.values())))
    norm = spec.get("norm")
    if isinstance(norm, dict) and draw.random() < 0.5:
        ((word, attributes),) = norm.items()
        if attributes.get("groups") == 2:
            spec["norm"] = {word: {**attributes, "groups": "2 if in_channels > 0 else 1"}}


def _layers(draw: random.Random, layers: list[Layer], condition: str) -> None:
    for layer in layers:
        ((name, body),) = layer.items()
        numbered = re.fullmatch(r"([a-z_.]+)(\d)", name)
        if numbered and kind_of(body) not in ("parameter", "repeat") and draw.random() < 0.06:
            number = draw.choice(NUMBERS).format(numbered[2])
            del layer[name]
            name = f"{numbered[1]}{{{number}}}"
            layer[name] = body
        if isinstance(body, str) and body in ("act", "norm", "relu") and draw.random() < 0.08:
            layer[name] = {"use": draw.choice(WORDS).format(body, condition)}


def _stage(draw: random.Random, spec: Layer, stage: Layer) -> None:
    depth = stage["depth"]
    if draw.random() < 0.15:
        if draw.random() < 0.5:
            stage["depth"] = draw.choice(COUNTS).format(depth)
        else:
            let = spec.setdefault("let", {})
            let[f"depth{len(let)}"] = depth
            stage["depth"] = f"depth{len(let) - 1}"
    width = stage.get("width")
    first = stage.get("first", {})
    others = [key for key, value in stage.items() if _is_count(value) and key in _ARGUMENTS]
    if _is_count(width) and "width" not in first and others:
        key = draw.choice(others)
        stage[key] = f"width + {stage[key] - width}"


_ARGUMENTS = ("base_width", "out", "reduce_first", "expansion", "groups", "inner", "kernel")
"""Parameters that are counts, in blocks that have a `width` too."""


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def spellings_of(case_files: dict[str, Any]) -> frozenset[str]:
    """Which of `SPELLINGS` the files of a case have."""
    found = set()
    for tree in case_files.values():
        if tree.get("expect"):
            found.add("expect")
        if "in_channels" in str(tree.get("norm")):
            found.add("a norm that reads in_channels")
        for body in (tree, *tree.get("blocks", {}).values()):
            if any(part in body for part in ("layers", "residual")):
                found |= {f"{key} of a block" for key in ("title", "doc") if key in body}
            for part in ("stem", "head", "layers", "residual", "shortcut", "after"):
                for layer in body.get(part) or ():
                    if not isinstance(layer, dict):
                        continue  # an override's name
                    ((name, inner),) = layer.items()
                    if re.search(r"\{.* if .*\}", name):
                        found.add("a choice in a name")
                    if isinstance(inner, dict) and " if " in str(inner.get("use")):
                        found.add("an expression in use")
        stages = tree.get("stages") or []
        bodies = stages.values() if isinstance(stages, dict) else map(_only, stages)
        for stage in filter(None, bodies):
            if isinstance(stage.get("depth"), str):
                found.add("depth as an expression")
            if any(str(value).startswith("width ") for value in stage.values()):
                found.add("a stage's value that reads another")
    return frozenset(found)


def _only(mapping: dict[str, Any]) -> Any:
    (value,) = mapping.values()
    return value
