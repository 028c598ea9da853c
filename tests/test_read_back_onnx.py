"""Emitted ONNX read back: every shipped spec is equal to its graph, and no planted fault is missed."""

from __future__ import annotations

import os
import pathlib
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, defs, helper
from support.architectures import ARCHITECTURES, architecture, tried
from support.onnx_faults import FAULTS, misquantized, planted
from support.specs import compile_layers

import resnet_compiler
from resnet_compiler import Graph, api
from resnet_compiler.emit.onnx import Prepared
from resnet_compiler.emit.onnx.builder import LayerBuilder
from resnet_compiler.emit.onnx.read_back import read_back
from resnet_compiler.export import export
from resnet_compiler.faults import ReadBackError
from resnet_compiler.interface import PLAIN, Interface, InterfaceError, Preprocess
from resnet_compiler.library import shipped_specs
from resnet_compiler.operators import OPERATORS
from resnet_compiler.quantize import Int8, quantize
from resnet_compiler.quantize.placement import Target

SHARE = 1 if os.environ.get("RESNETC_READ_BACK") == "all" else 8
"""Of the shipped specs, every how many-th is read back here; all of them in the campaign of docs/campaigns.md."""
SHIPPED = [spec.display.removesuffix(".yaml").removeprefix("specs/") for spec in shipped_specs()]
EVERY_OPERATOR = compile_layers(
    "c: {conv: {out: 12, kernel: [3, 1], stride: [2, 1], groups: 4, bias: true}}",
    "g: {group_norm: {groups: 3, eps: 0.0001}}",
    "l: {leaky_relu: {slope: 0.2}}",
    "n: {layer_norm: {}}",
    "e: {gelu: {}}",
    "b: {batch_norm: {eps: 0.001}}",
    "s: silu",
    "h: hard_swish",
    "k: {shuffle: {groups: 3}}",
    "m: {max_pool: {kernel: 3, stride: 1, padding: 1, dilation: 1}}",
    "a: {avg_pool: {kernel: [2, 3], stride: [1, 1], padding: [0, 1], count_padding: false}}",
    "u: {blur_pool: {stride: [1, 1]}}",
    "w: {pad: {border: [1, 0], channels: 16}}",
    "x: {subsample: {stride: [2, 1]}}",
    "p0: {part: {index: 1, of: 4}}",
    "p1: {part: {start: 2, stop: 6}, from: x}",
    "j: {concat: {}, from: [p0, p1, p0]}",
    "q: {power: {exponent: 2}}",
    "r: {scale: {factor: 0.1, offset: 0.5}}",
    "v: {reduce: {by: variance, over: groups, groups: 4}}",
    "v1: {power: {exponent: 0.5}}",
    "v2: {scale: {factor: 0.3}}",
    "v3: {scale: {offset: 1.5}}",
    "v4: {power: {exponent: -0.5}}",
    "v5: {power: {exponent: -1}}",
    "v6: {power: {exponent: 1.5}}",
    "gain: {parameter: {channels: 12}}",
    "t: {mul: {}, from: [r, v6]}",
    "t1: {shift: {}, from: [t, gain]}",
    "t2: {maximum: {}, from: [t1, gain]}",
    "o: sigmoid",
    "o1: hard_sigmoid",
    "z: {softmax: {over: space}}",
    "y1: {reduce: {by: max, over: channels}}",
    "y2: {mul: {}, from: [z, y1]}",
    "y3: {reduce: {by: sum, over: height}}",
    "y4: {mul: {}, from: [y2, y3]}",
    "d: {dropout: {rate: 0.1}}",
    "i: {add: {}, from: [d, z, t]}",
    "f: global_avg_pool",
    "f1: {reshape: {to: [1, -1]}}",
    "f2: {conv1d: {out: 1, kernel: 3}}",
    "f3: {reshape: {to: -1}}",
    "f4: {softmax: {}}",
    "f5: {linear: {out: 5}}",
    "f6: relu",
)
"""A chain through all there are."""
ENDS = {
    "images": Interface(preprocess=Preprocess(resize=48, crop=True), softmax=True, top_k=3),
    "plain images": Interface(preprocess=Preprocess(mean=(0.0, 0.0, 0.0)), top_k=2),
    "float16": Interface(precision="float16", float_io=True, size=(48, 32), batch=2),
    "features": Interface(features=("stem", "layer1", "layer2"), with_head=True),
    "fixed": Interface(size=(48, 32), batch=1),
}


def prepared(
    network: Graph | resnet_compiler.Folded, opset: int = 18, interface: Interface = PLAIN
) -> Prepared:
    """A model with empty initializers."""
    made = api.prepare_onnx(network, opset=opset, interface=interface)
    made.weights.leave_empty(made.model)
    return made


