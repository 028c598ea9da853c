"""Evaluates forward functions: from a module to the program of what it computes, each module of a kind once."""

from __future__ import annotations

import ast
from typing import Any

from resnet_compiler.emit.pytorch.read_back import functions
from resnet_compiler.emit.pytorch.read_back.constructing import IDENTITY
from resnet_compiler.emit.pytorch.read_back.evaluate import Evaluator, lines_of
from resnet_compiler.emit.pytorch.read_back.signatures import bound
from resnet_compiler.emit.pytorch.read_back.steps import Lines, UnreadableError, within
from resnet_compiler.emit.pytorch.read_back.values import (
    Chunks,
    Dotted,
    Method,
    Program,
    Reference,
    Template,
    Value,
)
from resnet_compiler.emit.pytorch.read_back.world import World

_NOTHING = object()


def program_of(world: World, template: Template) -> Program:
    """What a module computes from its one input."""
    if template.program is None:
        program = Program(1)
        tracer = Tracer(world, template, program)
        if template.definition is not None and "forward" in template.definition.methods:
            methods = template.definition.methods
            program.result = tracer.run(methods["forward"], (Value(0),))
            program.features = tracer.returned.get("forward_features")
            if "forward_features" in methods and program.features is None:
                raise UnreadableError(
                    "forward calls no forward_features", lines_of(methods["forward"])
                )
        elif template.is_a("torch.nn.Sequential"):
            program.result = tracer.chain(Value(0))
        else:
            raise UnreadableError(f"a call of {template.kind}, which has no forward")
        template.program = program
    return template.program


class Tracer(Evaluator):
    """The forward function of one module, and what it calls of that module's methods."""

    def __init__(self, world: World, template: Template, program: Program) -> None:
        super().__init__(world, {}, program)
        self.itself = Reference(template, "", template)
        self.returned: dict[str, Any] = {}

    def chain(self, value: Value) -> Any:
        """Call the members of a Sequential one after the other."""
        for name in self.itself.template.children:
            with within(name):
                value = self._module(self.itself.child(name), (value,))
        return value

    def run(self, function: ast.FunctionDef, given: tuple[Any, ...]) -> Any:
        """What a method returns."""
        outer, lines = self.variables, self.lines
        names = [each.arg for each in function.args.args]
        if len(names) != len(given) + 1 or function.args.defaults or function.args.kwonlyargs:
            raise UnreadableError(f"the parameters of {function.name}", lines_of(function))
        self.variables = dict(zip(names, (self.itself, *given), strict=True))
        result = None
        for statement in function.body:
            self.lines = lines_of(statement)
            result = self._statement(statement)
            if result is not _NOTHING:
                break
        self.variables, self.lines = outer, lines
        if result is _NOTHING:
            raise UnreadableError(f"{function.name} returns nothing", lines_of(function))
        self.returned[function.name] = result
        return result

    def _statement(self, node: ast.stmt) -> Any:
        """Run a statement; gives what it returns, or `_NOTHING`."""
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=value):
                self.evaluate(value)
            case ast.Assign(targets=[ast.Name(id=name)]):
                self.variables[name] = self.evaluate(node.value)
            case ast.Return(value=value) if value is not None:
                return self.tensor(self.evaluate(value))
            case ast.If():
                return self._body(node.body if self.truth(node.test) else node.orelse)
            case ast.For(target=ast.Name(id=name), orelse=[]):
                for element in self.iterate(self.evaluate(node.iter), node.iter):
                    self.variables[name] = element
                    result = self._body(node.body)
                    if result is not _NOTHING:
                        return result
            case _:
                raise UnreadableError(f"`{ast.unparse(node)}`", lines_of(node))
        return _NOTHING

    def _body(self, statements: list[ast.stmt]) -> Any:
        for each in statements:
            result = self._statement(each)
            if result is not _NOTHING:
                return result
        return _NOTHING

    # --- attributes and calls ---

    def attribute(self, reference: Reference, name: str) -> Any:
        template = reference.template
        if name in template.children:
            return reference.child(name)
        if name in template.stored:
            return template.stored[name]
        return Method(reference, name)

    def tensor(self, value: Any) -> Any:
        if isinstance(value, Reference) and value.template.layer is not None:
            layer = value.template.layer
            if layer.step.operator == "parameter" and self.program is not None:
                return self.program.add(layer.step, (), value.path, self.lines)
        return value

    def call(self, callee: Any, given: tuple[Any, ...], named: dict[str, Any], lines: Lines) -> Any:
        given = tuple(self.tensor(each) for each in given)
        match callee:
            case Reference():
                with within(callee.path):
                    return self._call_module(callee, given, named)
            case Method(receiver=Value() as value, name=name):
                return functions.method(self.world.steps, self.do, value, name, given, named)
            case Method(receiver=list() as row, name="append") if len(given) == 1 and not named:
                return row.append(given[0])
            case Method(receiver=Reference() as reference, name="get_submodule") if not named:
                return reference.submodule(*given)
            case Method(receiver=Reference(template=template), name=name):
                with within(name):
                    return self._own(template, name, given, named)
            case Dotted(name=name):
                return functions.function(self.world.steps, self.do, name, given, named)
        raise UnreadableError("a call of what is no module")

    def _own(
        self, template: Template, name: str, given: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        """A method of the module itself."""
        definition = template.definition
        if definition is None or template is not self.itself.template or named:
            raise UnreadableError(f"the method {name} of {template.kind}")
        if name not in definition.methods or name == "forward":
            raise UnreadableError(f"{template.kind} has no {name}")
        return self.run(definition.methods[name], given)

    def _call_module(
        self, reference: Reference, given: tuple[Any, ...], named: dict[str, Any]
    ) -> Any:
        inputs = list(given)
        if named:  # only a fused convolution takes a second input
            inputs = list(
                bound("forward", (("input", None), ("other", None)), given, named).values()
            )
        if not inputs or not all(isinstance(each, Value) for each in inputs):
            raise UnreadableError("a call of a module with what is no tensor")
        return self._module(reference, tuple(inputs))

    def _module(self, reference: Reference, inputs: tuple[Value, ...]) -> Value:
        template = reference.template
        assert self.program is not None
        lines = self.lines
        if template.layer is not None:
            layer = template.layer
            most = 2 if layer.step.operator == "fused conv" else 1
            if len(inputs) > most or layer.step.operator == "parameter":
                raise UnreadableError(f"{template.kind} on {len(inputs)} tensors")
            return self.program.add(layer.step, inputs, reference.path, lines, layer.overwrites)
        if len(inputs) != 1:
            raise UnreadableError(f"{template.kind} on {len(inputs)} tensors")
        if template.kind == IDENTITY:
            return inputs[0]
        inner = program_of(self.world, template)
        if isinstance(inner.result, Chunks) or not isinstance(inner.result, Value):
            raise UnreadableError(f"{template.kind} returns no tensor")
        return self.program.add(inner, inputs, reference.path, lines)
