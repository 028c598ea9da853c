"""The comparison: every layer of the graph against what was read, in the graph's order; the first difference is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from resnet_compiler.emit.pytorch.read_back.expected import Expectations, Expected
from resnet_compiler.emit.pytorch.read_back.flat import Flat
from resnet_compiler.emit.pytorch.read_back.steps import Step, Steps
from resnet_compiler.emit.pytorch.read_back.tree import Tree
from resnet_compiler.faults import ReadBackError
from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.operators.fused import FusedConv

NOTHING = "nothing"
_FRESH = frozenset(
    (
        *("conv", "fused conv", "conv1d", "linear", "batch_norm", "group_norm", "layer_norm"),
        *("add", "mul", "maximum", "concat", "pad", "scale", "shift by a constant", "shuffle"),
        *("max_pool", "avg_pool", "blur_pool", "global_avg_pool"),
    )
)
"""Operations whose result is a new tensor that no gradient needs: what follows may overwrite it."""


def _is_fresh(step: Step) -> bool:
    """Whether a step makes a new tensor that its gradient does not need."""
    given = dict(step.attributes)
    if step.operator == "reduce":
        return bool(given["by"] != "max" or given["over"] == "groups")
    if step.operator == "power":
        return given["exponent"] not in (0.5, -0.5, -1)
    return step.operator in _FRESH


@dataclass(slots=True)
class Comparison:
    """Compares; ``numbers`` has the value that was read for each layer, ``names`` the layer of each value."""

    graph: Graph
    tree: Tree
    flat: Flat
    steps: Steps
    file: str
    numbers: dict[str, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Compare all: layers with tensors first, then what is computed, then what comes out.

        Raises:
            ReadBackError: the first difference.
        """
        expectations = Expectations(self.steps)
        shape = self.graph.shape
        expected = {
            node.name: expectations.of(node.operator, [shape(name) for name in node.inputs])
            for node in self.graph
        }
        self._layers(expected)
        self.numbers[INPUT] = 0
        self.names[0] = INPUT
        for node in self.graph:
            self._node(node, expected[node.name])
        self._outputs(self.flat.output, self.flat.features)
        self._rest()
        self._names()
        self._overwritten(self.flat.output, self.flat.features)
        self._hooks()

    def differs(self, layer: str, what: str, graph: object, emitted: object) -> NoReturn:
        """Tell a difference."""
        raise ReadBackError(layer, what, graph, emitted, self.file)

    # --- layers with tensors ---

    def _layers(self, expected: dict[str, Expected]) -> None:
        count = 0
        for name, each in expected.items():
            if each.owner is None:
                continue
            count += 1
            step = each.steps[each.owner][0]
            made = self.tree.at(name)
            layer = made.template.layer if made else None
            if layer is None:
                self.differs(name, "layer", step.title, made.template.kind if made else NOTHING)
            if layer.step is not step:
                self._step(name, step, layer.step)
            initial = self.tree.initial(name)
            if initial != each.initial:
                self._initial(name, step, each.initial, initial)
        if count != self.tree.count():
            extra = min(path for path in self.tree.with_tensors() if path not in expected)
            made = self.tree.at(extra)
            self.differs(extra, "layer", NOTHING, made.template.kind if made else "a layer")

    def _step(self, name: str, graph: Step, emitted: Step) -> NoReturn:
        """Tell in what two steps differ."""
        if graph.operator == emitted.operator:
            theirs = dict(emitted.attributes)
            for attribute, value in graph.attributes:
                if theirs.get(attribute, NOTHING) != value:
                    self.differs(name, attribute, value, theirs.get(attribute, NOTHING))
        if graph.operator == emitted.operator and graph.tensors != emitted.tensors:
            self.differs(name, "tensors", _shapes(graph), _shapes(emitted))
        self.differs(name, "operator", graph.title, emitted.title)

    def _initial(
        self, name: str, step: Step, graph: Sequence[object], emitted: Sequence[object]
    ) -> NoReturn:
        for tensor, ours, theirs in zip(step.tensors, graph, emitted, strict=True):
            if ours != theirs:
                self.differs(name, f"first value of {tensor.name or 'it'}", ours, theirs)
        self.differs(name, "first values", graph, emitted)

    # --- what is computed ---

    def _node(self, node: Node, expected: Expected) -> None:
        inputs = [self.numbers[name] for name in node.inputs]
        made: list[int] = []
        number = inputs[0] if inputs else -1
        for place, (step, reads) in enumerate(expected.steps):
            given = tuple([inputs[i] if i >= 0 else made[-i - 1] for i in reads])
            if place == expected.owner:
                number = self._owned(node, step, given)
            else:
                number = self._found(node, step, given)
            made.append(number)
        self.taken.update(made)
        self.numbers[node.name] = number
        self.names.setdefault(number, node.name)

    def _owned(self, node: Node, step: Step, given: tuple[int, ...]) -> int:
        """The call of a layer that has tensors, found by its name."""
        calls = self.flat.by_path.get(node.name, ())
        if len(calls) != 1:
            times = {0: "not called", 2: "called twice"}
            self.differs(node.name, "layer", "called once", times.get(len(calls), "called often"))
        if self.flat.inputs[calls[0]] != given:
            self._inputs(node, given, self.flat.inputs[calls[0]])
        return calls[0]

    def _found(self, node: Node, step: Step, given: tuple[int, ...]) -> int:
        """The call of a step that has no tensors, found by what it reads."""
        calls = self.flat.by_inputs.get((step, given), ())
        if step.is_random and calls:
            left = [each for each in calls if each not in self.taken]
            own = [each for each in left if self.flat.paths[each] == node.name]
            calls = own or left
        if not calls:
            self._lost(node, step, given)
        return calls[0]

    def _lost(self, node: Node, step: Step, given: tuple[int, ...]) -> NoReturn:
        """Tell what stands where a step was expected: another step on the same values, or the step on others."""
        near: list[tuple[int, int]] = []
        for number in range(1, len(self.flat.steps)):
            other, path = self.flat.steps[number], self.flat.paths[number]
            if other is None or number in self.taken:
                continue
            is_own = path == node.name
            if other.tensors or (path and not is_own and path in self.graph.nodes):
                continue
            alike = other.operator == step.operator
            same = self.flat.inputs[number] == given
            shared = bool(set(self.flat.inputs[number]) & set(given))
            score = 8 * is_own + 4 * same + 2 * alike + (shared and not same)
            if is_own or same or (alike and shared):
                near.append((-score, number))
        if not near:
            self.differs(node.name, "operator", self._text(step, given), NOTHING)
        number = min(near)[1]
        other = self.flat.steps[number]
        assert other is not None
        if other is step:
            self._inputs(node, given, self.flat.inputs[number])
        if self.flat.inputs[number] == given:
            self._step(node.name, step, other)
        theirs = self._text(other, self.flat.inputs[number])
        self.differs(node.name, "operator", self._text(step, given), theirs)

    def _inputs(self, node: Node, graph: Sequence[int], emitted: Sequence[int]) -> NoReturn:
        texts = (", ".join(self._value(each) for each in side) for side in (graph, emitted))
        self.differs(node.name, "input" if len(graph) == 1 else "inputs", *texts)

    def _text(self, step: Step, inputs: Sequence[int]) -> str:
        return f"{step.title} of {', '.join(self._value(each) for each in inputs)}"

    def _value(self, number: int, depth: int = 3) -> str:
        """A value by the layer that it is, or by how it is computed."""
        step = self.flat.steps[number]
        if number in self.names or step is None:
            return self.names.get(number, INPUT)
        if self.flat.paths[number]:
            return self.flat.paths[number]
        if depth == 0:
            return "…"
        inputs = ", ".join(self._value(each, depth - 1) for each in self.flat.inputs[number])
        return f"{step.operator}({inputs})"

    # --- what comes out, and what is left ---

    def _outputs(self, output: Any, features: Any) -> None:
        wanted = self.numbers[self.graph.output]
        if output != wanted:
            theirs = self._value(output) if isinstance(output, int) else "no tensor"
            self.differs(self.graph.output, "output", self.graph.output, theirs)
        if features is None:
            return
        exits = [self.numbers[stage.exit] for stage in self.graph.stages]
        for number, stage in enumerate(self.graph.stages):
            found = features[number] if number < len(features) else None
            if found != exits[number]:
                text = NOTHING if found is None else self._value(found)
                self.differs(stage.exit, f"output of stage {stage.name}", stage.exit, text)
        if len(features) != len(exits):
            names = [self._value(each) for each in features]
            self.differs(self.graph.output, "features", len(exits), ", ".join(names))

    def _rest(self) -> None:
        """Nothing is computed besides what the graph has."""
        for number in range(1, len(self.flat.steps)):
            step = self.flat.steps[number]
            if number not in self.taken and step is not None:
                name = self.flat.paths[number] or self._value(number)
                self.differs(name, "layer", NOTHING, self._text(step, self.flat.inputs[number]))

    def _names(self) -> None:
        """A module that one layer calls has that layer's name; those that several share may have any."""
        times = self.flat.times()
        for node in self.graph:
            number = self.numbers[node.name]
            if number in map(self.numbers.__getitem__, node.inputs):
                continue
            path, _ = self.flat.call(number, node.name)
            if path and path != node.name and times[path] == 1 and path not in self.graph.nodes:
                self.differs(node.name, "name", node.name, path)

    def _overwritten(self, output: Any, features: Any) -> None:
        """Nothing reads a value that was overwritten, and no gradient needs it."""
        kept = {0, output, *(features or ())}
        for number in self.flat.overwrites:
            (value,) = self.flat.inputs[number]
            step = self.flat.steps[value]
            readers = self.flat.readers.get(value, 0)
            if value in kept or readers > 1 or step is None or not _is_fresh(step):
                self.differs(
                    self._value(number),
                    "input",
                    f"{self._value(value)}, which is needed besides",
                    "overwritten",
                )

    def _hooks(self) -> None:
        """A fused network folds what it loads, and no other does."""
        fused = any(isinstance(node.operator, FusedConv) for node in self.graph)
        wanted = ["fold_norms"] * fused
        hooks = self.tree.root.template.hooks
        if hooks != wanted:
            self.differs(self.graph.output, "hooks before loading", wanted, hooks)


def _shapes(step: Step) -> str:
    return ", ".join(f"{tensor.name or 'it'} {tensor.shape}" for tensor in step.tensors)
