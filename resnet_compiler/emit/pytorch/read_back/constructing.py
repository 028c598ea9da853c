"""Evaluates constructors: from the call of an emitted class to the tree of modules that it makes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from resnet_compiler.emit.pytorch.read_back.evaluate import Evaluator, lines_of
from resnet_compiler.emit.pytorch.read_back.initial import fill, modules_of
from resnet_compiler.emit.pytorch.read_back.modules import MODULES
from resnet_compiler.emit.pytorch.read_back.signatures import REQUIRED, Layer, Signature, bound
from resnet_compiler.emit.pytorch.read_back.steps import Lines, Owned, UnreadableError, within
from resnet_compiler.emit.pytorch.read_back.values import (
    Definition,
    Dotted,
    Filled,
    Made,
    Method,
    Reference,
    Template,
    TensorReference,
)
from resnet_compiler.emit.pytorch.read_back.world import World

CONTAINERS = ("torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict")
IDENTITY = "torch.nn.Identity"
PARAMETER = "torch.nn.Parameter"


class Constructor(Evaluator):
    """The constructor of one instance of an emitted class, and what it calls of that instance's methods."""

    def __init__(self, world: World, template: Template, variables: dict[str, Any]) -> None:
        self.template = template
        self.itself = Reference(template, "", template)
        super().__init__(world, {"self": self.itself, **variables}, None)
        self.is_begun = False
        self.is_over = False
        self.in_loop = False

    # --- statements ---

    def run(self, function: ast.FunctionDef) -> None:
        """Run a function's statements."""
        for statement in function.body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=value):
                self.evaluate(value)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
                with within(name):
                    self._assign(name, self.evaluate(node.value), lines_of(node))
            case ast.Assign(targets=[ast.Name(id=name)]):
                self.variables[name] = self.evaluate(node.value)
            case ast.If():
                for each in node.body if self.truth(node.test) else node.orelse:
                    self._statement(each)
            case ast.For(target=ast.Name(id=name), orelse=[]):
                self._loop(name, node)
            case _:
                raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))

    def _loop(self, name: str, node: ast.For) -> None:
        over = self.evaluate(node.iter)
        is_of_modules = isinstance(over, _Modules)
        self.in_loop = is_of_modules
        for element in over.found if isinstance(over, _Modules) else self.iterate(over, node.iter):
            self.variables[name] = element
            for each in node.body:
                self._statement(each)
        self.in_loop = False

    def _assign(self, name: str, value: Any, lines: Lines) -> None:
        if not self.is_begun or self.is_over:
            when = "before super().__init__()" if not self.is_begun else "after reset_parameters()"
            raise UnreadableError(f"an attribute {when}", lines)
        self.template.children.pop(name, None)
        self.template.stored.pop(name, None)
        if isinstance(value, Made):
            self.template.children[name] = value.place()
        elif value is None or isinstance(value, bool | int | float | str | tuple):
            self.template.stored[name] = value
        else:
            raise UnreadableError("no module and no constant", lines)

    # --- attributes and calls ---

    def places(self, callee: Any) -> Sequence[str] | None:
        match callee:
            case Definition():
                return [name for name, _ in _signature(self.world, callee)]
            case Dotted(name="torch.nn.Sequential" | "collections.OrderedDict"):
                return ()
            case Method(name="__init__"):
                return ()
        return None

    def attribute(self, reference: Reference, name: str) -> Any:
        template = reference.template
        if name in template.children:
            return reference.child(name)
        if name in template.stored:
            return template.stored[name]
        if template.layer is not None and any(
            each.name == name for each in template.layer.step.tensors
        ):
            return TensorReference(reference, name)
        return Method(reference, name)

    def call(self, callee: Any, given: tuple[Any, ...], named: dict[str, Any], lines: Lines) -> Any:
        match callee:
            case Definition():
                return construct(self.world, callee, given, named, lines)
            case Dotted(name="range" | "tuple" | "list" | "len" | "int" | "isinstance" as name):
                return _builtin(name, given)
            case Dotted(name="super"):
                return self.itself
            case Dotted(name="collections.OrderedDict"):
                return _ordered(given, named)
            case Dotted(name="copy.deepcopy") if len(given) == 1 and isinstance(given[0], Made):
                return Made(given[0].template, lines)
            case Dotted(name=name) if name.startswith("torch.nn.init."):
                fill(self.template, name, given, named, is_final=not self.in_loop)
                return None
            case Dotted(name=name):
                return _made(self.world, name, given, named, lines)
            case Method(receiver=Reference() as reference, name="get_submodule") if not named:
                return reference.submodule(*given)
            case Method(receiver=Reference(template=template), name=name):
                return self._own(template, name, given, named)
        raise UnreadableError("a call of what is no class")

    def _own(
        self, template: Template, name: str, given: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        """A method of the instance under construction."""
        if template is not self.template or named:
            raise UnreadableError(f"the method {name}")
        if name == "modules" and not given:
            return _Modules(modules_of(template))
        if name == "register_load_state_dict_pre_hook" and len(given) == 1:
            template.hooks.append(given[0].name if isinstance(given[0], Dotted) else "?")
            return None
        if name == "__init__":
            return self._begin(given)
        definition = template.definition
        if definition is None or name not in definition.methods or given or name == "forward":
            raise UnreadableError(f"the method {name}")
        self.run(definition.methods[name])
        self.is_over = True
        return None

    def _begin(self, given: tuple[Any, ...]) -> None:
        if "torch.nn.Sequential" in self.template.bases:
            self.template.children.update(_members("torch.nn.Sequential", given))
        elif given:
            raise UnreadableError("super().__init__() with arguments")
        self.is_begun = True


class _Modules:
    """What ``self.modules()`` gives."""

    def __init__(self, found: Sequence[Template]) -> None:
        self.found = [Reference(each, "", each) for each in found]


def construct(
    world: World,
    definition: Definition,
    given: tuple[Any, ...],
    named: dict[str, Any],
    lines: Lines,
) -> Made:
    """An instance of an emitted class; instances with equal arguments share their template."""
    signature = _signature(world, definition)
    arguments = bound(definition.name, signature, given, named)
    key: list[Any] = [definition.name]
    for name, value in arguments.items():
        if isinstance(value, Made):
            arguments[name] = Made(value.place().template, value.lines)
            key.append((id(value.template), value.lines))
        else:
            key.append((type(value), value))
    try:
        template = world.made.get(tuple(key))
    except TypeError:
        raise UnreadableError(f"an argument of {definition.name}", lines) from None
    if template is None:
        bases = dict.fromkeys((definition.base, "torch.nn.Module"))
        template = Template(definition.name, tuple(bases), definition=definition)
        constructor = Constructor(world, template, arguments)
        if "__init__" in definition.methods:
            constructor.run(definition.methods["__init__"])
            if not constructor.is_begun:
                raise UnreadableError(f"{definition.name} calls no super().__init__()", lines)
        world.made[tuple(key)] = template
    return Made(template, lines)


def _signature(world: World, definition: Definition) -> Signature:
    """What a class's constructor takes."""
    if definition.signature is None:
        init = definition.methods.get("__init__")
        definition.signature = () if init is None else _parameters(world, init)
    return definition.signature


def _parameters(world: World, function: ast.FunctionDef) -> Signature:
    given = function.args
    if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg or not given.args:
        raise UnreadableError(f"the parameters of {function.name}", lines_of(function))
    names = [each.arg for each in given.args[1:]]
    defaults: list[Any] = [REQUIRED] * (len(names) - len(given.defaults))
    evaluator = Evaluator(world, {}, None)
    defaults += [evaluator.evaluate(each) for each in given.defaults]
    return tuple(zip(names, defaults, strict=True))


def _made(
    world: World, name: str, given: tuple[Any, ...], named: dict[str, Any], lines: Lines
) -> Any:
    """What a constructor of PyTorch's, or of a known helper class, makes."""
    if name in CONTAINERS and not named:
        members = _members(name, given)
        return Made(Template(name, ("torch.nn.Module",), children=members), lines)
    if name in ("torch.zeros", "torch.ones", "torch.full"):
        return _filled(name, given, named)
    if name == PARAMETER:
        return _parameter(world, given, named, lines)
    key = ("layer", name, given, tuple(named.items()))
    try:
        template = world.made.get(key)
        if template is None:
            template = world.made[key] = _layer(world, name, given, named)
    except TypeError:
        raise UnreadableError(f"the arguments of {name}", lines) from None
    return Made(template, lines)


def _layer(world: World, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Template:
    if name == IDENTITY:
        return Template(name, ("torch.nn.Module",))
    if name not in MODULES:
        raise UnreadableError(f"no meaning is known of {name}")
    known = MODULES[name]
    layer = known.read(world.steps, bound(name, known.signature, given, named))
    return Template(name, (*known.bases, "torch.nn.Module"), layer)


def _filled(name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Filled:
    if name == "torch.full":
        arguments = bound(name, (("size", REQUIRED), ("fill_value", REQUIRED)), given, named)
        return Filled(tuple(arguments["size"]), arguments["fill_value"])
    size = tuple(given[0]) if len(given) == 1 and isinstance(given[0], tuple | list) else given
    if named or not all(isinstance(each, int) for each in size):
        raise UnreadableError(f"the size of {name}")
    return Filled(size, 1.0 if name == "torch.ones" else 0.0)


def _parameter(world: World, given: tuple[Any, ...], named: dict[str, Any], lines: Lines) -> Made:
    signature: Signature = (("data", REQUIRED), ("requires_grad", True))
    arguments = bound(PARAMETER, signature, given, named)
    data = arguments["data"]
    if not isinstance(data, Filled):
        raise UnreadableError("a parameter of what is no new tensor", lines)
    step = world.steps("parameter", (Owned("", data.shape, arguments["requires_grad"]),))
    return Made(Template(PARAMETER, (), Layer(step, (data.value,))), lines)


def _ordered(given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    if given:
        raise UnreadableError("an OrderedDict of pairs")
    return named


def _members(kind: str, given: tuple[Any, ...]) -> dict[str, Made]:
    """The members of a container by name."""
    only = given[0] if len(given) == 1 else None
    if isinstance(only, dict) and kind != "torch.nn.ModuleList":
        members = {str(name): value for name, value in only.items()}
    else:
        if kind != "torch.nn.Sequential":
            if not isinstance(only, list | tuple) or kind == "torch.nn.ModuleDict":
                raise UnreadableError(f"the members of {kind}")
            given = tuple(only)
        members = {str(number): value for number, value in enumerate(given)}
    for name, value in members.items():
        if not isinstance(value, Made):
            raise UnreadableError(f"the member {name} of {kind}")
        value.place()
    return members


def _builtin(name: str, given: tuple[Any, ...]) -> Any:
    match name, given:
        case "range", _ if 0 < len(given) < 4 and all(isinstance(each, int) for each in given):
            return range(*given)
        case "isinstance", (Reference(template=template), classes):
            listed = classes if isinstance(classes, tuple) else (classes,)
            return any(template.is_a(each.name) for each in listed)
        case "tuple", (list() | tuple() | range() as value,):
            return tuple(value)
        case "list", (list() | tuple() | range() as value,):
            return list(value)
        case "len", (list() | tuple() | dict() as value,):
            return len(value)
        case "int", (int() | float() as value,):
            return int(value)
    raise UnreadableError(f"{name} of {given}")
