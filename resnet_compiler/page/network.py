"""A graph as the data of a page: layers, blocks, stages, where each stands in the spec and in the source, what is proved.

Values that many layers share (operators, shapes, tensors, places) stand once, and layers have their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from typing import Any

from resnet_compiler import __version__
from resnet_compiler.characters import escaped
from resnet_compiler.draw.labels import operator_text
from resnet_compiler.draw.lanes import parts as parts_of
from resnet_compiler.draw.parts import View
from resnet_compiler.emit.pytorch.lines import Lines, source_lines
from resnet_compiler.graph import INPUT, Graph, Node, Scope
from resnet_compiler.measure import Measures, tensors_of
from resnet_compiler.operators.base import Operator
from resnet_compiler.page import labels
from resnet_compiler.page.layouts import LETTERS, Part, layout, part_of, trunk_entry
from resnet_compiler.rows import smallest_text
from resnet_compiler.shapes import Shape


@dataclass
class _Shared:
    """Values in the order in which they were first met, each once."""

    values: list[Any] = field(default_factory=list)
    _known: dict[Any, int] = field(default_factory=dict)

    def number(self, key: Any, make: Callable[[], Any] | None = None) -> int:
        """The number of a value; ``key`` is what tells it from others, and the value itself where nothing makes it."""
        if key not in self._known:
            self._known[key] = len(self.values)
            self.values.append(key if make is None else make())
        return self._known[key]


def network_data(graph: Graph, files: Sequence[str]) -> dict[str, Any]:
    """All that a page shows of a network. ``files`` are the names that spans use, in the order of the page's files."""
    measures = graph.measures
    lines = source_lines(graph, __version__)
    kinds = _shortcut_kinds(graph)
    parts = [part_of(graph, name, names, kinds) for name, names in parts_of(graph)]
    order = [name for part in parts for name in part.layers]
    index = {name: number for number, name in enumerate(order)} | {INPUT: -1}
    spans, places = _Shared(), _Shared()
    values = _Shared()

    def spans_number(thing: Node | Scope) -> int:
        found = tuple(
            (files.index(each.file), each.line, each.column, each.end_line, each.end_column)
            for each in (thing.span, *thing.also)
            if each is not None and each.file in files
        )
        return spans.number(found) if found else -1

    def place_numbers(name: str) -> list[int]:
        return [_place(places, lines.constructed, name), _place(places, lines.computed, name)]

    layers = _layers(graph, measures, order, index)
    for row, name in zip(layers["rows"], order, strict=True):
        row += [spans_number(graph[name]), *place_numbers(name)]
    scopes = [
        {
            "name": scope.name,
            "block": escaped(scope.block),
            "title": escaped(scope.title),
            "doc": escaped(scope.doc),
            "values": values.number(_frozen(labels.parameter_values(scope.values))),
            "shortcut": scope.shortcut if scope.join else "",
            "join": index[scope.join] if scope.join else None,
            "spans": spans_number(scope),
            "lines": place_numbers(scope.name),
        }
        for scope in graph.scopes.values()
    ]
    return {
        **_totals(graph, measures),
        "source": lines.text,
        "letters": LETTERS,
        **layers,
        **_parts(graph, parts, kinds, index),
        "scopes": scopes,
        "values": values.values,
        "spans": spans.values,
        "lines": places.values,
        "adds": [
            {
                "layer": index[proof.node],
                "sides": [labels.shape_text(proof.left), labels.shape_text(proof.right)],
                "holds": proof.verdict == "all sizes",
                "verdict": labels.verdict_text(proof, graph.proved_sizes),
            }
            for proof in graph.proofs
            if proof.residual
        ],
    }


def _totals(graph: Graph, measures: Measures) -> dict[str, Any]:
    identity = graph.identity
    return {
        "name": escaped(identity.name),
        "title": escaped(identity.title),
        "made": f"resnetc {__version__} from {escaped(identity.source)} (sha256 {identity.sha256[:8]})",
        "input": {
            "dims": list(graph.concrete(INPUT)),
            "text": labels.shape_text(graph.input_shape),
        },
        "output": _dims(graph.concrete(graph.output)),
        "weighted_layers": measures.weighted_layers,
        "breakdown": str(measures.breakdown),
        "parameters": measures.parameters,
        "macs": measures.macs,
        "smallest": smallest_text(graph),
        "proved_sizes": graph.proved_sizes,
    }


