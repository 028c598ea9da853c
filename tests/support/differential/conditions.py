"""Layers that are there or not: the same network, written with `when` on some of its layers and with absent ones between.

An absent layer passes on what it would have read first, so a spec with absent layers put in is the same network as
without them. That is what the generator relies on, and what `compare` holds the compiler to.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from support.differential.body import Layer

ALONE: dict[str, Layer] = {
    "conv": {"out": 3, "kernel": 3},
    "conv1d": {"out": 1, "kernel": 3},
    "linear": {"out": 7},
    "batch_norm": {"eps": 0.1},
    "group_norm": {"groups": 2},
    "layer_norm": {},
    "relu": {},
    "leaky_relu": {"slope": 0.5},
    "silu": {},
    "hard_swish": {},
    "gelu": {},
    "sigmoid": {},
    "hard_sigmoid": {},
    "softmax": {"over": "space"},
    "dropout": {"rate": 0.9},
    "drop_path": {"rate": 0.9},
    "max_pool": {"kernel": 2},
    "avg_pool": {"kernel": 2},
    "blur_pool": {"stride": 2},
    "global_avg_pool": {},
    "subsample": {"stride": 2},
    "pad": {"border": 2},
    "part": {"index": 1, "of": 2},
    "shuffle": {"groups": 2},
    "reshape": {"to": -1},
    "reduce": {"by": "max"},
    "power": {"exponent": 2},
    "scale": {"factor": 3},
    "basic": {"width": 3},
    "act": {},
    "norm": {},
}
"""What an absent layer of one input can be, and what it would do; none of it may show in the network."""
TOGETHER = ("add", "mul", "concat", "maximum", "shift")
"""Operators that name several values."""
KINDS = (*ALONE, *TOGETHER, "parameter", "use", "repeat")
CONDITIONS = tuple(f"when {state}: {kind}" for kind in KINDS for state in ("holds", "fails"))
RARE = (
    "conv1d",
    "basic",
    "subsample",
    "drop_path",
    "relu",
    "leaky_relu",
    "silu",
    "hard_swish",
    "gelu",
)
"""Kinds that specs seldom have as layers: where there is one, it gets a condition."""
TRUE = ("true", "1 < 2", "not false", "2 >= 2 and true", "1 <= 1")
FALSE = ("false", "1 > 2", "not true", "1 != 1 or false")
TRUE_IN_BLOCK = (*TRUE, "in_channels > 0", "in_channels != 0")
FALSE_IN_BLOCK = (*FALSE, "in_channels < 0", "in_channels == 0")


def conditioned(draw: random.Random, spec: Layer) -> frozenset[str]:
    """Put conditions into a spec, in place; gives those that were put in, of `CONDITIONS`."""
    writer = _Writer(draw)
    for section in ("stem", "head"):
        if spec.get(section):
            writer.layers(spec[section], section, TRUE, FALSE)
    for body in spec.get("blocks", {}).values():
        seen: list[str] = []
        for part in ("layers", "residual", "shortcut", "after"):
            if body.get(part):
                writer.layers(body[part], part, TRUE_IN_BLOCK, FALSE_IN_BLOCK, seen)
    return frozenset(writer.found)


def plain_names(layers: Sequence[Layer]) -> list[str]:
    """The names of layers that others can be told to read as they are written."""
    found = []
    for layer in layers:
        ((name, body),) = layer.items()
        if "{" not in name and not (isinstance(body, dict) and "repeat" in body):
            found.append(name)
    return found


def kind_of(body: Any) -> str:
    """Which of `KINDS` a layer is; a word of the spec's own counts as a use."""
    if isinstance(body, str):
        return body if body in KINDS and body != "repeat" else "use"
    words = [key for key in body if key not in ("from", "when")]
    return words[0] if words and words[0] in KINDS else "use"


def is_parameter(layer: Layer) -> bool:
    """Whether a layer is a learned tensor, which no absent layer may give on."""
    return kind_of(next(iter(layer.values()))) == "parameter"


def sources_of(body: Any) -> list[str]:
    """The names in a layer's `from`."""
    sources = body.get("from", []) if isinstance(body, dict) else []
    return [sources] if isinstance(sources, str) else list(sources)


