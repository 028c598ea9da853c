"""How a difference is reported: at the layer that it concerns."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from resnet_compiler.faults import ReadBackError
from resnet_compiler.graph import INPUT


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes faults of one file. ``layers`` are the names of the graph's nodes."""

    layers: Container[str]
    file: str

    def owner(self, name: str) -> str:
        """The layer that a node, value or tensor belongs to by its name: `bn1` for `bn1.weight`, `input` for
        `input/mean`; itself for none."""
        name = name.partition("/")[0]
        part = name
        while part:
            if part in self.layers or part == INPUT:
                return part
            part = part.rpartition(".")[0]
        return name

    def fault(self, name: str, what: str, graph: object, emitted: object) -> ReadBackError:
        """A difference at a node, value or tensor of this name."""
        return ReadBackError(self.owner(name), what, graph, emitted, self.file)
