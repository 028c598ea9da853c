"""Moves: one to a few layers that take a body's current feature map to the next."""

from __future__ import annotations

from support.differential.body import Body, Layer
from support.differential.values import IN_CHANNELS, Channels, Step, literal

ACTS = (
    "relu",
    "silu",
    "hard_swish",
    "gelu",
    "sigmoid",
    "hard_sigmoid",
    {"leaky_relu": {"slope": 0.2}},
)


def conv(body: Body, out: Channels | None = None) -> None:
    """A convolution that keeps the size: half padding, or a padding that says the same."""
    draw, before = body.draw, body.current
    if out is None:
        out = draw.choice((before.channels, before.channels, *channel_choices(body)))
    arguments: Layer = {"out": out.written, "kernel": 1}
    match draw.randrange(8):
        case 0:
            arguments["kernel"] = draw.choice(([1, 3], [3, 1], [5, 3], [1, 1]))
        case 1:
            arguments["kernel"] = body.parameter("kernel", 3, 1, [1, 3], [3, 1])
        case 2:
            arguments |= {"kernel": 3, "dilation": draw.choice((2, [1, 2], 3))}
        case 3:
            arguments |= {"kernel": [3, 1], "dilation": [2, 1], "padding": [2, 0]}
        case 4:
            arguments |= {"kernel": 2, "dilation": 2}
        case _:
            arguments["kernel"] = draw.choice((1, 3, 3, 3, 5))
    match draw.randrange(6):
        case 0 if out.text == before.channels.text:
            arguments["groups"] = out.written
        case 1 if out.by % 2 == 0 and before.channels.by % 2 == 0:
            arguments["groups"] = 2
        case 2 if out.by % 4 == 0 and before.channels.by % 4 == 0:
            arguments["groups"] = body.parameter("groups", 1, 2, 4)
        case 3:
            arguments["standardized"] = True
            if body.chance(0.5):
                arguments["eps"] = 0.01
    if body.chance(0.25):
        arguments["bias"] = draw.choice((True, body.parameter("bias", False, True)))
    body.put("conv", arguments, channels=out)


def channel_choices(body: Body) -> tuple[Channels, ...]:
    """Channels that something of this block can have."""
    found = [IN_CHANNELS, literal(4), literal(8), literal(12), literal(6)]
    if "width" in body.parameters:
        width = Channels("width", 4)
        found += [width, width.over(2)]
    return tuple(found)


def norm(body: Body) -> None:
    """The word `norm`, or one of the operators with its attributes."""
    draw, channels = body.draw, body.current.channels
    if channels.by % 2:
        body.put("batch_norm", {"eps": 0.001})
        return
    match draw.randrange(10):
        case 0:
            body.put("batch_norm", {"eps": 0.01, "momentum": 0.2})
        case 1:
            body.put("group_norm", {"groups": draw.choice((1, 2)), "eps": 0.001})
        case 2:
            body.put("layer_norm", draw.choice(({}, {"eps": 0.001}, {"zero_init": True})))
        case 3:
            body.put("norm", {"zero_init": body.parameter("zero_init", False, True)})
        case 4:
            word = draw.choice(("batch_norm", "group_norm"))
            groups = {"groups": 2} if word == "group_norm" else {}
            body.put(word, {**groups, "zero_init": True})
        case _:
            body.put("norm")


def act(body: Body) -> None:
    """The word `act`, or an operator; now and then one that is a parameter, or not always there."""
    draw = body.draw
    match draw.randrange(8):
        case 0:
            body.put(body.parameter("activation", "relu", "none", *ACTS[1:]))
        case 1:
            body.put(
                "relu",
                when=draw.choice((body.parameter("active", True, False), "in_channels > 8")),
            )
        case 2 | 3 | 4:
            word = draw.choice(ACTS)
            if isinstance(word, dict):
                (name,) = word
                body.put(name, {"slope": draw.choice((0.2, body.parameter("slope", 0.1, 0.3)))})
            else:
                body.put(word)
        case _:
            body.put("act")


