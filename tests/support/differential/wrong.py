"""Specs with one fault: a residual add whose sides differ, in blocks of every kind. One error is right, and no other.

To say what a projection would cost, the compiler makes one and takes it back. Nothing of it may be left: names of the
projection's layers are free afterwards, and what they were is unknown.
"""

from __future__ import annotations

import random
from typing import Any

from resnet_compiler import codes
from support.differential.blocks import residual_block
from support.differential.body import Layer
from support.differential.case import Case
from support.differential.conditions import plain_names
from support.differential.variants import MAIN

RIGHT = codes.RESIDUAL_MISMATCH.id


def wrong_case(number: int) -> Case:
    """Spec ``number`` of those with one fault: the same on every machine."""
    draw = random.Random(f"wrong {number}")
    template = residual_block(draw, "res0")
    while not template.projects:
        template = residual_block(draw, "res0")
    body = dict(template.body)
    if draw.random() < 0.7:
        body["after"] = _again(draw, body) or body.get("after", [{"end": "act"}])
    width = draw.choice((12, 16))
    stages = [
        {"layer1": {"block": "res0", "depth": 1, "width": width}},
        {"layer2": {"block": "basic", "depth": 1, "width": 8}},
    ]
    stages[0]["layer1"] |= {"shortcut": "identity"}
    if draw.random() < 0.3:
        stages.insert(0, {"layer0": {"block": "basic", "depth": 1, "width": 4}})
    spec: Layer = {
        "name": "wrong",
        "input": {"channels": 3, "height": 32, "width": 32},
        "stem": [{"conv1": {"conv": {"out": 4, "kernel": 3}}}],
        "stages": stages,
        "head": [{"avgpool": "global_avg_pool"}, {"fc": {"linear": {"out": 5}}}],
        "blocks": {"res0": body},
    }
    return Case({MAIN: spec})


def _again(draw: random.Random, body: Layer) -> list[Layer]:
    """Layers after the add that name a layer of the projection, or are called as one is."""
    names = [each for each in plain_names(body["shortcut"]) if each not in _used(body)]
    if not names:
        return []
    name = draw.choice(names)
    match draw.randrange(3):
        case 0:
            return [{"reader": {"relu": {}, "from": name}}]
        case 1:
            return [{name: "relu"}]
        case _:
            return [{name.split(".")[0] if "." in name else f"{name}.0": "relu"}]


def _used(body: Layer) -> set[str]:
    """Names of the residual path, and what they are inside of."""
    found: set[str] = set()
    for layer in body["residual"]:
        name = next(iter(layer))
        found |= {name, name.split(".")[0]}
    return found


def found_in(case: Case) -> list[str]:
    """The codes of what is found in a case, in order."""
    compilation: Any = case.compile()
    return [diagnostic.code.id for diagnostic in compilation.diagnostics]
