"""ONNX files that are wrong on purpose, by number: each kind in turn, the rest of a file drawn from its number."""

from __future__ import annotations

import random
from collections.abc import Callable

import onnx
from onnx import TensorProto, helper

from support.inspection import varint, with_length
from support.onnx_files import model, node, residual_network, tensor, value

X, Y = value("x", [1, 4]), value("y")
_NODE, _GRAPH, _INITIALIZER = b"\x0a", b"\x3a", b"\x2a"


def file_of(number: int, scale: float = 1.0) -> tuple[str, bytes]:
    """The kind of a file and its bytes; ``scale`` is how large those are that are wrong by their size."""
    draw = random.Random(number)
    name = list(KINDS)[number % len(KINDS)]
    return name, KINDS[name](draw, scale)


def _base(draw: random.Random) -> bytes:
    return draw.choice(BASES)().SerializeToString()


def _quantised() -> onnx.ModelProto:
    """A layer as it is quantised while it runs, and one of ONNX Runtime's own."""
    nodes = [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulInteger", "q w z", "a"),
        node("Cast", "a", "b", to=1),
        node("Mul", "b s", "c"),
        node("SkipLayerNormalization", "c x g h", "d", domain="com.microsoft"),
        node("Gelu", "d", "y", domain="com.microsoft"),
    ]
    stored = [tensor("w", 4, 4, of="int8"), tensor("g", 4), tensor("h", 4)]
    return model(nodes, [X], [Y], stored)


def _in_blocks() -> onnx.ModelProto:
    """Convolutions as ONNX Runtime lays them out."""
    nodes = [
        node("Conv", "x w", "a", domain="com.microsoft.nchwc", kernel_shape=[1, 1]),
        node("Conv", "a v b a", "c", domain="com.microsoft.nchwc", kernel_shape=[1, 1]),
        node("ReorderOutput", "c", "y", domain="com.microsoft.nchwc", channels=13),
    ]
    stored = [tensor("w", 16, 3, 1, 1), tensor("v", 16, 16, 1, 1), tensor("b", 16)]
    return model(nodes, [value("x", [1, 3, 4, 4])], [Y], stored)


def _with_body() -> onnx.ModelProto:
    body = helper.make_graph([node("Conv", "x w", "z")], "body", [], [value("z")], [tensor("w", 2)])
    chosen = node("If", "c", "y", then_branch=body, else_branch=body)
    return model([chosen], [X], [Y], [tensor("c", of="bool")])


def _with_function() -> onnx.ModelProto:
    return _calling([_function("f", "own", [("Relu", ""), ("Abs", "")])])


BASES: tuple[Callable[[], onnx.ModelProto], ...] = (
    *(residual_network, _quantised, _in_blocks, _with_body, _with_function),
)


def _function(name: str, domain: str, calls: list[tuple[str, str]]) -> onnx.FunctionProto:
    values = ["x", *(f"v{index}" for index in range(len(calls) - 1)), "y"]
    nodes = [
        helper.make_node(kind, [a], [b], domain=of)
        for (kind, of), a, b in zip(calls, values[:-1], values[1:], strict=True)
    ]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(domain, 1)]
    return helper.make_function(domain, name, ["x"], ["y"], nodes, opsets)


def _calling(functions: list[onnx.FunctionProto]) -> onnx.ModelProto:
    made = model([helper.make_node(functions[0].name, ["x"], ["y"], domain="own")], [X], [Y])
    made.opset_import.append(helper.make_opsetid("own", 1))
    made.functions.extend(functions)
    return made


def _bytes_changed(draw: random.Random, _: float) -> bytes:
    content = bytearray(_base(draw))
    for _each in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(content))
        match draw.randrange(4):
            case 0:
                del content[at : at + draw.randrange(1, 40)]
            case 1:
                content[at:at] = bytes(draw.choice((0, 8, 127, 255)) for _ in range(5))
            case 2:
                content[at : at + 1] = content[at : at + draw.randrange(1, 200)]
            case _:
                content[at] = draw.randrange(256)
        content = content or bytearray(b"\0")
    return bytes(content)


def _lying_length(draw: random.Random, _: float) -> bytes:
    content = _base(draw)
    at = draw.randrange(2, len(content))
    number = draw.choice((2**7, 2**14 - 1, 2**31 - 1, 2**32, 2**63 - 1, 2**64 - 1))
    return content[:at] + varint(number) + content[at + draw.randrange(2) :]


def _bomb_of_functions(draw: random.Random, _: float) -> bytes:
    depth, wide = draw.randrange(2, 60), draw.randrange(1, 12)
    functions = [
        _function(f"f{level}", "own", [(f"f{level + 1}", "own")] * wide) for level in range(depth)
    ]
    last = draw.choice((("Relu", ""), ("f0", "own"), ("none", "own")))
    return _calling([*functions, _function(f"f{depth}", "own", [last])]).SerializeToString()


