"""Faults planted in emitted source: one small change each to its syntax tree, every one of which makes another network.

A change that would leave the network as it is (two terms of a sum swapped, a module that no longer works in place, a name
for the value that another name holds too) is not made in the first place.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from resnet_compiler.emit.names import SUPPORT_CLASSES
from resnet_compiler.emit.pytorch.read_back import ReadBack
from resnet_compiler.graph import Graph

HELPERS = (*SUPPORT_CLASSES, "fold_norms")
ACTIVATIONS = ("ReLU", "SiLU", "Hardswish", "Hardsigmoid", "Sigmoid", "GELU")


@dataclass(frozen=True)
class Fault:
    """One change: what kind, in which lines and class, and what is written in the place of what.

    ``source`` is the emitted one, and ``span`` the bytes of it that are replaced.
    """

    kind: str
    lines: tuple[int, int]
    before: str
    after: str
    owner: str
    source: bytes
    span: tuple[int, int]

    @property
    def text(self) -> str:
        """The source with the fault."""
        start, end = self.span
        return (self.source[:start] + self.after.encode() + self.source[end:]).decode()


class Planter:
    """All faults that can be planted in a source."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.raw = text.encode()
        lengths = [len(line) + 1 for line in self.raw.split(b"\n")]
        self.starts = [0, *accumulate(lengths)]
        self.tree = ast.parse(text)
        self.classes = [each for each in self.tree.body if isinstance(each, ast.ClassDef)]
        self.own = [each for each in self.classes if each.name not in HELPERS]
        self.owner = ""

    def all(self) -> Iterator[Fault]:
        for definition in self.classes:
            self.owner = definition.name
            if definition.name in HELPERS:
                yield from self._helper(definition)
                continue
            for function in definition.body:
                if isinstance(function, ast.FunctionDef):
                    yield from self._function(function)

    # --- writing ---

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword)
        start = self.starts[node.lineno - 1] + node.col_offset
        return start, self.starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)

    def _source(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self.raw[start:end].decode()

    def _change(
        self, kind: str, node: ast.expr | ast.stmt | ast.keyword, after: str
    ) -> Iterator[Fault]:
        before = self._source(node)
        if before != after:
            lines = (node.lineno, node.end_lineno or node.lineno)
            yield Fault(kind, lines, before, after, self.owner, self.raw, self._span(node))

    def _swap(self, kind: str, call: ast.expr, a: ast.expr, b: ast.expr) -> Iterator[Fault]:
        """Two pieces of an expression in each other's place."""
        first, second = self._source(a), self._source(b)
        whole = self._source(call)
        if first == second or whole.count(first) != 1 or whole.count(second) != 1:
            return
        mark = "\0"
        text = whole.replace(first, mark).replace(second, first).replace(mark, second)
        yield from self._change(kind, call, text)

    # --- helpers ---

    def _helper(self, definition: ast.ClassDef) -> Iterator[Fault]:
        for node in ast.walk(definition):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
                if not isinstance(node.value, bool):
                    yield from self._change("helper", node, repr(node.value + 1))
            elif isinstance(node, ast.Attribute) and node.attr in ("rsqrt", "mean", "sum"):
                other = f"{self._source(node.value)}.square"
                yield from self._change("helper", node, other)

    # --- the network's own classes ---

    def _function(self, function: ast.FunctionDef) -> Iterator[Fault]:
        if function.name == "__init__":
            yield from self._defaults(function)
        for statement in function.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            for node in ast.walk(statement):
                if function.name == "__init__":
                    yield from self._constructing(node, function)
                elif function.name == "reset_parameters":
                    yield from self._resetting(node)
                else:
                    yield from self._computing(node)
        if function.name.startswith("forward"):
            yield from self._names(function)
            yield from self._statements(function)

    def _defaults(self, function: ast.FunctionDef) -> Iterator[Fault]:
        for default in function.args.defaults:
            if isinstance(default, ast.Constant) and type(default.value) in (int, float):
                yield from self._change("default", default, repr(default.value + 1))

    def _constructing(self, node: ast.AST, function: ast.FunctionDef) -> Iterator[Fault]:
        if not isinstance(node, ast.Call):
            return
        callee = self._source(node.func)
        if callee == "self.register_load_state_dict_pre_hook":
            yield from self._change("hook", node, "pass")
            return
        if callee in ("super", "super().__init__", "nn.ModuleDict", "OrderedDict"):
            if callee == "OrderedDict":
                for keyword in node.keywords:
                    after = self._source(keyword).replace(f"{keyword.arg}=", f"{keyword.arg}_=", 1)
                    yield from self._change("member renamed", keyword, after)
            return
        for value in [*node.args, *(each.value for each in node.keywords)]:
            yield from self._argument(callee, value)
        if callee in ("torch.ones", "torch.zeros"):
            other = "torch.zeros" if callee == "torch.ones" else "torch.ones"
            yield from self._change("fill", node.func, other)
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Constant) and keyword.arg != "inplace":
                left = [each for each in (*node.args, *node.keywords) if each is not keyword]
                text = f"{callee}({', '.join(self._source(each) for each in left)})"
                yield from self._change(f"{keyword.arg} left out", node, text)
                if isinstance(keyword.value.value, bool):
                    flipped = repr(not keyword.value.value)
                    yield from self._change(f"{keyword.arg} flipped", keyword.value, flipped)
        yield from self._class(node.func, callee)
        own = [each.name for each in self.own]
        if callee in own or callee.startswith("nn.Conv"):
            for a, b in pairwise(node.args):
                yield from self._swap("arguments swapped", node, a, b)
        if callee == "nn.Sequential":
            for a, b in pairwise(node.args):
                yield from self._swap("members swapped", node, a, b)
        parameters = [each.arg for each in function.args.args[1:] if each.annotation]
        if self.owner != self.own[-1].name:
            for value in node.args:
                if isinstance(value, ast.Name) and value.id in parameters:
                    for other in parameters:
                        same = self._annotation(function, value.id) == self._annotation(
                            function, other
                        )
                        if other != value.id and same and not other.endswith("in_channels"):
                            yield from self._change("another parameter", value, other)

    def _annotation(self, function: ast.FunctionDef, name: str) -> str:
        found = next(each for each in function.args.args if each.arg == name)
        return self._source(found.annotation) if found.annotation else ""

    def _argument(self, callee: str, value: ast.expr) -> Iterator[Fault]:
        if isinstance(value, ast.Constant) and type(value.value) in (int, float):
            if callee == "range" and value.value > 1:
                yield from self._change("depth", value, repr(value.value - 1))
            if isinstance(value.value, float):
                after = repr(value.value * 10 if value.value else 0.5)
            else:
                after = repr(value.value + 1)
            kind = "depth" if callee == "range" else "number"
            yield from self._change(f"{kind} of {callee}", value, after)
        elif isinstance(value, ast.Tuple):
            for each in value.elts:
                yield from self._argument(callee, each)
        elif isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield from self._change(f"text of {callee}", value, f'"{value.value}x"')

    def _class(self, node: ast.expr, callee: str) -> Iterator[Fault]:
        name = callee.removeprefix("nn.")
        if name in ACTIVATIONS:
            other = ACTIVATIONS[(ACTIVATIONS.index(name) + 1) % len(ACTIVATIONS)]
            if other in ("Sigmoid", "GELU"):  # which cannot work in place
                other = "SiLU" if name != "SiLU" else "ReLU"
            yield from self._change("another activation", node, f"nn.{other}")
        elif name == "MaxPool2d":
            yield from self._change("another pooling", node, "nn.AvgPool2d")
        elif name == "BatchNorm2d":
            yield from self._change("another norm", node, "nn.InstanceNorm2d")
        elif isinstance(node, ast.Name):
            for other in self.own[:-1]:
                if other.name != name and name in [each.name for each in self.own]:
                    yield from self._change("another class", node, other.name)

    def _resetting(self, node: ast.AST) -> Iterator[Fault]:
        if isinstance(node, ast.Call) and self._source(node.func).startswith("nn.init."):
            function = self._source(node.func)
            if function == "nn.init.zeros_":
                yield from self._change("first value", node.func, "nn.init.ones_")
            elif "fan_out" in self._source(node):
                text = self._source(node).replace("fan_out", "fan_in")
                yield from self._change("first value", node, text)
            yield from self._change("first value", node, "pass")

    def _computing(self, node: ast.AST) -> Iterator[Fault]:
        if isinstance(node, ast.Call):
            callee = self._source(node.func)
            if callee.startswith("self.") and "(" not in callee and len(node.args) == 1:
                if not callee.startswith("self.forward"):
                    yield from self._change("a layer left out", node, self._source(node.args[0]))
            elif isinstance(node.func, ast.Attribute) and not callee.startswith(
                ("torch.", "F.", "features")
            ):
                for each in node.args:
                    yield from self._numbers(each)
                for keyword in node.keywords:
                    if isinstance(keyword.value, ast.Constant):
                        value = keyword.value.value
                        after = repr(not value) if isinstance(value, bool) else repr(value + 1)
                        yield from self._change(f"{keyword.arg} changed", keyword.value, after)
            if callee.startswith("torch.cat") and isinstance(node.args[0], ast.List):
                parts = node.args[0].elts
                for a, b in pairwise(parts):
                    yield from self._swap("operands swapped", node.args[0], a, b)
                yield from self._change("dimension", node.args[1], "2")
            if callee == "F.pad":
                yield from self._numbers(node.args[1])
        elif isinstance(node, ast.BinOp):
            sides = self._source(node.left), self._source(node.right)
            if sides[0] != sides[1]:
                sign = {ast.Add: "+", ast.Mult: "*", ast.Sub: "-"}[type(node.op)]
                if not isinstance(node.right, ast.Constant):
                    yield from self._change(
                        "another operand", node, f"{sides[0]} {sign} {sides[0]}"
                    )
                    yield from self._change("no join", node, sides[0])
                other = "*" if sign == "+" else "+"
                yield from self._change("another operator", node, f"{sides[0]} {other} {sides[1]}")
            yield from self._numbers(node.right)
        elif isinstance(node, ast.Subscript):
            yield from self._numbers(node.slice)
        elif isinstance(node, ast.IfExp):
            yield from self._change("shortcut left out", node, self._source(node.body))
        elif isinstance(node, ast.Tuple) and node.elts and self._source(node).startswith("(self."):
            for a, b in pairwise(node.elts):
                yield from self._swap("stages swapped", node, a, b)

    def _numbers(self, node: ast.expr) -> Iterator[Fault]:
        """Numbers in an expression, each changed."""
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and type(each.value) in (int, float):
                yield from self._change("number in forward", each, repr(each.value + 1))

    def _names(self, function: ast.FunctionDef) -> Iterator[Fault]:
        """Another value read, where another name holds one that differs."""
        held: dict[str, int] = {function.args.args[1].arg: 0}
        for number, statement in enumerate(function.body, start=1):
            if isinstance(statement, ast.Assign | ast.Return) and statement.value:
                for node in ast.walk(statement.value):
                    if isinstance(node, ast.Name) and node.id in held:
                        for other, value in held.items():
                            if value != held[node.id]:
                                yield from self._change("another value", node, other)
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                same = isinstance(statement.value, ast.Name)
                source = statement.value.id if isinstance(statement.value, ast.Name) else ""
                held[statement.targets[0].id] = held.get(source, number) if same else number
                if isinstance(statement.value, ast.List | ast.IfExp) or "features" in ast.unparse(
                    statement
                ):
                    held.pop(statement.targets[0].id)  # the same as another's in some instances

    def _statements(self, function: ast.FunctionDef) -> Iterator[Fault]:
        for statement in function.body:
            text = ast.unparse(statement)
            if text.startswith("x = self.") and not text.startswith("x = self.forward_features"):
                yield from self._change("a statement left out", statement, "pass")


