"""A whole spec at random: input, stem, stages with their arguments and shortcuts, head."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import Any

from support.differential.blocks import (
    Template,
    keeping_block,
    plain_block,
    projection_block,
    residual_block,
)
from support.differential.body import Layer
from support.differential.present import present
from support.differential.shipped import SHIPPED
from support.differential.stems import STEMS, head
from support.differential.values import keeps_rounding_up

NORMS: tuple[Any, ...] = (
    {"group_norm": {"groups": 2}},
    "layer_norm",
    "frn_tlu",
    {"evo_norm_s0": {"groups": 2}},
    {"batch_norm": {"eps": 0.01}},
)
ACTS: tuple[Any, ...] = ("silu", "gelu", "hard_swish", {"leaky_relu": {"slope": 0.1}}, "none")
DEFAULTS: tuple[Layer, ...] = (
    {"conv": {"bias": True}},
    {"conv": {"standardized": True, "eps": 0.001}},
    {"batch_norm": {"eps": 0.001, "momentum": 0.05}},
    {"leaky_relu": {"slope": 0.3}, "dropout": {"rate": 0.2}},
)
SIZES = (8, 9, 11, 12, 13, 16, 16, 17, 24, 24, 32, 32, 40)


@dataclass
class Draft:
    """A spec in the making, with the size and channels it has reached."""

    draw: random.Random
    size: tuple[int, int]
    channels: int
    spec: Layer = field(default_factory=dict)
    total_stride: int = 1
    halves: bool = True
    """Whether sizes so far are the input's, halved and rounded up or down."""
    projection: Template | None = None
    """A block of the spec's own to stand for shortcuts."""
    multiple_of: int | None = 1
    """What the input's sizes must be multiples of, for every add to hold; None where nothing helps."""

    def move(self, template: Template, given: Layer) -> bool:
        """Go through one block, if its sizes allow."""
        after = template.size(given, self.size)
        if after is None:
            return False
        stride = given.get("stride", template.defaults.get("stride", 1))
        strided = template.strides and stride != 1
        if template.mixes and strided:
            if not template.sides_are_equal(given, self.size):
                return False
            if self.halves and stride == 2 and self.multiple_of is not None:
                self.multiple_of = max(self.multiple_of, self.total_stride * 2)
            else:
                self.multiple_of = None
        self.halves &= all(not any(step.excess) for step in template.steps) and stride in (1, 2)
        if strided and stride == 2:
            self.total_stride *= 2
        self.size, self.channels = after, template.channels(given, self.channels)
        return True


def random_spec(draw: random.Random) -> Layer:
    """A spec as a tree, complete in itself."""
    size = (draw.choice(SIZES), draw.choice(SIZES))
    if draw.random() < 0.4:
        size = (size[0], size[0])
    draft = Draft(draw, size, draw.choice((3, 3, 3, 1, 4, 8)))
    spec = draft.spec
    spec["name"] = "fuzz"
    if draw.random() < 0.2:
        spec |= {"title": "Fuzz-8", "doc": "A network made at random"}
    declared = draft.channels, size
    if draw.random() < 0.35:
        spec["norm"] = draw.choice(NORMS)
    if draw.random() < 0.35:
        spec["act"] = draw.choice(ACTS)
    if draw.random() < 0.25:
        spec["defaults"] = draw.choice(DEFAULTS)
    _stem(draft)
    templates = _blocks(draft)
    _stages(draft, templates)
    stages = [next(iter(stage)) for stage in spec["stages"]]
    spec["head"] = head(draw, draft.channels, draft.size, stages)
    if not spec["head"]:
        del spec["head"]
    spec["input"] = _input(draft, *declared)
    order = [
        "name",
        "title",
        "doc",
        "input",
        "norm",
        "act",
        "defaults",
        "let",
        "names",
        "stem",
        "stages",
        "head",
        "blocks",
    ]
    return _claimed_from_the_least({key: spec[key] for key in order if spec.get(key)})