def pool(body: Body) -> None:
    """A window that keeps the size."""
    draw = body.draw
    word = draw.choice(("max_pool", "avg_pool"))
    kernel, padding = draw.choice(((3, 1), ([1, 3], [0, 1]), ([5, 3], [2, 1])))
    arguments: Layer = {"kernel": kernel, "stride": 1, "padding": padding}
    if word == "avg_pool" and body.chance(0.5):
        arguments["count_padding"] = False
    if body.chance(0.3):
        arguments["ceil_mode"] = True
    body.put(word, arguments)


def regularise(body: Body) -> None:
    """What does nothing at inference, and a constant factor."""
    draw = body.draw
    match draw.randrange(3):
        case 0:
            body.put("dropout", draw.choice(({}, {"rate": 0.1})))
        case 1:
            rate = body.parameter("drop_path_rate", 0, 0.1, 0.2)
            body.put(
                "drop_path", {"rate": rate}, **({"when": f"{rate} > 0"} if body.chance(0.5) else {})
            )
        case 2:
            body.put(
                "scale",
                draw.choice(({"factor": 0.5}, {"factor": -1, "offset": 0.1}, {"offset": -0.25})),
            )


def skip(body: Body) -> None:
    """The sum of the current value and earlier ones like it."""
    now = body.current
    earlier = [each for each in body.values[:-1] if each.fits(now)]
    if not earlier:
        return
    chosen = body.draw.choices(earlier, k=body.draw.choice((1, 1, 2)))
    body.put("add", {}, [now.name, *(each.name for each in chosen)])
    if len(chosen) > 1 or body.chance(0.5):
        body.put("scale", {"factor": 0.5})  # many sums one behind the other grow beyond comparing


def branches(body: Body) -> None:
    """Convolutions side by side, joined; a name with a star stands for all of them."""
    draw, start = body.draw, body.current
    group, count = body.word("branch"), draw.choice((2, 3))
    channels = literal(4) if body.chance(0.5) else start.channels
    names = []
    for number in range(count):
        kernel = draw.choice((1, 3, [1, 3], 5))
        arguments = {"out": channels.written, "kernel": kernel}
        names.append(body.line("conv", arguments, [start.name], name=f"{group}.{number}"))
    word = draw.choice(("add", "concat", "concat", "maximum"))
    total = channels
    if word == "concat":
        total = channels.times(count)
    elif word == "maximum":
        names = names[:2] if count == 2 else [body.line("add", {}, names[:2]), names[2]]
    sources = [f"{group}.*"] if names[0] == f"{group}.0" and body.chance(0.5) else names
    body.put(word, {}, sources, like=start, channels=total)


def split(body: Body) -> None:
    """Channels cut, one part convolved, all put back together."""
    start = body.current
    if start.channels.by % 2:
        return
    half = start.channels.over(2)
    if body.chance(0.5):
        first: Layer = {"index": 0, "of": 2}
        second: Layer = {"index": 1, "of": 2}
    else:
        first = {"stop": half.written}
        second = {"start": half.written}
        if body.chance(0.5):
            second["stop"] = start.channels.written
    left = body.line("part", first, [start.name])
    body.line("part", second, [start.name])
    body.line("conv", {"out": half.written, "kernel": 3})
    body.put("concat", {}, [left, body.last] if body.chance(0.7) else [body.last, left], like=start)
    if body.chance(0.6):
        body.put("shuffle", {"groups": 2})