def _nested(draw: random.Random, scale: float) -> bytes:
    """Bodies in bodies, of several nodes each, up to more than protobuf takes."""
    padding = b" " * draw.choice((0, 5000, int(100_000 * scale)))
    kind = draw.choice((b"If", b"Loop", b"Scan", b"Conv"))
    wide = draw.choice((1, 1, 2))
    inner = helper.make_graph([node("Relu", "x", "y")], "body", [], [Y]).SerializeToString()
    for _each in range(draw.randrange(1, 12 if wide > 1 else 60)):
        attribute = with_length(b"\x0a", b"then_branch") + b"\xa0\x01\x05"
        attribute += with_length(b"\x32", inner)
        made = with_length(b"\x0a", b"x") + with_length(b"\x12", b"y") + with_length(b"\x22", kind)
        made += with_length(b"\x2a", attribute)
        inner = with_length(_NODE, made) * wide + with_length(b"\x52", padding)
        if len(inner) > 4_000_000 * scale:
            break
    ends = with_length(b"\x5a", X.SerializeToString()) + with_length(b"\x62", Y.SerializeToString())
    return b"\x08\x08" + with_length(_GRAPH, inner + ends) + b"\x42\x04\x0a\x00\x10\x12"


def _huge(draw: random.Random) -> int:
    return draw.choice((2**16, 2**20, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1))


def _huge_dimensions(draw: random.Random, _: float) -> bytes:
    """Sizes that inference follows, and would list one by one."""
    size = _huge(draw)
    kind = draw.choice((TensorProto.INT64, TensorProto.FLOAT))
    inputs = [value("x", [size] * draw.randrange(1, 5), kind)]
    sizes = onnx.helper.make_tensor("n", TensorProto.INT64, [2], [size, _huge(draw)])
    steps = {
        "Add": ["x", "x"], "Concat": ["x", "x"], "Shape": ["x"], "ConstantOfShape": ["n"],
        "Expand": ["x", "n"], "Tile": ["x", "n"], "Reshape": ["x", "n"], "Range": ["n", "n", "n"],
        "Slice": ["x", "n", "n"], "Gather": ["x", "n"], "OneHot": ["x", "n", "n"],
        "MatMul": ["x", "x"], "Einsum": ["x", "x"], "Conv": ["x", "x"], "Resize": ["x", "", "n"],
        "Split": ["x"], "Unsqueeze": ["x", "n"], "Pad": ["x", "n"], "Col2Im": ["x", "n", "n"],
    }  # fmt: skip
    nodes, last = [], "x"
    for index in range(draw.randrange(1, 8)):
        name = draw.choice(list(steps))
        given = [last if each == "x" and draw.random() < 0.7 else each for each in steps[name]]
        more = {"Concat": {"axis": 0}, "Einsum": {"equation": "...i,...i->...i"}}.get(name, {})
        last = f"v{index}"
        nodes.append(helper.make_node(name, given, [last], **more))
    return model(nodes, inputs, [value(last, None, kind)], [sizes]).SerializeToString()


