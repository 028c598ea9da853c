"""Where each layer stands in the emitted source: the lines that construct it, and those that compute its output.

Constructors are found by reading the source as Python does, from the network's class along the layer's name. Statements
of a forward function are those that the emitter noted when it wrote them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from resnet_compiler.emit.pytorch.bodies import Body, local_path
from resnet_compiler.emit.pytorch.forward import SHORTCUT
from resnet_compiler.emit.pytorch.source import Module, emit_module
from resnet_compiler.graph import Graph
from resnet_compiler.syntax import parse_module

Lines = tuple[int, int]
"""The first and the last line, from 1."""


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
    """
    module = emit_module(graph, version)
    found = SourceLines(module.text)
    reader = _Reader.of(module)
    methods = _methods(reader.classes)
    computed = {name: _statements(module, methods, name) for name in module.places}
    for scope in sorted(module.bodies, key=_depth):
        body = module.bodies[scope]
        statements = computed.get(module.callees[scope], {})
        paths = {step.path: number for number, step in enumerate(body.steps)}
        for member in module.members[scope]:
            path = local_path(scope, member)
            number = _longest_prefix(path, paths)
            if number is None:  # on the shortcut, which is passed in
                key = SHORTCUT
            else:
                key = module.written[module.callees[scope]].steps[number].output
            if key in statements:
                found.computed[member] = statements[key]
            lines = reader.constructor(scope, _attributes(body, path, number))
            if lines is not None:
                found.constructed[member] = lines
            if member in module.bodies:
                reader.enter(member, scope, path)
    return found


def _depth(scope: str) -> int:
    """How many scopes a scope can be inside of: what makes it is read before it."""
    return len(scope.split(".")) if scope else 0


def _attributes(body: Body, path: tuple[str, ...], number: int | None) -> tuple[str, ...]:
    """The attributes that lead to a layer: its name, or what it shares with other layers; none where it is no module."""
    step = None if number is None else body.steps[number]
    if step is None or step.path != path:
        return path
    if step.tree is None:
        return ()
    return (step.attribute,) if len(path) == 1 else path


def _methods(classes: Mapping[str, ast.ClassDef]) -> dict[tuple[str, str], list[ast.stmt]]:
    """The statements of each method, by class and name."""
    return {
        (name, each.name): each.body
        for name, definition in classes.items()
        for each in definition.body
        if isinstance(each, ast.FunctionDef)
    }


def _statements(
    module: Module, methods: Mapping[tuple[str, str], list[ast.stmt]], name: str
) -> dict[str, Lines]:
    """The lines in which each step of a class is computed, by the output it has there."""
    return {
        output: _lines(methods[name, method][number])
        for output, (method, number) in module.places[name].items()
    }


def _lines(node: ast.stmt | ast.expr) -> Lines:
    return node.lineno, node.end_lineno or node.lineno


def _longest_prefix(path: tuple[str, ...], known: dict[tuple[str, ...], int]) -> int | None:
    """The step that is called by this name, or by the longest beginning of it."""
    beginnings = (path[:count] for count in range(len(path), 0, -1))
    return next((known[each] for each in beginnings if each in known), None)


@dataclass(frozen=True, slots=True)
class _Call:
    """An instance of an emitted class: the call that makes it, and the instance whose constructor that stands in."""

    class_name: str
    call: ast.Call | None
    maker: _Call | None