def cascade(body: Body) -> None:
    """Parts that are each convolved, every one with the sum of those before: `repeat` with its index."""
    draw, start = body.draw, body.current
    if start.channels.by % 4:
        return
    pieces = body.parameter("pieces", 2, 4) if body.chance(0.6) else str(draw.choice((2, 4)))
    group = body.word("cascade")
    # `body.last` is what the first turn begins with; every layer in the turn says what it reads
    turn = [
        {
            f"{group}.piece.{{i}}": {
                "part": {"index": "i", "of": _number(pieces)},
                "from": start.name,
            }
        },
        {
            f"{group}.sum.{{i}}": {
                "add": {},
                "from": [f"{group}.piece.{{i}}", f"{group}.conv.{{i - 1}}"],
                "when": "i > 0",
            }
        },
        {
            f"{group}.conv.{{i}}": {
                "conv": {"out": f"{start.channels.operand} // {pieces}", "kernel": 3}
            }
        },
        {
            f"{group}.cat.{{i}}": {
                "concat": {},
                "from": [f"{group}.cat.{{i - 1}}", f"{group}.conv.{{i}}"],
                "when": "i > 0",
            }
        },
    ]
    body.layers.append(
        {group: {"repeat": {"index": "i", "count": _number(pieces), "layers": turn}}}
    )
    name = f"{group}.cat.{{{pieces} - 1}}"
    body.last = ""
    body.put("conv", {"out": start.channels.written, "kernel": 1}, [name], like=start)


