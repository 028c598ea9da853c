"""Words that people bring from PyTorch, ONNX and other configuration files: what is called otherwise here, and what there
is not. Data alone; `diagnostics.misspelt` looks things up here before it guesses. Names of blocks and the long list of
others' operators are in `habits.yaml`, which is read when a word is not known.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, Literal

from resnet_compiler.support.read import text

Kind = Literal["layer", "key", "function", "name"]
"""What a word is for: an operator or block; an attribute, a parameter or another key; a function of an expression; a name
that the spec gives."""

OPERATORS: Mapping[str, str] = {
    "activation": "act",
    "average_pool": "avg_pool",
    "batch_normalization": "batch_norm",
    "bn": "batch_norm",
    "cat": "concat",
    "channel_shuffle": "shuffle",
    "convolution": "conv",
    "dense": "linear",
    "droppath": "drop_path",
    "fc": "linear",
    "fully_connected": "linear",
    "gap": "global_avg_pool",
    "global_average_pool": "global_avg_pool",
    "gn": "group_norm",
    "group_normalization": "group_norm",
    "h_sigmoid": "hard_sigmoid",
    "h_swish": "hard_swish",
    "layer_normalization": "layer_norm",
    "ln": "layer_norm",
    "lrelu": "leaky_relu",
    "max_pooling": "max_pool",
    "multiply": "mul",
    "normalization": "norm",
    "plus": "add",
    "pow": "power",
    "stochastic_depth": "drop_path",
    "swish": "silu",
}
"""Operators under other names, for the same thing; `layers` has the blocks too."""

INSTEAD: Mapping[str, str] = {
    "adaptive_avg_pool": "`global_avg_pool` is that with an output of 1 × 1",
    "adaptive_max_pool": "`reduce: {by: max}` is that with an output of 1 × 1",
    "flatten": "leave it out: `linear` takes what `global_avg_pool` gives",
    "global_max_pool": "`reduce: {by: max}` takes the greatest of the image",
    "identity": "leave the layer out",
    "max": "`maximum` is that of several layers, `reduce: {by: max}` that of the image",
    "mean": "`global_avg_pool` is that of the image, `reduce: {by: mean}` others",
    "noop": "leave the layer out",
    "reduce_max": "write `reduce: {by: max}`",
    "reduce_mean": "write `reduce: {by: mean}`",
    "reduce_sum": "write `reduce: {by: sum}`",
    "sum": "`add` is that of several layers, `reduce: {by: sum}` that of the image",
}
"""What is not here under any name, and how the same is said."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "act_layer": ("act",),
    "activation": ("act",),
    "attn": ("attention",),
    "base": ("extends",),
    "blocks": ("depth",),
    "cardinality": ("groups",),
    "channels": ("width", "out"),
    "chans": ("channels",),
    "classes": ("out",),
    "classifier": ("head",),
    "count_include_pad": ("count_padding",),
    "description": ("doc",),
    "dilation_rate": ("dilation",),
    "dilations": ("dilation",),
    "dim": ("over", "width", "out"),
    "drop_path": ("drop_path_rate",),
    "drop_prob": ("rate",),
    "epsilon": ("eps",),
    "features": ("out", "width"),
    "filter_size": ("kernel",),
    "filters": ("out", "width"),
    "group": ("groups",),
    "image_size": ("input",),
    "in_chans": ("channels",),
    "in_channels": ("channels",),
    "inherits": ("extends",),
    "input_shape": ("input",),
    "input_size": ("input",),
    "kernel_shape": ("kernel",),
    "kernel_size": ("kernel",),
    "ksize": ("kernel",),
    "layers": ("depth", "stages"),
    "negative_slope": ("slope",),
    "norm_layer": ("norm",),
    "normalization": ("norm",),
    "num_blocks": ("depth",),
    "num_classes": ("out",),
    "num_filters": ("out", "width"),
    "num_groups": ("groups",),
    "num_layers": ("depth",),
    "out_channels": ("out", "width"),
    "out_dim": ("out", "width"),
    "out_features": ("out",),
    "p": ("rate",),
    "pads": ("padding",),
    "params": ("parameters",),
    "parent": ("extends",),
    "planes": ("width", "out"),
    "prob": ("rate",),
    "repeats": ("depth",),
    "se": ("attention",),
    "strides": ("stride",),
    "units": ("out",),
    "use_bias": ("bias",),
    "variables": ("let",),
    "vars": ("let",),
    "width_per_group": ("base_width",),
}
"""Attributes, parameters and keys under other names; of several, the first that there is at that place."""

