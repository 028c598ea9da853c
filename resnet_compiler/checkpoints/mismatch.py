"""Weights that are not those of the network: all differences in one finding, the nearest tensor beside each."""

from __future__ import annotations

import itertools
import pathlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from resnet_compiler import codes
from resnet_compiler.checkpoints.names import foreign_prefix
from resnet_compiler.checkpoints.renaming import Renaming, renaming
from resnet_compiler.checkpoints.shipped import specs_with
from resnet_compiler.checkpoints.stored import Tensors, brief
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.graph import Graph
from resnet_compiler.operators.base import Tensor
from resnet_compiler.rehead import head_layers
from resnet_compiler.spelling import nearest

MOST_LINES = 20
"""Tensors that are listed of each kind of difference."""
_MOST_TENSORS = 6
_POOL = 200
"""Names that one is compared with; it takes long with many."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Differences:
    """What sets the tensors of a file apart from those of a network, by name."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]
    inconvertible: tuple[str, ...]

    def __bool__(self) -> bool:
        return any((self.missing, self.unexpected, self.reshaped, self.inconvertible))


_COUNTERS = ("num_batches_tracked", "n_averaged")
"""Last words of the names of what only training reads: how many batches, how many steps of an average."""


def differences(wanted: Mapping[str, Tensor], stored: Tensors) -> Differences:
    """Where the two differ; counters do not matter."""
    needed = {n: each.shape for n, each in wanted.items() if each.initialisation != "counter"}
    there = {
        name: each
        for name, each in stored.items()
        if name in needed or name.rpartition(".")[2] not in _COUNTERS
    }
    both = [name for name in needed if name in there]
    return Differences(
        missing=tuple(name for name in needed if name not in there),
        unexpected=tuple(name for name in there if name not in needed),
        reshaped=tuple(name for name in both if there[name].shape != needed[name]),
        inconvertible=tuple(name for name in both if there[name].read is None),
    )


def mismatch(
    path: pathlib.Path,
    graph: Graph,
    wanted: Mapping[str, Tensor],
    stored: Tensors,
    written: Tensors,
) -> Diagnostic:
    """The finding about weights that differ from the network's; ``written`` have the names that are in the file."""
    found = differences(wanted, stored)
    ours = {n: each.shape for n, each in wanted.items() if each.initialisation != "counter"}
    theirs = _shapes(stored, ours)
    unmet, unused = _by_layer(found.missing, ours), _by_layer(found.unexpected, theirs)
    reshaped = _by_layer(found.reshaped, theirs)
    lists = {
        "missing": [_line(*each, unused, "the file has") for each in _first(unmet)],
        "unexpected": [_line(*each, unmet, "the network has") for each in _first(unused)],
        "of another shape": [
            f"{_shown(layer, tensors)} in the file{';' if len(tensors) > 1 else ','} "
            f"{_sizes({leaf: ours[_full(layer, leaf)] for leaf in tensors})} in the network"
            + _hint(
                layer, tensors, {n: t for n, t in unmet.items() if t == tensors}, "it would fit"
            )
            for layer, tensors in _first(reshaped)
        ],
        "of a type that cannot become float32": [
            f"{brief(name)}: {brief(stored[name].type)}"
            for name in found.inconvertible[:MOST_LINES]
        ],
    }
    names = (found.missing, found.unexpected, found.reshaped, found.inconvertible)
    layers = (len(unmet), len(unused), len(reshaped), len(found.inconvertible))
    counts = [f"{len(each)} {title}" for title, each in zip(lists, names, strict=True) if each]
    number, _, what = counts[0].partition(" ")
    counts[0] = f"{number} tensor{'s' * (number != '1')} {what}"
    notes = [
        "\n".join([f"{title}:", *(f"  {line}" for line in lines), *_rest(count)])
        for (title, lines), count in zip(lists.items(), layers, strict=True)
        if lines
    ]
    changed = {layer_of(graph, name) for name in found.reshaped}
    at = graph[changed.pop()].span if len(changed) == 1 and not found.missing else None
    return error(
        codes.WEIGHTS_MISMATCH,
        f"{path.as_posix()} does not fit {graph.identity.name}: {_joined(counts)}",
        at,
        f"`{found.reshaped[0]}` is {_text(ours[found.reshaped[0]])} here" if at else "",
        notes=notes,
        help=_hints(graph, found, ours, theirs, _shapes(written, ours)),
    )


