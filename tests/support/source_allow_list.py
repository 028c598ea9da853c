"""What emitted PyTorch source may consist of: everything that is not on these lists is a violation.

The lists hold what the emitter and its templates can write, and no more. A spec's text can reach names of classes,
attributes, parameters and variables, keys of containers, and docstrings; here is what those may be.
"""

from __future__ import annotations

import ast
import io
import tokenize
import unicodedata
from collections.abc import Iterator
from itertools import chain

from resnet_compiler.emit.names import RESERVED_ATTRIBUTES
from support.hostile_strings import HIDDEN_CATEGORIES

IMPORTS = (
    "from collections import OrderedDict",
    "import torch",
    "import torch.nn.functional as F",
    "from torch import Tensor, nn",
)
MODULES = """AdaptiveAvgPool2d AvgPool2d BatchNorm2d ChannelShuffle Conv1d Conv2d Dropout GELU GroupNorm Hardsigmoid
    Hardswish Identity LayerNorm LeakyReLU Linear MaxPool2d Module ModuleDict ModuleList Parameter ReLU Sequential SiLU
    Sigmoid Softmax ZeroPad2d init.kaiming_normal_ init.zeros_""".split()  # noqa: SIM905
FUNCTIONS = """torch.cat torch.full torch.maximum torch.ones torch.outer torch.rand torch.tensor torch.var_mean
    torch.zeros F.conv2d F.pad""".split()  # noqa: SIM905
LIBRARY = frozenset({*(f"nn.{name}" for name in MODULES), *FUNCTIONS})
"""Every dotted name of torch's."""

METHODS = frozenset(
    """amax append chunk flatten mean permute pow reciprocal repeat repeat_interleave rsqrt softmax sqrt square sum unflatten var
    view_as""".split()  # noqa: SIM905
)
"""What is called on tensors, and on the list of features."""

OWN_METHODS = frozenset(
    ("modules", "reset_parameters", "forward_features", "register_buffer", "_conv_forward")
)
"""Methods of a module that it calls on itself; all else that is called on `self` is a layer."""

BUILTINS = frozenset(
    ("super", "range", "isinstance", "int", "float", "bool", "str", "list", "tuple")
)
BOUND_ONCE = BUILTINS | {"nn", "torch", "F", "Tensor", "OrderedDict", "self"}
"""Names that mean one thing in the whole file: no class, parameter or variable may be called so."""

BASES = ("nn.Module", "nn.Sequential", "nn.Conv2d", "nn.LayerNorm")
DEFINED = ("__init__", "forward", "forward_features", "reset_parameters")
STRINGS = ("fan_out", "filter", "max", "mean", "reflect", "sum", "variance")
"""Strings that are no docstrings and no keys."""

NODES = tuple(
    getattr(ast, name)
    for name in """Add AnnAssign Assign Attribute BinOp BitOr Call ClassDef Compare Constant Dict Div Eq Expr FloorDiv For
    FunctionDef GeneratorExp GtE If IfExp Import ImportFrom Is List Load Module Mult Name Not Return Slice Starred Store
    Sub Subscript Tuple USub UnaryOp alias arg arguments comprehension keyword""".split()  # noqa: SIM905
)


def violations(source: str) -> list[str]:
    """Everything in a module's source that emitted source does not have; empty where it is harmless."""
    hidden = sorted(
        {c for c in source if c != "\n" and unicodedata.category(c) in HIDDEN_CATEGORIES}
    )
    found = [f"the character U+{ord(c):04X}" for c in hidden]
    try:
        tree = ast.parse(source)
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (SyntaxError, tokenize.TokenError, ValueError) as reason:
        return [*found, f"not Python: {reason}"]
    found += [f"a comment: {t.string}" for t in tokens if t.type == tokenize.COMMENT]
    return [*found, *_Checker(tree).violations()]


