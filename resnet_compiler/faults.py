"""Faults of the compiler itself: what nobody's spec is to blame for. A command that meets one ends with exit code 4."""

from __future__ import annotations


class CompilerFault(Exception):
    """The compiler is wrong, not what it was given: nothing is published, and it should be reported."""


class ReadBackError(CompilerFault):
    """What was emitted, read back, is not the graph it was emitted from.

    Args:
        layer: the node (or output, tensor, …) at which they differ.
        what: what of it differs, such as "inputs" or "stride".
        graph: what the graph says.
        emitted: what the emitted file says.
        file: which output it is, such as "model.py".
    """

    def __init__(self, layer: str, what: str, graph: object, emitted: object, file: str) -> None:
        super().__init__(
            f"{layer}: {what} is {graph} in the graph and {emitted} in the emitted {file}"
        )
        self.layer = layer
        self.what = what
        self.graph = graph
        self.emitted = emitted
        self.file = file