@dataclass(slots=True)
class _Reader:
    """Follows names through constructors.

    ``calls`` has the instance of every scope entered so far, ``members`` those of every container looked into.
    """

    classes: dict[str, ast.ClassDef]
    calls: dict[str, _Call | None]
    constructors: dict[str, _Constructor]
    members: dict[ast.expr, dict[str, ast.expr]] = field(default_factory=dict)

    @classmethod
    def of(cls, module: Module) -> _Reader:
        found = [each for each in parse_module(module.text).body if isinstance(each, ast.ClassDef)]
        classes = {each.name: each for each in found}
        constructors = {each.name: _constructor(each) for each in found}
        return cls(classes, {"": _Call(module.callees[""], None, None)}, constructors)

    def constructor(self, scope: str, path: Sequence[str]) -> Lines | None:
        """The lines of the expression that makes what has this path in a scope."""
        found = self._find(scope, path)
        return _lines(found[0]) if found else None

    def enter(self, scope: str, outer: str, path: Sequence[str]) -> None:
        """Make known the instance that a scope is, by its path in the outer one."""
        found = self._find(outer, path)
        self.calls[scope] = self._instance(*found) if found else None

    def _find(self, scope: str, path: Sequence[str]) -> tuple[ast.expr, _Call] | None:
        instance = self.calls.get(scope)
        return self._member(instance, path) if instance and path else None

    def _instance(self, made: ast.expr, here: _Call) -> _Call | None:
        if not (isinstance(made, ast.Call) and isinstance(made.func, ast.Name)):
            return None
        return _Call(made.func.id, made, here) if made.func.id in self.classes else None

    def _member(self, instance: _Call, path: Sequence[str]) -> tuple[ast.expr, _Call] | None:
        """The expression that makes a member of an instance, and the instance in whose constructor it stands."""
        constructor = self.constructors[instance.class_name]
        if constructor.passed_on is not None:
            return self._child(constructor.passed_on, path, instance)
        value = constructor.assigned.get(path[0])
        return self._walk(value, path[1:], instance) if value is not None else None

    def _walk(
        self, made: ast.expr, path: Sequence[str], here: _Call
    ) -> tuple[ast.expr, _Call] | None:
        if isinstance(made, ast.Name):  # a parameter: what the call gives for it
            given = _argument(self.constructors[here.class_name].parameters, made.id, here.call)
            return self._walk(given, path, here.maker) if given and here.maker else None
        if not path:
            return made, here
        inner = self._instance(made, here)
        return self._member(inner, path) if inner else self._child(made, path, here)

    def _child(
        self, made: ast.expr, path: Sequence[str], here: _Call
    ) -> tuple[ast.expr, _Call] | None:
        if made not in self.members:
            self.members[made] = dict(_children(made))
        value = self.members[made].get(path[0])
        return self._walk(value, path[1:], here) if value is not None else None


@dataclass(frozen=True, slots=True)
class _Constructor:
    """What `__init__` says: its parameters, what it assigns to attributes, or the call of an nn.Sequential's own."""

    parameters: tuple[str, ...] = ()
    assigned: dict[str, ast.expr] = field(default_factory=dict)
    passed_on: ast.expr | None = None


def _constructor(definition: ast.ClassDef) -> _Constructor:
    functions = [each for each in definition.body if isinstance(each, ast.FunctionDef)]
    init = next((each for each in functions if each.name == "__init__"), None)
    if init is None:
        return _Constructor()
    parameters = tuple(argument.arg for argument in init.args.args[1:])
    assigned = {}
    for statement in init.body:
        if isinstance(statement, ast.Expr) and ast.unparse(definition.bases[0]) == "nn.Sequential":
            return _Constructor(parameters, {}, statement.value)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Attribute):
            assigned[statement.targets[0].attr] = statement.value
    return _Constructor(parameters, assigned)


def _argument(parameters: Sequence[str], name: str, call: ast.Call | None) -> ast.expr | None:
    """What a call gives for a parameter."""
    if call is None or name not in parameters:
        return None
    position = parameters.index(name)
    if position < len(call.args):
        return call.args[position]
    return next((each.value for each in call.keywords if each.arg == name), None)


def _children(made: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The members of a container by key: of a Sequential, a ModuleList, a ModuleDict, and of what is in their brackets."""
    match made:
        case ast.Call(
            args=[ast.List() | ast.Dict() | ast.Call(func=ast.Name("OrderedDict")) as one]
        ):
            yield from _children(one)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant):
                    yield str(key.value), value
        case ast.Call(args=items, keywords=named):
            yield from _numbered(items)
            yield from ((each.arg, each.value) for each in named if each.arg)
        case ast.List(elts=items):
            yield from _numbered(items)


def _numbered(items: Sequence[ast.expr]) -> Iterator[tuple[str, ast.expr]]:
    """Members in a row, each of `*(Block(64, 64) for _ in range(3))` for itself."""
    number = 0
    for item in items:
        count, made = 1, item
        match item:
            case ast.Starred(value=ast.GeneratorExp(elt=element, generators=[repeated])):
                made = element
                match repeated.iter:
                    case ast.Call(args=[ast.Constant(value=int(times))]):
                        count = times
        for _ in range(count):
            yield str(number), made
            number += 1
