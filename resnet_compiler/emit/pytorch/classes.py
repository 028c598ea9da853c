"""From instances to classes: least general generalisation (Plotkin 1970), "anti-unification".

All instances of a block are laid side by side. What is equal in all stays a literal; what differs becomes a parameter
of the constructor; columns that always agree become one parameter, named after what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from resnet_compiler.emit.names import class_name, unique
from resnet_compiler.emit.pytorch.bodies import Body, Slot
from resnet_compiler.emit.pytorch.constructors import (
    Children,
    Given,
    Literal,
    New,
    Open,
    Reference,
    Tree,
    leaves,
    replace_leaves,
    skeleton,
)
from resnet_compiler.emit.pytorch.unify import Context, Parameter, Row, arguments_of, unify
from resnet_compiler.graph import Graph, Scope
from resnet_compiler.operators.base import REQUIRED
from resnet_compiler.shapes import Dim, Size


@dataclass(frozen=True, slots=True)
class ShapeWords:
    """How a docstring writes the channels in and out and the stride: a parameter, a number, or "" for neither."""

    channels_in: str
    channels_out: str
    stride: str


@dataclass(frozen=True, slots=True)
class ClassDefinition:
    """A class to write. ``body`` has references where instances differ; ``stored`` parameters are used in forward.

    ``identity`` is the value of ``body`` that is added where no module stands on the shortcut.
    """

    name: str
    title: str
    doc: str
    parameters: tuple[Parameter, ...]
    body: Body
    stored: tuple[str, ...]
    slot: Slot | None
    slot_is_optional: bool
    joins_shortcut: bool
    words: ShapeWords
    sequential: Children | None = None
    identity: str = ""


class Generaliser:
    """Turns the bodies of one nesting depth after another into class definitions and constructor calls."""

    def __init__(self, graph: Graph, taken: Sequence[str]) -> None:
        self.graph = graph
        self.definitions: list[ClassDefinition] = []
        self._taken = set(taken)
        self._attributes: dict[tuple[str, str], tuple[str, ...]] = {}

    def generalise(self, bodies: Sequence[Body]) -> Iterator[tuple[Body, Tree]]:
        """Each body with the call that constructs its instance; definitions are added on the way."""
        bodies = self._shortcut_classes(bodies)
        for group in _groups(bodies):
            yield from self._define(group)

    # --- shortcuts that are passed in ---

    def _shortcut_classes(self, bodies: Sequence[Body]) -> list[Body]:
        """Give the Sequentials that stand in slots a class of their own where there are several of a kind."""
        groups: dict[Any, list[int]] = {}
        for index, body in enumerate(bodies):
            if body.slot and _chain_of(body.slot.tree) is not None:
                groups.setdefault(skeleton(body.slot.tree), []).append(index)
        result = list(bodies)
        for members in groups.values():
            if len(members) < 2:
                continue
            slots = [bodies[index].slot for index in members]
            trees = [slot.tree for slot in slots if slot is not None]
            first = bodies[members[0]]
            context = self._context([bodies[index].scope for index in members], slots)
            rows = [list(leaves(tree)) for tree in trees]
            parameters, replacement, calls = unify(rows, context, self._taken)
            tree = replace_leaves(trees[0], iter(replacement).__next__)
            children = _chain_of(tree)
            assert children is not None
            written = Children("super().__init__", children.keys, children.modules)
            if children.kind == "OrderedDict":
                written = Children("super().__init__", ("0",), (children,))
            name = self._name("Projection")
            self.definitions.append(
                ClassDefinition(
                    name,
                    "",
                    "Shortcut where shapes differ",
                    tuple(parameters),
                    replace(first, slot=None),
                    (),
                    None,
                    False,
                    False,
                    self._shape_words(context, parameters, calls),
                    written,
                )
            )
            for index, row in zip(members, calls, strict=True):
                slot = bodies[index].slot
                assert slot is not None
                call = New(name, arguments_of(parameters, row))
                result[index] = replace(bodies[index], slot=replace(slot, tree=call))
        return result

    # --- blocks ---

    def _define(self, group: Sequence[Body]) -> Iterator[tuple[Body, Tree]]:
        with_slot = [body for body in group if body.slot]
        first = with_slot[0] if with_slot else group[0]
        context = self._context([body.scope for body in group], None)
        rows = [list(_columns(body)) for body in group]
        reserved = {name for name, _ in first.attributes} | self._taken  # a body calls classes
        reserved |= {first.slot.name, first.slot.parameter} if first.slot else set()
        parameters, replacement, calls = unify(rows, context, reserved)
        supply = iter(replacement).__next__
        attributes = tuple((name, replace_leaves(tree, supply)) for name, tree in first.attributes)
        steps = []
        stored: list[str] = []
        for step in first.steps:
            arguments = []
            for given in step.arguments:
                value = replace_leaves(given.value, supply)
                if isinstance(value, Reference):
                    stored.append(value.name)
                arguments.append(replace(given, value=value))
            steps.append(replace(step, arguments=tuple(arguments)))
        optional = bool(with_slot) and len(with_slot) < len(group)
        plain = next((body for body in group if not body.slot), first)
        place = plain.place(plain.identity)
        scope = first.scope
        definition = ClassDefinition(
            self._name(self._distinguished(first)),
            scope.title,
            scope.doc,
            tuple(parameters),
            replace(first, attributes=attributes, steps=tuple(steps)),
            tuple(dict.fromkeys(stored)),
            first.slot,
            optional,
            first.joins_shortcut,
            self._shape_words(context, parameters, calls),
            identity=first.steps[place].output if isinstance(place, int) else scope.entry,
        )
        self.definitions.append(definition)
        for body, row in zip(group, calls, strict=True):
            arguments_ = arguments_of(parameters, row)
            if first.slot:
                value = body.slot.tree if body.slot else Literal(None)
                default = None if optional else REQUIRED
                given = Given(first.slot.parameter, value, default, positional=True)
                arguments_ = (*arguments_, given)
                if not optional:  # what has no default comes before what has
                    arguments_ = tuple(sorted(arguments_, key=lambda a: a.default != REQUIRED))
            yield body, New(definition.name, arguments_)

    def _distinguished(self, body: Body) -> str:
        """A block's class name; a second structure of one block is named after the layers it has more or fewer."""
        name = class_name(body.scope.title)
        attributes = tuple(attribute for attribute, _ in body.attributes)
        known = self._attributes.setdefault((body.scope.block, name), attributes)
        more = [attribute for attribute in attributes if attribute not in known]
        fewer = [attribute for attribute in known if attribute not in attributes]
        if 0 < len(more) <= 2 and not fewer:
            return f"{name}With{''.join(map(class_name, more))}"
        if 0 < len(fewer) <= 2 and not more:
            return f"{name}Without{''.join(map(class_name, fewer))}"
        return name

    def _name(self, wanted: str) -> str:
        name = unique(wanted, self._taken)
        self._taken.add(name)
        return name

    def _context(self, scopes: Sequence[Scope], slots: Sequence[Slot | None] | None) -> Context:
        def channels(name: str) -> Any:
            return self.graph.shape(name)[0]

        entries = [slot.source for slot in slots if slot] if slots else [s.entry for s in scopes]
        exits = [
            (self.graph[scope.join].inputs[1] if scope.join else scope.exit)
            if slots
            else scope.exit
            for scope in scopes
        ]
        return Context(tuple(scopes), tuple(map(channels, entries)), tuple(map(channels, exits)))

    def _shape_words(
        self, context: Context, parameters: Sequence[Parameter], rows: Sequence[Row]
    ) -> ShapeWords:
        """What the docstring of a class can say of its shapes."""
        columns = {p.name: tuple(row[i] for row in rows) for i, p in enumerate(parameters)}

        def word(values: tuple[Any, ...], preferred: str) -> str:
            names = [name for name, column in columns.items() if column == values]
            is_chosen = any(isinstance(v, Open) for name in names for v in columns[name])
            if len(set(values)) == 1 and not is_chosen:
                return str(values[0])
            return preferred if preferred in names else (names[0] if names else "")

        def strides(scope: Scope) -> int | None:
            pairs = zip(
                self.graph.shape(scope.entry)[1:], self.graph.shape(scope.exit)[1:], strict=False
            )
            found = {_exact_ratio(before, after) for before, after in pairs}
            return found.pop() if len(found) == 1 else None

        ratios = tuple(strides(scope) for scope in context.scopes)
        stride = "" if None in ratios else word(ratios, "stride")
        return ShapeWords(
            word(context.channels_in, "in_channels"),
            word(context.channels_out, "out_channels"),
            stride,
        )