def _many(draw: random.Random, scale: float) -> bytes:
    """One field of a few bytes again and again."""
    count = int(draw.choice((100_000, 500_000, 1_000_000, 3_000_000)) * scale)
    field = draw.choice(
        (_NODE + b"\0", _INITIALIZER + b"\0", b"\x5a\0", b"\x62\0", b"\x6a\0", b"\x7a\0",
         _NODE + b"\x03\x0a\x01x", _NODE + b"\x03\x12\x01y", _NODE + b"\x02\x2a\0",
         _NODE + b"\x04\x2a\x02\x32\0", _INITIALIZER + b"\x02\x08\x01", b"\x5a\x03\x0a\x01x"),
    )  # fmt: skip
    content = with_length(_GRAPH, field * count)
    outside = draw.choice((b"", b"\x42\0", b"\x72\0", b"\xca\x01\0"))
    return b"\x08\x08" + content + b"\x42\x04\x0a\x00\x10\x12" + outside * (count // 4)


def _many_in_one(draw: random.Random, scale: float) -> bytes:
    """A node or tensor with very many inputs, outputs, dimensions, values or attributes."""
    count = int(draw.choice((20_000, 200_000, 1_000_000)) * scale)
    match draw.randrange(5):
        case 0:
            made = model([helper.make_node("Sum", ["x"] * count, ["y"])], [X], [Y])
        case 1:
            names = [f"v{index}" for index in range(count)]
            made = model([helper.make_node("Split", ["x"], ["y", *names])], [X], [Y])
        case 2:
            made = model([node("Add", "x w", "y")], [X], [Y], [tensor("w", 4)])
            made.graph.initializer[0].dims.extend([draw.choice((1, 3, 2**62))] * count)
        case 3:
            made = model(
                [node("Conv", "x w", "y")], [value("x", [1] * count)], [Y], [tensor("w", 4)]
            )
        case _:
            rule = "".join(draw.choice("abc,->. ") for _ in range(count))
            made = model([node("Einsum", "x x", "y", equation=rule)], [X], [Y])
    return made.SerializeToString()


def _long_names(draw: random.Random, scale: float) -> bytes:
    made = draw.choice(BASES)()
    text = draw.choice(("a", "ü", "\x1b[31m", "%s{0}", "../", "\n")) * int(200_000 * scale)
    first = made.graph.node[0]
    match draw.randrange(6):
        case 0:
            first.name = text
        case 1:
            first.op_type = text
        case 2:
            first.domain = text
        case 3:
            first.input[0] = text
            made.graph.input[0].name = text
        case 4:
            made.metadata_props.add(key=text, value=text)
        case _:
            stored = made.graph.initializer.add(name=text, data_type=1, dims=[4])
            stored.data_location = TensorProto.EXTERNAL
            stored.external_data.add(key="location", value=text[:4000])
    return made.SerializeToString()


def _confused(draw: random.Random, _: float) -> bytes:
    """Attributes, element types and inputs of another kind than an operator takes."""
    made = draw.choice(BASES)()
    for _each in range(draw.randrange(1, 6)):
        each = draw.choice(made.graph.node)
        match draw.randrange(6):
            case 0:
                each.op_type = draw.choice(OPERATORS)
            case 1:
                each.domain = draw.choice(
                    ("", "com.microsoft", "com.microsoft.nchwc", "ai.onnx.ml")
                )
                each.op_type = draw.choice(OPERATORS)
            case 2:
                name = draw.choice(
                    ("axis", "pads", "group", "perm", "equation", "channels", "value")
                )
                content = draw.choice((-1, 2**62, [], [2**62] * 3, [-5.0], "text", tensor("t", 2)))
                each.attribute.append(
                    helper.make_attribute(name, content, attr_type=None if content != [] else 7)
                )
            case 3:
                names = [v for other in made.graph.node for v in other.input if v]
                del each.input[:]
                each.input.extend(draw.choices([*names, ""], k=draw.randrange(0, 9)))
            case 4 if made.graph.initializer:
                stored = draw.choice(made.graph.initializer)
                stored.data_type = draw.randrange(0, 30)
            case _:
                kind = draw.choice(made.graph.input).type
                kind.tensor_type.elem_type = draw.randrange(0, 30)
                kind.tensor_type.shape.dim.add(dim_value=draw.choice((-1, 0, 2**63 - 1)))
    return made.SerializeToString()


def _chains(draw: random.Random, scale: float) -> bytes:
    """Long graphs whose ways part and meet again and again, or whose nodes stand in the wrong order."""
    count = int(draw.choice((3_000, 30_000, 100_000)) * scale)
    kind = draw.choice(("Add", "Mul", "Concat", "Max", "QLinearAdd", "MatMul"))
    back = draw.choice((1, 2, 50))
    domain = "com.microsoft" if kind.startswith("Q") else ""
    nodes = [
        helper.make_node(kind, [f"v{i}", f"v{max(0, i - back)}"], [f"v{i + 1}"], domain=domain)
        for i in range(count)
    ]
    if draw.random() < 0.3:
        draw.shuffle(nodes)
    return model(nodes, [value("v0", [2, 2])], [value(f"v{count}")]).SerializeToString()


OPERATORS = (
    *("Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "Gather"),
    *("QLinearConv", "QLinearMatMul", "ConvInteger", "DequantizeLinear", "QuantizeLinear"),
    *("BatchNormalization", "LayerNormalization", "GroupNormalization", "Add", "Sum", "Concat"),
    *(
        "FusedConv",
        "FusedMatMul",
        "SkipLayerNormalization",
        "SkipGroupNorm",
        "BiasAdd",
        "Attention",
    ),
    *("ReorderInput", "ReorderOutput", "MaxPool", "NhwcMaxPool", "QLinearConcat", "MatMulNBits"),
    *(
        "Constant",
        "ConstantOfShape",
        "Shape",
        "Reshape",
        "If",
        "Loop",
        "Resize",
        "Split",
        "nothing",
    ),
)
KINDS: dict[str, Callable[[random.Random, float], bytes]] = {
    "bytes changed": _bytes_changed,
    "lying length": _lying_length,
    "bomb of functions": _bomb_of_functions,
    "nested bodies": _nested,
    "huge dimensions": _huge_dimensions,
    "many of a field": _many,
    "many in one": _many_in_one,
    "long names": _long_names,
    "confused": _confused,
    "chains": _chains,
}