class _Checker:
    """One module: its classes are known first, since a class calls those above it."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.classes = [n.name for n in tree.body if isinstance(n, ast.ClassDef)]
        self.parents = {id(b): a for a in ast.walk(tree) for b in ast.iter_child_nodes(a)}
        owners = [
            n for n in ast.walk(tree) if isinstance(n, ast.Module | ast.ClassDef | ast.FunctionDef)
        ]
        self.docstrings = {id(n.body[0].value) for n in owners if _is_text(n.body[0])}

    def violations(self) -> list[str]:
        checks = [
            self._module(),
            *(self._class(n) for n in self.tree.body if isinstance(n, ast.ClassDef)),
        ]
        checks += [self._node(node) for node in ast.walk(self.tree)]
        return list(dict.fromkeys(chain.from_iterable(checks)))

    def _module(self) -> Iterator[str]:
        docstring, *rest = self.tree.body
        if not _is_text(docstring):
            yield "the module has no docstring"
        for node in rest:
            if isinstance(node, ast.Import | ast.ImportFrom):
                if ast.unparse(node) not in IMPORTS:
                    yield f"an import: {ast.unparse(node)}"
            elif not isinstance(node, ast.ClassDef):
                yield f"beside the classes: {ast.unparse(node)}"
        for name in {name for name in self.classes if self.classes.count(name) > 1}:
            yield f"two classes {name}"

    def _class(self, node: ast.ClassDef) -> Iterator[str]:
        if (
            node.decorator_list
            or node.keywords
            or [ast.unparse(b) for b in node.bases] not in [[base] for base in BASES]
        ):
            yield f"the head of class {node.name}"
        docstring, *rest = node.body
        if not _is_text(docstring):
            yield f"class {node.name} has no docstring"
        for each in rest:
            if isinstance(each, ast.AnnAssign):
                if ast.unparse(each) != "filter: Tensor":
                    yield f"in class {node.name}: {ast.unparse(each)}"
            elif (
                not isinstance(each, ast.FunctionDef)
                or each.name not in DEFINED
                or each.decorator_list
            ):
                yield f"in class {node.name}: {ast.unparse(each)[:80]}"
        functions = [each.name for each in rest if isinstance(each, ast.FunctionDef)]
        if len(set(functions)) < len(functions):
            yield f"a function twice in class {node.name}"

    def _node(self, node: ast.AST) -> Iterator[str]:
        if not isinstance(node, NODES):
            yield f"a {type(node).__name__}"
        for name, binds in _names(node):
            if name.startswith("__") and name not in ("__init__", "__all__"):
                yield f"the name {name}"
            if binds and name in BOUND_ONCE and not (name == "self" and isinstance(node, ast.arg)):
                yield f"{name} is bound anew"
        if isinstance(node, ast.Constant):
            yield from self._constant(node)
        elif isinstance(node, ast.FunctionDef):
            inside = list(ast.walk(node))
            bound = {name for each in inside for name, binds in _names(each) if binds}
            calls = [each.func for each in inside if isinstance(each, ast.Call)]
            called = {function.id for function in calls if isinstance(function, ast.Name)}
            yield from (
                f"{name} is bound anew and called" for name in sorted(bound & called - {"stage"})
            )
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node)
        elif isinstance(node, ast.Call) and not self._may_call(node.func):
            yield f"a call of {ast.unparse(node.func)}"

    def _attribute(self, node: ast.Attribute) -> Iterator[str]:
        dotted = ast.unparse(node)
        if _root(node) in ("nn", "torch", "F"):
            parent = self.parents[id(node)]
            if dotted not in LIBRARY and not (
                dotted == "nn.init" and isinstance(parent, ast.Attribute)
            ):
                yield f"torch's {dotted}"
        elif node.attr == "__init__" and ast.unparse(node.value) != "super()":
            yield f"a call of {dotted}"
        elif isinstance(node.ctx, ast.Store) and (
            ast.unparse(node.value) != "self" or node.attr in RESERVED_ATTRIBUTES
        ):
            yield f"an assignment to {dotted}"

    def _may_call(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return function.id in {
                *self.classes,
                "super",
                "range",
                "isinstance",
                "OrderedDict",
                "stage",
            }
        if isinstance(function, ast.Subscript):  # a member of a container
            return ast.unparse(function).startswith("self.")
        if isinstance(function, ast.Call):  # get_submodule
            inner = function.func
            return (
                isinstance(inner, ast.Attribute)
                and inner.attr == "get_submodule"
                and self._may_call(inner)
            )
        if not isinstance(function, ast.Attribute):
            return False
        holder = ast.unparse(function.value)
        if holder == "self":
            return function.attr in OWN_METHODS or function.attr not in RESERVED_ATTRIBUTES
        if holder == "super()":
            return function.attr in ("__init__", "forward")
        if function.attr == "get_submodule":
            return holder.startswith("self.")
        return ast.unparse(function) in LIBRARY or function.attr in METHODS

    def _constant(self, node: ast.Constant) -> Iterator[str]:
        if node.value is None or isinstance(node.value, bool | int | float):
            return
        if not isinstance(node.value, str):
            yield f"a constant {node.value!r}"
        elif (
            id(node) not in self.docstrings and node.value not in STRINGS and not self._is_key(node)
        ):
            yield f"a string {node.value!r}"

    def _is_key(self, node: ast.Constant) -> bool:
        """Whether a string is a word that names a member of a container."""
        parent = self.parents[id(node)]
        if isinstance(parent, ast.Call):
            called = parent.func
            fits = isinstance(called, ast.Attribute) and called.attr == "get_submodule"
            return fits and node.value.replace(".", "").replace("_", "a").isalnum()
        if isinstance(parent, ast.Dict):
            fits = ast.unparse(self.parents[id(parent)]).startswith("nn.ModuleDict(")
        else:
            fits = isinstance(parent, ast.Subscript) and ast.unparse(parent.value).startswith(
                "self."
            )
        return fits and node.value.isascii() and node.value.replace("_", "a").isalnum()


def _names(node: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names that stand in a node, and whether it binds them in the module or a function."""
    match node:
        case ast.Name(id=name, ctx=ctx):
            yield name, isinstance(ctx, ast.Store)
        case ast.arg(arg=name) | ast.ClassDef(name=name):
            yield name, True
        case ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.keyword(arg=str(name)):
            yield name, False


def _root(node: ast.expr) -> str:
    """The name that a chain of attributes begins with, or nothing."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and type(node.value.value) is str
    )
