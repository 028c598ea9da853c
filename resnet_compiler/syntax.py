"""Python's own parser, for expressions of specs and for emitted source: one text at a time, for programs with threads.

Some releases of CPython, 3.11.7 among them, count the depth of all trees under construction in one place: two threads that
parse at once can get a SystemError for texts that are fine (python/cpython#106905). This keeps the threads of a program
that compiles in several from each other; it cannot help where other code parses too, so `serve` compiles in a process.
"""

from __future__ import annotations

import ast
from threading import Lock

_ONE_AT_A_TIME = Lock()


def parse_module(text: str) -> ast.Module:
    """The tree of a module.

    Raises:
        SyntaxError: it is none.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text)


def parse_expression(text: str) -> ast.expr:
    """The tree of an expression.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: as `ast.parse`.
    """
    with _ONE_AT_A_TIME:
        return ast.parse(text, mode="eval").body