def _exact_ratio(before: Dim, after: Dim) -> int | None:
    """By what number a size is divided, rounded up or down; None where anything else happens to it."""
    if not (isinstance(before, Size) and isinstance(after, Size)) or after.stride % before.stride:
        return None
    ratio = after.stride // before.stride
    shift = after.offset - before.offset
    return ratio if shift in (0, (ratio - 1) * before.stride) else None


def _chain_of(tree: Tree) -> Children | None:
    """The children of an ``nn.Sequential``, numbered or named."""
    if isinstance(tree, Children):
        return tree
    if isinstance(tree, New) and tree.callee == "nn.Sequential":
        inner = tree.arguments[0].value
        return inner if isinstance(inner, Children) else None
    return None


def _groups(bodies: Sequence[Body]) -> list[list[Body]]:
    """Bodies that can share a class: one block, one structure, and one place for the shortcut to read from, with a module
    and without one."""
    groups: dict[Any, list[Body]] = {}
    plain: dict[Any, list[Body]] = {}
    joined: set[Any] = set()
    for body in bodies:
        key = _structure(body)
        if body.slot:
            source = body.place(body.slot.source)
            groups.setdefault((key, body.slot.name, source), []).append(body)
        else:
            plain.setdefault((key, body.place(body.identity)), []).append(body)
    for own, members in plain.items():
        free = (k for k in groups if k[0] == own[0] and len(k) == 3 and k not in joined)
        home = next(free, own)
        joined.add(home)
        groups.setdefault(home, []).extend(members)
    order = {id(body): index for index, body in enumerate(bodies)}
    ordered = [sorted(group, key=lambda body: order[id(body)]) for group in groups.values()]
    return sorted(ordered, key=lambda group: order[id(group[0])])


def _structure(body: Body) -> Any:
    """What must be equal for two instances to share a class: everything but the numbers and the shortcut."""
    places: dict[str, int | str] = {body.scope.entry: "input"}
    places |= {step.output: index for index, step in enumerate(body.steps)}
    join = body.scope.join
    steps = tuple(
        (
            step.attribute if step.tree is not None else step.template,
            step.starts_at_zero,
            tuple(given.name for given in step.arguments),
            tuple(
                "shortcut"
                if step.output == join and position == 1
                else places.get(name, "shortcut")
                for position, name in enumerate(step.inputs)
            )
            if body.joins_shortcut
            else tuple(places.get(name, "shortcut") for name in step.inputs),
        )
        for step in body.steps
    )
    trees = tuple((name, skeleton(tree)) for name, tree in body.attributes)
    exit_place = places.get(body.scope.exit, "")
    return (body.scope.block, trees, steps, exit_place, body.support)


def _columns(body: Body) -> Iterator[tuple[str, Any]]:
    for name, tree in body.attributes:
        for hint, value in leaves(tree):
            yield f"{name}.{hint}", value
    for step in body.steps:
        for given in step.arguments:
            for hint, value in leaves(given.value, given.name):
                yield f"{step.path[-1]}.{hint}", value
