"""Random specs: blocks that are random graphs, and blocks whose instances differ at random."""

from __future__ import annotations

import random

from support.structures import SE, indented

ACTIVATIONS = ("relu", "silu", "gelu", "sigmoid", "hard_swish", "{leaky_relu: {slope: 0.2}}", "act")
WORDS = "a b conv m.0 m.1 m.2 m.3 n.x n.y n.z.0 n.z.1 k.0.c k.0.d k.1.c x relu act add1 t.3 t.4 t.7"
NAMES = WORDS.split()
HEADS = (
    "- last: relu",
    "- h: act\n- i: {add: {}, from: [h, s2]}",
    "- p: global_avg_pool\n- fc: {linear: {out: 3}}",
    "- h: {add: {}, from: [s1, s2]}",
    "- h.0: relu\n- h.1: norm",
)
STEMS = (
    "- stem.0: {conv: {out: 8, kernel: 3}}\n- stem.1: norm",
    "- first: relu",
    "- first: norm\n- second: silu",
    "- first: {conv: {out: 8, kernel: 3}}\n- second: {add: {}, from: [first, first]}",
)


class RandomLayers:
    """Layers over the value "input" of 8 channels, each reading values at random; nothing is left
    unused."""

    def __init__(self, draw: random.Random, count: int) -> None:
        self.draw = draw
        self.lines: list[str] = []
        self.channels = {"input": 8}
        self.unused: list[str] = []
        names = draw.sample(NAMES, count)
        gates = draw.sample(names, 1)  # one product at most, so that numbers stay small
        for name in sorted(names) if draw.random() < 0.5 else names:
            self._add_random(name, name in gates)
        if len(self.unused) > 1:
            self._add("cat9", "concat", self.unused, sum(self.channels[n] for n in self.unused))
        self._add("conv9", "{conv: {out: 8, kernel: 1}}", [self.last], 8)
        if draw.random() < 0.5:
            self._add("act9", draw.choice(ACTIVATIONS), [self.last], 8)

    @property
    def last(self) -> str:
        return [*self.channels][-1]

    def _add(self, name: str, word: str, sources: list[str], channels: int) -> None:
        call = word[1:-1] if word.startswith("{") else f"{word}: {{}}"
        read = f", from: [{', '.join(sources)}]" if sources != [self.last] else ""
        self.lines.append(f"- {name}: {{{call}{read}}}")
        self.unused = [*(n for n in self.unused if n not in sources), name]
        self.channels[name] = channels

    def _add_random(self, name: str, may_multiply: bool) -> None:
        draw, known = self.draw, self.channels
        source = self.last if draw.random() < 0.65 else draw.choice([*known])
        width = known[source]
        equal = [other for other in known if known[other] == width]
        kinds = ["conv", "conv", "norm", "act", "act", "add", "pool", "dropout", "scale"]
        kinds += ["mul", "mul"] * may_multiply + ["concat"] * (width <= 16)
        kinds += ["part"] * (width % 4 == 0)
        match draw.choice(kinds):
            case "conv":
                out, kernel, groups = draw.choice((4, 8)), draw.choice((1, 3)), draw.choice((1, 2))
                word = f"{{conv: {{out: {out}, kernel: {kernel}, groups: {groups}}}}}"
                self._add(name, word, [source], out)
            case "norm":
                self._add(name, "norm", [source], width)
            case "act":
                self._add(name, draw.choice(ACTIVATIONS), [source], width)
            case "add":
                others = draw.choices(equal, k=draw.choice((1, 2)))
                self._add(name, "add", [source, *others], width)
            case "mul":
                self._add(name, "mul", [source, draw.choice(equal)], width)
            case "concat":
                other = draw.choice([*known])
                self._add(name, "concat", [source, other], width + known[other])
            case "part":
                self._add(
                    name, f"{{part: {{index: {draw.randrange(2)}, of: 2}}}}", [source], width // 2
                )
            case "pool":
                self._add(name, "{max_pool: {kernel: 3, stride: 1, padding: 1}}", [source], width)
            case "dropout":
                self._add(name, "{dropout: {rate: 0.1}}", [source], width)
            case "scale":
                self._add(name, "{scale: {factor: 0.5, offset: 0.1}}", [source], width)


def random_graph(seed: int) -> str:
    """A spec whose block is a random graph of operators: dotted names, values used twice, views,
    products."""
    draw = random.Random(seed)
    layers = "\n".join(RandomLayers(draw, draw.randint(2, 9)).lines)
    kind = draw.choice(("layers", "residual"))
    text = "name: fuzz\ninput: {channels: 8, height: 6, width: 6}\n"
    if draw.random() < 0.3:
        text += f"act: {draw.choice(('silu', 'gelu'))}\n"
    if draw.random() < 0.5:
        text += f"stem:\n{indented(draw.choice(STEMS), 2)}"
    text += "stages:\n"
    text += "".join(f"  - s{n}: {{block: p, depth: {draw.randint(1, 2)}}}\n" for n in (1, 2))
    text += f"head:\n{indented(draw.choice(HEADS), 2)}"
    text += f"blocks:\n  p:\n    {kind}:\n{indented(layers, 6)}"
    if kind == "residual" and draw.random() < 0.5:
        text += "    after: [{after: act}]\n"
    return text