def _shapes(stored: Tensors, ours: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes of a file's tensors but the counters."""
    return {
        name: each.shape
        for name, each in stored.items()
        if name in ours or name.rpartition(".")[2] not in _COUNTERS
    }


def layer_of(graph: Graph, name: str) -> str:
    """The layer that a tensor belongs to; a learned tensor of its own has the layer's name."""
    return name if name in graph.nodes else name.rpartition(".")[0]


# --- the lists ---

Layers = dict[str, dict[str, Shape]]
"""Tensors by layer and by what stands behind its name."""


def _by_layer(names: Iterable[str], shapes: Mapping[str, Shape]) -> Layers:
    found: Layers = {}
    for name in names:
        layer, dot, leaf = name.rpartition(".")
        found.setdefault(layer if dot else leaf, {})[leaf if dot else ""] = shapes[name]
    return found


def _first(layers: Layers) -> list[tuple[str, dict[str, Shape]]]:
    return list(layers.items())[:MOST_LINES]


def _rest(count: int) -> list[str]:
    return [f"  and {count - MOST_LINES} more layers"] if count > MOST_LINES else []


def _line(layer: str, tensors: dict[str, Shape], others: Layers, lead: str) -> str:
    return _shown(layer, tensors) + _hint(layer, tensors, others, lead)


def _shown(layer: str, tensors: dict[str, Shape]) -> str:
    """``conv1.weight: 64 × 3 × 7 × 7``, ``bn1 (weight, bias): 64``, ``fc: weight 10 × 64, bias 10``."""
    alike = len(set(tensors.values())) == 1
    if len(tensors) == 1:
        layer = _full(layer, *tensors)
    elif alike:
        layer = f"{brief(layer)} ({_some(map(brief, tensors))})"
    return f"{brief(layer)}: {_sizes(tensors)}"


def _some(texts: Iterable[str]) -> str:
    """The first few: a layer has no more, but a file may."""
    first = list(itertools.islice(texts, _MOST_TENSORS + 1))
    return ", ".join(first[:_MOST_TENSORS]) + (", …" if len(first) > _MOST_TENSORS else "")


def _full(layer: str, leaf: str) -> str:
    return f"{layer}.{leaf}" if leaf else layer


def _sizes(tensors: dict[str, Shape]) -> str:
    if len(set(tensors.values())) == 1:
        return _text(next(iter(tensors.values())))
    return _some(f"{brief(leaf)} {_text(shape)}" for leaf, shape in tensors.items())


def _hint(layer: str, tensors: dict[str, Shape], others: Layers, lead: str) -> str:
    """The layer among others that is nearest by name, of those with the same tensors, or tensors of the same names."""
    same = [other for other, its in others.items() if its == tensors]
    alike = same or [other for other, its in others.items() if its.keys() == tensors.keys()]
    inside = [o for o in alike if f".{layer}".endswith(f".{o}") or f".{o}".endswith(f".{layer}")]
    near = max(inside, key=len, default=None)
    near = near or nearest(layer, alike[:_POOL], cutoff=0.3 if same else 0.6)
    near = near or (same[0] if len(same) == 1 else None)
    if near is None:
        return ""
    sizes = "" if near in same else f", {_sizes(others[near])}"
    return f"; {lead} `{brief(near)}`{sizes}"


def _text(shape: Shape) -> str:
    return brief(" × ".join(map(str, shape)), 60) or "one number"


def _joined(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


# --- the patterns ---


def _hints(
    graph: Graph,
    found: Differences,
    ours: Mapping[str, Shape],
    theirs: Mapping[str, Shape],
    written: Mapping[str, Shape],
) -> list[str]:
    """What explains all of it, where something does."""
    classes = _classes(graph, found, ours, theirs)
    if classes is not None:
        return [f"its head has {classes:,} classes: give `--num-classes {classes}`"]
    names = specs_with(theirs)
    if names:
        return [f"its tensors are those of {_joined([f'`{name}`' for name in names])}"]
    head = _head_tensors(graph, ours)
    way = renaming(written, ours, head)
    if way is not None:
        return _renamed(way, written, graph)
    prefix = foreign_prefix(ours, theirs)
    if prefix is not None:
        return [f"the network's names begin with `{prefix}`, those of the file do not"]
    if Counter(ours.values()) == Counter(theirs.values()):
        return [
            "every shape is there under another name: `names` in a spec gives blocks other names"
        ]
    return []


def _head_tensors(graph: Graph, ours: Mapping[str, Shape]) -> list[str]:
    """The tensors of the layers that give the classes; none where there are no such layers."""
    try:
        head = head_layers(graph)
    except SpecError:
        return []
    return [name for name in ours if layer_of(graph, name) in head]


def _renamed(way: Renaming, written: Mapping[str, Shape], graph: Graph) -> list[str]:
    """The line to save the tensors with, and what else is to be said of it."""
    first, *others = map(brief, way.prefixes)
    lead = f"its names begin with `{first}`"
    if others:
        new = [brief(each.rstrip(".")) for each in list(way.prefixes.values())[1:]]
        old = [each.rstrip(".") for each in others]
        pairs = [f"`{a}` is `{b}` here" for a, b in zip(old, new, strict=True)]
        lead = f"{lead}, and {_joined(pairs)}"
    help = [f"{lead}: save `{way.line(written)}`"]
    if way.beside:
        names = _joined([f"`{brief(each)}`" for each in way.beside])
        help.append(f"another network of these shapes is under {names}")
    if way.classes is not None:
        help.append(
            f"its head has {way.classes:,} classes: load it with `--num-classes {way.classes}`"
        )
    if way.missing:
        layer, classes = head_layers(graph)[0], graph[graph.output].shape[0]
        help.append(
            f"it has no `{layer}` of that shape: load it with `--num-classes {classes}`, for a new one"
        )
    return help


def _classes(
    graph: Graph, found: Differences, ours: Mapping[str, Shape], theirs: Mapping[str, Shape]
) -> int | None:
    """The number of classes of the file's head, where nothing else differs."""
    if found.missing or found.unexpected or found.inconvertible or not found.reshaped:
        return None
    try:
        head = head_layers(graph)
    except SpecError:
        return None
    rows = {(theirs[name] or (0,))[0] for name in found.reshaped}
    fits = all(layer_of(graph, name) in head for name in found.reshaped) and all(
        theirs[name][1:] == ours[name][1:] for name in found.reshaped
    )
    return rows.pop() if fits and len(rows) == 1 and 0 not in rows else None