class _Writer:
    """Puts conditions into lists of layers and keeps in mind which."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.found: list[str] = []
        self.count = 0

    def layers(
        self,
        layers: list[Layer],
        section: str,
        true: Sequence[str],
        false: Sequence[str],
        seen: list[str] | None = None,
    ) -> None:
        """Conditions for one list; ``seen`` are names of the lists before it, to which its own are added."""
        for layer in layers:
            self._hold(layer, true)
        seen = [] if seen is None else seen
        own = plain_names(layers)
        # what stands for a shortcut of one layer is called as that layer is, and another would change that
        is_named = section == "shortcut" and len(layers) == 1 and "." not in next(iter(layers[0]))
        for _ in range(0 if is_named else self.draw.choice((0, 1, 2, 3))):
            self._insert(layers, section, false, seen)
        if section != "shortcut":  # what is there of a shortcut depends on the choice of it
            seen += own

    def _hold(self, layer: Layer, true: Sequence[str]) -> None:
        """A condition that holds, on a layer without one; inside a `repeat` on its layers too."""
        ((name, body),) = layer.items()
        if isinstance(body, dict) and "repeat" in body:
            index = body["repeat"]["index"]
            for each in body["repeat"]["layers"]:
                self._hold(each, (*true, f"{index} >= 0"))
            if self.draw.random() < 0.5:
                # put in first: the turns count from the layer that the repeat begins with
                self._absent_turn(body["repeat"]["layers"], index)
        if isinstance(body, dict) and "when" in body:
            return
        if kind_of(body) not in RARE and self.draw.random() < 0.5:
            return
        self.found.append(f"when holds: {kind_of(body)}")
        body = {body: {}} if isinstance(body, str) else dict(body)
        layer[name] = {**body, "when": self._condition(true)}

    def _condition(self, texts: Sequence[str]) -> bool | str:
        text = self.draw.choice(texts)
        return {"true": True, "false": False}.get(text, text)

    def _absent_turn(self, layers: list[Layer], index: str) -> None:
        """An absent layer among those of a `repeat`, with a name in each turn."""
        at = self.draw.randrange(len(layers) + 1)
        if at and is_parameter(layers[at - 1]):
            return
        word = self.draw.choice(tuple(ALONE))
        self.found.append(f"when fails: {word}")
        name = f"{self._name('')}_{{{index}}}"
        layers.insert(at, {name: {word: dict(ALONE[word]), "when": f"{index} < 0"}})

    def _name(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}absent{self.count}"

    def _insert(
        self, layers: list[Layer], section: str, false: Sequence[str], seen: Sequence[str]
    ) -> None:
        """One absent layer: between two others, or in the place of what a later layer names."""
        at = self.draw.randrange(section == "shortcut", len(layers) + 1)
        before = layers[at - 1] if at else None
        visible = [*seen, *plain_names(layers[:at])]
        known = [each for each in layers[:at] if is_parameter(each)]
        learned = [next(iter(each)) for each in known]
        name = self._name(_container(layers) if section == "shortcut" else "")
        condition = {"when": self._condition(false)}
        body = layers[at] if at < len(layers) else None
        reader = next(iter(body.values())) if body else None
        named = [each for each in sources_of(reader) if each in visible and each not in learned]
        others = [each for each in visible if each not in learned]
        if named and self.draw.random() < 0.7:
            first = self.draw.choice(named)
            more = self.draw.sample(visible, min(len(visible), self.draw.choice((0, 1, 1, 2))))
            word, called = self._called([first, *more])
            sources: Any = [first, *more] if more or word in TOGETHER else first
            layers.insert(at, {name: {**called, "from": sources, **condition}})
            assert isinstance(reader, dict)
            replaced = [name if each == first else each for each in sources_of(reader)]
            reader["from"] = replaced[0] if isinstance(reader["from"], str) else replaced
        elif before is not None and is_parameter(before):
            return
        elif before is not None and next(iter(before)) in others and self.draw.random() < 0.5:
            previous = next(iter(before))
            word, called = self._called([previous, previous])
            sources = [previous, self.draw.choice(visible)]
            layers.insert(at, {name: {**called, "from": sources, **condition}})
        else:
            word, called = self._alone()
            layers.insert(at, {name: {**called, **condition}})
        self.found.append(f"when fails: {word}")

    def _called(self, sources: Sequence[str]) -> tuple[str, Layer]:
        """A layer that names so many values and has a name that others can read: no `repeat`."""
        if len(sources) > 1:
            word = self.draw.choice(TOGETHER)
            return word, {word: {}}
        word = self.draw.choice((*ALONE, "use"))
        return word, {"use": "act"} if word == "use" else {word: dict(ALONE[word])}

    def _alone(self) -> tuple[str, Layer]:
        """A layer that says nothing of what it reads."""
        word = self.draw.choice(
            (*ALONE, "use", "use", "repeat", "repeat", "parameter", "parameter")
        )
        if word == "use":
            return word, {"use": "act"}
        if word == "repeat":
            turn = [{f"{self._name('')}_{{i}}": {"conv": {"out": 3, "kernel": 3}}}]
            return word, {"repeat": {"index": "i", "count": 2, "layers": turn}}
        if word == "parameter":
            return word, {"parameter": {"channels": 3, "fill": 0}}
        return word, {word: dict(ALONE[word])}


def _container(layers: Sequence[Layer]) -> str:
    """The part that all names of a shortcut begin with: a block that stands in its place is called so."""
    firsts = {next(iter(layer)).split(".")[0] for layer in layers}
    dotted = all("." in next(iter(layer)) for layer in layers)
    return f"{min(firsts)}." if dotted and len(firsts) == 1 else ""
