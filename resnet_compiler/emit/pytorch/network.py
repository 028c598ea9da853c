"""The network's own class: its modules, `forward_features` stage by stage, and `forward`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from resnet_compiler.emit.pytorch.bodies import Body, Step
from resnet_compiler.emit.pytorch.constructors import Children, Given, New, Reference, Tree
from resnet_compiler.emit.pytorch.forward import Statements
from resnet_compiler.emit.pytorch.layout import fitted, signature
from resnet_compiler.graph import INPUT, Graph
from resnet_compiler.shapes import Size


@dataclass(frozen=True, slots=True)
class ClassText:
    """A class ready for the template: every field is source text."""

    name: str
    base: str
    doc: list[str]
    init_head: list[str]
    init_body: list[str]
    forward: list[str]

    @property
    def lines(self) -> list[str]:
        """The code without docstrings."""
        return [*self.init_head, *self.init_body, *self.forward]


_CHANNEL_ARGUMENTS = ("num_features", "num_channels")


def network_class(graph: Graph, body: Body, name: str) -> ClassText:
    """The class of the whole network. Input (N, in_channels, H, W), output (N, num_classes) or a feature map."""
    attributes = dict(body.attributes)
    parameters = []
    if _open_output(graph, body, attributes):
        parameters.append(f"num_classes: int = {graph.shape(graph.output)[0]}")
    if _open_input(body, attributes):
        parameters.append(f"in_channels: int = {graph.input_shape[0]}")
    init = ["        super().__init__()"]
    for attribute, tree in attributes.items():
        init += fitted(f"self.{attribute} = ", tree, 2)
    head = signature("def __init__(", ["self", *parameters], ") -> None:", 1)
    forward = _forward(graph, body)
    return ClassText(
        name, "nn.Module", _doc(graph, len(parameters) > 0, parameters), head, init, forward
    )


# --- what can be chosen when the network is made ---------------------------------------------------------------------


def _open_input(body: Body, attributes: dict[str, Tree]) -> bool:
    """Make the input's channels a parameter, where they reach a constructor argument that takes them."""
    carrying = {INPUT}
    opened = False
    for step in body.steps:
        if not set(step.inputs) <= carrying:
            continue
        if step.tree is None or len(step.inputs) > 1:
            return opened
        head = step.attribute.split("[")[0]
        changed, goes_on = _with_input_channels(attributes[head])
        if changed is not None:
            attributes[head] = changed
            opened = True
        if goes_on:
            carrying.add(step.output)
        elif changed is None:
            return opened
    return opened


def _with_input_channels(tree: Tree) -> tuple[Tree | None, bool]:
    """The tree with its input channels as a parameter (None: it has none), and whether they go through unchanged."""
    if isinstance(tree, Children):
        modules = list(tree.modules)
        found = False
        for index, module in enumerate(modules):
            changed, goes_on = _with_input_channels(module)
            if changed is not None:
                modules[index], found = changed, True
            if not goes_on:
                return (replace(tree, modules=tuple(modules)) if found else None), False
        return (replace(tree, modules=tuple(modules)) if found else None), True
    if not isinstance(tree, New):
        return None, False
    wrapped = _wrapped(tree)
    if wrapped is not None:
        changed, goes_on = _with_input_channels(wrapped)
        return (None if changed is None else _rewrapped(tree, changed)), goes_on
    names = {given.name: given for given in tree.arguments}
    grouped = "groups" in names and not names["groups"].is_default
    if "in_channels" in names and not grouped:
        return _replaced(tree, "in_channels", "in_channels"), False
    for name in _CHANNEL_ARGUMENTS:
        if name in names:
            return _replaced(tree, name, "in_channels"), True
    return None, tree.callee.startswith("nn.") and not names.keys() & {"in_channels", "in_features"}


