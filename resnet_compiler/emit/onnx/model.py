"""Graph → ONNX, built directly: one node per layer where ONNX has one, everything named after its layer.

The graph mirrors the PyTorch source one to one; batch norms stay nodes of their own. Source: the ONNX specification,
operators of the default domain, opsets 13 to 22.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from resnet_compiler.emit.onnx.builder import LayerBuilder
from resnet_compiler.emit.onnx.check import check_onnx
from resnet_compiler.emit.onnx.data import Stored, Weights
from resnet_compiler.emit.onnx.fold import Folded, fold_normalisation
from resnet_compiler.emit.onnx.frame import DIMENSIONS, Output, epilogue, input_info, prologue
from resnet_compiler.emit.onnx.naming import give_public_names
from resnet_compiler.emit.onnx.precision import FLOAT_TYPES, FloatType, type_for
from resnet_compiler.emit.onnx.read_back import read_back, read_back_int8
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.interface import Interface
from resnet_compiler.measure import tensors_of
from resnet_compiler.settle import Settled, repeated_labels, settle
from resnet_compiler.shapes import Size, shape_at
from resnet_compiler.weights import Value, owned_tensors

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Prepared:
    """A model without initializers, and the initializers to add.

    ``graph`` is what it is made from, ``settled`` the interface that it has. ``notes`` say what was decided that a user should know: what was folded, and
    what was not.
    """

    graph: Graph
    model: onnx.ModelProto
    settled: Settled
    weights: Weights
    notes: tuple[str, ...]

    def check(self) -> None:
        """ONNX's own check of the model, with its initializers (`check_onnx`).

        Raises:
            onnx.checker.ValidationError, onnx.shape_inference.InferenceError: it is not valid.
        """
        check_onnx(self.model)

    def read_back(self, data_file: str | None = None, file: str = "model.onnx") -> None:
        """Compare the model, with its initializers, with the graph (`read_back`).

        Raises:
            ReadBackError: they differ.
        """
        read_back(self.model, self.graph, self.settled, self.weights.stored, data_file, file)

    def read_back_int8(
        self, quantized: onnx.ModelProto, exact: onnx.ModelProto, file: str = "model.onnx"
    ) -> None:
        """Compare the int8 form of the model with the graph, through its Q/DQ pairs, and its weights with the exact ones.

        Raises:
            ReadBackError: they differ.
        """
        read_back_int8(quantized, exact, self.graph, self.settled, self.weights.stored, file)


def prepare(graph: Graph, version: str, opset: int, interface: Interface) -> Prepared:
    """Everything of a model but its weights' values.

    Raises:
        InterfaceError: the network cannot have this interface.
    """
    from onnx import helper

    settled = settle(graph, interface, opset)
    given = interface.preprocess
    folded = fold_normalisation(graph, given, settled.nodes) if given is not None else None
    network = folded.graph if folded is not None else graph
    builder = LayerBuilder(opset, settled.size)
    values, types = _add_layers(builder, settled, network, folded)
    outputs = epilogue(builder, settled, network, values)
    renamed = give_public_names(builder, [(each.name, each.value) for each in outputs])
    opset_ids = [helper.make_opsetid("", opset)]
    model = helper.make_model(
        helper.make_graph(
            builder.nodes,
            graph.identity.name,
            [input_info(settled, graph.concrete(INPUT)[0])],
            [_output_info(graph, settled, each) for each in outputs],
            value_info=_layer_shapes(builder, settled, network, values, renamed, outputs),
        ),
        opset_imports=opset_ids,
        ir_version=helper.find_min_ir_version_for(opset_ids),
        producer_name="resnetc",
        producer_version=version,
    )
    helper.set_model_props(model, _metadata(graph, version, settled))
    used = {name for node in builder.nodes for name in node.input}
    stored = (
        Stored(renamed.get(path, path), path, tensor, operator, types[path])
        for path, tensor, operator in owned_tensors(network)
        if path in types
    )
    weights = Weights(
        tuple(each for each in stored if each.name in used),
        tuple(builder.constants),
        folded.derive if folded is not None else _unchanged,
    )
    return Prepared(
        graph,
        model,
        settled,
        weights,
        (*(folded.notes if folded else ()), *_notes(settled)),
    )


def _unchanged(values: Value) -> Value:
    return values


def _add_layers(
    builder: LayerBuilder, settled: Settled, graph: Graph, folded: Folded | None
) -> tuple[dict[str, str], dict[str, FloatType]]:
    """The nodes up to the network's last: the value of each layer, and the type of each tensor."""
    network = FLOAT_TYPES[settled.interface.precision]
    value_of = {INPUT: prologue(builder, settled, graph.concrete(INPUT)[0], folded)}
    types = {}
    for node in graph:
        if node.name not in settled.nodes:
            continue
        sources = [value_of[name] for name in node.inputs]
        kind = type_for(node.operator, [builder.types[value] for value in sources], network)
        inputs = [builder.cast(value, kind) for value in sources]
        builder.enter(node.name, kind)
        made = node.operator.onnx_form(builder, inputs, graph.input_shapes(node))
        value_of[node.name], builder.types[made] = made, kind
        for tensor in tensors_of(graph, node):
            types[builder.parameter(tensor.name)] = kind
    return value_of, types