def _dims(dims: Sequence[int]) -> str:
    """A shape in numbers as text."""
    return " × ".join(map(str, dims))


LAYER_FIELDS = (
    *("name", "operator", "inputs", "shape", "tensors", "parameters", "macs", "weighted"),
    *("field", "stride", "spans", "constructed", "computed"),
)
"""What the row of a layer has, in this order. ``operator``, ``shape``, ``tensors``, ``spans`` and the two places in the source
are numbers of entries in the lists of those, -1 for none."""


def _layers(
    graph: Graph, measures: Measures, order: Sequence[str], index: Mapping[str, int]
) -> dict[str, Any]:
    operators, shapes, tensors = _Shared(), _Shared(), _Shared()
    costs = {cost.name: cost for cost in measures.layers}
    rows: list[list[Any]] = []
    for name in order:
        node, cost = graph[name], costs[name]
        owned = tuple((t.name, t.shape, t.trainable) for t in tensors_of(graph, node))
        rows.append(
            [
                name,
                operators.number(node.operator, partial(_operator_data, node.operator)),
                [index[each] for each in node.inputs],
                shapes.number(node.shape, partial(_shape_data, node.shape, cost.output_shape)),
                tensors.number(owned),
                cost.parameters,
                cost.macs,
                int(cost.weighted),
                cost.receptive_field,
                cost.output_stride,
            ]
        )
    return {
        "fields": LAYER_FIELDS,
        "rows": rows,
        "operators": operators.values,
        "shapes": shapes.values,
        "tensors": tensors.values,
    }


def _operator_data(operator: Operator) -> dict[str, Any]:
    return {
        "word": operator.word,
        "label": operator_text(operator),
        "sign": labels.sign_of(operator),
        "family": labels.family(operator),
        "attributes": labels.attributes(operator),
    }


def _shape_data(shape: Shape, dims: Sequence[int]) -> dict[str, Any]:
    return {"dims": list(dims), "text": labels.shape_text(shape), "elements": prod(dims)}


def _parts(
    graph: Graph, parts: Sequence[Part], kinds: Mapping[str, str], index: Mapping[str, int]
) -> dict[str, Any]:
    """Parts and stages in order, and the layouts that parts share."""
    trunks: dict[Any, int | None] = {}
    alike: dict[tuple[Any, bool], list[Part]] = {}
    keys = []
    before: tuple[str, ...] = (INPUT,)
    for part in parts:
        if part.key not in trunks:
            trunks[part.key] = trunk_entry(graph, part)
        trunk = trunks[part.key]
        keys.append((part.key, trunk is not None and part.entries[trunk] in before))
        alike.setdefault(keys[-1], []).append(part)
        before = part.layers
    number = {key: count for count, key in enumerate(alike)}
    stage_of = {block: count for count, stage in enumerate(graph.stages) for block in stage.blocks}
    listed = []
    for part, key in zip(parts, keys, strict=True):
        scope = graph.scopes.get(part.name)
        listed.append(
            {
                "name": part.name,
                "stage": stage_of.get(part.name, -1),
                "block": escaped(scope.block) if scope else "",
                "shortcut": kinds.get(f"{scope.join} 1", "") if scope else "",
                "first": index[part.layers[0]],
                "count": len(part.layers),
                "entries": [index[each] for each in part.entries],
                "layout": number[key],
            }
        )
    return {
        "parts": listed,
        "stages": [stage.name for stage in graph.stages],
        "layouts": [
            layout(graph, members, kinds, is_joined) for (_, is_joined), members in alike.items()
        ],
    }


def _shortcut_kinds(graph: Graph) -> dict[str, str]:
    """The kind of shortcut by ``target position`` of each edge that is on one: ``identity``, ``projection``, or
    ``parameter_free`` where what stands on it has no parameters."""
    view = View(graph)
    kinds: dict[str, str] = {}
    for scope in graph.scopes.values():
        if not scope.join:
            continue
        kind = view.shortcut_kind(scope)
        kinds[f"{scope.join} 1"] = kind
        for name in scope.shortcut_layers:
            kinds |= {f"{name} {position}": kind for position in range(len(graph[name].inputs))}
    return kinds


def _place(places: _Shared, lines: Mapping[str, Lines], name: str) -> int:
    return places.number(lines[name]) if name in lines else -1


def _frozen(pairs: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, pairs))


__all__ = ["LAYER_FIELDS", "network_data"]