def _open_output(graph: Graph, body: Body, attributes: dict[str, Tree]) -> bool:
    """Make the number of classes a parameter, where the last layer with weights gives the network's output."""
    wanted = graph.output
    for step in reversed(body.steps):
        if step.output != wanted:
            continue
        if step.tree is None:
            if step.template not in ("{0}.flatten(1)", "{0}"):
                return False
            wanted = step.inputs[0]
            continue
        head, *rest = step.attribute.split("[")
        tree = attributes[head]
        changed = None if rest else _with_classes(tree)
        if changed is not None:
            attributes[head] = changed
        return changed is not None
    return False


def _with_classes(tree: Tree) -> Tree | None:
    """The tree with the output features of its last layer as a parameter; None where it ends with no such layer."""
    if isinstance(tree, Children):
        changed = _with_classes(tree.modules[-1])
        return None if changed is None else replace(tree, modules=(*tree.modules[:-1], changed))
    if not isinstance(tree, New):
        return None
    wrapped = _wrapped(tree)
    if wrapped is not None:
        changed = _with_classes(wrapped)
        return None if changed is None else _rewrapped(tree, changed)
    for name in ("out_features", "out_channels"):
        if any(given.name == name for given in tree.arguments):
            return _replaced(tree, name, "num_classes")
    return None


def _wrapped(tree: New) -> Children | None:
    """The children of ``nn.Sequential(OrderedDict(…))``."""
    inner = tree.arguments[0].value if tree.arguments else None
    return inner if tree.callee == "nn.Sequential" and isinstance(inner, Children) else None


def _rewrapped(tree: New, children: Tree) -> New:
    return replace(tree, arguments=(replace(tree.arguments[0], value=children),))


def _replaced(tree: New, argument: str, parameter: str) -> New:
    given = tuple(
        Given(g.name, Reference(parameter), g.default, g.positional) if g.name == argument else g
        for g in tree.arguments
    )
    return New(tree.callee, given)


# --- forward ---------------------------------------------------------------------------------------------------------


def _forward(graph: Graph, body: Body) -> list[str]:
    cuts = _cuts(graph, body)
    if cuts is None:
        statements = Statements({INPUT: "x"}, body.steps, [graph.output])
        lines = statements.write()
        return _method(
            "forward", "Tensor", None, [*lines, f"return {statements.final(graph.output)}"]
        )
    stem, stages, head = cuts
    lines = []
    entry = INPUT
    if stem:
        entry = stem[-1].output
        lines += _piece(INPUT, stem, entry)
    lines.append("features = []")
    loop = _loop(graph, stages)
    if loop:
        lines += [*loop, "    x = stage(x)", "    features.append(x)"]
    else:
        for steps in stages:
            lines += [*_piece(entry, steps, steps[-1].output), "features.append(x)"]
            entry = steps[-1].output
    lines.append("return features")
    result = _method("forward_features", "list[Tensor]", _features_doc(graph), lines)
    exits = [stage.exit for stage in graph.stages]
    used = {name for step in head for name in step.inputs if name in exits} | {graph.output} & set(
        exits
    )
    if used <= {exits[-1]}:
        opening, variables = ["x = self.forward_features(x)[-1]"], {exits[-1]: "x"}
    else:
        opening = ["features = self.forward_features(x)"]
        variables = {name: f"features[{index}]" for index, name in enumerate(exits)}
    if not head:
        return [
            *result,
            "",
            *_method("forward", "Tensor", None, ["return self.forward_features(x)[-1]"]),
        ]
    statements = Statements(variables, head, [graph.output])
    lines = [*opening, *statements.write(), f"return {statements.final(graph.output)}"]
    return [*result, "", *_method("forward", "Tensor", None, lines)]


def _piece(entry: str, steps: Sequence[Step], value: str) -> list[str]:
    """Statements that leave a value in x."""
    statements = Statements({entry: "x"}, steps, [value])
    lines = statements.write()
    final = statements.final(value)
    return lines if final == "x" else [*lines, f"x = {final}"]


