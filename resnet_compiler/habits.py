"""Words that people bring from PyTorch, ONNX and other configuration files: what is called otherwise here, and what there
is not. Data alone; `diagnostics.misspelt` looks things up here before it guesses.

The names of `ELSEWHERE` are those of torch.nn, torch.nn.functional and the ONNX operators (torch 2.9, onnx 1.20), written
with underscores and without a trailing "2d", less those that this language has.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Literal

Kind = Literal["layer", "key", "function", "name"]
"""What a word is for: an operator or block; an attribute, a parameter or another key; a function of an expression; a name
that the spec gives."""

LAYERS: Mapping[str, str] = {
    "activation": "act",
    "average_pool": "avg_pool",
    "batch_normalization": "batch_norm",
    "bn": "batch_norm",
    "cat": "concat",
    "channel_shuffle": "shuffle",
    "convolution": "conv",
    "dense": "linear",
    "droppath": "drop_path",
    "eca": "efficient_channel_attention",
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
    "se": "squeeze_excite",
    "se_block": "squeeze_excite",
    "se_layer": "squeeze_excite",
    "se_module": "squeeze_excite",
    "squeeze_and_excitation": "squeeze_excite",
    "stochastic_depth": "drop_path",
    "swish": "silu",
}
"""Operators and blocks under other names, for the same thing."""

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

_NAMES = """
    abs acos acosh adaptive_avg_pool adaptive_max_pool affine_grid alpha_dropout arg_max arg_min asin asinh atan atanh
    average_pool batch_normalization bernoulli bilinear bitwise_and bitwise_not bitwise_or bitwise_xor cast ceil
    celu center_crop_pad channel_shuffle circular_pad clamp clip col2im compress constant constant_pad conv_integer
    conv_transpose cos cosh cosine_similarity cross_entropy cross_map_lrn cum_prod cum_sum deform_conv depth_to_space
    dequantize_linear det dft div dynamic_quantize_linear einsum elu embedding embedding_bag equal erf exp expand eye_like
    feature_alpha_dropout flatten floor fold fractional_max_pool gather gather_elements gather_nd gemm global_average_pool
    global_lp_pool global_max_pool glu greater greater_or_equal grid_sample group_normalization gru gumbel_softmax hardmax
    hard_shrink hard_tanh identity instance_norm instance_normalization interpolate kl_div layer_normalization less
    less_or_equal local_response_norm log log_sigmoid log_softmax loop lp_normalization lp_pool lrn lstm matmul
    matmul_integer max max_roi_pool max_unpool mean mean_variance_normalization min mish mod multihead_attention
    multinomial neg non_max_suppression non_zero normalize one_hot pairwise_distance pdist permute pixel_shuffle
    pixel_unshuffle pow prelu qlinear_conv qlinear_matmul quantize_linear random_normal random_uniform range reciprocal
    reduce_l1 reduce_l2 reduce_log_sum reduce_log_sum_exp reduce_max reduce_mean reduce_min reduce_prod reduce_sum
    reduce_sum_square reflection_pad relu6 replication_pad resize reverse_sequence rms_norm rms_normalization rnn roi_align
    rotary_embedding round rrelu scaled_dot_product_attention scan scatter scatter_elements scatter_nd selu shape shrink
    sign sin sinh size slice softmin softplus soft_shrink softsign space_to_depth split sqrt squeeze stft sub sum swiglu
    swish sync_batch_norm tan tanh tanh_shrink threshold thresholded_relu tile top_k transformer transpose trilu unflatten
    unfold unique unsqueeze upsample upsampling_bilinear upsampling_nearest where xor zero_pad
"""
ELSEWHERE = frozenset(_NAMES.split())
"""Operators and functions of PyTorch and ONNX. A word that is one of these is not misspelt."""

_NAMES_OF_ATTRIBUTES = """
alpha axes axis beta chunks dims end ends full gamma heads init keepdim keepdims lambd mode nhead num_channels num_features
num_heads offsets output_padding perm reduce reduction running_mean running_var scale_factor shape size spatial start_dim
starts step steps value values var weight weights
"""
OTHER_KEYS = frozenset(_NAMES_OF_ATTRIBUTES.split())
"""Attributes of PyTorch and ONNX that mean something else than those of nearly the same name here."""

_BY_LETTERS = {each.replace("_", ""): each for each in sorted(ELSEWHERE | LAYERS.keys())}


def elsewhere(word: str) -> str | None:
    """The operator or function of PyTorch, ONNX or common use that a word names, or None."""
    plain = re.sub(r"[_-]", "", word.lower())
    return _BY_LETTERS.get(plain) or _BY_LETTERS.get(re.sub(r"[123]d$", "", plain))


def is_another(word: str, kind: Kind) -> bool:
    """Whether a word means something elsewhere, and so is not misspelt."""
    if kind == "key":
        return word.lower() in OTHER_KEYS
    return kind in ("layer", "function") and elsewhere(word) is not None


def called_here(word: str, known: Collection[str], kind: Kind) -> str | None:
    """What is called otherwise elsewhere, by its name here; None where the word is no such name."""
    if kind == "layer":
        meant = LAYERS.get(elsewhere(word) or "")
        return meant if meant in known else None
    if kind == "key":
        return next((each for each in KEYS.get(word.lower(), ()) if each in known), None)
    return None


def instead(word: str, kind: Kind) -> str | None:
    """What to do in the place of a word that means something elsewhere, and has no other name here."""
    if kind == "layer":
        return INSTEAD.get(elsewhere(word) or word)
    return LEFT_OUT.get(word.lower()) if kind == "key" else None
