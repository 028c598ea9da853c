"""What one block instance is made of: the attributes its class has, and the steps of its forward function.

A body is made from the graph, scope by scope. Containers are found here: layers whose names share a first part and
that run one after the other become an ``nn.Sequential``, so that the names in the state_dict are those of the graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal as Literal_

from resnet_compiler.emit.names import parameter_name
from resnet_compiler.emit.pytorch.constructors import (
    Children,
    Given,
    Literal,
    New,
    Open,
    Tree,
    container,
    new,
)
from resnet_compiler.graph import INPUT, Graph, Node, Scope
from resnet_compiler.operators.base import Argument, TorchModule, TorchParameter

MAXIMUM_GAP = 16
"""Missing numbers in a Sequential are filled with nn.Identity, up to this many."""

Binding = Literal_["atom", "product", "sum"]


@dataclass(frozen=True, slots=True)
class Step:
    """One value computed: by calling a module (``attribute``) or by an expression (``template``).

    ``inputs`` and ``output`` are names of nodes in the graph. ``path`` is the name inside the scope, in parts.
    """

    path: tuple[str, ...]
    inputs: tuple[str, ...]
    output: str
    tree: Tree | None = None
    attribute: str = ""
    input_format: str = "{}"
    template: str = ""
    arguments: tuple[Given, ...] = ()
    binds: Binding = "atom"
    operands: str = "any"
    makes_tensor: bool = False
    shareable: str = ""
    can_overwrite: bool = False
    support: str = ""
    view: str | None = None
    starts_at_zero: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """The shortcut's place in a residual block: the module that stands there, and the value it reads."""

    name: str
    tree: Tree
    source: str

    @property
    def parameter(self) -> str:
        """What the constructor calls it."""
        return parameter_name(self.name)


@dataclass(frozen=True, slots=True)
class Body:
    """An instance: its scope, the modules it owns by attribute, its steps, and the shortcut that is passed in."""

    scope: Scope
    attributes: tuple[tuple[str, Tree], ...]
    steps: tuple[Step, ...]
    slot: Slot | None = None
    shortcut_of: str = ""
    support: tuple[str, ...] = ()

    @property
    def joins_shortcut(self) -> bool:
        """Whether the add's second input, a value as it is or a module in the slot, may differ between instances."""
        return bool(self.scope.join) and (self.slot is not None or not self.scope.shortcut_layers)

    @property
    def identity(self) -> str:
        """What the add takes where no module stands on the shortcut: the block's input, or what absent layers give on."""
        if self.slot is not None or not self.joins_shortcut:
            return self.scope.entry
        return next(step for step in self.steps if step.output == self.scope.join).inputs[1]

    def place(self, value: str) -> int | str:
        """A value by its place in the body, so that instances can be compared: "input" or the step's number."""
        if value == self.scope.entry:
            return "input"
        return next((i for i, step in enumerate(self.steps) if step.output == value), "shortcut")


