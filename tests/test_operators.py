"""Every operator: its shape rule, its tensors, and its PyTorch and ONNX forms say the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import peers
from support.specs import compile_layers

import resnet_compiler
from resnet_compiler import SpecError, weights
from resnet_compiler.emit.onnx import check_onnx, emit_onnx
from resnet_compiler.operators import OPERATORS
from resnet_compiler.shapes import shape_at

OPSETS = (13, 18, 22)
SIZES = ((11, 9), (12, 10), (11, 24), (30, 13))
TOLERANCE = 1e-5

POOL = "pool: global_avg_pool"
REDUCTIONS = ("mean", "max", "variance")
CASES: dict[str, list[tuple[str, ...]]] = {
    "conv": [
        ("op: {conv: {out: 6, kernel: 3}}",),
        ("op: {conv: {out: 6, kernel: [3, 5], stride: [2, 1], bias: true}}",),
        ("op: {conv: {out: 12, kernel: 3, groups: 4, padding: 0}}",),
        ("op: {conv: {out: 8, kernel: 3, groups: 8, dilation: 2}}",),
        ("op: {conv: {out: 4, kernel: 4, stride: 3, dilation: [2, 1], padding: [5, 0]}}",),
        ("op: {conv: {out: 4, kernel: 2, padding: [1, 3], stride: 2}}",),
        (POOL, "op: {conv: {out: 4, kernel: 1, bias: true}}"),
        ("op: {conv: {out: 6, kernel: 3, standardized: true, bias: true}}",),
        ("op: {conv: {out: 8, kernel: [1, 2], groups: 4, standardized: true, eps: 0.1}}",),
        ("op: {conv: {out: 8, kernel: 1, groups: 8, standardized: true, stride: 2}}",),
    ],
    "conv1d": [
        (POOL, "row: {reshape: {to: [1, -1]}}", "op: {conv1d: {out: 1, kernel: 3}}"),
        (POOL, "rows: {reshape: {to: [2, 4]}}", "op: {conv1d: {out: 3, kernel: 5, bias: true}}"),
        (POOL, "rows: {reshape: {to: [-1, 1]}}", "op: {conv1d: {out: 2, kernel: 1}}"),
    ],
    "linear": [
        (POOL, "op: {linear: {out: 5}}"),
        (POOL, "op: {linear: {out: 5, bias: false}}"),
        (POOL, "flat: {reshape: {to: -1}}", "op: {linear: {out: 5}}"),
    ],
    "batch_norm": [
        ("op: batch_norm",),
        ("op: {batch_norm: {eps: 0.1, momentum: 0.2, zero_init: true}}",),
        (POOL, "op: batch_norm"),
    ],
    "group_norm": [
        ("op: {group_norm: {groups: 4}}",),
        ("op: {group_norm: {groups: 1, eps: 0.1}}",),
        ("op: {group_norm: {groups: 8, zero_init: true}}",),
    ],
    "layer_norm": [
        ("op: layer_norm",),
        ("op: {layer_norm: {eps: 0.1, zero_init: true}}",),
    ],
    "relu": [("op: relu",)],
    "leaky_relu": [("op: leaky_relu",), ("op: {leaky_relu: {slope: 0.25}}",)],
    "silu": [("op: silu",)],
    "hard_swish": [("op: hard_swish",)],
    "gelu": [("op: gelu",)],
    "sigmoid": [("op: sigmoid",)],
    "hard_sigmoid": [("op: hard_sigmoid",)],
    "softmax": [
        ("op: softmax",),
        ("op: {softmax: {over: space}}",),
        ("conv: {conv: {out: 8, kernel: 3}}", "act: relu", "op: {softmax: {over: space}}"),
        (POOL, "rows: {reshape: {to: [2, 2, -1]}}", "op: softmax"),
        (POOL, "flat: {reshape: {to: -1}}", "op: softmax"),
    ],
    "dropout": [("op: dropout",), ("op: {dropout: {rate: 0.2}}", "after: relu")],
    "drop_path": [("op: {drop_path: {rate: 0.2}}",)],
    "max_pool": [
        ("op: {max_pool: {kernel: 3}}",),
        ("op: {max_pool: {kernel: 3, stride: 2, padding: 1}}",),
        ("op: {max_pool: {kernel: [2, 3], stride: [1, 2], dilation: [3, 2]}}",),
        ("op: {max_pool: {kernel: 3, stride: 2, ceil_mode: true}}",),
        ("op: {max_pool: {kernel: 2, stride: 2, padding: 1, ceil_mode: true}}",),
        ("op: {max_pool: {kernel: 1, stride: [3, 4], ceil_mode: true}}",),
        ("op: {max_pool: {kernel: 2, stride: [5, 4], padding: 1, ceil_mode: true}}",),
        ("op: {max_pool: {kernel: 3, stride: 3, padding: 1, dilation: 2, ceil_mode: true}}",),
    ],
    "avg_pool": [
        ("op: {avg_pool: {kernel: 2}}",),
        ("op: {avg_pool: {kernel: 3, stride: 2, padding: 1}}",),
        ("op: {avg_pool: {kernel: 3, stride: 2, padding: 1, count_padding: false}}",),
        ("op: {avg_pool: {kernel: [2, 3], stride: [3, 2], padding: [0, 1]}}",),
        ("op: {avg_pool: {kernel: 2, ceil_mode: true}}",),
        ("op: {avg_pool: {kernel: 2, ceil_mode: true, count_padding: false}}",),
        ("op: {avg_pool: {kernel: 3, stride: 2, padding: 1, ceil_mode: true}}",),
        (
            "op: {avg_pool:"
            " {kernel: 3, stride: 2, padding: 1, ceil_mode: true, count_padding: false}}",
        ),
        ("op: {avg_pool: {kernel: 2, stride: [5, 4], padding: 1, ceil_mode: true}}",),
        ("op: {avg_pool: {kernel: 4, stride: 3, padding: 2, ceil_mode: true}}",),
        ("op: {avg_pool: {kernel: 1, stride: 3, ceil_mode: true}}",),
    ],
    "blur_pool": [
        ("op: blur_pool",),
        ("op: {blur_pool: {stride: 1}}",),
        ("op: {blur_pool: {stride: [3, 2]}}", "after: relu"),
    ],
    "global_avg_pool": [("op: global_avg_pool",)],
    "reduce": [
        *((f"op: {{reduce: {{by: {by}}}}}",) for by in REDUCTIONS),
        *((f"op: {{reduce: {{by: {by}, over: channels}}}}",) for by in REDUCTIONS),
        *((f"op: {{reduce: {{by: {by}, over: groups, groups: 2}}}}",) for by in REDUCTIONS),
        ("op: {reduce: {over: groups}}",),
        ("op: {reduce: {over: groups, groups: 8}}",),
    ],
    "add": [
        ("act: relu", "op: {add: {}, from: [act, input]}"),
        ("act: relu", "gate: sigmoid", "op: {add: {}, from: [input, act, gate, input]}"),
    ],
    "mul": [
        ("gate: sigmoid", "op: {mul: {}, from: [input, gate]}"),
        (POOL, "gate: sigmoid", "op: {mul: {}, from: [input, gate]}"),
        ("gate: {conv: {out: 1, kernel: 1}}", "op: {mul: {}, from: [input, gate]}"),
    ],
    "shift": [
        (POOL, "op: {shift: {}, from: [input, pool]}"),
        ("act: relu", "op: {shift: {}, from: [input, act]}", "twice: {mul: {}, from: [op, op]}"),
    ],
    "maximum": [
        (POOL, "op: {maximum: {}, from: [input, pool]}"),
        ("part: {reduce: {over: channels}}", "op: {maximum: {}, from: [input, part]}"),
    ],
    "concat": [
        ("op: {concat: {}, from: [input, input]}",),
        ("less: {conv: {out: 3, kernel: 3}}", "op: {concat: {}, from: [less, input, less]}"),
    ],
    "part": [
        ("op: {part: {index: 0, of: 2}}",),
        ("op: {part: {index: 3, of: 4}}",),
        ("op: {part: {index: 0, of: 1}}",),
        ("op: {part: {start: 2, stop: 7}}",),
        ("op: {part: {start: 3}}", "after: relu"),
        ("op: {part: {stop: 1}}",),
    ],
    "parameter": [
        ("op: {parameter: {channels: 8}}", "scaled: {mul: {}, from: [input, op]}"),
        ("op: {parameter: {channels: 1, fill: 0.5}}", "moved: {shift: {}, from: [input, op]}"),
    ],
    "power": [
        ("op: {power: {exponent: 2}}",),
        ("op: {power: {exponent: 3}}",),
        *(
            ("above: {scale: {offset: 50}}", f"op: {{power: {{exponent: {exponent}}}}}")
            for exponent in (0.5, -0.5, -1, 1.5, 1, 0)
        ),
    ],
    "scale": [
        ("op: {scale: {factor: -2.5}}",),
        ("op: {scale: {offset: -1.5}}",),
        ("op: {scale: {factor: 0.5, offset: 1}}", "square: {power: {exponent: 2}}"),
        ("act: relu", "op: scale", "sum: {add: {}, from: [op, input]}"),
    ],
    "reshape": [
        (POOL, "op: {reshape: {to: -1}}"),
        (POOL, "op: {reshape: {to: [1, -1]}}"),
        (POOL, "flat: {reshape: {to: -1}}", "op: {reshape: {to: [2, 2, 2]}}"),
        (POOL, "row: {reshape: {to: [1, -1]}}", "op: {reshape: {to: [8, 1, 1]}}"),
    ],
    "shuffle": [("op: {shuffle: {groups: 2}}",), ("op: {shuffle: {groups: 8}}", "after: relu")],
    "subsample": [("op: {subsample: {stride: 2}}",), ("op: {subsample: {stride: [1, 3]}}",)],
    "pad": [
        ("op: {pad: {channels: 13}}",),
        ("op: {pad: {channels: 8}}",),
        ("op: {pad: {border: 2}}",),
        ("op: {pad: {border: [0, 3]}}",),
        ("op: {pad: {border: [1, 2], channels: 9}}", "after: relu"),
        ("less: {scale: {offset: -50}}", "op: {pad: {border: 1}}", "m: {max_pool: {kernel: 3}}"),
        ("less: {scale: {offset: -50}}", "op: {pad: {border: 1}}", "m: {avg_pool: {kernel: 3}}"),
    ],
}
LISTED = [(word, case) for word, cases in CASES.items() for case in cases]


def image_of(size: tuple[int, int]) -> Any:
    """Two images of 8 channels, of values large enough for every activation to saturate."""
    random = np.random.default_rng(size)
    return random.standard_normal((2, 8, *size), np.float32) * 4


def value(name: str, tensor: weights.Tensor) -> Any:
    return weights.tried(name, tensor, seed=3)


def test_every_operator_and_every_attribute_has_a_case() -> None:
    assert CASES.keys() == OPERATORS.keys()
    unset = {
        f"{word}.{name}"
        for word, operator in OPERATORS.items()
        for name, field in operator.attributes().items()
        if not any(
            getattr(node.operator, name) != field.default
            for case in CASES[word]
            for node in compile_layers(*case)
            if isinstance(node.operator, operator)
        )
    }
    assert not unset


@pytest.mark.parametrize(("word", "case"), LISTED, ids=[f"{w}-{c[-1]}" for w, c in LISTED])
def test_the_forms_of_an_operator_agree(word: str, case: tuple[str, ...]) -> None:
    import torch

    graph = compile_layers(*case)
    assert graph["stage.0.op"].operator.word == word
    network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()

    tensors = dict(weights.tensors(graph))
    state = network.state_dict()
    assert {name: tuple(each.shape) for name, each in state.items()} == {
        name: tensor.shape for name, tensor in tensors.items()
    }
    trainable = {name for name, tensor in tensors.items() if tensor.trainable}
    assert {name for name, _ in network.named_parameters()} == trainable

    values = {name: torch.from_numpy(value(name, tensor)) for name, tensor in tensors.items()}
    network.load_state_dict(values, strict=True)
    network.eval()
    assert graph.any_size
    outputs = {}
    for size in SIZES:
        with torch.inference_mode():
            outputs[size] = network(torch.from_numpy(image_of(size))).numpy()
        inferred = shape_at(graph.shape(graph.output), dict(zip("HW", size, strict=True)))
        assert outputs[size].shape == (2, *inferred)
    for opset in OPSETS:
        model = emit_onnx(graph, value, "test", opset)
        check_onnx(model)
        session = peers.onnx_session(model)
        for size, expected in outputs.items():
            found = session.run(None, {"input": image_of(size)})[0]
            assert found.shape == expected.shape, (opset, size)
            assert peers.relative_difference(found, expected) <= TOLERANCE, (opset, size)


EDGES = ((0, 0), (0, 0), (1, 1), (1, 1))


def blurred(x: Any) -> Any:
    """1, 2, 1 along height and width, over 16; two rows and columns are lost."""
    rows = x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]
    return (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


MEANINGS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.maximum(x, 0),
    "{leaky_relu: {slope: 0.25}}": lambda x: np.where(x > 0, x, x / 4),
    "silu": lambda x: x * sigmoid(x),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / 2**0.5)) / 2,
    "sigmoid": sigmoid,
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "softmax": lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
    "dropout": lambda x: x,
    "{drop_path: {rate: 0.5}}": lambda x: x,
    "global_avg_pool": lambda x: x.mean((2, 3), keepdims=True),
    "{reduce: {by: max}}": lambda x: x.max((2, 3), keepdims=True),
    "{reduce: {by: variance, over: channels}}": lambda x: x.var(1, keepdims=True),
    "{reduce: {over: groups, groups: 2}}": lambda x: np.repeat(
        x.reshape(2, 2, -1).mean(2), 4, axis=1
    ).reshape(2, 8, 1, 1),
    "{power: {exponent: 3}}": lambda x: x**3,
    "{scale: {factor: 2, offset: 3}}": lambda x: 2 * x + 3,
    "{part: {index: 3, of: 4}}": lambda x: x[:, 6:],
    "{subsample: {stride: [2, 3]}}": lambda x: x[:, :, ::2, ::3],
    "{pad: {border: [1, 2], channels: 9}}": lambda x: np.pad(x, ((0, 0), (0, 1), (1, 1), (2, 2))),
    "{avg_pool: {kernel: [11, 1]}}": lambda x: x.mean(2, keepdims=True),
    "{blur_pool: {stride: 4}}": lambda x: blurred(np.pad(x, EDGES, mode="reflect"))[:, :, ::4, ::4],
    "{add: {}, from: [input, input, input]}": lambda x: 3 * x,
    "{mul: {}, from: [input, input]}": lambda x: x * x,
    "{shift: {}, from: [input, input]}": lambda x: 2 * x,
    "{maximum: {}, from: [input, input]}": lambda x: x,
    "{concat: {}, from: [input, input]}": lambda x: np.concatenate([x, x], 1),
}


@pytest.mark.parametrize("layer", MEANINGS)
def test_an_operator_computes_what_its_name_says(layer: str) -> None:
    model = resnet_compiler.emit_onnx(compile_layers(f"op: {layer}"))
    image = image_of((11, 9))
    expected = MEANINGS[layer](image)
    assert peers.relative_difference(peers.run_onnx(model, image), expected) <= TOLERANCE


def test_what_only_training_reads_is_passed_on() -> None:
    graph = compile_layers(
        "norm1: {batch_norm: {momentum: 0.25}}", "drop: {dropout: {rate: 0.125}}", "last: relu"
    )
    network = peers.network_class(peers.load_source(resnet_compiler.emit_pytorch(graph)))()
    found = {type(module).__name__: module for module in network.modules()}
    assert found["BatchNorm2d"].momentum == 0.25
    assert found["Dropout"].p == 0.125
    (norm, *_) = resnet_compiler.build_onnx(graph).graph.node
    (momentum,) = [each.f for each in norm.attribute if each.name == "momentum"]
    assert momentum == 0.75  # ONNX weighs the old statistics


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (("op: {conv: {out: 6, kernel: 3, groups: 3}}",), "3 groups do not divide the 8 input"),
        (("op: {conv: {out: 6, kernel: 3, groups: 4}}",), "4 groups do not divide the 6 output"),
        (("op: {group_norm: {groups: 3}}",), "3 groups do not divide 8"),
        (("op: {linear: {out: 4}}",), "changes with the image"),
        (("op: {reshape: {to: -1}}",), "changes with the image"),
        (
            (POOL, "flat: {reshape: {to: -1}}", "op: {conv: {out: 4, kernel: 1}}"),
            "needs a feature map",
        ),
        ((POOL, "flat: {reshape: {to: -1}}", "op: batch_norm"), "needs a feature map"),
        (("op: {part: {index: 0, of: 3}}",), "cannot be cut into 3"),
        (("op: {part: {index: 2, of: 2}}",), "there is no part 2"),
        (("op: {part: {start: 2, stop: 9}}",), "there is no run 2 to 9"),
        (("op: {part: {start: 3, stop: 3}}",), "there is no run 3 to 3"),
        (("op: {pad: {channels: 7}}",), "fewer than the 8"),
        (("op: {reduce: {over: groups, groups: 3}}",), "3 groups do not divide 8"),
        (("op: {reduce: {by: median}}",), "`median`"),
        (("op: {reshape: {to: [2, -1]}}",), "changes with the image"),
        ((POOL, "op: {reshape: {to: [3, -1]}}"), "cannot become [3, -1]"),
        ((POOL, "op: {reshape: {to: [2, 2]}}"), "cannot become [2, 2]"),
        ((POOL, "op: {reshape: {to: [-1, -1]}}"), "at most is -1"),
        (("op: {conv1d: {out: 1, kernel: 3}}",), "needs channels × length"),
        ((POOL, "r: {reshape: {to: [1, -1]}}", "op: {conv1d: {out: 1, kernel: 2}}"), "odd"),
        ((POOL, "f: {reshape: {to: -1}}", "op: {drop_path: {rate: 0.5}}"), "needs a feature map"),
        ((POOL, "op: blur_pool"), "stage.0.op"),
        (("op: {max_pool: {kernel: 3, padding: 2}}",), "more than half the window"),
        (("op: {conv: {out: 4, kernel: 13, padding: 0}}",), "nothing is left of the image"),
        (("op: {avg_pool: {kernel: [1, 10]}}",), "nothing is left of the image"),
        (("a: {subsample: {stride: 2}}", "op: {add: {}, from: [a, input]}"), "add"),
        (("a: {conv: {out: 1, kernel: 1}}", "op: {add: {}, from: [input, a]}"), "add"),
        ((POOL, "f: {reshape: {to: -1}}", "op: {mul: {}, from: [input, f]}"), "cannot join"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layers: tuple[str, ...], reason: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_layers(*layers)
    assert reason in str(caught.value.diagnostics)
