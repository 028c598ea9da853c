"""The table: which nodes are which operator. Each form is what the ONNX specification's nodes compute, put together.

The forms of one ONNX operator exclude each other: what a layer reads never matches a node of its own, and a constant is
no value that a layer reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from resnet_compiler.emit.onnx.read_back.patterns import (
    Bind,
    Chain,
    Element,
    Floats,
    Input,
    Inputs,
    Integers,
    Node,
    ShapeOf,
    Weight,
    node,
)

X, Y = Input(0), Input(1)
WEIGHT, BIAS = Weight("weight"), Weight("bias")
OPTIONAL_BIAS = Weight("bias", optional=True)


@dataclass(frozen=True, slots=True)
class Form:
    """What an operator is called here, and the nodes that compute it."""

    operator: str
    pattern: Node | Chain


def _conv(*tensors: Weight) -> Node:
    return node("Conv", X, *tensors, group=Bind("group"), dilations=Bind("dilations"))


def _activations() -> list[Form]:
    inner = node("Mul", X, Floats((0.5**0.5,)))
    distribution = node("Add", node("Erf", inner), Floats((1.0,)))
    gate = node("HardSigmoid", X, alpha=1 / 6, beta=0.5)
    return [
        Form("relu", node("Relu", X)),
        Form("leaky_relu", node("LeakyRelu", X, alpha=Bind("slope"))),
        Form("sigmoid", node("Sigmoid", X)),
        Form("hard_sigmoid", gate),
        Form("silu", node("Mul", X, node("Sigmoid", X))),
        Form("hard_swish", node("Mul", X, gate)),
        Form("gelu", node("Mul", node("Mul", X, distribution), Floats((0.5,)))),
        Form("softmax over channels", node("Softmax", X, axis=1)),
        Form(
            "softmax over space",
            node(
                "Reshape",
                node("Softmax", node("Reshape", X, Integers((0, 0, -1))), axis=2),
                ShapeOf(0, "shape"),
            ),
        ),
    ]


def _arithmetic() -> list[Form]:
    factor, offset = Floats(name="factor"), Floats(name="offset")
    return [
        Form("scale", node("Mul", X, factor)),
        Form("scale", node("Add", X, offset)),
        Form("scale", node("Add", node("Mul", X, factor), offset)),
        Form("mul", node("Mul", X, Y)),
        Form("maximum", node("Max", X, Y)),
        Form("concat", node("Concat", Inputs(), axis=1)),
        Form("square root", node("Sqrt", X)),
        Form("inverse square root", node("Reciprocal", node("Sqrt", X))),
        Form("inverse", node("Reciprocal", X)),
        Form("power", node("Pow", X, Floats(name="exponent"))),
    ]


def _reductions() -> list[Form]:
    found = []
    for by, one in (("mean", "ReduceMean"), ("max", "ReduceMax"), ("sum", "ReduceSum")):
        found += _reduction(by, partial(_one_node, one))
    return found + _reduction("variance", _variance)


def _one_node(op: str, value: Element, axes: Bind | tuple[int, ...]) -> Node:
    return node(op, value, axes=axes)


def _variance(value: Element, axes: Bind | tuple[int, ...]) -> Node:
    centred = node("Sub", value, node("ReduceMean", value, axes=axes))
    return node("ReduceMean", node("Mul", centred, centred), axes=axes)


def _reduction(by: str, reduced: Callable[[Element, Any], Node]) -> list[Form]:
    grouped = node("Reshape", X, Integers(name="grouped"))
    statistic = reduced(grouped, (2,))
    wide = node("Expand", statistic, Integers(name="widths"))
    restored = Integers(name="restored")
    name = f"{by} over groups"
    return [
        Form(by, reduced(X, Bind("axes"))),
        Form(name, node("Reshape", statistic, restored)),
        Form(name, node("Reshape", wide, restored)),
    ]


def _norms() -> list[Form]:
    statistics = Weight("running_mean"), Weight("running_var")
    grouped = node("Reshape", X, Integers(name="grouped"))
    ones, zeros = (Floats(name=name, dims=None) for name in ("unit scale", "unit shift"))
    normal = node("InstanceNormalization", grouped, ones, zeros, epsilon=Bind("eps"))
    restored = node("Reshape", normal, Integers(name="restored"))
    last = node("Transpose", X, perm=(0, 2, 3, 1))
    centred = node("Sub", last, node("ReduceMean", last, axes=(3,)))
    variance = node("ReduceMean", node("Mul", centred, centred), axes=(3,))
    deviation = node("Sqrt", node("Add", variance, Floats(name="eps")))
    scaled = node("Mul", node("Div", centred, deviation), WEIGHT)
    return [
        Form(
            "batch_norm",
            node(
                "BatchNormalization",
                X,
                WEIGHT,
                BIAS,
                *statistics,
                epsilon=Bind("eps"),
                momentum=Bind("momentum"),
            ),
        ),
        Form("group_norm", node("Add", node("Mul", restored, WEIGHT), BIAS)),
        Form("layer_norm", node("Transpose", node("Add", scaled, BIAS), perm=(0, 3, 1, 2))),
    ]


def _windows() -> list[Form]:
    reflected = node("Pad", X, Integers((0, 0, 1, 1, 0, 0, 1, 1)), mode="reflect")
    blur = Floats(name="filter", dims=None)
    return [
        Form("conv", _conv(WEIGHT, OPTIONAL_BIAS)),
        Form("blur_pool", node("Conv", reflected, blur, group=Bind("group"))),
        *(
            Form(name, _pool(op, X, "", count))
            for name, op, count in (
                ("max_pool", "MaxPool", False),
                ("avg_pool", "AveragePool", True),
            )
        ),
        *(
            Form(f"{name} by rows and columns", _pool(op, _pool(op, X, "rows ", count), "", count))
            for name, op, count in (
                ("max_pool", "MaxPool", False),
                ("avg_pool", "AveragePool", True),
            )
        ),
        Form("global_avg_pool", node("GlobalAveragePool", X)),
        Form("linear", node("Gemm", X, WEIGHT, OPTIONAL_BIAS, transB=1)),
        Form(
            "linear of all",
            node("Gemm", node("Flatten", X, axis=1), WEIGHT, OPTIONAL_BIAS, transB=1),
        ),
    ]


def _pool(op: str, value: Element, prefix: str, has_count: bool) -> Node:
    kept = ["kernel_shape", "strides", "pads", "dilations", "ceil_mode"]
    kept += ["count_include_pad"] if has_count else []
    return node(op, value, **{name: Bind(f"{prefix}{name}") for name in kept})


def _layouts() -> list[Form]:
    channels = node("Reshape", X, Integers(name="split"))
    starts, ends, axes = (Integers(name=name) for name in ("starts", "ends", "axes"))
    return [
        Form("reshape", node("Reshape", X, Integers(name="to"))),
        Form(
            "shuffle",
            node("Reshape", node("Transpose", channels, perm=(0, 2, 1, 3)), ShapeOf(0, "shape")),
        ),
        Form("part", node("Slice", X, starts, ends, axes)),
        Form("subsample", node("Slice", X, starts, ends, axes, Integers(name="steps"))),
        Form("pad", node("Pad", X, Integers(name="pads"), Floats((0.0,)))),
    ]


def _fused() -> list[Form]:
    conv = _conv(WEIGHT, BIAS)
    return [
        Form("conv, relu", node("Relu", conv)),
        Form("conv, add", node("Add", conv, Y)),
        Form("conv, add, relu", node("Relu", node("Add", conv, Y))),
    ]


def _by_last_node(forms: list[Form]) -> Mapping[str, tuple[Form, ...]]:
    found: dict[str, tuple[Form, ...]] = {}
    for form in forms:
        found[form.pattern.op] = (*found.get(form.pattern.op, ()), form)
    return found


FORMS = _by_last_node(
    [
        *_activations(),
        *_arithmetic(),
        *_norms(),
        *_windows(),
        *_layouts(),
        *_reductions(),
        *_fused(),
        Form("sum", Chain("Add")),
    ]
)
"""The forms by the ONNX operator of their last node, in the order they are tried in."""