def faults(text: str, seed: int, count: int) -> list[Fault]:
    """Some of the faults of a source, chosen by the seed: as many kinds as there are, each as often as others."""
    kinds: dict[str, list[Fault]] = {}
    for each in Planter(text).all():
        kinds.setdefault(each.kind, []).append(each)
    chance = random.Random(seed)
    for found in kinds.values():
        chance.shuffle(found)
    chosen: list[Fault] = []
    order = sorted(kinds)
    chance.shuffle(order)
    while len(chosen) < count and any(kinds.values()):
        for found in (kinds[kind] for kind in order):
            if found and len(chosen) < count:
                chosen.append(found.pop())
    return chosen


def is_named(fault: Fault, layer: str, graph: Graph, found: ReadBack) -> bool:
    """Whether a layer that a message names is one of those that the fault is in.

    These are the layers that are constructed or computed in the lines that were changed, or that stand in what is; for a
    default of a constructor, those of the class's instances; for first values and helpers, those that have them.
    """
    constructed, computed = found.constructed(graph), found.computed(graph)
    begins = layer.startswith
    near: list[str] = []
    touches: Callable[[tuple[int, int]], bool] = lambda lines: (  # noqa: E731
        lines[0] <= fault.lines[1] and fault.lines[0] <= lines[1]
    )
    for lines in (constructed, computed):
        near += [name for name, at in lines.items() if touches(at)]
    if fault.kind in ("default", "first value", "hook", "helper") or not near:
        near += _of_class(fault, graph, found)
    if fault.kind in (
        "another value",
        "shortcut left out",
    ):  # the add reads what the statement gives
        near += [scope.join for scope in graph.scopes.values() if scope.join]
    if any(layer == name or begins(f"{name}.") for name in near):
        return True
    outer = {name.rpartition(".")[0] for name in near}
    return "depth" in fault.kind and layer.split(".")[0] in {
        n.split(".")[0] for n in outer | set(near)
    }


def _of_class(fault: Fault, graph: Graph, found: ReadBack) -> list[str]:
    """The layers that a change outside of constructions and statements is of."""
    if fault.kind == "first value":
        return [n.name for n in graph if n.operator.word == "conv" or n.operator.starts_at_zero]
    if fault.kind == "hook":
        return [graph.output]
    kinds = {}
    for name in (*graph.nodes, *graph.scopes):
        made = found.tree.at(name)
        if made is not None:
            kinds[name] = made.template.kind
    inside = [name for name, kind in kinds.items() if kind == fault.owner]
    return inside or [graph.identity.name, *graph.nodes]
