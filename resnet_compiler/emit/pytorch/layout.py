"""From constructor trees to lines, in the layout that `ruff format` and `black` leave as it is.

A call stands on one line where it fits; otherwise each argument has a line of its own and a comma behind it, which both
formatters keep at any line length from `WIDTH` on.
"""

from __future__ import annotations

import re
from itertools import groupby

from resnet_compiler.emit.pytorch.constructors import (
    Children,
    Given,
    Literal,
    New,
    Reference,
    Tree,
)

WIDTH = 88
INDENT = "    "


def literal(value: object) -> str:
    """A value as Python source, in the formatters' quotes."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, float) and abs(value) in (float("inf"),):
        raise ValueError("no literal stands for infinity")
    text = repr(value)
    if isinstance(value, float):  # 1e-05 as the formatters write it: 1e-5
        text = re.sub(r"e([+-])0*(?=\d)", lambda match: "e" + match[1].replace("+", ""), text)
    return text


def one_line(tree: Tree) -> str:
    """A tree on a single line."""
    match tree:
        case Literal(value=value):
            return literal(value)
        case Reference(name=name):
            return name
        case _:
            opening, items, closing = _parts(tree)
            return opening + ", ".join(text for text, _ in items) + closing


def fitted(prefix: str, tree: Tree, indent: int, suffix: str = "") -> list[str]:
    """``prefix`` and a tree and ``suffix``, at a depth of indentation, broken over lines where it does not fit."""
    margin = INDENT * indent
    line = f"{margin}{prefix}{one_line(tree)}{suffix}"
    if len(line) <= WIDTH or isinstance(tree, Literal | Reference):
        return [line]
    opening, items, closing = _parts(tree)
    if not items:
        return [line]
    lines = [f"{margin}{prefix}{opening}"]
    for text, broken in items:
        if len(INDENT * (indent + 1)) + len(text) + 1 <= WIDTH:
            lines.append(f"{INDENT * (indent + 1)}{text},")
        else:
            name, inner, count = broken
            lines += _broken_item(name, inner, count, indent + 1)
    lines.append(f"{margin}{closing}{suffix}")
    return lines


def _broken_item(name: str, tree: Tree, count: int, indent: int) -> list[str]:
    if count == 1:
        return fitted(name, tree, indent, ",")
    margin = INDENT * indent
    inner = fitted("", tree, indent + 1)
    if len(inner) == 1:
        # kept apart by the formatters only if the call itself is broken, so break it
        opening, items, closing = _parts(tree)
        inner = [
            INDENT * (indent + 1) + opening,
            *(f"{INDENT * (indent + 2)}{text}," for text, _ in items),
            INDENT * (indent + 1) + closing,
        ]
    return [f"{margin}*(", *inner, f"{margin}{INDENT}for _ in range({count})", f"{margin}),"]


_Item = tuple[str, tuple[str, Tree, int]]


def _parts(tree: Tree) -> tuple[str, list[_Item], str]:
    """The opening, the items (text, and how to break it) and the closing of a call."""
    match tree:
        case New(callee=callee, arguments=arguments):
            return (
                f"{callee}(",
                [_item(name, given.value) for name, given in _written(arguments)],
                ")",
            )
        case Children(kind="dict", keys=keys, modules=modules):
            return "{", [_item(f'"{k}": ', m) for k, m in zip(keys, modules, strict=True)], "}"
        case Children(kind="OrderedDict", keys=keys, modules=modules):
            pairs = zip(keys, modules, strict=True)
            return "OrderedDict(", [_item(f"{key}=", module) for key, module in pairs], ")"
        case Children(kind=kind, modules=modules):
            items: list[_Item] = []
            for module, run in groupby(modules):
                count = len(list(run))
                text = one_line(module)
                if count > 1:
                    text = f"*({text} for _ in range({count}))"
                items.append((text, ("", module, count)))
            return ("[", items, "]") if kind == "list" else (f"{kind}(", items, ")")
    raise TypeError(tree)


def _item(name: str, tree: Tree) -> _Item:
    return f"{name}{one_line(tree)}", (name, tree, 1)


def _written(arguments: tuple[Given, ...]) -> list[tuple[str, Given]]:
    """The arguments to write, each with its keyword: positional ones until one is left out, then by name."""
    written: list[tuple[str, Given]] = []
    by_name = False
    for given in arguments:
        if given.is_default:
            by_name = True
            continue
        by_name = by_name or not given.positional
        written.append((f"{given.name}=" if by_name else "", given))
    return written


def signature(opening: str, parameters: list[str], closing: str, indent: int) -> list[str]:
    """A function's first line, or several with one parameter each."""
    margin = INDENT * indent
    line = f"{margin}{opening}{', '.join(parameters)}{closing}"
    if len(line) <= WIDTH:
        return [line]
    inner = [f"{margin}{INDENT}{parameter}," for parameter in parameters]
    return [f"{margin}{opening}", *inner, f"{margin}{closing}"]
