"""Whose weights are these? The shipped specs whose tensors are just those of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import prod

from resnet_compiler.diagnostics import SpecError
from resnet_compiler.graph import Graph
from resnet_compiler.library import SpecFile, shipped_specs
from resnet_compiler.rehead import head_layers, rehead
from resnet_compiler.support.read import text
from resnet_compiler.weights import tensors

MOST_COMPILED = 8
"""Specs that are compiled to find out; their number of parameters is compared before."""
_USUAL_CLASSES = (1000, 100, 10)
_BUFFERS = ("running_mean", "running_var")
_EXPECTED = re.compile(r"\bparameters: (\d+)")


def specs_with(theirs: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The shipped specs with these names and shapes, counters and the number of classes apart."""
    counts = _possible_counts(theirs)
    likely = [spec for spec in shipped_specs() if not counts.isdisjoint(_expected(spec))]
    return [_name(spec) for spec in likely[:MOST_COMPILED] if _has(spec, theirs)]


def _possible_counts(theirs: Mapping[str, tuple[int, ...]]) -> set[int]:
    """The trainable parameters, as they are and with each layer that may be the head for a usual number of classes."""
    trained = {
        name: shape for name, shape in theirs.items() if name.rpartition(".")[2] not in _BUFFERS
    }
    total = sum(prod(shape) for shape in trained.values())
    heads = [
        (shape[0], prod(shape[1:]) + 1)
        for name, shape in trained.items()
        if len(shape) == 2 or (shape[2:] == (1, 1) and f"{name.rpartition('.')[0]}.bias" in trained)
    ]
    return {total} | {
        total + (usual - classes) * row for classes, row in heads[-3:] for usual in _USUAL_CLASSES
    }


def _expected(spec: SpecFile) -> set[int]:
    said = text(spec.path) if spec.path else ""
    return {int(number) for number in _EXPECTED.findall(said)}


def _name(spec: SpecFile) -> str:
    """The shortest name that finds it."""
    full = spec.display.removeprefix("specs/").removesuffix(".yaml")
    short = full.rpartition("/")[2]
    first = next(each for each in shipped_specs() if each.display.endswith(f"/{short}.yaml"))
    return short if first.display == spec.display else full


def _has(spec: SpecFile, theirs: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a shipped spec has just these tensors, with a head of as many classes as the file's."""
    from resnet_compiler.pipeline import compile_file

    graph = compile_file(spec).graph
    if graph is None:
        return False
    ours = tensors(_with_classes(graph, theirs))
    return theirs == {n: each.shape for n, each in ours if each.initialisation != "counter"}


def _with_classes(graph: Graph, theirs: Mapping[str, tuple[int, ...]]) -> Graph:
    try:
        weight = theirs.get(f"{head_layers(graph)[0]}.weight", ())
        return rehead(graph, weight[0]) if weight else graph
    except (SpecError, ValueError):
        return graph