def read(made: Prepared, model: onnx.ModelProto) -> None:
    read_back(model, made.graph, made.settled, made.weights.stored)


def test_the_chain_has_every_operator() -> None:
    assert {node.operator.word for node in EVERY_OPERATOR} >= OPERATORS.keys() - {"drop_path"}


@pytest.mark.parametrize("name", SHIPPED[::SHARE])
def test_a_shipped_spec_is_read_back_equal(name: str) -> None:
    graph = resnet_compiler.compile(name)
    for network in (graph, resnet_compiler.fold(graph)):
        prepared(network).read_back()


@pytest.mark.parametrize("opset", [13, 17, 18, 22])
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_every_operator_is_read_back_equal(precision: str, opset: int) -> None:
    for size in ("dynamic", (11, 9)):
        asked = Interface(precision=precision, size=size)  # type: ignore[arg-type]
        if precision != "bfloat16" or opset == 22:
            prepared(EVERY_OPERATOR, opset, asked).read_back()


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_interface_is_read_back_equal(name: str, opset: int) -> None:
    for asked in ENDS.values():
        prepared(resnet_compiler.fold(architecture(name)), opset, asked).read_back()


# --- planted faults ---------------------------------------------------------------------------------------------------


def assert_all_are_caught(made: Prepared, seed: int, count: int) -> set[str]:
    """Plants faults; each is reported at its layer. Gives the kinds that there were."""
    kinds = set()
    for each in planted(made.model, set(made.graph.nodes), seed, count, shift=seed):
        with pytest.raises(ReadBackError) as caught:
            read(made, each.model)
            pytest.fail(f"not caught: {each.what}")
        where = each.layers | ({"output"} if "values" in each.layers else set())
        assert caught.value.layer in where, (each.what, where, str(caught.value))
        assert str(caught.value.graph) != str(caught.value.emitted), each.what
        kinds.add(each.what.partition(":")[0])
    return kinds


@pytest.mark.parametrize("opset", [13, 18, 22])
def test_a_fault_at_any_operator_is_caught_and_named(opset: int) -> None:
    kinds = assert_all_are_caught(prepared(EVERY_OPERATOR, opset), seed=opset, count=60)
    assert len(kinds) >= 15


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_fault_in_a_network_is_caught_and_named(name: str) -> None:
    for seed, network in enumerate((architecture(name), resnet_compiler.fold(architecture(name)))):
        assert_all_are_caught(prepared(network), seed, count=20)


@pytest.mark.parametrize("ends", ENDS)
def test_a_fault_at_the_ends_is_caught_and_named(ends: str) -> None:
    made = prepared(architecture("bottleneck"), interface=ENDS[ends])
    kinds = assert_all_are_caught(made, seed=3, count=40)
    assert {"features": "outputs_exchanged", "fixed": "declared_resized"}.get(
        ends, "end_resized"
    ) in kinds


def test_every_kind_of_fault_is_planted() -> None:
    models = [prepared(EVERY_OPERATOR), prepared(architecture("basic"), interface=ENDS["features"])]
    models.append(prepared(architecture("basic"), interface=ENDS["fixed"]))
    kinds = {
        each.what.partition(":")[0]
        for made in models
        for each in planted(made.model, set(made.graph.nodes), 1, 60)
    }
    assert kinds == {fault.__name__ for fault in FAULTS}


@pytest.mark.parametrize("opset", [13, 18, 22])
def test_what_the_specification_takes_for_the_same_is_no_fault(opset: int) -> None:
    """Every default written out, and every attribute with its default's value left out."""
    made = prepared(EVERY_OPERATOR, opset)
    full, short = onnx.ModelProto(), onnx.ModelProto()
    full.CopyFrom(made.model)
    short.CopyFrom(made.model)
    for node in full.graph.node:
        given = {each.name for each in node.attribute}
        for name, each in defs.get_schema(node.op_type, opset).attributes.items():
            if name not in given and each.default_value.type != AttributeProto.UNDEFINED:
                value = helper.get_attribute_value(each.default_value)
                node.attribute.append(helper.make_attribute(name, value))
    for node in short.graph.node:
        schema = defs.get_schema(node.op_type, opset)
        for each in list(node.attribute):
            default = schema.attributes[each.name].default_value
            value = helper.get_attribute_value(each)
            is_default = default.type != AttributeProto.UNDEFINED and (
                helper.get_attribute_value(default) == value
            )
            if is_default or (each.name in ("strides", "dilations") and set(value) == {1}):
                node.attribute.remove(each)
    assert full != made.model != short
    read(made, full)
    read(made, short)


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("external", [False, True])
def test_a_weight_that_would_get_anothers_value_is_caught(external: bool) -> None:
    made = api.prepare_onnx(architecture("basic"))
    data = "model.onnx.data" if external else None
    if external:
        made.weights.put_beside(made.model, "model.onnx.data")
    else:
        made.weights.leave_empty(made.model)
    made.read_back(data)
    stored = made.weights.stored
    for at, each in enumerate(stored[:-1]):
        other = next(s for s in (*stored[at + 1 :], *stored) if s.path != each.path)
        for wrong in (
            replace(each, path=other.path),
            replace(each, path=other.path, tensor=other.tensor),
            replace(each, operator=other.operator)
            if other.operator != each.operator
            else replace(each, path="no.such"),
        ):
            planted_at = (*stored[:at], wrong, *stored[at + 1 :])
            with pytest.raises(ReadBackError) as caught:
                read_back(made.model, made.graph, made.settled, planted_at, data)
            owners = {each.path.rpartition(".")[0], other.path.rpartition(".")[0], "no.such"}
            assert caught.value.layer in owners


