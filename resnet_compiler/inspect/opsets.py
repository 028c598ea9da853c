"""Operators that ONNX does not have at the opset a model names: inference passes over some of them in silence."""

from __future__ import annotations

from resnet_compiler import codes
from resnet_compiler.diagnostics import Diagnostic, error
from resnet_compiler.inspect.structure import Structure
from resnet_compiler.inspect.tensors import text

_DOMAINS = {"": "", "ai.onnx": "", "ai.onnx.ml": "ai.onnx.ml"}
"""The domains whose operators the onnx library knows, by the names they go under."""
_LARGEST_OPSET = 2**31 - 1
_LISTED = 5
_LONGEST = 60


def unknown_operators(structure: Structure) -> list[Diagnostic]:
    """A warning for each of the first few; one more says how many are left."""
    opsets = {
        _DOMAINS[name]: each.version
        for each in structure.model.opset_import
        if (name := text(each.domain)) in _DOMAINS
    }
    local = {(text(each.domain), text(each.name)) for each in structure.model.functions}
    used = dict.fromkeys((each.domain, each.type) for each in structure.operations)
    unknown = [
        f"{domain}.{kind}"[-_LONGEST:].lstrip(".")
        for domain, kind in used
        if domain in opsets
        and (domain, kind) not in local
        and not _is_known(domain, kind, opsets[domain])
    ]
    found = [
        _warning(f"`{name}` is no operator of ONNX at the opset of the model")
        for name in unknown[:_LISTED]
    ]
    more = len(unknown) - _LISTED
    return [*found, _warning(f"{more:,} more operators are none of ONNX")] if more > 0 else found


def _warning(summary: str) -> Diagnostic:
    note = "what it computes is not known, nor is what depends on it"
    return error(codes.INCOMPLETE_INSPECTION, summary, notes=[note], severity="warning")


def _is_known(domain: str, kind: str, opset: int) -> bool:
    from onnx import defs

    try:
        defs.get_schema(kind, min(opset, _LARGEST_OPSET), domain)
    except defs.SchemaError:
        return False
    return True
