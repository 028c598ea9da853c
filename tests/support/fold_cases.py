"""Networks of a few layers with norms to fold, and what is left of each; and those where the norm has to stay."""

from __future__ import annotations

CONV = "c: {conv: {out: 6, kernel: 3}}"

FOLDED: dict[str, tuple[tuple[str, ...], str]] = {
    # --- behind a convolution ---
    "plain": ((CONV, "n: norm"), "c"),
    "a bias that was there": (("c: {conv: {out: 6, kernel: 3, bias: true}}", "n: norm"), "c"),
    "groups": (("c: {conv: {out: 12, kernel: 3, groups: 4}}", "n: norm"), "c"),
    "depthwise": (("c: {conv: {out: 16, kernel: 3, groups: 8}}", "n: norm", "r: relu"), "c r"),
    "dilation": (("c: {conv: {out: 6, kernel: 3, dilation: 2}}", "n: norm"), "c"),
    "stride": (("c: {conv: {out: 6, kernel: [3, 1], stride: [2, 1]}}", "n: norm"), "c"),
    "padding": (("c: {conv: {out: 6, kernel: 2, padding: [0, 3]}}", "n: norm"), "c"),
    "another eps": ((CONV, "n: {batch_norm: {eps: 0.5}}"), "c"),
    "norm behind norm": ((CONV, "n: norm", "m: {batch_norm: {eps: 0.1}}"), "c"),
    "dropout between": ((CONV, "d: dropout", "n: norm", "e: {drop_path: {rate: 0.5}}"), "c"),
    "a scale that does nothing": ((CONV, "s: scale", "n: norm"), "c"),
    "standardised": (("c: {conv: {out: 6, kernel: 3, standardized: true}}", "n: norm"), "c"),
    "standardised alone": (("c: {conv: {out: 6, kernel: 3, standardized: true, eps: 0.1}}",), "c"),
    "standardised with a bias and groups": (
        (
            "c: {conv: {out: 6, kernel: 3, groups: 2, bias: true, standardized: true}}",
            "n: norm",
        ),
        "c",
    ),
    "two that read one value": (
        (
            "a: {conv: {out: 6, kernel: 3}}",
            "m: norm",
            "b: {conv: {out: 6, kernel: 1}, from: input}",
            "n: norm",
            "s: {add: {}, from: [m, n]}",
        ),
        "a b s",
    ),
    # --- ahead of a convolution or a linear layer ---
    "ahead of a pointwise one": (("n: norm", "c: {conv: {out: 6, kernel: 1}}"), "c"),
    "ahead of one without padding": (
        ("n: norm", "c: {conv: {out: 6, kernel: 3, padding: 0, stride: 2, bias: true}}"),
        "c",
    ),
    "ahead of groups": (
        ("n: norm", "c: {conv: {out: 12, kernel: 2, padding: 0, groups: 4}}"),
        "c",
    ),
    "ahead of a standardised one": (
        ("n: norm", "c: {conv: {out: 6, kernel: 1, standardized: true}}"),
        "c",
    ),
    "two ahead of two": (
        (
            "m: norm",
            "n: {batch_norm: {eps: 0.1}}",
            "a: {conv: {out: 6, kernel: 1}}",
            "b: {conv: {out: 6, kernel: 1}, from: n}",
            "s: {add: {}, from: [a, b]}",
        ),
        "a b s",
    ),
    "three ahead of one": (
        (
            "l: {batch_norm: {eps: 0.2}}",
            "m: norm",
            "n: {batch_norm: {eps: 0.1}}",
            "c: {conv: {out: 6, kernel: 1}}",
        ),
        "c",
    ),
    "on both sides": (("m: norm", "c: {conv: {out: 6, kernel: 1}}", "n: norm"), "c"),
    "ahead of a linear layer": (
        ("p: global_avg_pool", "n: norm", "f: {linear: {out: 5}}"),
        "p f",
    ),
    "ahead of a linear layer that flattens": (
        (
            "p: global_avg_pool",
            "r: {reshape: {to: [2, 2, 2]}}",
            "n: norm",
            "f: {linear: {out: 5, bias: false}}",
        ),
        "p r f",
    ),
}
KEPT: dict[str, tuple[str, ...]] = {
    "a convolution that another layer reads": (CONV, "n: norm", "s: {add: {}, from: [n, c]}"),
    "a convolution that is read by two norms": (
        CONV,
        "m: norm",
        "n: {batch_norm: {}, from: c}",
        "s: {add: {}, from: [m, n]}",
    ),
    "an activation between": (CONV, "r: relu", "n: norm", "q: relu"),
    "no convolution": ("r: relu", "n: norm"),
    "another norm": (CONV, "n: {group_norm: {groups: 2}}"),
    "ahead of one that pads": ("n: norm", "c: {conv: {out: 6, kernel: 3}}"),
    "ahead of one that pads and one that does not": (
        "n: norm",
        "a: {conv: {out: 6, kernel: 1}}",
        "b: {conv: {out: 6, kernel: 3}, from: n}",
        "s: {add: {}, from: [a, b]}",
    ),
    "ahead of a convolution and an add": (
        "n: norm",
        "c: {conv: {out: 8, kernel: 1}}",
        "s: {add: {}, from: [c, n]}",
    ),
}
HEADS = """\
name: heads
input: {channels: 3, height: 8, width: 8}
stages: [{a: {block: plain, depth: 1}}, {b: {block: norm_first, depth: 1}}]
head: [{last: norm}, {p: {conv: {out: 4, kernel: 3}}}, {n: norm}]
blocks:
  plain: {layers: [{c: {conv: {out: 6, kernel: 3}}}]}
  norm_first: {layers: [{n: norm}, {c: {conv: {out: 6, kernel: 3}}}, {m: norm}]}
"""
