"""What the network's constructor takes: whoever makes it with other numbers gets the same network with these."""

from __future__ import annotations

from dataclasses import replace

from resnet_compiler.emit.pytorch.read_back.constructing import construct
from resnet_compiler.emit.pytorch.read_back.expected import Expectations
from resnet_compiler.emit.pytorch.read_back.steps import Step, UnreadableError
from resnet_compiler.emit.pytorch.read_back.tree import Tree
from resnet_compiler.emit.pytorch.read_back.values import Definition, Template
from resnet_compiler.emit.pytorch.read_back.world import World
from resnet_compiler.faults import ReadBackError
from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.operators.base import Operator, ShapeError
from resnet_compiler.operators.linear import Conv, Linear
from resnet_compiler.shapes import Shape

CLASSES, CHANNELS = "num_classes", "in_channels"
OTHER = 7919
"""A number that no network has by chance."""


def compare_choices(
    graph: Graph, world: World, definition: Definition, tree: Tree, file: str
) -> None:
    """Construct the network with another number for each parameter, and compare what changes with what must.

    Raises:
        ReadBackError: a layer changes that must not, or the other way round.
    """
    for name, default in definition.signature or ():
        if name not in (CLASSES, CHANNELS):
            raise UnreadableError(f"a parameter {name} of the network")
        made = construct(world, definition, (), {name: OTHER}, (1, 1))
        changed = _changed(tree.root.template, made.template)
        wanted = _expected(graph, Expectations(world.steps), name)
        own = graph.input_shape[0] if name == CHANNELS else graph.shape(graph.output)[0]
        if default != own:
            raise ReadBackError(graph.output, f"the default of {name}", own, default, file)
        for layer in sorted({*wanted, *changed}):
            ours, theirs = wanted.get(layer), changed.get(layer)
            if ours is not theirs:
                what = f"operator with {name}={OTHER}"
                raise ReadBackError(layer, what, _title(ours), _title(theirs), file)


def _title(step: Step | None) -> str:
    return step.title if step else "as it was"


def _changed(before: Template, after: Template) -> dict[str, Step]:
    """The layers with tensors that differ, by their names."""
    found: dict[str, Step] = {}
    waiting = [("", before, after)]
    while waiting:
        path, old, new = waiting.pop()
        if old is new:
            continue
        if new.layer is not None and new.layer.step is not (old.layer.step if old.layer else None):
            found[path] = new.layer.step
        for name, made in new.children.items():
            if name not in old.children:
                raise UnreadableError(f"a layer {name} that depends on a parameter")
            inner = f"{path}.{name}" if path else name
            waiting.append((inner, old.children[name].template, made.template))
    return found


def _expected(graph: Graph, expectations: Expectations, parameter: str) -> dict[str, Step]:
    """What layers with tensors become: those behind the change, as far as it reaches."""
    shapes: dict[str, Shape] = {}
    head = _deciding(graph) if parameter == CLASSES else None
    if parameter == CLASSES and head is None:
        raise UnreadableError("num_classes, which no layer decides")
    if head is None:
        shapes[INPUT] = (OTHER, *graph.input_shape[1:])
    found: dict[str, Step] = {}
    for node in graph:
        is_head = head is not None and node.name == head.name
        if not is_head and shapes.keys().isdisjoint(node.inputs):
            continue
        before = [shapes.get(name) or graph.shape(name) for name in node.inputs]
        operator = _with_classes(node.operator) if is_head else node.operator
        try:
            shape = operator.infer(before)
        except ShapeError as fault:
            raise UnreadableError(
                f"{parameter}, with which {node.name} cannot be: {fault}"
            ) from None
        if shape != node.shape:
            shapes[node.name] = shape
        step = next((s for s, _ in expectations.of(operator, before).steps if s.tensors), None)
        if step is not None:
            found[node.name] = step
    return found


def _deciding(graph: Graph) -> Node | None:
    """The layer that gives the classes: the last with weights on the way to the output."""
    node = graph[graph.output]
    while not isinstance(node.operator, Conv | Linear):
        if len(node.inputs) != 1 or node.inputs[0] == INPUT:
            return None
        node = graph[node.inputs[0]]
    return node


def _with_classes(operator: Operator) -> Operator:
    assert isinstance(operator, Conv | Linear)
    return replace(operator, out=OTHER)