def _cuts(graph: Graph, body: Body) -> tuple[list[Step], list[list[Step]], list[Step]] | None:
    """The steps of stem, of each stage and of the head; None where the pieces use more than the last one's output."""
    if not graph.stages:
        return None
    outputs = [step.output for step in body.steps]
    if any(stage.exit not in outputs for stage in graph.stages):
        return None
    first = (
        graph.scopes[graph.stages[0].blocks[0]].entry
        if graph.stages[0].blocks[0] in graph.scopes
        else None
    )
    start = outputs.index(first) + 1 if first in outputs else 0
    bounds = [start, *(outputs.index(stage.exit) + 1 for stage in graph.stages)]
    pieces = [list(body.steps[a:b]) for a, b in pairwise(bounds)]
    stem, head = list(body.steps[:start]), list(body.steps[bounds[-1] :])
    if any(not piece for piece in pieces):
        return None
    entry = stem[-1].output if stem else INPUT
    for piece in pieces:
        known = {entry} | {step.output for step in piece}
        if any(name not in known for step in piece for name in step.inputs):
            return None
        entry = piece[-1].output
    known = {stage.exit for stage in graph.stages} | {step.output for step in head}
    if any(name not in known for step in head for name in step.inputs):
        return None
    return stem, pieces, head


def _loop(graph: Graph, stages: Sequence[Sequence[Step]]) -> list[str]:
    """The head of a loop over the stages, where each is one module."""
    if any(len(steps) != 1 or steps[0].tree is None for steps in stages):
        return []
    names = [steps[0].attribute for steps in stages]
    head = names[0].split("[")[0]
    if names == [f"{head}[{index}]" for index in range(len(names))]:
        return [f"for stage in self.{head}:"]
    if len(names) == 1:
        return []
    listed = [f"self.{name}" for name in names]
    line = f"for stage in ({', '.join(listed)}):"
    return (
        [line]
        if len(line) + 8 <= 88
        else ["for stage in (", *(f"    {name}," for name in listed), "):"]
    )


def _method(name: str, result: str, doc: str | None, lines: Sequence[str]) -> list[str]:
    opening = [f"    def {name}(self, x: Tensor) -> {result}:"]
    if doc:
        opening.append(f'        """{doc}"""')
    return [*opening, *(f"        {line}" for line in lines)]


# --- docstrings ------------------------------------------------------------------------------------------------------


def _features_doc(graph: Graph) -> str:
    strides = []
    for stage in graph.stages:
        dims = [dim for dim in graph.shape(stage.exit) if isinstance(dim, Size)]
        strides.append(str(dims[0].stride) if dims else "?")
    if len(strides) == 1:
        return f"The output of the stage, at stride {strides[0]}."
    if len(strides) > 8:
        return "The output of each stage."
    return f"The output of each stage, at strides {', '.join(strides[:-1])} and {strides[-1]}."


def _doc(graph: Graph, is_open: bool, parameters: Sequence[str]) -> list[str]:
    words = [parameter.split(":")[0] for parameter in parameters]
    channels = "in_channels" if "in_channels" in words else str(graph.input_shape[0])
    shape = graph.shape(graph.output)
    if len(shape) == 1:
        classes = "num_classes" if "num_classes" in words else str(shape[0])
        result = f"Image classifier: (N, {channels}, H, W) float -> (N, {classes}) logits"
    else:
        result = f"(N, {channels}, H, W) float -> (N, {', '.join(map(_dim, shape))})"
    return [f"{result}.", "", _sizes(graph)]


def _dim(dim: object) -> str:
    if isinstance(dim, Size):
        return dim.axis if dim.stride == 1 else f"{dim.axis}/{dim.stride}"
    return str(dim)


def _sizes(graph: Graph) -> str:
    """For which sizes of the image the network is proved to work."""
    if not graph.any_size:
        size = " x ".join(str(extent.declared) for extent in graph.extents)
        return f"H x W is {size}; not every other size works."
    least = {
        axis: max(extent, bound.minimum)
        for (axis, extent), bound in zip(graph.minimum_extents.items(), graph.extents, strict=True)
    }
    multiples = {e.multiple_of for e in graph.extents if e.is_open}
    of = (
        f" that are multiples of {multiples.pop()}"
        if len(multiples) == 1 and multiples != {1}
        else ""
    )
    if set(least.values()) == {1}:
        return f"Any H and W{of}."
    return f"Any H and W{of}, from {least['H']} x {least['W']} on."