def _claimed_from_the_least(spec: Layer) -> Layer:
    """A spec that claims no size at which nothing is left: with the minimum that the compiler names."""
    from resnet_compiler.library import SpecFile
    from resnet_compiler.pipeline import compile_file
    from support.differential.case import as_text  # which makes cases of these

    claims = {axis: spec["input"].get(axis) for axis in ("height", "width")}
    if any(isinstance(claim, dict) for claim in claims.values()):
        for found in compile_file(SpecFile("net.yaml", None), as_text(spec)).diagnostics:
            if found.code.id == "RC0307":
                (axis,) = (axis for axis in claims if f"for the {axis}," in found.summary)
                claims[axis]["minimum"] = int(
                    found.help[0].removeprefix("write `minimum: ").rstrip("`")
                )
    return spec


def _stem(draft: Draft) -> None:
    choices = [each for each in STEMS if each.fits(draft.size, draft.channels)]
    chosen = draft.draw.choice(choices)
    before = draft.size
    draft.size = chosen.after(draft.size)
    draft.channels = chosen.channels or draft.channels
    if chosen.layers:
        draft.spec["stem"] = chosen.layers
    if draft.size != before:
        draft.halves &= chosen.halves
        draft.total_stride *= chosen.stride


def _blocks(draft: Draft) -> list[Template]:
    """The blocks this spec has to choose from: its own, which it defines, and shipped ones."""
    draw = draft.draw
    helpers = [keeping_block(draw, f"keep{n}") for n in range(draw.choice((0, 1, 1)))]
    words = tuple(each.word for each in helpers)
    own = [residual_block(draw, f"res{n}", words) for n in range(draw.choice((0, 1, 1, 1)))]
    own += [plain_block(draw, f"plain{n}", words) for n in range(draw.choice((0, 0, 1)))]
    if draw.random() < 0.3:
        draft.projection = projection_block(draw, "proj0")
    defined = [*helpers, *own, *([draft.projection] if draft.projection else [])]
    draft.spec["blocks"] = {each.word: each.body for each in defined}
    shipped = draw.choices(SHIPPED, k=1 if own else 2)
    return [*own, *own, *helpers, *shipped]


def _stages(draft: Draft, templates: list[Template]) -> None:
    draw = draft.draw
    draft.spec["stages"] = []
    dotted = draw.random() < 0.2
    pattern = None
    if draw.random() < 0.3:
        joined = "{stage}.x{index}" if dotted else "{stage}_{index + 1}"  # `0_1` is no name
        pattern = draw.choice(("{stage}.blocks.{index}", joined, "{stage}.b{block_index}"))
        draft.spec["names"] = pattern
    count = draw.choice((1, 2, 2, 3))
    depths = [draw.choice((1, 1, 2, 2, 3)) for _ in range(count)]
    blocks = 0
    for number in range(count):
        name = f"stages.{number}" if dotted else f"layer{number + 1}"
        place = Place(name, depths[number], blocks, sum(depths))
        for template in (draw.choice(templates), *draw.sample(SHIPPED, len(SHIPPED))):
            stage = stage_of(draft, template, place)
            if stage is not None:
                break
        assert stage is not None
        if place.depth == 1 and not dotted and draw.random() < 0.15:
            stage["names"] = "{stage}"
        elif draw.random() < 0.1:
            stage["names"] = "{stage}.{depth - index}"
        blocks += place.depth
        draft.spec["stages"].append({name: stage})


@dataclass(frozen=True)
class Place:
    """Where a stage stands: its name, its depth, and how many blocks come before and are there in all."""

    name: str
    depth: int
    before: int
    total: int


