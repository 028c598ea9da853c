"""`resnetc inspect` on files that are broken, or wrong on purpose: a diagnostic with a code, nothing read elsewhere."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.inspection import faults, look, varint
from support.onnx_files import model, node, residual_network, tensor, value
from support.specs import compile_text

import resnet_compiler
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.inspect.process import Inspector

X, Y = value("x", [1, 4]), value("y")


@pytest.fixture(scope="module")
def inspector() -> Iterator[Inspector]:
    with Inspector() as each:
        yield each


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- not a model ---


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"", ""),
        (b"\0" * 100, ""),
        (b"no model", ""),
        (b"PK\x03\x04" + bytes(100), "zip"),
        (b"\x80\x02}q\x00.", "pickle"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b'{"graph": {}}', "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (onnx.ModelProto(ir_version=8).SerializeToString(), ""),
    ],
)
def test_what_is_no_model(content: bytes, note: str, inspector: Inspector) -> None:
    (fault,) = faults(content, inspector)
    assert fault.code.id == "RC0540" and "model.onnx" in fault.summary
    assert note in "".join(fault.notes)


def test_every_truncation_is_refused(inspector: Inspector) -> None:
    """But for a cut between two of the outermost fields, there is always one that ends too early."""
    data = residual_network().SerializeToString()
    whole = onnx.ModelProto()
    for end in range(0, len(data), 7):
        found = faults(data[:end], inspector)
        assert {each.code.id for each in found} <= {"RC0540", "RC0541"}
    whole.ParseFromString(data)
    assert look(whole, inspector).weighted_layers == 4


def test_large_messages_are_walked_with_bounds(inspector: Inspector) -> None:
    large = model([node("Add", "x w", "y")], [X], [Y], [tensor("w", 4000)])
    data = large.SerializeToString()
    assert look(data, inspector).valid
    codes = {
        fault.code.id for end in range(9, len(data), 997) for fault in faults(data[:end], inspector)
    }
    assert codes == {"RC0540"}
    deep = b"\x0a\x00"
    for _ in range(
        300
    ):  # graph in attribute in node in graph, each larger than what is parsed at once
        for field in (b"\x32", b"\x2a", b"\x0a"):
            deep = field + varint(len(deep)) + deep
    padding = b"\x52" + varint(5000) + b"x" * 5000
    graph = b"\x3a" + varint(len(padding + deep)) + padding + deep
    assert faults(b"\x08\x08" + graph, inspector)[0].code.id == "RC0540"


# --- a model that does not hold together ---


def stored(**fields: object) -> onnx.ModelProto:
    """A model whose tensor has some fields changed."""
    made = model([node("Add", "x w", "y")], [X], [Y], [tensor("w", 4)])
    for name, each in fields.items():
        made.graph.initializer[0].ClearField(name)
        if isinstance(each, list):
            getattr(made.graph.initializer[0], name).extend(each)
        elif each is not None:
            setattr(made.graph.initializer[0], name, each)
    return made


def without_opset() -> onnx.ModelProto:
    made = residual_network()
    made.ClearField("opset_import")
    return made


BROKEN: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "undefined": (lambda: model([node("Relu", "z", "y")], [X], [Y]), "`z`, which nothing makes"),
    "output": (lambda: model([node("Relu", "x", "z")], [X], [Y]), "the output `y`"),
    "no outputs": (lambda: model([node("Relu", "x", "y")], [X], []), "no outputs"),
    "no opset": (without_opset, "opset"),
    "two values": (
        lambda: model([node("Relu", "x", "y"), node("Abs", "x", "y")], [X], [Y]),
        "two values are called `y`",
    ),
    "a value named as an input": (lambda: model([node("Relu", "x", "x")], [X], [X]), "called `x`"),
    "two inputs": (lambda: model([node("Add", "x x", "y")], [X, X], [Y]), "two inputs"),
    "two initializers": (
        lambda: model([node("Add", "x w", "y")], [X], [Y], [tensor("w", 4), tensor("w", 4)]),
        "two initializers",
    ),
    "itself": (lambda: model([node("Add", "x y", "y")], [X], [Y]), "circle"),
    "circle": (
        lambda: model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Abs", "b", "y")], [X], [Y]),
        "circle",
    ),
    "negative": (lambda: stored(dims=[-4]), "negative"),
    "overflow": (lambda: stored(dims=[2**40, 2**40]), "64 bits"),
    "too many": (lambda: stored(dims=[5]), "16 bytes where its dimensions ask for 20"),
    "no values": (lambda: stored(raw_data=None), "no values"),
    "twice": (lambda: stored(float_data=[1.0]), "twice"),
    "no type": (lambda: stored(data_type=None), "element type 0"),
    "unknown type": (lambda: stored(data_type=12345), "element type 12345"),
    "large, too many": (
        lambda: model(
            [node("Add", "x w", "y")],
            [X],
            [Y],
            [TensorProto(name="w", data_type=1, dims=[9000], raw_data=bytes(35_000))],
        ),
        "35,000 bytes where its dimensions ask for 36,000",
    ),
    "large, in another field": (
        lambda: model(
            [node("Add", "x w", "y")],
            [X],
            [Y],
            [TensorProto(name="w", data_type=7, dims=[9000], int64_data=range(8999))],
        ),
        "8,999 values where",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_graph_that_does_not_hold_together(name: str, inspector: Inspector) -> None:
    make, words = BROKEN[name]
    found = faults(make(), inspector)
    assert {each.code.id for each in found} == {"RC0541"}
    assert words in " ".join(each.summary for each in found)


def test_of_many_faults_a_few_are_told(inspector: Inspector) -> None:
    nodes = [node("Relu", f"missing{index}", f"v{index}") for index in range(1000)]
    found = faults(model(nodes, [X], [value("v0")]), inspector)
    assert len(found) == 6 and "995 more faults" in found[-1].summary


# --- what is odd, but told of ---


def test_nodes_out_of_order(inspector: Inspector) -> None:
    made = residual_network()
    before = look(made, inspector)
    nodes = list(made.graph.node)[::-1]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    found = look(made, inspector)
    assert [each.code.id for each in found.diagnostics] == ["RC0543"]
    assert found.valid and found.operators == before.operators
    assert (found.parameter_count, found.weighted_layers) == (759, 4)


def function(name: str, calls: list[str], kind: str = "own") -> onnx.FunctionProto:
    """A local function that calls others one after the other."""
    values = ["x", *(f"v{index}" for index in range(len(calls) - 1)), "y"]
    nodes = [
        helper.make_node(call, [a], [b], domain=kind if call.islower() else "")
        for call, a, b in zip(calls, values[:-1], values[1:], strict=True)
    ]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid(kind, 1)]
    return helper.make_function(kind, name, ["x"], ["y"], nodes, opsets)


def calling(*functions: onnx.FunctionProto) -> onnx.ModelProto:
    made = model([helper.make_node(functions[0].name, ["x"], ["y"], domain="own")], [X], [Y])
    made.opset_import.append(helper.make_opsetid("own", 1))
    made.functions.extend(functions)
    return made


def test_functions_are_expanded(inspector: Inspector) -> None:
    found = look(
        calling(function("f", ["g", "Relu", "g"]), function("g", ["Abs", "Abs"])), inspector
    )
    assert not found.diagnostics
    assert found.operators == {"Abs": 4, "Relu": 1}
    assert found.functions == ("own.f", "own.g")


@pytest.mark.parametrize(
    "functions",
    [
        [function("f", ["g"]), function("g", ["f"])],
        [function("f", ["f", "f"])],
        [*(function(f"f{i}x", [f"f{i + 1}x"] * 2) for i in range(40)), function("f40x", ["Abs"])],
    ],
    ids=["circle", "itself", "doubling"],
)  # fmt: skip
def test_functions_without_end_are_not(
    functions: list[onnx.FunctionProto], inspector: Inspector
) -> None:
    found = look(calling(*functions), inspector)
    assert {each.code.id for each in found.diagnostics} == {"RC0543"}
    assert sum(found.operators.values()) == 1


def test_control_flow_is_counted_and_not_walked(inspector: Inspector) -> None:
    def branch(name: str, kind: str) -> onnx.GraphProto:
        return helper.make_graph([node(kind, "x", name)], name, [], [value(name)])

    choice = node("If", "c", "y", then_branch=branch("a", "Relu"), else_branch=branch("b", "Conv"))
    condition = numpy_helper.from_array(np.array(True), "c")
    found = look(model([choice], [X], [Y], [condition]), inspector)
    assert (found.control_flow, found.body_nodes, found.operators) == ({"If": 1}, 2, {"If": 1})


@pytest.mark.parametrize("kind", ["DequantizeLinear", "QuantizeLinear", "Conv", "Add", "Identity"])
@pytest.mark.parametrize("inputs", ["", "w", "x"])
def test_nodes_with_too_few_inputs(kind: str, inputs: str, inspector: Inspector) -> None:
    nodes = [node(kind, inputs, "v"), node("MatMul", "x v", "y")]
    found = look(model(nodes, [X], [Y], [tensor("w", 4, 4)]), inspector)
    assert {each.code.id for each in found.diagnostics} <= {"RC0543"}
    assert found.operators == dict(sorted({kind: 1, "MatMul": 1}.items()))


@pytest.mark.parametrize(
    ("kind", "opset", "known"),
    [
        *[("Relu", 18, True), ("Rely", 18, False), ("relu", 18, False), ("", 18, False)],
        *[("Gelu", 19, False), ("Gelu", 20, True), ("Relu", 2**40, True), ("Relu", 0, False)],
    ],
)
def test_operators_that_there_are_not(
    kind: str, opset: int, known: bool, inspector: Inspector
) -> None:
    found = look(model([node(kind, "x", "y")], [X], [Y], opset=opset), inspector)
    named = [f"`{kind}` is no operator" in each.summary for each in found.diagnostics]
    assert (True in named) is not known
    assert found.valid and found.operators == {kind: 1}


def test_of_many_unknown_operators_a_few_are_told(inspector: Inspector) -> None:
    nodes = [node(f"Kind{index}", "x", f"y{index}") for index in range(30)]
    found = look(model(nodes, [X], [value("y0")]), inspector)
    assert [each.code.id for each in found.diagnostics][:6] == ["RC0543"] * 6
    assert "25 more operators" in found.diagnostics[5].summary


# --- at random ---

NET = """
name: net
input: {height: 8, width: 8}
stem: [{conv: {conv: {out: 4, kernel: 3}}}]
stages:
  - one: {block: basic, depth: 1, width: 4}
  - two: {block: preact_bottleneck, depth: 1, width: 4, stride: 2}
