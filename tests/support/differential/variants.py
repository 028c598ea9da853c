"""One spec written in other ways: as a variant of a base, and with blocks in files beside it."""

from __future__ import annotations

import copy
import random
from typing import Any

from support.differential.body import Layer
from support.differential.conditions import conditioned
from support.differential.spellings import respelt

Files = dict[str, Layer]
MAIN = "net.yaml"
MEANT = "meant.yaml"
"""The same network, written the plain way in one file: what `net.yaml` must compile to. Nothing refers to it."""
SHIPPED_BASES = (
    "cifar/resnet20",
    "cifar/plain20",
    "cifar/resnet20_b",
    "cifar/wrn_16_8",
    "cifar/preact_resnet164",
    "imagenet/resnet18",
    "imagenet/resnet50",
    "imagenet/resnet50_v1",
    "timm/resnet18d",
    "timm/resnetblur18",
)
NULL = None
WRONG = {
    "shortcut": "none",
    "first": {"width": 9},
    "names": "{stage}.y{index}",
    "norm": "gelu",
    "act": "sigmoid",
}
"""What a base has in the place of what its variant says, where a number would not be one."""


def blocks_beside(draw: random.Random, files: Files) -> Files:
    """Some of the spec's own blocks in files of their own."""
    found = copy.deepcopy(files)
    inline = [word for spec in files.values() for word in spec.get("blocks", {})]
    for spec in list(found.values()):
        blocks = spec.get("blocks", {})
        for word in list(blocks):  # what a base has inline would come before a file
            if inline.count(word) == 1 and draw.random() < 0.6:
                folder = draw.choice(("blocks/", "blocks/", ""))
                found[f"{folder}{word}.yaml"] = {"name": word, **blocks.pop(word)}
        if not blocks:
            spec.pop("blocks", None)
    return found


def as_variant(draw: random.Random, spec: Layer) -> Files:
    """A base that differs from the spec in some entries, and a variant that sets them right again."""
    base = copy.deepcopy(spec)
    base["name"] = "base"
    variant: Layer = {"name": spec["name"], "extends": "base.yaml"}
    for key in ("title", "doc"):
        if key in base:
            variant[key] = base.pop(key)
    changes = [_stage_entries, _every_stage, _a_stage_more, _layers, _words, _sizes, _lets, _blocks]
    for change in draw.sample(changes, draw.choice((2, 3, 4))):
        change(draw, base, variant)
    return {MAIN: variant, "base.yaml": base}


def _stages_of(base: Layer, variant: Layer) -> tuple[list[tuple[str, Layer]], Layer]:
    return [next(iter(stage.items())) for stage in base["stages"]], variant.setdefault("stages", {})


def _stage_entries(draw: random.Random, base: Layer, variant: Layer) -> None:
    stages, changed = _stages_of(base, variant)
    name, stage = draw.choice([each for each in stages if each[0] not in changed])
    keys = [key for key in stage if key not in ("block", *changed.get("*", ()))]
    if not keys:
        return
    key = draw.choice(keys)
    entry = changed[name] = {key: stage[key]}
    stage[key] = WRONG.get(key, 7)
    if "zero_init" not in stage and draw.random() < 0.5:
        stage["zero_init"], entry["zero_init"] = True, NULL


def _every_stage(draw: random.Random, base: Layer, variant: Layer) -> None:
    stages, changed = _stages_of(base, variant)
    if changed:
        return  # "*" comes first
    first = stages[0][1]
    for key in [key for key in first if key not in ("block", "stride")]:
        if all(stage.get(key) == first[key] for _, stage in stages):
            changed["*"] = {**changed.get("*", {}), key: first[key]}
            for _, stage in stages:
                stage[key] = WRONG.get(key, 9)
            return
    if not any("base_width" in stage for _, stage in stages):
        for _, stage in stages:
            stage["base_width"] = 3
        changed["*"] = {"base_width": NULL}


def _a_stage_more(draw: random.Random, base: Layer, variant: Layer) -> None:
    _, changed = _stages_of(base, variant)
    more = {"more": {"block": "basic", "depth": 9, "width": 7}}
    base["stages"].insert(draw.randrange(len(base["stages"]) + 1), more)
    changed["more"] = NULL