@dataclass
class Bodies:
    """Makes bodies; ``calls`` holds the constructor call of every scope that is done.

    ``chosen`` are the arguments of layers that whoever makes the network may choose, each with the network's parameter.
    """

    graph: Graph
    chosen: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    calls: dict[str, Tree] = field(default_factory=dict)

    def body(self, scope: Scope, steps: list[Step], exits: Iterable[str] = ()) -> Body:
        """The body of a scope from its steps in order. ``exits`` are values that are needed besides the last."""
        slot = None
        if scope.join and scope.shortcut_layers:
            slot, steps = self._take_slot(scope, steps)
        uses = Counter(name for step in steps for name in step.inputs)
        uses.update([scope.exit, *exits, *([slot.source] if slot else [])])
        steps, attributes = _contain(steps, uses)
        steps, attributes = _share(steps, attributes, uses)
        support = tuple(dict.fromkeys(step.support for step in steps if step.support))
        return Body(scope, tuple(attributes.items()), tuple(steps), slot, scope.join or "", support)

    def leaf(self, node: Node, path: tuple[str, ...]) -> Step:
        """The step of a node."""
        form = node.operator.torch_form(self.graph.input_shapes(node))
        if isinstance(form, TorchModule):
            tree = new(form.callee, self._opened(node, form.arguments))
            return Step(
                path,
                node.inputs,
                node.name,
                tree,
                input_format=form.input_format,
                makes_tensor=form.makes_tensor,
                shareable=node.operator.word if form.stateless and not form.makes_tensor else "",
                can_overwrite=form.can_overwrite,
                support=form.support or "",
                starts_at_zero=node.operator.starts_at_zero,
            )
        if isinstance(form, TorchParameter):
            size = Given("size", Literal(compact_shape(form.shape)), positional=True)
            return Step(path, (), node.name, _learned(form.fill, size), view=form.view)
        return Step(
            path,
            node.inputs,
            node.name,
            template=form.template,
            arguments=new("", form.arguments).arguments,
            binds=form.binds,
            operands=form.operands,
            makes_tensor=form.makes_tensor,
            support=form.support or "",
        )

    def _opened(self, node: Node, arguments: tuple[Argument, ...]) -> tuple[Argument, ...]:
        """The arguments, with those marked that may be chosen."""
        chosen = self.chosen.get(node.name, {})
        return tuple(
            replace(a, value=Open.of(a.value, chosen[a.name])) if a.name in chosen else a
            for a in arguments
        )

    def _take_slot(self, scope: Scope, steps: list[Step]) -> tuple[Slot | None, list[Step]]:
        """Take the shortcut's steps out, where they make one module with a name of its own."""
        inside = [step for step in steps if step.output in scope.shortcut_layers]
        heads = {step.path[0] for step in inside}
        if any(step.starts_at_zero for step in inside):  # `reset_parameters` names it in its class
            return None, steps
        if len(heads) != 1 or any(step.path[0] in heads for step in steps if step not in inside):
            return None, steps
        join = next(step for step in steps if step.output == scope.join)
        uses = Counter(name for step in steps for name in step.inputs)
        merged, attributes = _contain(inside, uses)
        if len(merged) != 1 or merged[0].tree is None or merged[0].input_format != "{}":
            return None, steps
        if merged[0].output != join.inputs[1] or uses[merged[0].output] > 1:
            return None, steps
        (name,) = attributes
        slot = Slot(name, attributes[name], merged[0].inputs[0])
        return slot, [step for step in steps if step not in inside]


def compact_shape(shape: tuple[int, ...]) -> int | tuple[int, ...]:
    """A shape of one dimension as the number alone."""
    return shape[0] if len(shape) == 1 else shape


def _learned(fill: float, size: Given) -> New:
    """The construction of a learned tensor: ``nn.Parameter(torch.ones(64))``."""
    fills = {0.0: "torch.zeros", 1.0: "torch.ones"}
    if fill in fills:
        data = New(fills[fill], (size,))
    else:
        value = Given("fill_value", Literal(fill), positional=True)
        shape = Given("size", Children("list", ("0",), (size.value,)), positional=True)
        data = New("torch.full", (shape, value))
    return New("nn.Parameter", (Given("data", data, positional=True),))


def local_path(scope: str, name: str) -> tuple[str, ...]:
    """A node's or scope's name inside a scope, in parts."""
    return tuple((name[len(scope) + 1 :] if scope else name).split("."))


def _contain(
    steps: Sequence[Step], uses: Mapping[str, int], depth: int = 0, access: str = ""
) -> tuple[list[Step], dict[str, Tree]]:
    """Gather steps whose names share a part into containers; returns the steps left and the modules by attribute.

    Steps that make a chain become one step that calls the container; others call its members.
    """
    groups: dict[str, list[Step]] = {}
    for step in steps:
        if step.tree is not None:
            groups.setdefault(step.path[depth], []).append(step)
    replaced: dict[str, Step] = {}
    dropped: set[str] = set()
    trees: dict[str, Tree] = {}
    numbered = list(groups) == [str(index) for index in range(len(groups))]
    for key, members in groups.items():
        here = _member(access, key, depth, numbered)
        if len(members) == 1 and len(members[0].path) == depth + 1:
            tree = members[0].tree
            assert tree is not None
            trees[key] = tree
            replaced[members[0].output] = replace(members[0], attribute=here)
            continue
        inner, modules = _contain(members, uses, depth + 1, here)
        chain = _chain(inner, uses, depth + 1)
        if chain is not None:
            trees[key] = chain
            merged = replace(
                inner[-1],
                path=inner[0].path[: depth + 1],
                inputs=inner[0].inputs,
                tree=chain,
                attribute=here,
                makes_tensor=False,
                shareable="",
                can_overwrite=False,
            )
            replaced[inner[-1].output] = merged
            dropped |= {step.output for step in inner[:-1]}
            dropped |= {m.output for m in members} - {inner[-1].output}
        else:
            trees[key] = _container(modules)
            for step in inner:
                replaced[step.output] = step
            dropped |= {m.output for m in members} - {step.output for step in inner}
    left = [replaced.get(step.output, step) for step in steps if step.output not in dropped]
    return left, trees


