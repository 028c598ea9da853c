"""An inspection as text and as JSON: what `inspect` prints. Words of the file are shown with escapes for what is unprintable."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from resnet_compiler.diagnostics import Diagnostic
from resnet_compiler.inspect.external import ExternalFile
from resnet_compiler.inspect.inspection import Inspection, Layer
from resnet_compiler.inspect.shapes import Shape
from resnet_compiler.inspect.trunk import ResidualAdd, Sides
from resnet_compiler.render.as_json import to_dict
from resnet_compiler.render.short import visible

FORMAT_VERSION = 2
_WIDTH = 100
_LONGEST = 60
"""Words of the file are cut to this in tables and lists, to ten times that elsewhere."""
_FIRM = "\N{NO-BREAK SPACE}"
_MADE_UP = "unk__"
_UNKNOWN = "unknown: see the warnings"
_LISTED = 8
"""How many of a kind are listed by name."""


def report_text(found: Inspection, layers: bool) -> str:
    """The report, and below it a table of the nodes where it is asked for."""
    shapes = " → ".join(
        ", ".join(_shape(each.shape) for each in ends) or "nothing"
        for ends in (found.inputs, found.outputs)
    )
    lines = [f"{_word(found.path, 10 * _LONGEST)} · {shapes}", ""]
    rows = [(label, text) for label, texts in _facts(found) for text in texts]
    width = max(len(label) for label, _ in rows)
    previous = ""
    for label, text in rows:
        shown = "" if label == previous else label
        previous = label
        lead = f"  {shown:<{width}}  "
        wrapped = textwrap.wrap(text, _WIDTH - len(lead), break_long_words=False) or [""]
        lines += [lead + wrapped[0], *(" " * len(lead) + more for more in wrapped[1:])]
    if layers:
        lines += ["", *_table(found.layers)]
    return "\n".join(line.replace(_FIRM, " ").rstrip() for line in lines)


def _facts(found: Inspection) -> Iterable[tuple[str, Sequence[str]]]:
    """What is told, in order; a fact without texts is left out."""
    opsets = [
        f"opset {version}" if domain == "ai.onnx" else f"{_word(domain)} {version}"
        for domain, version in found.opsets.items()
    ]
    yield "format", [", ".join((f"IR version {found.ir_version}", *opsets))]
    yield "file size", [f"{found.size:,} bytes"]
    producer = " ".join(filter(None, (found.producer, found.producer_version)))
    yield "producer", [_word(producer)] if producer else []
    yield "graph", [_word(found.graph_name)] if found.graph_name else []
    for label, ends in (("inputs", found.inputs), ("outputs", found.outputs)):
        yield label, [f"{_word(e.name)}: {e.type}, {_shape(e.declared or e.shape)}" for e in ends]
    yield "nodes", [f"{sum(found.operators.values()):,}: {_counts(found.operators)}"]
    names = ", ".join(map(_word, found.functions[:_LISTED]))
    more = ", …" if len(found.functions) > _LISTED else ""
    yield "functions", [f"{len(found.functions)}: {names}{more}"] if found.functions else []
    bodies = f"{_counts(found.control_flow)}; the {found.body_nodes:,} nodes of their bodies are not counted"
    yield "control flow", [bodies] if found.control_flow else []
    yield "parameters", [_parameters(found)]
    running = f"{found.statistics:,} running means and variances, not counted as parameters"
    yield "statistics", [running] if found.statistics else []
    aside = f", not counting {found.layers_aside:,} in shortcuts and gates"
    layers = f"{found.weighted_layers or 0:,}{aside if found.layers_aside else ''}"
    yield "weighted layers", [layers if found.weighted_layers is not None else _UNKNOWN]
    yield "MACs", [_macs(found)]
    yield "precision", [_precision(found)]
    yield (
        "residual adds",
        [_UNKNOWN] if "residual adds" in found.unknown else _adds(found.residual_adds),
    )
    yield "external data", [_external(each) for each in found.external]
    yield "metadata", [f"{_word(k)}: {_word(v, 5 * _LONGEST)}" for k, v in found.metadata.items()]
    yield "doc string", [_word(found.doc_string, 10 * _LONGEST)] if found.doc_string else []


def _parameters(found: Inspection) -> str:
    if found.parameter_count is None:
        return _UNKNOWN
    total = f"{found.parameter_count:,}"
    taken = sum(each.bytes for each in found.parameters.values())
    kinds = [f"{each.count:,} {kind}" for kind, each in found.parameters.items()]
    which = f", {next(iter(found.parameters))}" if len(kinds) == 1 else f": {', '.join(kinds)}"
    return f"{total} in {taken:,} bytes{which}" if kinds else "0"


def _macs(found: Inspection) -> str:
    if "MACs" in found.unknown:
        return _UNKNOWN
    if found.macs is None:
        unknown = sum(layer.macs is None for layer in found.layers)
        is_open = any(
            not isinstance(dim, int) for each in found.inputs for dim in each.shape or ("",)
        )
        way = "; `--size HxW` says what stands for open sizes" if is_open else ""
        return f"unknown: the shapes of {unknown:,} layers are not known{way}"
    shapes = ", ".join(_shape(each.shape) for each in found.inputs)
    return f"{found.macs:,}" + (f" at {shapes}" if shapes else "")


def _precision(found: Inspection) -> str:
    counts = found.precision.layers
    listed = f": {_counts(counts)} layers with weights" if len(counts) > 1 else ""
    return found.precision.word + listed


def _adds(adds: Sequence[ResidualAdd]) -> list[str]:
    if not adds:
        return ["none"]
    counts = Counter(add.sides for add in adds)
    texts: dict[Sides, str] = {
        "exact": "exact",
        "broadcasts": "broadcast",
        "unequal": "of unequal shapes",
        "unknown": "of shapes that are not known",
    }
    kinds = [f"{counts[kind]} {text}" for kind, text in texts.items() if counts[kind]]
    if len(kinds) == 1:
        kinds = [f"{'all ' if len(adds) > 1 else ''}{kinds[0].partition(' ')[2]}"]
    quantised = sum(add.quantised for add in adds)
    more = [f"{quantised} on quantised values"] if quantised else []
    projections = sum(add.projection for add in adds)
    more += [f"{projections} with a projection"] if projections else []
    odd = [add for add in adds if add.sides in ("broadcasts", "unequal")]
    named = [f"{_word(a.name)}: {' and '.join(_shape(s) for s in a.shapes)}" for a in odd]
    rest = [f"and {len(named) - _LISTED:,} more"] if len(named) > _LISTED else []
    return [f"{len(adds)}: {', '.join((*kinds, *more))}", *named[:_LISTED], *rest]


def _external(each: ExternalFile) -> str:
    tensors = f"{each.tensors} tensor{'s' * (each.tensors != 1)}"
    state = "refused" if each.refused else "not there"
    if each.size is not None:
        state = f"the file has {each.size:,}"
    return f"{_word(each.location) or 'no name'}: {tensors} of {each.bytes:,} bytes; {state}"


def _counts(counts: Mapping[str, int]) -> str:
    """Numbers with names, held together by a space that no line breaks at."""
    return ", ".join(f"{count:,}{_FIRM}{_word(name)}" for name, count in counts.items())


def _shape(shape: Shape | None) -> str:
    if shape is None:
        return "of unknown shape"
    dims = _list(shape) or ()
    return " × ".join("?" if dim is None else _word(str(dim), 20) for dim in dims) or "scalar"


def _word(text: str, longest: int = _LONGEST) -> str:
    shown = visible(text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _table(layers: Sequence[Layer]) -> list[str]:
    rows = [("node", "operator", "output", "parameters", "MACs")]
    for layer in layers:
        macs = "?" if layer.macs is None else f"{layer.macs:,}"
        names = (_word(layer.name), _word(layer.operator))
        rows.append((*names, _shape(layer.output), f"{layer.parameters:,}", macs))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = []
    for row in rows:
        cells = [f"{cell:<{w}}" for cell, w in zip(row[:3], widths[:3], strict=True)]
        cells += [f"{cell:>{w}}" for cell, w in zip(row[3:], widths[3:], strict=True)]
        lines.append(f"  {'  '.join(cells)}")
    return lines


def failure_dict(path: str, diagnostics: Sequence[Diagnostic]) -> dict[str, Any]:
    """What JSON says of a file that cannot be inspected."""
    found = [to_dict(each) for each in diagnostics]
    return {"format_version": FORMAT_VERSION, "file": path, "valid": False, "diagnostics": found}


def report_dict(found: Inspection, layers: bool) -> dict[str, Any]:
    """The report as JSON values."""
    given: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "file": found.path,
        "valid": found.valid,
        "diagnostics": [to_dict(each) for each in found.diagnostics],
        "file_bytes": found.size,
        "ir_version": found.ir_version,
        "opsets": dict(found.opsets),
        "producer": found.producer,
        "producer_version": found.producer_version,
        "graph": found.graph_name,
        "doc_string": found.doc_string,
        "metadata": dict(found.metadata),
    }
    for key, ends in (("inputs", found.inputs), ("outputs", found.outputs)):
        given[key] = [
            {
                "name": each.name,
                "type": each.type,
                "declared_shape": _list(each.declared),
                "shape": _list(each.shape),
            }
            for each in ends
        ]
    given |= {
        "operators": dict(found.operators),
        "functions": list(found.functions),
        "control_flow": dict(found.control_flow),
        "control_flow_body_nodes": found.body_nodes,
        "parameters": found.parameter_count,
        "parameter_bytes": sum(each.bytes for each in found.parameters.values()),
        "parameters_by_type": {
            kind: {"count": each.count, "bytes": each.bytes}
            for kind, each in found.parameters.items()
        },
        "running_statistics": found.statistics,
        "weighted_layers": found.weighted_layers,
        "macs": found.macs,
        "precision": found.precision.word,
        "precision_of_layers": dict(found.precision.layers),
        "quantisation": list(found.precision.schemes),
        "residual_adds": [
            {
                "name": add.name,
                "sides": add.sides,
                "shapes": [_list(shape) for shape in add.shapes],
                "quantised": add.quantised,
                "projection": add.projection,
            }
            for add in found.residual_adds
        ],
        "external_data": [
            {
                "location": each.location,
                "tensors": each.tensors,
                "bytes": each.bytes,
                "file_bytes": each.size,
                "refused": each.refused,
            }
            for each in found.external
        ],
    }
    if "parameters" in found.unknown:
        given |= {"parameter_bytes": None, "parameters_by_type": None}
    if "residual adds" in found.unknown:
        given["residual_adds"] = None
    if layers:
        given["layers"] = [
            {
                "name": layer.name,
                "operator": layer.operator,
                "output_shape": _list(layer.output),
                "parameters": layer.parameters,
                "macs": layer.macs,
                "weighted": layer.weighted,
            }
            for layer in found.layers
        ]
    return given


def _list(shape: Shape | None) -> list[int | str | None] | None:
    """A shape for reading: names that inference made up are none."""
    if shape is None:
        return None
    return [None if str(dim).startswith(_MADE_UP) else dim for dim in shape]