def _number(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def chain(body: Body) -> None:
    """Layers of the same shape, one behind the other, as often as a number says, also not at all."""
    draw, start = body.draw, body.current
    group = body.word("chain")
    count = body.parameter("turns", 1, 0, 2) if body.chance(0.6) else draw.choice((1, 2, "1 + 1"))
    layers: list[Layer] = [
        {
            f"{group}.conv{{t}}": {
                "conv": {"out": start.channels.written, "kernel": draw.choice((1, 3))}
            }
        },
        {f"{group}.act{{t}}": "act"},
    ]
    if body.chance(0.3):
        layers[1] = {f"{group}.act{{t}}": {"act": {}, "when": draw.choice(("t > 0", "t % 2 == 0"))}}
    # a repeat that is not there passes on the value before, whatever its `from` says
    comes_before = start.name == body.last
    more: Layer = {"from": start.name} if not comes_before or body.chance(0.4) else {}
    if comes_before and body.chance(0.2):
        more["when"] = body.parameter("chained", True, False)
    body.layers.append(
        {group: {"repeat": {"index": "t", "count": count, "layers": layers}, **more}}
    )
    body.last = ""
    # behind a repeat there is no name for the value: the next layer reads what comes
    body.layers.append({body.fresh("act"): "act"})
    body.last = next(iter(body.layers[-1]))
    body.keep(body.last, start)


def padded(body: Body) -> None:
    """A border of zeros, and a window that takes it off; or channels of zeros."""
    draw, start = body.draw, body.current
    match draw.randrange(3):
        case 0:
            body.put("pad", {"border": 1}, step=Step((-2, -2)))
            body.put("max_pool", {"kernel": 3, "stride": 1}, step=Step((2, 2)))
        case 1:
            body.put("pad", {"border": [0, 1]}, step=Step((0, -2)))
            arguments = {"out": start.channels.written, "kernel": [1, 3], "padding": 0}
            body.put("conv", arguments, step=Step((0, 2)))
        case 2:
            wide = start.channels.times(2) if body.chance(0.5) else start.channels.plus(literal(4))
            border: Layer = {"border": 1} if body.chance(0.3) else {}
            step = Step((-2, -2)) if border else None
            body.put("pad", {"channels": wide.written, **border}, channels=wide, step=step)
            if border:
                body.put("avg_pool", {"kernel": 3, "stride": 1}, step=Step((2, 2)))


def resize(body: Body) -> None:
    """A window that changes the size without a stride; only where a body is free to."""
    draw, out = body.draw, body.current.channels
    if not body.free:
        return
    match draw.randrange(6):
        case 0:
            body.put("conv", {"out": out.written, "kernel": 3, "padding": 0}, step=Step((2, 2)))
        case 1:
            body.put("conv", {"out": out.written, "kernel": 2}, step=Step((1, 1)))
        case 2:
            body.put(
                "conv", {"out": out.written, "kernel": [1, 2], "padding": 1}, step=Step((-2, -1))
            )
        case 3:
            arguments = {"kernel": 3, "stride": 1, "padding": 1, "dilation": 2}
            body.put("max_pool", arguments, step=Step((2, 2)))
        case 4:
            body.put("avg_pool", {"kernel": 2, "stride": 1, "padding": [0, 1]}, step=Step((1, -1)))
        case 5:
            body.put("pad", {"border": [1, 0]}, step=Step((-2, 0)))


def stride(body: Body, out: Channels | None = None, *, rounds_up: bool = True) -> None:
    """The block's stride, in one of its forms; half a window of padding, or `rounds_up` false: none."""
    draw, before = body.draw, body.current
    channels = out or before.channels
    by_stride = Step(stride="stride")
    if not rounds_up:
        body.compares_stride = True
        word = draw.choice(("max_pool", "avg_pool", "conv"))
        arguments: Layer = {"kernel": "stride", "stride": "stride"}
        if word == "conv":
            arguments |= {"out": channels.written, "padding": 0}
        step = Step(stride="stride", drops=True)
        body.put(word, arguments, step=step, channels=channels if word == "conv" else None)
        return
    match draw.randrange(9):
        case 0:
            body.put("max_pool", {"kernel": 3, "stride": "stride", "padding": 1}, step=by_stride)
        case 1:
            body.needs(2)
            body.put("blur_pool", {"stride": "stride"}, step=by_stride)
        case 2:
            body.put("subsample", {"stride": "stride"}, step=by_stride)
        case 3:
            arguments = {"kernel": "stride", "stride": "stride", "ceil_mode": True}
            if body.chance(0.5):
                arguments["count_padding"] = False
            body.put("avg_pool", arguments, step=by_stride)
        case 4:
            kernel = draw.choice(
                ("stride", "stride", 1)
            )  # of one pixel: a last window may begin outside
            arguments = {"kernel": kernel, "stride": "stride", "ceil_mode": True}
            body.put("max_pool", arguments, step=by_stride)
        case 5:
            body.compares_stride = True
            arguments = {"kernel": 3, "stride": "stride", "padding": 1}
            body.put("avg_pool", arguments, step=by_stride, when="stride > 1")
        case _:
            kernel = draw.choice((1, 3, 3, 5, [3, 1]))
            arguments = {"out": channels.written, "kernel": kernel, "stride": "stride"}
            body.put("conv", arguments, step=by_stride, channels=channels)


def nested(body: Body) -> None:
    """A block inside the block: one of the spec's, or a residual one with its own choice of shortcut."""
    draw, now = body.draw, body.current
    if now.channels.by % 4:
        return
    more: Layer = {}
    if body.chance(0.3):
        more["act"] = draw.choice(("silu", "none"))
    if body.chance(0.2):
        more["norm"] = draw.choice(({"group_norm": {"groups": 2}}, "layer_norm"))
    if body.helpers and body.chance(0.6):
        body.put(draw.choice(body.helpers), more)
        return
    width = now.channels.times(draw.choice((1, 1, 2)))
    choices: tuple[object, ...] = ("auto", "projection", "none", "fitting", "zero_pad")
    choices += ({"conv_projection": {"kernel": 3}},)
    if width.text == now.channels.text:
        choices += ("identity",)
    if body.chance(0.7):
        more["shortcut"] = draw.choice(choices)
    word = draw.choice(("basic", "preact_basic"))
    body.put(word, {"width": width.written, **more}, channels=width)


PLAIN = (conv, conv, norm, act, act, pool, regularise, skip, skip, branches, split, cascade)
PLAIN += (chain, padded, resize, resize, nested, nested)
