"""What was written is read back: emitted PyTorch source becomes a graph again and is compared with the one it came from.

The text is parsed, and its syntax tree evaluated with symbols in the place of tensors: constructors make the tree of
modules, forward functions the calls on values. Nothing is executed, and no torch is needed. What a call means stands in
`modules` and `functions`, written from PyTorch's documentation; what an operator means in `expected`. Nothing here knows
how the emitter came to its text.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from resnet_compiler.emit.pytorch.read_back.chosen import compare_choices
from resnet_compiler.emit.pytorch.read_back.comparing import Comparison
from resnet_compiler.emit.pytorch.read_back.constructing import construct
from resnet_compiler.emit.pytorch.read_back.flat import Flat
from resnet_compiler.emit.pytorch.read_back.steps import Lines, Steps, UnreadableError
from resnet_compiler.emit.pytorch.read_back.tracing import program_of
from resnet_compiler.emit.pytorch.read_back.tree import Tree
from resnet_compiler.emit.pytorch.read_back.values import Definition
from resnet_compiler.emit.pytorch.read_back.world import World
from resnet_compiler.faults import ReadBackError
from resnet_compiler.graph import Graph
from resnet_compiler.syntax import parse_module

__all__ = ["Lines", "ReadBack", "read_back"]


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What was read: the tree of modules, the calls, and the value of each layer of the graph, by its number."""

    tree: Tree
    flat: Flat
    numbers: dict[str, int] = field(repr=False)

    def constructed(self, graph: Graph) -> dict[str, Lines]:
        """The lines in which the modules of layers and scopes are constructed, by the names in the graph."""
        found = {}
        for node in graph:
            path, _ = self.flat.call(self.numbers[node.name], node.name)
            if not path and node.name in self.flat.by_path:
                path = node.name  # a learned tensor, which is read through an expression
            if any(self.numbers[node.name] == self.numbers[source] for source in node.inputs):
                path = ""  # it gives on what it reads, and is written nowhere
            made = self.tree.at(path) if path else None
            if made is not None:
                found[node.name] = made.lines
        for scope in graph.scopes:
            made = self.tree.at(scope)
            if made is not None:
                found[scope] = made.lines
        return found

    def computed(self, graph: Graph) -> dict[str, Lines]:
        """The lines of the statements that compute layers and call scopes, by the names in the graph."""
        lines = {node.name: self.flat.call(self.numbers[node.name], node.name)[1] for node in graph}
        lines |= {scope: self.flat.entered.get(scope) for scope in graph.scopes}
        return {name: each for name, each in lines.items() if each is not None}


def read_back(graph: Graph, text: str, file: str = "model.py") -> ReadBack:
    """Read emitted source and compare it with its graph, layer by layer.

    Args:
        graph: what the source was emitted from.
        text: the source.
        file: what it is called, for messages.

    Raises:
        ReadBackError: the source is not the network of the graph, or has something in it that is not understood; names
            the layer and both sides.
    """
    try:
        return _read(graph, text, file)
    except UnreadableError as fault:
        layer = ".".join(fault.path) or graph.identity.name
        raise ReadBackError(layer, "source", "a layer", fault.where, file) from None
    except (SyntaxError, RecursionError, ValueError) as fault:
        name = graph.identity.name
        raise ReadBackError(name, "source", "Python", f"not readable: {fault}", file) from None


def _read(graph: Graph, text: str, file: str) -> ReadBack:
    steps = Steps()
    module = parse_module(text)
    world = World.of(module, text, steps)
    definition = _network(module, world)
    root = construct(world, definition, (), {}, (1, 1))
    tree = Tree(root)
    flat = Flat.of(program_of(world, root.template))
    comparison = Comparison(graph, tree, flat, steps, file)
    comparison.run()
    compare_choices(graph, world, definition, tree, file)
    return ReadBack(tree, flat, comparison.numbers)


def _network(module: ast.Module, world: World) -> Definition:
    """The network's class, which is the last."""
    classes = [each for each in module.body if isinstance(each, ast.ClassDef)]
    found = world.names.get(classes[-1].name) if classes else None
    if not isinstance(found, Definition):
        raise UnreadableError("no class of a network")
    return found