# --- shapes ----------------------------------------------------------------------------------------------------------


def _output_info(graph: Graph, settled: Settled, output: Output) -> onnx.ValueInfoProto:
    from onnx import helper

    dimensions = _dimensions(graph, settled, output)
    return helper.make_tensor_value_info(output.name, output.type, dimensions, output.doc)


def _dimensions(graph: Graph, settled: Settled, output: Output) -> list[str | int]:
    batch, *names = DIMENSIONS
    names_of = dict(zip("HW", names, strict=True))
    is_feature = any(output.name == each.name for each in settled.features)
    behind = output.name.replace(".", "_") if is_feature else "out"
    shape = graph.shape(output.node)
    if settled.interface.top_k is not None and not is_feature:
        shape = (settled.interface.top_k,)
    dimensions: list[str | int] = [settled.batch or batch]
    for dim, number in zip(shape, shape_at(shape, _sizes(graph, settled)), strict=True):
        if not isinstance(dim, Size) or settled.size is not None:
            dimensions.append(number)
        else:
            name = names_of[dim.axis]
            dimensions.append(name if dim == Size(dim.axis) else f"{name}_{behind}")
    return dimensions


def _sizes(graph: Graph, settled: Settled) -> dict[str, int]:
    return dict(zip("HW", settled.size, strict=True)) if settled.size else graph.declared


def _layer_shapes(
    builder: LayerBuilder,
    settled: Settled,
    graph: Graph,
    values: Mapping[str, str],
    renamed: Mapping[str, str],
    outputs: Sequence[Output],
) -> list[onnx.ValueInfoProto]:
    """The shape of each layer's output, as the proof has it, where none depends on the input."""
    from onnx import helper

    if not settled.is_static:
        return []
    sizes = _sizes(graph, settled)
    of_images = {INPUT}  # the others are made of parameters alone, and have no batch
    found: dict[str, onnx.ValueInfoProto] = {}
    for name, value in values.items():
        if name == INPUT or of_images.isdisjoint(graph[name].inputs):
            continue
        of_images.add(name)
        public = renamed.get(value, value)
        dimensions = [settled.batch, *shape_at(graph.shape(name), sizes)]
        kind = builder.types[value].number
        found[public] = helper.make_tensor_value_info(public, kind, dimensions)
    for each in outputs:
        found.pop(each.name, None)
    return list(found.values())


# --- what is told ----------------------------------------------------------------------------------------------------


def _notes(settled: Settled) -> tuple[str, ...]:
    notes = []
    interface, given = settled.interface, settled.interface.preprocess
    if given is not None and given.resize is not None and settled.opset < 18:
        notes.append(
            f"opset {settled.opset} resizes without antialiasing, so that small images differ from those of torchvision; "
            "opset 18 and later have it"
        )
    if repeated := repeated_labels(interface.labels):
        named = ", ".join(f"`{label}`" for label in repeated[:3])
        more = "" if len(repeated) <= 3 else f" and {len(repeated) - 3} more"
        notes.append(f"several classes are called {named}{more}")
    return tuple(notes)


def _metadata(graph: Graph, version: str, settled: Settled) -> dict[str, str]:
    measures, interface = graph.measures, settled.interface
    facts = {
        "name": graph.identity.name,
        "version": version,
        "title": graph.identity.title,
        "spec": graph.identity.source,
        "spec_sha256": graph.identity.sha256,
        "weighted_layers": str(measures.weighted_layers),
        "parameters": str(measures.parameters),
        "macs": str(measures.macs),
        "macs_at": " x ".join(str(extent.declared) for extent in graph.extents),
        "precision": interface.precision,
    }
    more = {
        "preprocess": asdict(interface.preprocess) if interface.preprocess else None,
        "strides": {each.name: each.strides for each in settled.features if each.strides},
        "labels": interface.labels,
    }
    if graph.passes:
        facts["passes"] = ", ".join(graph.passes)
    return facts | {key: json.dumps(v, ensure_ascii=False) for key, v in more.items() if v}