def _member(access: str, key: str, depth: int, numbered: bool) -> str:
    """How forward writes a member of a container: ``branches[0]``, or by its path where containers nest."""
    if depth == 0:
        return key
    if depth == 1:
        return f"{access}[{int(key)}]" if numbered else f'{access}["{key}"]'
    if depth == 2:
        head, _, inner = access.partition("[")
        return f'{head}.get_submodule("{inner[:-1].strip(chr(34))}.{key}")'
    return f'{access[:-2]}.{key}")'


def _chain(steps: Sequence[Step], uses: Mapping[str, int], depth: int) -> Tree | None:
    """The Sequential of steps that feed each other and nothing else, or None."""
    for before, after in pairwise(steps):
        if after.inputs != (before.output,) or uses[before.output] != 1:
            return None
    plain = all(
        len(s.path) == depth + 1
        and s.input_format == "{}"
        and len(s.inputs) == 1
        and not s.starts_at_zero
        for s in steps
    )
    if not plain:
        return None
    keys = [step.path[depth] for step in steps]
    modules = [
        _overwriting(step, before) for before, step in zip((None, *steps), steps, strict=False)
    ]
    if all(key.isdecimal() and str(int(key)) == key for key in keys):
        numbers = [int(key) for key in keys]
        if numbers != sorted(set(numbers)) or numbers[-1] - len(numbers) > MAXIMUM_GAP:
            return None
        filled: list[Tree] = [New("nn.Identity")] * (numbers[-1] + 1)
        for number, module in zip(numbers, modules, strict=True):
            filled[number] = module
        return Children("nn.Sequential", tuple(map(str, range(len(filled)))), tuple(filled))
    if any(key[0].isdecimal() for key in keys):
        return None
    return container("nn.Sequential", Children("OrderedDict", tuple(keys), tuple(modules)))


def _container(trees: Mapping[str, Tree]) -> Tree:
    """A list or dict of modules that the forward function calls one by one."""
    if list(trees) == [str(index) for index in range(len(trees))]:
        return container("nn.ModuleList", Children("list", tuple(trees), tuple(trees.values())))
    return container("nn.ModuleDict", Children("dict", tuple(trees), tuple(trees.values())))


def _overwriting(step: Step, before: Step | None) -> Tree:
    """The step's module, overwriting its input where the step before made it and needs it no more."""
    assert step.tree is not None
    return (
        _in_place(step.tree) if step.can_overwrite and before and before.makes_tensor else step.tree
    )


def _in_place(tree: Tree) -> Tree:
    assert isinstance(tree, New)
    return New(tree.callee, (*tree.arguments, Given("inplace", Literal(True), False)))


def _share(
    steps: list[Step], attributes: dict[str, Tree], uses: Mapping[str, int]
) -> tuple[list[Step], dict[str, Tree]]:
    """Let equal modules without tensors share one attribute, overwriting their input where every use allows it."""
    makers = {step.output: step.makes_tensor for step in steps}
    groups: dict[tuple[str, Tree], list[int]] = {}
    for index, step in enumerate(steps):
        if step.shareable and len(step.path) == 1 and step.tree is not None:
            groups.setdefault((step.shareable, step.tree), []).append(index)
    for (word, tree), members in groups.items():
        first = steps[members[0]].attribute
        name = word if len(members) > 1 and (word not in attributes) else first
        free = all(
            steps[index].can_overwrite
            and makers.get(steps[index].inputs[0], False)
            and uses[steps[index].inputs[0]] == 1
            for index in members
        )
        shared = _in_place(tree) if free else tree
        position = list(attributes).index(first)
        for index in members:
            attributes.pop(steps[index].attribute, None)
            steps[index] = replace(steps[index], attribute=name, tree=shared)
        entries = list(attributes.items())
        entries.insert(position, (name, shared))
        attributes = dict(entries)
    return steps, attributes


__all__ = ["INPUT", "Bodies", "Body", "Slot", "Step", "local_path"]
