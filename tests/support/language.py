"""A small spec to change in one place, and what came of it."""

from __future__ import annotations

from typing import Any

import pytest

import resnet_compiler
from resnet_compiler import Graph, SpecError
from resnet_compiler.diagnostics import Diagnostic, Span
from resnet_compiler.library import SpecFile
from resnet_compiler.pipeline import Compilation, compile_file

OWN = """\
  own:
    parameters: {width: required, ratio: 0.5, twice: width * 2}
    let: {inner: floor(width * ratio), outer: inner * 4}
    layers:
      - a: {conv: {out: inner, kernel: 1}}
      - b: {conv: {out: outer, kernel: 1}}
      - c: {conv: {out: twice + in_channels, kernel: 1}}
"""
ROUNDING = """\
  aa:
    parameters: {width: required}
    residual:
      - conv: {conv: {out: width, kernel: 3}}
      - pool: {avg_pool: {kernel: 2}}
    shortcut:
      - downsample: {conv: {out: width, kernel: 1, stride: 2}}
"""
STEM = "  - conv: {conv: {out: 8, kernel: 3}}\n"
STAGE = "  - layer1: {block: basic, depth: 1, width: 8}\n"
HEAD = "  - pool: global_avg_pool\n  - fc: {linear: {out: 10}}\n"


def net(
    stem: str = STEM,
    stages: str = STAGE,
    head: str = HEAD,
    input: str = "{height: 32, width: 32}",
    top: str = "",
    blocks: str = "",
) -> str:
    """A small spec; each part can be another."""
    tail = f"blocks:\n{blocks}" if blocks else ""
    return f"name: net\n{top}input: {input}\nstem:\n{stem}stages:\n{stages}head:\n{head}{tail}"


def stage(arguments: str, blocks: str = "", **parts: str) -> str:
    return net(stages=f"  - layer1: {{{arguments}}}\n", blocks=blocks, **parts)


def compile(text: str) -> Graph:
    return resnet_compiler.compile("net.yaml", text=text)


def compilation(text: str) -> Compilation:
    return compile_file(SpecFile("net.yaml", None), text)


def failures(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        compile(text)
    return caught.value.diagnostics


def failure(text: str) -> Diagnostic:
    (one,) = failures(text)
    return one


def covered(text: str, span: Span | None) -> str:
    """The text under the caret, which stands on one line."""
    assert span is not None and span.file == "net.yaml", span
    assert span.line == span.end_line
    return text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1]


def operator(graph: Graph, name: str) -> Any:
    return graph[name].operator


def names(graph: Graph) -> list[str]:
    return [node.name for node in graph]