head: [{pool: global_avg_pool}, {fc: {linear: {out: 3}}}]
"""


def corrupted(data: bytes, draw: random.Random) -> bytes:
    """The bytes with some changed, taken out or put in."""
    content = bytearray(data)
    at = draw.randrange(len(content))
    match draw.randrange(4):
        case 0:
            del content[at:]
        case 1:
            del content[at : at + draw.randrange(1, 40)]
        case 2:
            content[at:at] = bytes(
                draw.choice((0, 8, 127, 255)) for _ in range(draw.randrange(1, 9))
            )
        case _:
            for _ in range(draw.choice((1, 2, 8))):
                content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def test_300_corrupted_files(inspector: Inspector) -> None:
    ours = resnet_compiler.emit_onnx(compile_text(NET))
    files = (residual_network().SerializeToString(), ours)
    outcomes = set()
    for seed in range(300):
        draw = random.Random(seed)
        try:
            found = look(corrupted(files[seed % 2], draw), inspector)
        except SpecError as failure:
            outcomes |= {each.code.id for each in failure.diagnostics}
        else:
            outcomes |= {each.code.id for each in found.diagnostics} or {"fine"}
    assert {"RC0540", "RC0541", "RC0543", "fine"} <= outcomes
    assert outcomes <= {"RC0540", "RC0541", "RC0542", "RC0543", "fine"}