def stage_of(draft: Draft, template: Template, place: Place) -> Layer | None:
    """A stage of this block, if it fits here; the draft is moved through it."""
    draw, depth = draft.draw, place.depth
    stage: Layer = {"block": template.word, "depth": depth}
    given: list[Layer] = [{} for _ in range(depth)]
    if template.strides and draw.random() < 0.7:
        stride = draw.choice((2, 2, 2, [2, 1], [1, 2], 3)) if template.pair_stride else 2
        stage["stride"] = given[0]["stride"] = stride
    for name, parameter in template.parameters.items():
        if parameter.default != "required" and draw.random() < 0.5:
            continue
        values = [draw.choice(parameter.choices)] * depth
        if draw.random() < 0.4:
            values = [draw.choice(parameter.choices) for _ in range(depth)]
        if name == "width" and draw.random() < 0.2:
            values = [8 + 4 * (place.before + index) for index in range(depth)]
        for each, value in zip(given, values, strict=True):
            each[name] = value
        present(draw, draft.spec, stage, name, values, place.before)
    before = (draft.size, draft.channels, draft.total_stride, draft.halves, draft.multiple_of)
    shapes = []
    for each in given:
        shapes.append((draft.channels, draft.size))
        if not draft.move(template, each):
            draft.size, draft.channels, draft.total_stride, draft.halves, draft.multiple_of = before
            return None
    shapes.append((draft.channels, draft.size))
    if template.residual:
        _shortcut(draft, stage, template, given, shapes)
    if draw.random() < 0.1:
        stage["norm"] = draw.choice(({"group_norm": {"groups": 2}}, "layer_norm"))
    if draw.random() < 0.12:
        stage["act"] = draw.choice(ACTS)
    return stage


def _shortcut(
    draft: Draft,
    stage: Layer,
    template: Template,
    given: list[Layer],
    shapes: list[tuple[int, tuple[int, int]]],
) -> None:
    """A choice of shortcut that is possible in every block of the stage."""
    draw = draft.draw
    strided = [each.get("stride", 1) != 1 for each in given]
    same = [
        a == b and (keeps_rounding_up(template.steps) and not s)
        for a, b, s in zip(shapes, shapes[1:], strided, strict=False)
    ]
    grows = all(a[0] <= b[0] for a, b in itertools.pairwise(shapes))
    choices: list[Any] = []
    if template.projects:
        choices += ["auto", "projection", "projection"]
        choices += ["projection"] * 8 * template.mixes  # the rarer proof
    if all(same):
        choices += ["auto", "identity", "identity"]
    if not template.names_sum:
        choices += ["none", "fitting"]
    elif all(same):
        choices += ["fitting"]
    if template.pads_zeros:
        choices += ["conv_projection", {"conv_projection": {"kernel": 3}}]
        if not isinstance(stage.get("stride"), list):
            choices += ["average_projection", "preact_average_projection"]
        own = draft.projection
        if own is not None and (own.pair_stride or not isinstance(stage.get("stride"), list)):
            choices += [own.word] * 6
        if grows:
            choices += ["zero_pad", "zero_pad"]
    if not template.projects and not all(same) and not choices:
        raise AssertionError(f"nothing can stand beside {template.word}")
    chosen = draw.choice(choices)
    if chosen != "auto" or draw.random() < 0.4:
        stage["shortcut"] = chosen


def _input(draft: Draft, channels: int, size: tuple[int, int]) -> Layer:
    """The input; open where every add holds for every size, or for the multiples that it holds for."""
    draw = draft.draw
    found: Layer = {"channels": channels} if channels != 3 or draw.random() < 0.5 else {}
    multiple = draft.multiple_of
    open_size = multiple is not None and draw.random() < 0.4
    for axis, extent in zip(("height", "width"), size, strict=True):
        if not open_size or multiple is None or extent % multiple:
            found[axis] = extent
            continue
        more = draw.choice((1, 1, 2, 4))
        of = multiple * more if extent % (multiple * more) == 0 else multiple
        found[axis] = {"multiple_of": of, "default": extent}
        if draw.random() < 0.3:
            found[axis]["minimum"] = extent
    return found
