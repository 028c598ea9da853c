"""The network's own class: its modules, `forward_features` stage by stage, and `forward`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from resnet_compiler.emit.pytorch.bodies import Body, Step
from resnet_compiler.emit.pytorch.constructors import opened
from resnet_compiler.emit.pytorch.forward import Statements
from resnet_compiler.emit.pytorch.layout import fitted, signature
from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.operators.base import TorchModule
from resnet_compiler.operators.layout import Reshape
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


def network_class(graph: Graph, body: Body, name: str, last: Sequence[str] = ()) -> ClassText:
    """The class of the whole network. Input (N, in_channels, H, W), output (N, num_classes) or a feature map."""
    parameters = []
    if _output_layers(graph):
        parameters.append(f"{CLASSES}: int = {graph.shape(graph.output)[0]}")
    if _input_layers(graph):
        parameters.append(f"{CHANNELS}: int = {graph.input_shape[0]}")
    init = ["        super().__init__()"]
    for attribute, tree in body.attributes:
        init += fitted(f"self.{attribute} = ", opened(tree), 2)
    init += [f"        {line}" for line in last]
    head = signature("def __init__(", ["self", *parameters], ") -> None:", 1)
    doc = _doc(graph, len(parameters) > 0, parameters)
    return ClassText(name, "nn.Module", doc, head, init, _forward(graph, body))


# --- what can be chosen when the network is made ---------------------------------------------------------------------


CLASSES, CHANNELS = "num_classes", "in_channels"


def chosen_arguments(graph: Graph) -> dict[str, dict[str, str]]:
    """The arguments of layers that a parameter of the network decides, by layer and argument."""
    found: dict[str, dict[str, str]] = {}
    for parameter, layers in ((CLASSES, _output_layers(graph)), (CHANNELS, _input_layers(graph))):
        for name, argument in layers:
            found.setdefault(name, {})[argument] = parameter
    return found


def _input_layers(graph: Graph) -> list[tuple[str, str]]:
    """The layers whose number of channels is the input's, each with the argument; none where others depend on it too."""
    carrying = {INPUT}
    found: list[tuple[str, str]] = []
    for node in graph:
        if carrying.isdisjoint(node.inputs):
            continue
        if len(node.inputs) > 1:
            return []
        if node.operator.word == "conv" and getattr(node.operator, "groups", 1) == 1:
            found.append((node.name, "in_channels"))
        elif node.operator.word == "batch_norm":
            found.append((node.name, "num_features"))
            carrying.add(node.name)
        elif _keeps_channels(graph, node):
            carrying.add(node.name)
        else:
            return []
    return [] if graph.output in carrying else found


def _output_layers(graph: Graph) -> list[tuple[str, str]]:
    """The layer of the head that alone decides the number of classes, with its argument; or none."""
    uses = Counter(name for node in graph for name in node.inputs)
    name = graph.output
    while name != INPUT and uses[name] <= (name != graph.output):
        node = graph[name]
        if node.section != "head":
            return []
        if node.operator.word == "linear":
            return [(name, "out_features")]
        if node.operator.word == "conv" and getattr(node.operator, "groups", 1) == 1:
            return [(name, "out_channels")]
        if not (_keeps_channels(graph, node) or node.operator == Reshape((-1,))):
            return []
        name = node.inputs[0]
    return []


def _keeps_channels(graph: Graph, node: Node) -> bool:
    """Whether a layer takes any number of channels and gives as many: pointwise functions and poolings."""
    form = node.operator.torch_form(graph.input_shapes(node))
    same = graph.input_shapes(node)[:1] and graph.input_shapes(node)[0][0] == node.shape[0]
    return (
        bool(same)
        and isinstance(form, TorchModule)
        and form.stateless
        and node.operator.word != "shuffle"
    )


# --- forward ---------------------------------------------------------------------------------------------------------


def _forward(graph: Graph, body: Body) -> list[str]:
    """The lines of the methods that compute."""
    cuts = _cuts(graph, body)
    if cuts is None:
        statements = Statements({INPUT: "x"}, body.steps, [graph.output])
        lines = [*statements.write(), f"return {statements.final(graph.output)}"]
        return _method("forward", "Tensor", None, lines)
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
        last = ["return self.forward_features(x)[-1]"]
        return [*result, "", *_method("forward", "Tensor", None, last)]
    statements = Statements(variables, head, [graph.output])
    lines = [*opening, *statements.write(), f"return {statements.final(graph.output)}"]
    return [*result, "", *_method("forward", "Tensor", None, lines)]


def _piece(entry: str, steps: Sequence[Step], value: str) -> list[str]:
    """Lines that leave a value in x."""
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
    blocks = graph.stages[0].blocks
    first = graph.scopes[blocks[0]].entry if blocks else None
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
    for extent in graph.extents:  # the first size of the kind that is large enough
        least[extent.axis] = -(-least[extent.axis] // extent.multiple_of) * extent.multiple_of
    multiples = {e.multiple_of for e in graph.extents if e.is_open}
    of = (
        f" that are multiples of {multiples.pop()}"
        if len(multiples) == 1 and multiples != {1}
        else ""
    )
    if all(least[extent.axis] <= extent.multiple_of for extent in graph.extents):
        return f"Any H and W{of}."
    return f"Any H and W{of}, from {least['H']} x {least['W']} on."
