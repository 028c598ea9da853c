"""The shipped blocks, with what must be known to use each in a stage."""

from __future__ import annotations

from support.differential.blocks import GATE_BLOCKS, Template
from support.differential.body import Parameter
from support.differential.values import IN_CHANNELS, Channels, Step

STRIDED = (Step(stride="stride"),)
WIDTH = Parameter("required", (4, 8, 12))
RATE = Parameter("none", ("none", 0.1, "none"))
FLAG = Parameter(False, (False, True))
ATTENTION = Parameter("none", GATE_BLOCKS)
ANTIALIAS = Parameter("none", ("none", "blur_pool", {"avg_pool": {"kernel": 3, "padding": 1}}))
GROUPS = Parameter(1, (1, 2, 4))


def _strided(word: str, out: Channels, **more: object) -> Template:
    least = {(): 2, STRIDED: 1}  # an `antialias` may reflect an edge
    return Template(word, out=out, sizes=least, steps=STRIDED, **more)  # type: ignore[arg-type]


SHIPPED = (
    _strided(
        "basic",
        Channels("width", 4),
        parameters={
            "width": WIDTH,
            "attention": ATTENTION,
            "antialias": ANTIALIAS,
            "zero_init": FLAG,
            "drop_path_rate": RATE,
        },
        residual=True,
        projects=True,
    ),
    _strided(
        "bottleneck",
        Channels("out", 4),
        parameters={
            "width": WIDTH,
            "expansion": Parameter(4, (4, 1, 2)),
            "groups": GROUPS,
            "reduce_first": Parameter(1, (1, 2)),
            "base_width": Parameter(64, (64, 128)),
            "out": Parameter("width * expansion", (8, 12)),
            "attention": ATTENTION,
            "antialias": ANTIALIAS,
            "zero_init": FLAG,
            "drop_path_rate": RATE,
        },
        defaults={"expansion": 4, "out": "width * expansion"},
        residual=True,
        projects=True,
    ),
    _strided(
        "bottleneck_v1",
        Channels("width * expansion", 4),
        parameters={"width": WIDTH, "expansion": Parameter(4, (4, 1, 2))},
        defaults={"expansion": 4},
        residual=True,
        projects=True,
        pair_stride=True,
    ),
    _strided(
        "preact_basic",
        Channels("width", 4),
        parameters={
            "width": WIDTH,
            "dropout_rate": Parameter(0, (0, 0.2)),
            "drop_path_rate": RATE,
        },
        residual=True,
        projects=True,
        pair_stride=True,
    ),
    _strided(
        "preact_bottleneck",
        Channels("width * expansion", 4),
        parameters={
            "width": WIDTH,
            "expansion": Parameter(4, (4, 1, 2)),
            "groups": GROUPS,
            "drop_path_rate": RATE,
        },
        defaults={"expansion": 4},
        residual=True,
        projects=True,
        pair_stride=True,
    ),
    _strided(
        "conv_projection",
        Channels("out", 4),
        parameters={"out": WIDTH, "kernel": Parameter(1, (1, 3, 5))},
        pair_stride=True,
    ),
    _strided("average_projection", Channels("out", 4), parameters={"out": WIDTH}),
    _strided("preact_average_projection", Channels("out", 4), parameters={"out": WIDTH}),
    _strided("blurred_max_pool", IN_CHANNELS, pair_stride=True, defaults={"stride": 2}),
    _strided("strided_conv_pool", IN_CHANNELS, pair_stride=True, defaults={"stride": 2}),
    Template("squeeze_excite", parameters={"ratio": Parameter(0.0625, (0.0625, 0.25, "1 / 2"))}),
    Template("efficient_channel_attention", parameters={"kernel": Parameter(3, (3, 5))}),
    Template("evo_norm_s0", parameters={"groups": Parameter("required", (1, 2, 4))}),
    Template("frn_tlu", parameters={"eps": Parameter(1e-5, (1e-5, 0.01)), "zero_init": FLAG}),
)