def _layers(draw: random.Random, base: Layer, variant: Layer) -> None:
    for section in ("stem", "head"):
        layers = base.get(section)
        if layers and draw.random() < 0.3:
            variant[section], base[section] = layers, [{"nothing": "relu"}]
        elif layers:
            changed: Layer = {}
            for name, body in [next(iter(layer.items())) for layer in layers]:
                calls = (
                    [
                        key
                        for key in body
                        if body[key] and key not in ("from", "when", "use", "repeat")
                    ]
                    if isinstance(body, dict)
                    else []
                )
                if calls and draw.random() < 0.6:
                    attribute = draw.choice(list(body[calls[0]]))
                    changed[name] = {calls[0]: {attribute: body[calls[0]][attribute]}}
                    if "from" in body:  # of a layer's own keys, too, those not given stay
                        changed[name]["from"] = body["from"]
                    body[calls[0]][attribute] = 3
            if draw.random() < 0.5:
                layers.insert(draw.randrange(len(layers) + 1), {"surplus": "gelu"})
                changed["surplus"] = NULL
            if changed:
                variant[section] = changed


def _words(draw: random.Random, base: Layer, variant: Layer) -> None:
    for key, wrong in (("norm", "layer_norm"), ("act", "gelu"), ("names", "{stage}.x{index}")):
        if key in base:
            variant[key] = base[key]
            base[key] = wrong
    for word, attributes in base.get("defaults", {}).items():
        attribute = draw.choice(list(attributes))
        variant["defaults"] = {word: {attribute: attributes[attribute]}}
        attributes[attribute] = 0.75
        return


def _sizes(draw: random.Random, base: Layer, variant: Layer) -> None:
    axis = draw.choice(("height", "width"))
    variant["input"] = {axis: base["input"][axis]}
    base["input"][axis] = {"multiple_of": 64}
    if "channels" in base["input"] and draw.random() < 0.5:
        variant["input"]["channels"] = base["input"]["channels"]
        base["input"]["channels"] = 77


def _lets(draw: random.Random, base: Layer, variant: Layer) -> None:
    for name, value in base.get("let", {}).items():
        if draw.random() < 0.7:
            variant.setdefault("let", {})[name] = value
            base["let"][name] = 5


def _blocks(draw: random.Random, base: Layer, variant: Layer) -> None:
    for word, body in base.get("blocks", {}).items():
        if draw.random() < 0.7:
            variant.setdefault("blocks", {})[word] = body
            base["blocks"][word] = {"layers": [{"wrong": "gelu"}]}


def of_shipped(draw: random.Random) -> Files:
    """A small variant of a shipped network."""
    change: Layer = {"depth": 1, "width": draw.choice((16, 24))}
    if draw.random() < 0.4:
        change["act"] = draw.choice(("silu", "gelu"))
    if draw.random() < 0.3:
        change["norm"] = draw.choice(("layer_norm", {"group_norm": {"groups": 2}}))
    spec: Layer = {"name": "fuzz", "extends": draw.choice(SHIPPED_BASES)}
    extent = draw.choice((32, 33, 40))
    spec["input"] = {"height": extent, "width": draw.choice((extent, 32))}
    spec["stages"] = {"*": change}
    return {MAIN: spec}


def random_files(number: int, make: Any) -> tuple[Files, frozenset[str]]:
    """The files of spec `number`, the same on every machine, and the conditions that were put into it."""
    draw = random.Random(number)
    if draw.random() < 0.03:
        return of_shipped(draw), frozenset()
    spec = copy.deepcopy(make(draw))  # parts of it are shared by all specs
    meant = copy.deepcopy(spec)
    conditions: frozenset[str] = frozenset()
    if draw.random() < 0.6:
        conditions = conditioned(draw, spec)
    if draw.random() < 0.6:
        respelt(draw, spec)
    files = as_variant(draw, spec) if draw.random() < 0.15 else {MAIN: spec}
    files = blocks_beside(draw, files) if draw.random() < 0.3 else files
    if files == {MAIN: meant}:
        return files, conditions
    return {**files, MEANT: meant}, conditions
