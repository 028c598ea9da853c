"""What is known of operators: where they take data, weights and other parameters, and which of them multiply.

Of ONNX's own operators those that are not listed neither multiply nor take parameters. Of other domains' operators all
that are known are listed, here or in `lowering`: nothing can be said of the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

MICROSOFT = "com.microsoft"
"""ONNX Runtime's own operators. Source: its docs/ContribOperators.md."""
Key = tuple[str, str]
"""An operator: its domain and type."""

WEIGHTED: Mapping[Key, tuple[int, int]] = {
    ("", "Conv"): (0, 1),
    ("", "ConvTranspose"): (0, 1),
    ("", "ConvInteger"): (0, 1),
    ("", "QLinearConv"): (0, 3),
    ("", "DeformConv"): (0, 1),
    ("", "Gemm"): (0, 1),
    ("", "MatMul"): (0, 1),
    ("", "MatMulInteger"): (0, 1),
    ("", "QLinearMatMul"): (0, 3),
    ("", "Einsum"): (0, 1),
    (MICROSOFT, "QGemm"): (0, 3),
    (MICROSOFT, "FusedMatMul"): (0, 1),
    (MICROSOFT, "DynamicQuantizeMatMul"): (0, 1),
    (MICROSOFT, "MatMulIntegerToFloat"): (0, 1),
}
"""Operators that multiply by a matrix: which inputs are the data and the weight."""

RECURRENT = (("", "LSTM"), ("", "GRU"), ("", "RNN"))

PLACES: Mapping[Key, tuple[int, ...]] = {
    **{key: (weight,) for key, (_, weight) in WEIGHTED.items()},
    ("", "Conv"): (1, 2),
    ("", "ConvTranspose"): (1, 2),
    ("", "QLinearConv"): (3, 8),
    ("", "DeformConv"): (1, 3),
    ("", "Gemm"): (0, 1, 2),
    ("", "MatMul"): (0, 1),
    ("", "Einsum"): (0, 1),
    (MICROSOFT, "QGemm"): (3, 6),
    (MICROSOFT, "FusedMatMul"): (0, 1),
    (MICROSOFT, "DynamicQuantizeMatMul"): (1, 4),
    (MICROSOFT, "MatMulIntegerToFloat"): (1, 6),
    ("", "BatchNormalization"): (1, 2),
    ("", "InstanceNormalization"): (1, 2),
    ("", "GroupNormalization"): (1, 2),
    ("", "LayerNormalization"): (1, 2),
    ("", "SimplifiedLayerNormalization"): (1,),
    ("", "RMSNormalization"): (1,),
    ("", "PRelu"): (1,),
    ("", "Gather"): (0,),
    **dict.fromkeys(RECURRENT, (1, 2, 3, 7)),
}
"""Where operators take parameters. A constant that stands there is one, whatever its size."""

STATISTICS: Mapping[Key, tuple[int, ...]] = {("", "BatchNormalization"): (3, 4)}

JOINS: Mapping[Key, slice] = {
    **{("", kind): slice(None) for kind in ("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min")},
    ("", "Concat"): slice(None),
    (MICROSOFT, "QLinearAdd"): slice(0, 4, 3),
    (MICROSOFT, "QLinearMul"): slice(0, 4, 3),
    (MICROSOFT, "QLinearConcat"): slice(2, None, 3),
}
"""Operators that join values, which may be constants: where those stand. One of more than one element is a parameter, but
for what stands before the first layer."""

INTEGER_WEIGHTS: frozenset[Key] = frozenset(
    {
        *(("", "QLinearConv"), ("", "QLinearMatMul"), ("", "ConvInteger"), ("", "MatMulInteger")),
        *((MICROSOFT, kind) for kind in ("QGemm", "QLinearAdd", "QLinearMul", "QLinearConcat")),
        *((MICROSOFT, "DynamicQuantizeMatMul"), (MICROSOFT, "MatMulIntegerToFloat")),
    }
)
"""Operators that take integers, with scales beside them, where others take real numbers."""
DYNAMIC: frozenset[Key] = frozenset(
    {
        *(("", "ConvInteger"), ("", "MatMulInteger")),
        *((MICROSOFT, "DynamicQuantizeMatMul"), (MICROSOFT, "MatMulIntegerToFloat")),
    }
)
"""Those among them whose data is quantised as it comes."""

UNCOUNTED_PRODUCTS: frozenset[Key] = frozenset(
    ("", kind)
    for kind in (
        *("Attention", "LinearAttention", "CausalConvWithState"),
        *("DFT", "STFT", "Det", "Col2Im"),
    )
)
"""ONNX operators that multiply and add in ways that are not counted here."""

SAME_SHAPE: Mapping[Key, tuple[str, tuple[int, ...]]] = {
    (MICROSOFT, "QLinearAdd"): ("Add", (0, 3)),
    (MICROSOFT, "QLinearMul"): ("Mul", (0, 3)),
    (MICROSOFT, "QLinearGlobalAveragePool"): ("GlobalAveragePool", (0,)),
    (MICROSOFT, "QLinearAveragePool"): ("AveragePool", (0,)),
    (MICROSOFT, "QLinearReduceMean"): ("ReduceMean", (0,)),
    (MICROSOFT, "QLinearWhere"): ("Where", (0, 1, 4)),
    (MICROSOFT, "QGemm"): ("Gemm", (0, 3)),
    (MICROSOFT, "DynamicQuantizeMatMul"): ("MatMul", (0, 1)),
    (MICROSOFT, "MatMulIntegerToFloat"): ("MatMul", (0, 1)),
    ("", "SimplifiedLayerNormalization"): ("Relu", (0,)),
    ("", "LayerNormalization"): ("Relu", (0,)),
    ("", "GroupNormalization"): ("Relu", (0,)),
    **{
        (MICROSOFT, kind): ("Relu", (0,))
        for kind in (
            *("QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QLinearElu"),
            *("Gelu", "QuickGelu", "QuantizeLinear", "DequantizeLinear", "BiasSoftmax"),
        )
    },
}
"""The ONNX operator with the same shape rule, and which inputs it takes: for operators that ONNX, or an older version, lacks."""

GIVES_FLOATS = ((MICROSOFT, "QGemm"), (MICROSOFT, "MatMulIntegerToFloat"))
"""Operators that take integers and give real numbers."""

FOREIGN: frozenset[Key] = frozenset(
    key
    for key in (*WEIGHTED, *PLACES, *JOINS, *SAME_SHAPE, (MICROSOFT, "FusedMatMul"))
    if key[0] == MICROSOFT
) | frozenset((MICROSOFT, kind) for kind in ("Trilu", "Unique", "GatherND", "Range", "Pad"))
"""The operators of other domains of which it is known what they store and multiply."""

OWN_DEFAULT = ("SimplifiedLayerNormalization", "LayerNormalization")
"""ONNX Runtime writes these into ONNX's own domain, whatever the opset."""
