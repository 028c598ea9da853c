"""What became of a text that is edited: what there is to say of it, and the data of its picture.

It is worked out where the text is compiled, and shown by another process (`worker`, `compiler`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from resnet_compiler.page import page_data
from resnet_compiler.pipeline import Compilation
from resnet_compiler.serve.findings import Finding, findings_of


@dataclass(frozen=True, slots=True)
class Outcome:
    """A text and what there is to say of it.

    Attributes:
        text: the text that was compiled.
        findings: the first diagnostics, with their places in the text.
        more: how many diagnostics there are beyond those.
        status: in a few words what the text is.
        is_right: whether outputs can be made of it.
        is_drawn: whether it has a network to look at, as it also has where only `expect` says otherwise.
    """

    text: str
    findings: tuple[Finding, ...]
    more: int
    status: str
    is_right: bool
    is_drawn: bool


def outcome_of(text: str, compilation: Compilation) -> Outcome:
    """What there is to say of a text that was compiled."""
    found = findings_of(compilation.diagnostics, compilation.texts, compilation.spec.display)
    return Outcome(
        text,
        found,
        len(compilation.diagnostics) - len(found),
        _status(compilation),
        compilation.graph is not None,
        compilation.draft is not None,
    )


def failed(text: str, reason: str) -> Outcome:
    """What there is to say of a text that could not be compiled to an end."""
    said = f"error: {reason}"
    return Outcome(
        text, (Finding("error", said, said, None, None, None),), 0, "1 error", False, False
    )


def _status(compilation: Compilation) -> str:
    count = sum(each.severity == "error" for each in compilation.diagnostics)
    errors = f"{count} error{'' if count == 1 else 's'}" if count else ""
    if compilation.draft is None:
        return errors
    measures = compilation.draft.measures
    counts = (
        f"{measures.weighted_layers} weighted layers, {measures.parameters:,} parameters, "
        f"{measures.macs:,} MACs"
    )
    return f"{errors}; {counts}" if errors else counts


def to_json(outcome: Outcome) -> bytes:
    """An outcome for another process, which knows the text."""
    fields = asdict(outcome)
    del fields["text"]
    return json.dumps(fields).encode()


def from_json(text: str, data: bytes) -> Outcome:
    """The outcome of a text from what `to_json` gave."""
    fields = json.loads(data)
    findings = tuple(Finding(**each) for each in fields.pop("findings"))
    return Outcome(text=text, findings=findings, **fields)


def picture(compilation: Compilation) -> bytes:
    """The page's data as JSON: the network also where `expect` says otherwise.

    Diagnostics are left out: they stand beside the text.
    """
    shown = replace(compilation, graph=compilation.draft, diagnostics=())
    return json.dumps(page_data(shown), separators=(",", ":")).encode()
