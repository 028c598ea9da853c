"""The module that is read: its imports, its classes, and the helper classes from templates that are known by their text."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from resnet_compiler.emit.pytorch.read_back.modules import MODULES
from resnet_compiler.emit.pytorch.read_back.steps import Steps, UnreadableError
from resnet_compiler.emit.pytorch.read_back.values import Definition, Dotted, Template

HELPERS: Mapping[str, str] = MappingProxyType(
    {
        "BlurPool2d": "db8bf1870f53a390",
        "DropPath": "e7d0f727ba875a34",
        "FusedConv2d": "adbeb38b9971f47d",
        "GroupStatistic": "d934f87eabe3bcfb",
        "LayerNorm2d": "ae42e415ccf6a5cc",
        "StdConv2d": "801b694a38a5f6e2",
        "Prepared": "2caae9e535572377",
        "fold_norms": "68c9243492311d94",
    }
)
"""The classes and functions that emitted source brings along, with the beginning of the SHA-256 of the text that
`modules` has the meaning of. Who changes one in `templates/support/` reads its meaning again, and writes the new digest
here."""

BASES = (Dotted("torch.nn.Module"), Dotted("torch.nn.Sequential"))


def digest(text: str) -> str:
    """What `HELPERS` has of a text."""
    return sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True)
class World:
    """What the names of a module stand for, and what was constructed so far, by class and arguments."""

    steps: Steps
    names: dict[str, Any] = field(default_factory=dict)
    made: dict[Any, Template] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: ast.Module, text: str, steps: Steps) -> World:
        """The names that a module's statements bind.

        Raises:
            UnreadableError: it has a statement besides its docstring, imports, classes and known functions.
        """
        world = cls(steps)
        lines = text.split("\n")
        for statement in tree.body:
            match statement:
                case ast.Expr(value=ast.Constant()):
                    pass
                case ast.Import(names=names):
                    for each in names:
                        whole = each.name if each.asname else each.name.split(".")[0]
                        world.names[each.asname or whole] = Dotted(whole)
                case ast.ImportFrom(module=module, names=names, level=0):
                    for each in names:
                        world.names[each.asname or each.name] = Dotted(f"{module}.{each.name}")
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    own = "\n".join(lines[statement.lineno - 1 : statement.end_lineno])
                    world._define(statement, name, HELPERS.get(name) == digest(own))
                case _:
                    raise UnreadableError("a statement between classes", _lines(statement))
        return world

    def _define(self, statement: ast.ClassDef | ast.FunctionDef, name: str, known: bool) -> None:
        if known or name in MODULES:  # a changed one is told where a layer is constructed of it
            self.names[name] = Dotted(name if known else f"a changed {name}")
            return
        if isinstance(statement, ast.FunctionDef) or name in HELPERS or statement.decorator_list:
            raise UnreadableError(f"a {name} that is not known", _lines(statement))
        methods = {}
        for each in statement.body:
            if isinstance(each, ast.FunctionDef) and not each.decorator_list:
                methods[each.name] = each
            elif not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)):
                raise UnreadableError(f"a statement of {name}", _lines(each))
        found = [self.dotted(base) for base in statement.bases]
        if len(found) != 1 or found[0] not in BASES or statement.keywords:
            raise UnreadableError(f"the bases of {name}", _lines(statement))
        self.names[name] = Definition(name, found[0].name, methods)

    def dotted(self, node: ast.expr) -> Any:
        """What a name with dots stands for."""
        if isinstance(node, ast.Attribute):
            outer = self.dotted(node.value)
            if isinstance(outer, Dotted):
                return Dotted(f"{outer.name}.{node.attr}")
        elif isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        raise UnreadableError(f"the name {ast.unparse(node)}", _lines(node))


def _lines(node: ast.stmt | ast.expr) -> tuple[int, int]:
    return node.lineno, node.end_lineno or node.lineno