PARAMETERS: dict[str, tuple[object, ...]] = {
    "k": (1, 3),
    "g": (1, 2),
    "d": (1, 2),
    "w": (8, 12),
    "h": (4, 8),
    "bias": ("true", "false"),
    "flag": ("true", "false"),
    "deep": ("true", "false"),
    "a": ("relu", "none", "{leaky_relu: {slope: 0.2}}", "gelu", "{inner: {w: 8}}", "se"),
    "slope": (0.1, 0.2, 0.01),
    "rate": (0.1, 0.5),
    "t": ("se", "none", "{se: {reduction: 2}}"),
    "n": ("batch_norm", "{group_norm: {groups: 2}}", "{batch_norm: {eps: 0.01}}", "none"),
    "count": (0, 1, 2),
    "of": (2, 4),
    "stride": (1,),
}
BODY = (
    "- n1: {use: n}",
    "- a1: {use: a}",
    "- n2: norm",
    "- l: {leaky_relu: {slope: slope}}",
    "- drop: {dropout: {rate: rate}, when: flag}",
    "- t1: {use: t}",
    "- extra: {conv: {out: h, kernel: 1}, when: deep}",
    "- extra_act: {relu: {}, when: deep}",
    "- in2: {inner: {w: h}}",
    "- in3: {inner: {w: h, act: silu}, when: flag}",
    "- m.0: {conv: {out: h, kernel: k}}",
    "- m.1: norm",
    "- rep: {repeat: {index: j, count: count, layers:"
    ' [{"r.{j}": {conv: {out: h, kernel: 1}}}, {"ra.{j}": act}]}}',
    "- pt: {part: {index: 1, of: of}}",
    "- res: {q: {w: 8}}",
)
SHORTCUTS = (
    "- down.0: {conv: {out: w, kernel: 1, stride: stride}}\n- down.1: norm",
    "- proj: {conv: {out: w, kernel: 1, stride: stride}}",
    "- ds.0: {avg_pool: {kernel: 2, ceil_mode: true}, when: stride > 1}\n"
    "- ds.1: {conv: {out: w, kernel: 1}}",
    "- p1: {conv: {out: w, kernel: 1, stride: stride}}\n- p2: norm",
)
INNER = """
inner:
  parameters: {w: required}
  layers: [{c: {conv: {out: w, kernel: 1}}}, {a: act}]
q:
  parameters: {w: required}
  residual: [{c: {conv: {out: w, kernel: 3}}}, {n: norm}]
  shortcut: [{s.0: {conv: {out: w, kernel: 1}}}, {s.1: norm}]
  after: [{a: act}]
strided:
  parameters: {out: required, stride: 1}
  layers: [{subsample: {subsample: {stride: stride}}}, {conv: {conv: {out: out, kernel: 1}}}]
"""


def random_instances(seed: int) -> str:
    """A spec whose blocks differ from stage to stage and within a stage, in numbers, layers and
    nested blocks."""
    draw = random.Random(seed)
    varied = draw.sample(sorted(PARAMETERS), draw.randint(0, 5))
    stages = ""
    for number in range(draw.randint(1, 3)):
        depth = draw.randint(1, 4)
        arguments = ["block: p", f"depth: {depth}"]
        for name in varied:
            values = PARAMETERS[name]
            if name == "stride":
                arguments += draw.choice(([], ["stride: 2"]))
            elif draw.random() < 0.4:
                listed = ", ".join(str(draw.choice(values)) for _ in range(depth))
                arguments.append(f"{name}: [{listed}]")
            elif draw.random() < 0.7:
                arguments.append(f"{name}: {draw.choice(values)}")
        if draw.random() < 0.2:
            arguments.append(f"shortcut: {draw.choice(('projection', 'none', 'auto', 'strided'))}")
        stages += f"  - s{number}: {{{', '.join(arguments)}}}\n"
    conv = "{out: h, kernel: k, groups: g, dilation: d, stride: stride, bias: bias}"
    layers = [f"- conv1: {{conv: {conv}}}", *(line for line in BODY if draw.random() < 0.4)]
    layers += ["- conv9: {conv: {out: w, kernel: 1}}", *draw.choice(([], ["- t9: {use: t}"]))]
    defaults = ", ".join(f"{name}: {draw.choice(values)}" for name, values in PARAMETERS.items())
    text = "name: fuzz\ninput: {channels: 3, height: 16, width: 16}\nstem:\n"
    text += "  - conv0: {conv: {out: 8, kernel: 3}}\n  - n0: norm\n  - a0: act\n"
    text += f"stages:\n{stages}head:\n  - pool: global_avg_pool\n  - fc: {{linear: {{out: 4}}}}\n"
    text += f"blocks:\n{indented(INNER + SE, 2)}  p:\n    parameters: {{{defaults}}}\n"
    text += f"    residual:\n{indented(chr(10).join(layers), 6)}"
    text += f"    shortcut:\n{indented(draw.choice(SHORTCUTS), 6)}"
    if draw.random() < 0.6:
        text += "    after: [{after: act}]\n"
    return text