LEFT_OUT: Mapping[str, str] = {
    **dict.fromkeys(
        ("in_channels", "in_features", "in_planes", "inplanes", "input_channels"),
        "leave it out: the channels that come in are known",
    ),
    **dict.fromkeys(
        ("inplace", "affine", "track_running_stats", "padding_mode", "device", "dtype"),
        "leave it out: there is no such choice here",
    ),
    "num_classes": "the last layer of the `head` says it: `- fc: {linear: {out: 1000}}`",
    "out_channels": "the blocks say it: `width: …` in a stage",
    "output_size": "leave it out: the whole image is reduced to 1 × 1",
}
"""Keys that have no other name here, and what to do with them."""

VALUES: Mapping[tuple[str, str], str] = {
    ("padding", "same"): "leave `padding` out: an odd kernel then keeps the size, with stride 1",
    ("padding", "valid"): "write `padding: 0`",
}
"""Words that an attribute takes elsewhere, and how the same is said."""

NUMBERS: Mapping[str, int] = {
    word: number
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
"""Numbers in words, which are not misspelt either."""

FLAGS: Mapping[str, str] = {
    **dict.fromkeys(("yes", "on", "y"), "true"),
    **dict.fromkeys(("no", "off", "n"), "false"),
}
"""Words for flags that YAML 1.1 had."""

_NAMES_OF_ATTRIBUTES = """
alpha axes axis beta chunks dims end ends full gamma heads init keepdim keepdims lambd mode nhead num_channels num_features
num_heads offsets output_padding perm reduce reduction running_mean running_var scale_factor shape size spatial start_dim
starts step steps value values var weight weights
"""
OTHER_KEYS = frozenset(_NAMES_OF_ATTRIBUTES.split())
"""Attributes of PyTorch and ONNX that mean something else than those of nearly the same name here."""


@cache
def _names() -> Mapping[str, Any]:
    """The names of others in `habits.yaml`."""
    import yaml

    found: Mapping[str, Any] = yaml.safe_load(text(pathlib.Path(__file__).with_suffix(".yaml")))
    return found


@cache
def layers() -> Mapping[str, str]:
    """Operators and shipped blocks under other names, for the same thing."""
    blocks = {other: name for name, others in _names()["blocks"].items() for other in others}
    return {**OPERATORS, **blocks}


@cache
def names_elsewhere() -> frozenset[str]:
    """Operators and functions of PyTorch and ONNX. A word that is one of these is not misspelt."""
    return frozenset(_names()["elsewhere"].split())


@cache
def _by_letters() -> Mapping[str, str]:
    return {each.replace("_", ""): each for each in sorted(names_elsewhere() | layers().keys())}


def elsewhere(word: str) -> str | None:
    """The operator or function of PyTorch, ONNX or common use that a word names, or None."""
    plain = re.sub(r"[_-]", "", word.lower())
    return _by_letters().get(plain) or _by_letters().get(re.sub(r"[123]d$", "", plain))


def is_another(word: str, kind: Kind) -> bool:
    """Whether a word means something elsewhere, and so is not misspelt."""
    if kind == "key":
        return word.lower() in OTHER_KEYS
    return kind in ("layer", "function") and elsewhere(word) is not None


def called_here(word: str, known: Collection[str], kind: Kind) -> str | None:
    """What is called otherwise elsewhere, by its name here; None where the word is no such name."""
    if kind == "layer":
        meant = layers().get(elsewhere(word) or "")
        return meant if meant in known else None
    if kind == "key":
        return next((each for each in KEYS.get(word.lower(), ()) if each in known), None)
    return None


def instead(word: str, kind: Kind) -> str | None:
    """What to do in the place of a word that means something elsewhere, and has no other name here."""
    if kind == "layer":
        return INSTEAD.get(elsewhere(word) or word)
    return LEFT_OUT.get(word.lower()) if kind == "key" else None
