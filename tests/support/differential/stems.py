"""Stems and heads."""

from __future__ import annotations

import random
from dataclasses import dataclass

from resnet_compiler.shapes import window_size
from support.differential.body import Layer

Window = tuple[int, int, int, int, bool]
"""Kernel, stride, padding, dilation, whether rounded up."""


@dataclass(frozen=True)
class Stem:
    """Layers before the stages, with their windows and the channels they end with."""

    layers: list[Layer]
    channels: int
    windows: tuple[Window, ...] = ()
    stride: int = 1
    halves: bool = True
    """Whether they halve an even size, whatever they round."""
    least: int = 8

    def after(self, size: tuple[int, int]) -> tuple[int, int]:
        height, width = (self._along(extent) for extent in size)
        return height, width

    def _along(self, extent: int) -> int:
        for kernel, stride, padding, dilation, ceil in self.windows:
            after = window_size(extent, kernel, stride, padding, dilation, ceil)
            assert isinstance(after, int)
            extent = after
        return extent

    def fits(self, size: tuple[int, int], channels: int) -> bool:
        return min(size) >= self.least and (bool(self.layers) or channels % 4 == 0)


STEMS = (
    Stem([], 0),
    Stem([{"conv1": {"conv": {"out": 8, "kernel": 3}}}, {"bn1": "norm"}, {"relu": "act"}], 8),
    Stem([{"conv1": {"conv": {"out": 4, "kernel": [3, 5], "bias": True}}}], 4),
    Stem(
        [
            {"conv1": {"conv": {"out": 8, "kernel": 7, "stride": 2}}},
            {"bn1": "norm"},
            {"relu": "act"},
            {"maxpool": {"max_pool": {"kernel": 3, "stride": 2, "padding": 1}}},
        ],
        8,
        ((7, 2, 3, 1, False), (3, 2, 1, 1, False)),
        stride=4,
        least=16,
    ),
    Stem(
        [
            {"stem.conv": {"conv": {"out": 8, "kernel": 4, "stride": 4, "padding": 0}}},
            {"stem.norm": "norm"},
        ],
        8,
        ((4, 4, 0, 1, False),),
        stride=4,
        least=16,
    ),
    Stem(
        [{"stem": {"deep_stem": {"width": 4}}}, {"norm1": "norm"}, {"act1": "act"}],
        8,
        ((3, 2, 1, 1, False),),
        stride=2,
    ),
    Stem(
        [
            {"conv1": {"conv": {"out": 8, "kernel": 3}}},
            {"pool": {"blurred_max_pool": {}}},
            {"act1": "act"},
        ],
        8,
        ((3, 2, 1, 1, False),),
        stride=2,
    ),
    Stem(
        [
            {"conv1": {"conv": {"out": 8, "kernel": 3, "padding": 0, "dilation": 2}}},
            {"pool": {"max_pool": {"kernel": 3, "stride": 2, "ceil_mode": True}}},
        ],
        8,
        ((3, 1, 0, 2, False), (3, 2, 0, 1, True)),
        halves=False,
        least=16,
    ),
    Stem(
        [
            {"conv1": {"conv": {"out": 4, "kernel": 5, "padding": 1}}},
            {"pool": {"avg_pool": {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}}},
            {"side": {"conv": {"out": 4, "kernel": 1}, "from": "pool"}},
            {"both": {"concat": {}, "from": ["pool", "side"]}},
        ],
        8,
        ((5, 1, 1, 1, False), (3, 2, 1, 1, True)),
        halves=False,
        least=12,
    ),
    Stem(
        [
            {"pad": {"pad": {"channels": 12, "border": 1}}},
            {"pool": {"max_pool": {"kernel": 3, "stride": 2, "dilation": 2, "padding": 1}}},
            {"conv1": {"conv": {"out": 12, "kernel": 3, "groups": 4}}},
            {"mixed": {"shuffle": {"groups": 4}}},
            {"act1": "act"},
        ],
        12,
        ((1, 1, 1, 1, False), (3, 2, 1, 2, False)),
        halves=False,
    ),
)


def head(
    draw: random.Random, channels: int, size: tuple[int, int], stages: list[str]
) -> list[Layer]:
    """Layers behind the stages; some read several stages."""
    linear: Layer = {"fc": {"linear": {"out": 5}}}
    match draw.randrange(11):
        case 0:
            return []
        case 1:
            return [
                {"last_norm": "norm"},
                {"last_act": "act"},
                {"squeezed": "global_avg_pool"},
                linear,
            ]
        case 2:
            bias = {"linear": {"out": 4, "bias": False}}
            return [
                {"squeezed": {"reduce": {"by": "max"}}},
                {"flat": {"reshape": {"to": -1}}},
                {"fc": bias},
            ]
        case 3:
            return [
                {"score": {"conv": {"out": 2, "kernel": 1, "bias": True}}},
                {"map": {"softmax": {"over": "space"}}},
            ]
        case 4 if len(stages) > 1:
            pools: list[Layer] = [
                {f"each{index}": {draw.choice(("global_avg_pool", "reduce")): {}, "from": name}}
                for index, name in enumerate(stages)
            ]
            sources = [f"each{index}" for index in range(len(stages))]
            starred = draw.random() < 0.5
            return [
                *pools,
                {"all": {"concat": {}, "from": "each*" if starred else sources}},
                linear,
            ]
        case 5:
            return [
                {"squeezed": "global_avg_pool"},
                {"hidden.0": {"linear": {"out": 6}}},
                {"hidden.1": "act"},
                {"drop": {"dropout": {"rate": 0.3}}},
                {"fc": {"linear": {"out": 3}}},
                {"probabilities": "softmax"},
            ]
        case 6:
            return [
                {"rows": {"reduce": {"over": "height", "by": "mean"}}},
                {"last": {"conv": {"out": 4, "kernel": [1, 3]}}},
            ]
        case 7:
            parts = {"reduce": {"by": "variance", "over": "groups", "groups": 2}}
            return [{"variance": parts}, {"score": linear["fc"]}]
    return [{"avgpool": "global_avg_pool"}, linear]
