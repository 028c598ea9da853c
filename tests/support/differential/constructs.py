"""What of the language a case makes use of, by name, so that a set of cases can be held to use all of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from resnet_compiler import Graph
from resnet_compiler.operators import OPERATORS
from resnet_compiler.residual import CHOICES
from resnet_compiler.shapes import Size
from support.differential.case import Case
from support.differential.conditions import CONDITIONS
from support.differential.spellings import SPELLINGS, spellings_of

OPERATOR_WORDS = frozenset(f"operator {word}" for word in OPERATORS)
ATTRIBUTES = frozenset(
    f"attribute {word}.{name}" for word, kind in OPERATORS.items() for name in kind.attributes()
)
SHORTCUTS = frozenset(
    f"shortcut: {choice}"
    for choice in (*CHOICES, "zero_pad", "conv_projection", "average_projection", "own block")
) | {"shortcut: a call", "shortcut of a layer"}
BLOCKS = frozenset(
    (
        "block inline",
        "block beside",
        "block in blocks/",
        "block shipped",
        "block in a block",
        "block in itself",
        "residual block in a block",
        "residual",
        "layers",
        "after",
        "a projection that reads inside",
        "let of a block",
        "a parameter without default",
    )
)
LAYERS = frozenset(
    (
        "repeat",
        "repeat with from",
        "repeat with when",
        "when",
        "use",
        "use of none",
        "from a name",
        "from several",
        "from with a star",
        "from input",
        "a name with dots",
        "a name with an expression",
        "a name that is a number",
        "an expression",
        "kernel pair",
        "stride pair",
        "padding pair",
        "dilation",
        "groups above 1",
        "ceil_mode",
        "a gate",
        "a layer of another norm",
        "a layer of another act",
    )
)
STAGES = frozenset(
    (
        "a list per block",
        "a list of lists",
        "first",
        "names of the spec",
        "names of a stage",
        "a stage's name with dots",
        "a stage of another norm",
        "a stage of another act",
        "block_index",
        "a list read by its place",
        "a call as an argument",
        "depth 3",
        "a head that reads stages",
    )
)
SPECS = frozenset(
    (
        "extends a file",
        "extends a shipped spec",
        "override of a stage",
        "override of every stage",
        "override of a layer",
        "null for a stage",
        "null for a layer",
        "null for a key",
        "let",
        "norm",
        "act",
        "act: none",
        "defaults",
        "title",
        "open size",
        "minimum",
        "multiple above 1",
        "odd size",
        "height other than width",
        "one channel",
        "no stem",
        "no head",
        "some sizes only",
        "a least size above 1",
    )
)
FUNCTIONS = ("abs", "ceil", "floor", "log2", "make_divisible", "max", "min", "round", "sqrt")
_SYNTAX: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.And: "and",
    ast.Or: "or",
    ast.Not: "not",
    ast.IfExp: "if else",
    ast.Subscript: "[]",
}
EXPRESSIONS = frozenset(
    (
        *(f"function {name}" for name in FUNCTIONS),
        *(f"syntax {sign}" for sign in _SYNTAX.values()),
    )
)
LISTS = ("stem", "head", "layers", "residual", "shortcut", "after", "repeat")
PLACES = frozenset(f"{key} in {part}" for key in ("from", "when") for part in LISTS)
ALL = (
    OPERATOR_WORDS
    | ATTRIBUTES
    | SHORTCUTS
    | BLOCKS
    | LAYERS
    | STAGES
    | SPECS
    | EXPRESSIONS
    | PLACES
)
ALL |= SPELLINGS | frozenset(CONDITIONS) | {"a shortcut that is absent, reading inside"}


def constructs(case: Case, graph: Graph) -> frozenset[str]:
    """Every one of `ALL` that the case uses, among a few more names."""
    found = {f"operator {node.operator.word}" for node in graph}
    found |= case.conditions | spellings_of(case.sources)
    for name, tree in case.sources.items():
        if "/" in name:
            found.add("block in blocks/")
        elif "parameters" in tree or "layers" in tree or "residual" in tree:
            found.add("block beside")
        found |= set(_of_blocks(case, tree)) | set(_of_specs(tree)) | set(_of_stages(tree))
        for mapping in _mappings(tree):
            found |= set(_of_layers(mapping))
        found |= set(_of_lists(tree)) | set(_of_expressions(tree))
    found |= set(_of_graph(graph))
    return frozenset(found)


def _mappings(tree: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _mappings(child)


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from _texts(child)


def _of_blocks(case: Case, tree: Mapping[str, Any]) -> Iterator[str]:
    if tree.get("blocks"):
        yield "block inline"
    own = {word for each in case.sources.values() for word in each.get("blocks", {})}
    own |= {name.rsplit("/", 1)[-1].removesuffix(".yaml") for name in case.sources}
    bodies = {**tree.get("blocks", {}), str(tree.get("name")): tree}
    for word, body in bodies.items():
        if "layers" not in body and "residual" not in body:
            continue
        yield from (key for key in ("residual", "layers", "after") if body.get(key))
        if "let" in body:
            yield "let of a block"
        if "required" in body.get("parameters", {}).values():
            yield "a parameter without default"
        for mapping in _mappings(body):
            if any(key in own for key in mapping):
                yield "block in itself" if word in mapping else "block in a block"
            if "basic" in mapping or "preact_basic" in mapping:
                yield "residual block in a block"
                if "shortcut" in mapping.get("basic", mapping.get("preact_basic", {})):
                    yield "shortcut of a layer"
        first = next(iter(body.get("shortcut") or [{}]))
        if any(isinstance(layer, dict) and "from" in layer for layer in first.values()):
            yield "a projection that reads inside"
    for mapping in _mappings(tree):
        said = mapping.get("shortcut")
        if isinstance(said, dict):
            yield "shortcut: a call"
            said = next(iter(said))
        if isinstance(said, str):
            yield f"shortcut: {said}"
            if said in own:
                yield "shortcut: own block"


def _of_layers(mapping: Mapping[str, Any]) -> Iterator[str]:
    for key, value in mapping.items():
        if key in OPERATORS and isinstance(value, dict):
            yield from (f"attribute {key}.{name}" for name in value)
            yield from (f"{n} pair" for n in value if isinstance(value[n], list))
            yield from _figures(value)
        if key in ("basic", "preact_basic") or key.startswith("keep"):
            inner = value if isinstance(value, dict) else {}
            yield from (f"a layer of another {n}" for n in ("norm", "act") if n in inner)
        if "{" in key:
            yield "a name with an expression"
        if key.isdecimal():
            yield "a name that is a number"
        if "." in key and isinstance(value, dict | str):
            yield "a name with dots"
    if isinstance(mapping.get("repeat"), dict):
        yield "repeat"
        yield from (f"repeat with {key}" for key in ("from", "when") if key in mapping)
    yield from (key for key in ("when", "use") if key in mapping)
    sources = mapping.get("from")
    if isinstance(sources, str):
        yield "from a name"
    if isinstance(sources, list):
        yield "from several"
    if any("*" in source for source in _texts(sources)):
        yield "from with a star"
    if "input" in _texts(sources):
        yield "from input"
    for text in mapping.values():
        if isinstance(text, str):
            yield from (n for n, sign in _SIGNS.items() if any(s in text for s in sign))


_SIGNS = {
    "an expression": (" * ", " // ", " + ", " - "),
    "block_index": ("block_index",),
    "a list read by its place": ("[index]",),
}


def _of_lists(tree: Mapping[str, Any]) -> Iterator[str]:
    """In which lists of layers there is a `from`, and a `when`."""
    for mapping in _mappings(tree):
        for part in LISTS:
            found = mapping.get(part)
            layers = found.get("layers") if part == "repeat" and isinstance(found, dict) else found
            for layer in layers if isinstance(layers, list) else ():
                body = next(iter(layer.values()))
                if isinstance(body, dict):
                    yield from (f"{key} in {part}" for key in ("from", "when") if key in body)
                    condition = str(body.get("when", ""))
                    if part == "shortcut" and "from" in body and "in_channels != " in condition:
                        yield "a shortcut that is absent, reading inside"


def _of_expressions(tree: Mapping[str, Any]) -> Iterator[str]:
    """Which functions and signs there are in the texts of a tree."""
    for text in dict.fromkeys(_all_texts(tree)):
        for part in re.findall(r"\{([^{}]*)\}", text) or [text]:
            try:
                parsed = ast.parse(part, mode="eval")
            except SyntaxError:
                continue
            for node in ast.walk(parsed):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    yield f"function {node.func.id}"
                if type(node) in _SYNTAX:
                    yield f"syntax {_SYNTAX[type(node)]}"


def _all_texts(tree: Any) -> Iterator[str]:
    """The texts of a tree, its keys among them."""
    yield from _texts(tree)
    for mapping in _mappings(tree):
        yield from mapping


def _figures(attributes: Mapping[str, Any]) -> Iterator[str]:
    if attributes.get("dilation", 1) != 1:
        yield "dilation"
    if attributes.get("groups", 1) != 1:
        yield "groups above 1"
    if attributes.get("ceil_mode"):
        yield "ceil_mode"


def _of_stages(tree: Mapping[str, Any]) -> Iterator[str]:
    stages = tree.get("stages", [])
    if not isinstance(stages, list):
        return
    names = [next(iter(stage)) for stage in stages]
    if any(
        source in names
        for layer in tree.get("head", [])
        for m in _mappings(layer)
        for source in _texts(m.get("from"))
    ):
        yield "a head that reads stages"
    for stage in stages:
        ((name, body),) = stage.items()
        if "." in name:
            yield "a stage's name with dots"
        yield from (key for key in ("first",) if key in body)
        if "names" in body:
            yield "names of a stage"
        yield from (f"a stage of another {key}" for key in ("norm", "act") if key in body)
        if body.get("depth") == 3:
            yield "depth 3"
        if isinstance(body.get("stride"), list):
            yield "stride pair"
        for key, value in body.items():
            if isinstance(value, list) and key != "stride":
                nested = any(isinstance(each, list) for each in value)
                yield "a list of lists" if nested else "a list per block"
            if isinstance(value, dict) and key not in ("first", "norm", "act", "shortcut"):
                yield "a call as an argument"
        if not str(body.get("block", "res")).startswith(("res", "plain", "keep")):
            yield "block shipped"


def _of_specs(tree: Mapping[str, Any]) -> Iterator[str]:
    base = tree.get("extends")
    if base:
        yield "extends a file" if base.endswith(".yaml") else "extends a shipped spec"
    for section, what in (("stages", "stage"), ("stem", "layer"), ("head", "layer")):
        changes = tree.get(section)
        if base and isinstance(changes, dict):
            for name, change in changes.items():
                yield f"override of {'every' if name == '*' else 'a'} {what}"
                if change is None:
                    yield f"null for a {what}"
                elif None in change.values():
                    yield "null for a key"
    yield from (key for key in ("let", "norm", "act", "defaults", "title") if tree.get(key))
    if tree.get("act") == "none":
        yield "act: none"
    if tree.get("names"):
        yield "names of the spec"
    if "extends" not in tree and "stages" in tree:
        yield from (f"no {section}" for section in ("stem", "head") if section not in tree)
    for extent in tree.get("input", {}).values():
        if isinstance(extent, dict):
            yield "open size"
            if "minimum" in extent:
                yield "minimum"


def _of_graph(graph: Graph) -> Iterator[str]:
    declared = graph.declared
    if any(size % 2 for size in declared.values()):
        yield "odd size"
    if declared["H"] != declared["W"]:
        yield "height other than width"
    if graph.input_shape[0] == 1:
        yield "one channel"
    if any(extent.multiple_of > 1 for extent in graph.extents):
        yield "multiple above 1"
    if not graph.any_size:
        yield "some sizes only"
    if max(graph.minimum_extents.values()) > 1:
        yield "a least size above 1"
    for scope in graph.scopes.values():
        if any(value is None for value in scope.values.values()):
            yield "use of none"
    for node in graph:
        shapes = graph.input_shapes(node)
        if node.operator.word == "mul" and isinstance(shapes[0][1], Size) and shapes[1][1] == 1:
            yield "a gate"
