"""The layers of a message against the nodes of the graph: operators, attributes, inputs in their order, tensors, types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from resnet_compiler.emit.onnx.read_back.faults import Reporter
from resnet_compiler.emit.onnx.read_back.forms import FORMS
from resnet_compiler.emit.onnx.read_back.images import NUMBERS, Normalisation
from resnet_compiler.emit.onnx.read_back.meaning import Expected, expected, tensors_of
from resnet_compiler.emit.onnx.read_back.message import Message, Step
from resnet_compiler.emit.onnx.read_back.numbers import FLOAT32, NAMES
from resnet_compiler.emit.onnx.read_back.patterns import (
    Element,
    Match,
    Matcher,
    described,
    equal,
    shown,
)
from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.operators.arithmetic import Parameter
from resnet_compiler.shapes import shape_at

SLASH = "/"
"""Stands in the names of what belongs to no layer."""
_SHOWN = 4
"""How deep a formula of nodes is shown."""


@dataclass
class Reading:
    """One message being compared with one graph.

    Attributes:
        path: the tensor that an initializer holds, by the initializer's name.
        sizes: the input's height and width where they are fixed.
        wanted: the nodes that the model must have.
        entry: the pattern of the value that the network reads.
        precision: the number of the network's float type.
        taken: the names of nodes that were found to belong to something.
    """

    message: Message
    graph: Graph
    report: Reporter
    path: Mapping[str, str]
    sizes: Mapping[str, int] | None
    wanted: Collection[str]
    entry: Element
    precision: int
    normalisation: Normalisation
    kinds: dict[str, int] = field(default_factory=dict)
    """The number of the float type of each node's value."""
    taken: set[str] = field(default_factory=set)
    _entries: dict[str, bool] = field(default_factory=dict)
    _meanings: dict[tuple[object, ...], Expected | None] = field(default_factory=dict)

    def entry_is_read(self) -> None:
        """Whatever is made of the images and read by a layer is what the network must read.

        Raises:
            ReadBackError: it is made in another way.
        """
        for step in self.message.steps:
            if step.name.startswith(f"{INPUT}{SLASH}"):
                continue
            for value in step.inputs:
                if self._may_be_entry(value) and self.source(value) is None:
                    made = self.message.maker.get(value)
                    text = self._formula(made, f"{INPUT}{SLASH}") if made is not None else value
                    wanted = described(self.entry)
                    raise self.report.fault(INPUT, "what the network reads", wanted, text)

    def layers(self) -> None:
        """Compare every node.

        Raises:
            ReadBackError: the first that differs.
        """
        steps = {step.name: step for step in self.message.steps}
        for node in self.graph:
            if node.name not in self.wanted:
                if node.name in steps:
                    raise self.report.fault(node.name, "the layer", "left out", "there")
                continue
            self._layer(node, steps.get(node.name))

    def left_over(self) -> None:
        """Every node belongs to something, and every initializer is read.

        Raises:
            ReadBackError: one does not, or is not.
        """
        read = {value for step in self.message.steps for value in step.inputs}
        for step in self.message.steps:
            if step.name not in self.taken and step.op != "Cast":
                found = f"{step.op} `{step.name}`"
                raise self.report.fault(step.name, "a further node", "not there", found)
        outputs = self.message.outputs
        for step in self.message.steps:
            if step.op == "Cast" and not any(v in read or v in outputs for v in step.outputs):
                raise self.report.fault(step.name, "a Cast", "read", "not read")
        for name in self.message.tensors:
            if name not in read and name not in outputs:
                raise self.report.fault(name, "the tensor", "read", "not read")

    # --- values -----------------------------------------------------------------------------------------------------

    def source(self, value: str) -> str | None:
        """The node whose value this is, through a cast; "input" for what the network reads; None for anything else.

        Two casts in a row lose digits on the way, so they are anything else.
        """
        casts = 0
        while not self.is_entry(value):
            if value in self.message.tensors:
                return self._parameter(value)
            step = self.message.maker.get(value)
            if step is None:
                return None
            if step.name in self.wanted:
                return step.name
            casts += 1
            if step.op != "Cast" or casts > 1:
                return None
            value = step.inputs[0]
        return INPUT

    def _parameter(self, initializer: str) -> str | None:
        name = self.path[initializer]
        node = self.graph.nodes.get(name)
        return name if node is not None and isinstance(node.operator, Parameter) else None

    def is_entry(self, value: str) -> bool:
        """Whether this is the value that the network reads."""
        found = self._entries.get(value)
        if found is None:
            matcher = Matcher(self.message, self._image, f"{INPUT}{SLASH}", self.graph.nodes)
            match = matcher.value(self.entry, value) if self._may_be_entry(value) else None
            found = self._entries[value] = match is not None
            if match is not None:
                self.taken.update(step.name for step in match.taken)
        return found

    def _may_be_entry(self, value: str) -> bool:
        step = self.message.maker.get(value)
        return value == INPUT or (step is not None and step.name.startswith(f"{INPUT}{SLASH}"))

    def _image(self, value: str) -> str | None:
        return INPUT if value == INPUT and value not in self.message.maker else None

    def kind(self, value: str) -> int | None:
        """The number of a value's float type, as far as the layers so far tell."""
        if self.is_entry(value):
            return self.precision
        if value in self.message.tensors:
            return self.message.tensors[value].type
        step = self.message.maker.get(value)
        if step is None:
            return None
        if step.name in self.wanted:
            return self.kinds[step.name]
        return int(step.attributes["to"]) if step.op == "Cast" else None

    def named(self, name: str) -> str:
        """The node that a name of the graph stands for: of one that computes nothing, the one before it."""
        while name != INPUT and self._is_nothing(self.graph[name]):
            name = self.graph[name].inputs[0]
        return name

    def _is_nothing(self, node: Node) -> bool:
        return not isinstance(node.operator, Parameter) and self._meaning(node) is None

    def _meaning(self, node: Node) -> Expected | None:
        shapes = self.graph.input_shapes(node)
        key = (node.operator, *shapes)  # layers of one kind are worked out once
        if key not in self._meanings:
            self._meanings[key] = expected(node.operator, shapes, self.sizes)
        return self._meanings[key]

    # --- one layer --------------------------------------------------------------------------------------------------

    def _layer(self, node: Node, step: Step | None) -> None:
        kind = self.kinds[node.name] = self._kind_of(node)
        meaning = None if isinstance(node.operator, Parameter) else self._meaning(node)
        if meaning is None:
            if step is not None:
                found = f"{step.op} `{step.name}`"
                raise self.report.fault(node.name, "the layer", "without a node", found)
            if isinstance(node.operator, Parameter):
                self._parameter_tensor(node, kind)
            return
        if node.name in self.normalisation.convolutions and self.normalisation.in_bias:
            meaning = _with_bias(meaning)
        if step is None:
            raise self.report.fault(node.name, "the layer", meaning.operator, "missing")
        self._value_name(node, step)
        match = self._matched(node, step, meaning)
        self._attributes(node, meaning, match, kind)
        self._inputs(node, meaning, match, kind)
        self._tensors(node, meaning, match, kind)
        self.taken.update(each.name for each in match.taken)

    def _matched(self, node: Node, step: Step, meaning: Expected) -> Match:
        """The nodes read as the operator that they must be."""
        matcher = Matcher(self.message, self.source, f"{node.name}.", self.wanted_names)
        others = []
        for form in FORMS.get(step.op, ()):
            if form.operator == meaning.operator:
                match = matcher.root(form.pattern, step)
                if match is not None and self._has_all(meaning, match):
                    return match
            else:
                others.append(form)
        for form in others:
            if matcher.root(form.pattern, step) is not None:
                break
        else:
            text = self._formula(step, f"{node.name}.")
            raise self.report.fault(node.name, "operator", meaning.operator, text)
        text = f"{form.operator}, {self._formula(step, f'{node.name}.')}"
        raise self.report.fault(node.name, "operator", meaning.operator, text)

    @property
    def wanted_names(self) -> Mapping[str, object]:
        return self.graph.nodes

    def _has_all(self, meaning: Expected, match: Match) -> bool:
        return match.attributes.keys() == meaning.attributes.keys()

    def _attributes(self, node: Node, meaning: Expected, match: Match, kind: int) -> None:
        for name, wanted in meaning.attributes.items():
            found = match.attributes[name]
            if name == "shape" and found != wanted:
                if self._input_shape(node) != found:
                    raise self.report.fault(node.name, name, self._input_shape(node), found)
            elif not equal(wanted, found):
                raise self.report.fault(node.name, name, wanted, shown(found))

    def _input_shape(self, node: Node) -> tuple[int, ...] | str:
        """The shape of a node's input as `Reshape` takes it: 0 for the batch; where it is not fixed, in words."""
        shape = self.graph.input_shapes(node)[0]
        if self.sizes is None and any(not isinstance(dim, int) for dim in shape):
            return "its input's"
        return (0, *shape_at(shape, dict(self.sizes or {})))

    def _inputs(self, node: Node, meaning: Expected, match: Match, kind: int) -> None:
        positions = meaning.inputs or range(len(node.inputs))
        wanted = [self.named(node.inputs[position]) for position in positions]
        found = [match.inputs[position] for position in sorted(match.inputs)]
        if wanted != found:
            raise self.report.fault(node.name, "inputs", _listed(wanted), _listed(found))
        for step in match.taken:
            for value in step.inputs:
                given = self.kind(value) if value and self.source(value) is not None else kind
                if given != kind:
                    raise self._wrong_type(node, f"the type of {self.source(value)}", kind, given)
        for given in match.types:
            if given != kind:
                raise self._wrong_type(node, "the type of its constants", kind, given)

    def _wrong_type(self, node: Node, what: str, wanted: int, found: int | None) -> Exception:
        return self.report.fault(
            node.name, what, NAMES.get(wanted, wanted), NAMES.get(found or 0, found)
        )

    def _tensors(self, node: Node, meaning: Expected, match: Match, kind: int) -> None:
        if match.tensors.keys() != meaning.tensors.keys():
            wanted, found = _listed(meaning.tensors), _listed(match.tensors)
            raise self.report.fault(node.name, "tensors", wanted, found)
        for slot, dims in meaning.tensors.items():
            self._tensor(node, f"{node.name}.{slot}", match.tensors[slot], dims)

    def _tensor(self, node: Node, path: str, name: str, dims: tuple[int, ...]) -> None:
        if self.path[name] != path:
            raise self.report.fault(node.name, "the tensor", path, self.path[name])
        found = self.message.tensors[name].dims
        if found != dims:
            raise self.report.fault(node.name, f"the shape of {path}", dims, found)

    def _parameter_tensor(self, node: Node, kind: int) -> None:
        """A `parameter` is an initializer and no node; one that nothing reads is left out."""
        name = self.initializers.get(node.name)
        if name is None:
            return
        if name not in self.message.tensors:
            raise self.report.fault(node.name, "its initializer", f"`{name}`", "missing")
        self._tensor(node, node.name, name, tensors_of(node.operator, ())[""])
        found = self.message.tensors[name].type
        if found != kind:
            raise self._wrong_type(node, "its type", kind, found)

    @cached_property
    def initializers(self) -> Mapping[str, str]:
        """The initializer that holds a tensor, by the tensor's path."""
        return {path: name for name, path in self.path.items()}

    def _kind_of(self, node: Node) -> int:
        """The type that a layer must compute in: sums of squares and the like are left in float32."""
        match node.operator.in_half_precision:
            case "float32":
                return FLOAT32
            case "as its inputs":
                of_inputs = {
                    self.precision if name == INPUT else self.kinds[name] for name in node.inputs
                }
                return FLOAT32 if FLOAT32 in of_inputs else self.precision
        return self.precision

    def _value_name(self, node: Node, step: Step) -> None:
        """A layer's value is called as the layer is, or as what the model puts out."""
        value = step.outputs[0]
        if value == node.name or value in self.message.outputs:
            return
        if node.name in self.message.outputs and value.startswith(f"{node.name}.value"):
            return
        raise self.report.fault(node.name, "its value", f"`{node.name}`", f"`{value}`")

    def _formula(self, step: Step, prefix: str, depth: int = _SHOWN) -> str:
        """The nodes whose names begin like this as nested calls, for a message."""
        operands = []
        for value in step.inputs:
            made = self.message.maker.get(value)
            if made is not None and depth and made.name.startswith(prefix):
                operands.append(self._formula(made, prefix, depth - 1))
            else:
                operands.append(self.source(value) or value)
        return f"{step.op}({', '.join(operands)})"


def _with_bias(meaning: Expected) -> Expected:
    out = meaning.tensors["weight"][0]
    return Expected(meaning.operator, meaning.attributes, {**meaning.tensors, "bias": (out,)})


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    return f"({', '.join(names)})"


__all__ = ["NUMBERS", "Reading"]
