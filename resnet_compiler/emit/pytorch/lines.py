"""Where each layer stands in the emitted source: the lines that construct it, and those that compute its output.

They fall out of reading the source back, which follows every layer to its constructor and its call anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from resnet_compiler.emit.pytorch.read_back import Lines, read_back
from resnet_compiler.emit.pytorch.source import emit_pytorch
from resnet_compiler.graph import Graph

__all__ = ["Lines", "SourceLines", "source_lines"]


@dataclass(frozen=True, slots=True)
class SourceLines:
    """Source, and the lines of each layer and scope in it. What is no module is not ``constructed``."""

    text: str
    constructed: dict[str, Lines] = field(default_factory=dict)
    computed: dict[str, Lines] = field(default_factory=dict)


def source_lines(graph: Graph, version: str) -> SourceLines:
    """The source of a graph with the lines of every layer and scope, by name.

    A layer in an ``nn.Sequential`` is computed where that is called; an expression has no constructor. Layers that share
    one attribute share its lines.

    Raises:
        ReadBackError: the source is not the network of the graph.
    """
    text = emit_pytorch(graph, version)
    found = read_back(graph, text)
    return SourceLines(text, found.constructed(graph), found.computed(graph))