@pytest.mark.parametrize("key", ["offset", "length", "location"])
def test_a_place_in_a_data_file_that_is_wrong_is_caught(key: str) -> None:
    made = api.prepare_onnx(architecture("basic"))
    made.weights.put_beside(made.model, "model.onnx.data")
    for proto in made.model.graph.initializer:
        entry = next((each for each in proto.external_data if each.key == key), None)
        if entry is None:
            continue
        was, entry.value = entry.value, {"offset": "4", "length": "12", "location": "x"}[key]
        with pytest.raises(ReadBackError) as caught:
            made.read_back("model.onnx.data")
        assert proto.name.startswith(caught.value.layer)
        entry.value = was
    made.read_back("model.onnx.data")


PUBLISHERS = {
    "build_onnx": lambda graph: api.build_onnx(graph),
    "emit_onnx": lambda graph: api.emit_onnx(graph),
    "one file": lambda graph: api.onnx_files(graph, "m.onnx"),
    "two files": lambda graph: api.onnx_files(graph, "m.onnx", external_data="always"),
    "folded": lambda graph: api.build_onnx(api.fold(graph), interface=ENDS["images"]),
}


@pytest.mark.parametrize("way", PUBLISHERS)
def test_every_way_to_a_model_reads_it_back(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an emitter that writes a batch norm's or a pooling's numbers wrongly, no model comes out."""
    made = LayerBuilder.node

    def wrong(self: LayerBuilder, op_type: str, *given: Any, **attributes: Any) -> str:
        if op_type == "MaxPool":
            attributes["pads"] = [2, 2, 0, 0]  # of the same size, so that no shape tells
        return made(self, op_type, *given, **attributes)

    monkeypatch.setattr(LayerBuilder, "node", wrong)
    with pytest.raises(ReadBackError, match="maxpool: pads is"):
        PUBLISHERS[way](architecture("basic"))


@pytest.mark.parametrize("external", ["never", "always"])
def test_nothing_is_written_where_the_model_is_another(
    external: api.ExternalData, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LayerBuilder.add

    def wrong(self: LayerBuilder, op_type: str, inputs: Any, name: str, **attributes: Any) -> str:
        return made(self, op_type, inputs[::-1] if op_type == "Add" else inputs, name, **attributes)

    monkeypatch.setattr(LayerBuilder, "add", wrong)
    with pytest.raises(ReadBackError, match=r"layer1\.0\.add: inputs is"):
        export(architecture("basic"), tmp_path / "model.onnx", external_data=external)
    assert not list(tmp_path.iterdir())


def test_export_of_int8_reads_it_back(tmp_path: pathlib.Path) -> None:
    """Every Q/DQ pair is seen through, and faults behind them are found."""
    graph, images = architecture("bottleneck"), tmp_path / "images.npy"
    np.save(images, np.random.default_rng(0).standard_normal((4, 3, 48, 32), np.float32))
    network = api.fold(graph)
    for target in get_args(Target):
        made = api.prepare_onnx(network)
        exact = api.model_of(made, network, tried)
        quantized = quantize(exact, Int8(images, target=target), (3, 48, 32)).model
        made.read_back_int8(quantized, exact)
        for each in (*planted(quantized, set(graph.nodes), 5, 40), *misquantized(quantized, 5)):
            with pytest.raises(ReadBackError) as caught:
                made.read_back_int8(each.model, exact)
                pytest.fail(f"not caught: {each.what}")
            assert caught.value.layer in each.layers, (each.what, each.layers, str(caught.value))


def test_an_interface_that_cannot_be_is_still_a_users_mistake() -> None:
    with pytest.raises(InterfaceError):
        api.build_onnx(architecture("basic"), interface=Interface(top_k=0))
