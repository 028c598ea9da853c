"""Moves of arithmetic: gates over channels and pixels, norms made of single operators."""

from __future__ import annotations

from support.differential.body import Body, Layer


def channel_gate(body: Body) -> None:
    """Channels weighed by what the whole image says of them."""
    draw, start = body.draw, body.current
    channels = start.channels.written
    _squeeze(body)
    match draw.randrange(4):
        case 0:
            inner = draw.choice((2, 4, "max(in_channels // 4, 2)"))
            body.line("conv", {"out": inner, "kernel": 1, "bias": True})
            body.line(draw.choice(("relu", "silu")))
            body.line("conv", {"out": channels, "kernel": 1, "bias": draw.choice((True, False))})
            body.line(draw.choice(("sigmoid", "hard_sigmoid", "softmax")))
        case 1:
            body.line("reshape", {"to": [1, -1]})
            kernel = draw.choice((3, 5, 1))
            if body.chance(0.3):
                body.line("conv1d", {"out": 2, "kernel": kernel, "bias": True})
                body.line("relu")
            body.line("conv1d", {"out": 1, "kernel": kernel, "bias": draw.choice((True, False))})
            body.line("reshape", {"to": [-1, 1, 1]})
            body.line("sigmoid")
        case 2:
            body.line("linear", {"out": channels, "bias": draw.choice((True, False))})
            body.line(draw.choice(("hard_sigmoid", "sigmoid", "softmax")))
            body.line("reshape", {"to": [-1, 1, 1]})
        case 3:
            body.line("conv", {"out": start.channels.times(2).written, "kernel": 1})
            body.line("reshape", {"to": [2, -1]})
            body.line("softmax")
            body.line("reshape", {"to": [-1, 1, 1]})
            body.line("part", {"index": draw.choice((0, 1)), "of": 2})
    word = draw.choice(("mul", "mul", "mul", "shift", "maximum"))
    body.put(word, {}, [start.name, body.last])


def _squeeze(body: Body) -> None:
    """A feature map to one number per channel."""
    draw, start = body.draw, body.current
    by = draw.choice(("pool", "mean", "max", "variance", "sum", "groups"))
    match by:
        case "pool":
            body.line("global_avg_pool", {}, [start.name])
        case "sum":
            body.line("reduce", {"by": "sum"}, [start.name])
            body.line("scale", {"factor": 0.01})
        case "groups":
            groups = 2 if start.channels.by % 2 == 0 else 1
            statistic = draw.choice(("mean", "max", "variance"))
            body.line("reduce", {"by": statistic, "over": "groups", "groups": groups}, [start.name])
        case _:
            over: Layer = {"over": "space"} if body.chance(0.3) else {}
            body.line("reduce", {"by": by, **over}, [start.name])


def pixel_gate(body: Body) -> None:
    """Pixels weighed by what their channels say."""
    draw, start = body.draw, body.current
    names = [
        body.line("reduce", {"by": by, "over": "channels"}, [start.name])
        for by in draw.sample(("mean", "max", "variance", "sum"), draw.choice((1, 2)))
    ]
    if len(names) > 1:
        body.line("concat", {}, names)
    body.line("conv", {"out": 1, "kernel": draw.choice((1, 3, [1, 5]))})
    if body.chance(0.4):
        body.line("batch_norm")
    body.line(draw.choice(("sigmoid", "hard_sigmoid")))
    body.put("mul", {}, [start.name, body.last])


def coordinate_gate(body: Body) -> None:
    """Rows and columns weighed apart."""
    draw, start = body.draw, body.current
    for over, kernel in (("height", [1, 3]), ("width", [3, 1])):
        if over == "height" or body.chance(0.6):
            now = body.current.name
            body.line("reduce", {"by": draw.choice(("mean", "max")), "over": over}, [start.name])
            body.line("conv", {"out": start.channels.written, "kernel": kernel})
            body.line("sigmoid")
            body.put("mul", {}, [now, body.last], like=start)


def context(body: Body) -> None:
    """The image's pixels, weighed by a softmax and summed, added to every pixel."""
    start = body.current
    body.line("conv", {"out": 1, "kernel": 1}, [start.name])
    weights = body.line("softmax", {"over": "space"})
    body.line("mul", {}, [start.name, weights])
    body.line("reduce", {"by": "sum", "over": "space"})
    body.line("conv", {"out": start.channels.written, "kernel": 1})
    body.put("shift", {}, [start.name, body.last])


def statistics_norm(body: Body) -> None:
    """A norm from single operators: over groups, over the image, or over channels; and its affine map."""
    draw, start = body.draw, body.current
    kind = draw.choice(("groups", "space", "channels"))
    if kind == "groups":
        groups = 2 if start.channels.by % 2 == 0 else 1
        arguments = {"by": "variance", "over": "groups", "groups": groups}
        body.line("reduce", arguments, [start.name])
    else:
        body.line("power", {"exponent": 2}, [start.name])
        body.line("reduce", {"by": "mean", "over": kind})
    body.line("scale", {"offset": draw.choice((0.1, 0.5))})
    if body.chance(0.5):
        body.line("power", {"exponent": -0.5})
    else:
        body.line("power", {"exponent": 0.5})
        body.line("power", {"exponent": -1})
    body.put("mul", {}, [start.name, body.last])
    affine(body)


def affine(body: Body) -> None:
    """Learned numbers: a gain, an offset, a threshold; one per channel or one for all."""
    draw = body.draw
    if body.numbered:  # a learned tensor cannot stand among numbers
        return
    chosen = draw.sample((("mul", 1), ("shift", 0), ("maximum", -0.5)), draw.choice((1, 1, 2)))
    for word, fill in chosen:
        value = body.current
        channels = draw.choice((1, value.channels.written, value.channels.written))
        body.line("parameter", {"channels": channels, "fill": fill}, name=body.word("learned"))
        body.put(word, {}, [value.name, body.last])


def powers(body: Body) -> None:
    """Powers of what is positive."""
    body.put(body.draw.choice(("sigmoid", "hard_sigmoid")))
    body.put("scale", {"factor": 0.5, "offset": 0.25})
    body.put("power", {"exponent": body.draw.choice((0.5, 1.5, -0.5, 3, -1))})


def product(body: Body) -> None:
    """The product of two maps of one shape; one of them between 0 and 1, so that it can be repeated."""
    now = body.current
    earlier = [each for each in body.values[:-1] if each.fits(now)]
    if earlier:
        body.line(
            body.draw.choice(("sigmoid", "hard_sigmoid")), {}, [body.draw.choice(earlier).name]
        )
        body.put("mul", {}, [now.name, body.last])


GATES = (channel_gate, channel_gate, pixel_gate, coordinate_gate, context, statistics_norm)
GATES += (affine, powers, product)
