"""Weights that are there under other names: the line of Python that gives them the network's, tried before it is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from resnet_compiler.checkpoints.stored import brief

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

_COPIES = ("encoder_k", "momentum", "teacher", "target", "ema", "key")
"""Words in the prefix of a second encoder, which follows the first as an average: not the one that was trained."""
_MOST_PREFIXES = 3
_SAMPLED = 8


@dataclass(frozen=True, slots=True)
class Renaming:
    """Prefixes of a file's names with what stands for them in the network's, and those that are left out.

    ``missing`` are names of the network that no tensor of the file gets: its head, or none. ``classes`` are those of the
    file's head, where they are not the network's. ``beside`` are prefixes that hold the network too.
    """

    prefixes: Mapping[str, str]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    classes: int | None = None
    beside: tuple[str, ...] = ()

    def applied(self, names: Collection[str]) -> dict[str, str]:
        """The names that are kept, each with its new one."""
        return {
            name: new + name.removeprefix(old)
            for old, new in self.prefixes.items()
            for name in names
            if name.startswith(old) and not name.startswith(self.left_out)
        }

    def line(self, names: Collection[str]) -> str:
        """Python that makes the network's names of those of a ``state_dict``."""
        shown = {brief(old): brief(new) for old, new in self.prefixes.items()}
        but = (
            f" and not k.startswith({tuple(map(brief, self.left_out))!r})" if self.left_out else ""
        )
        if len(shown) > 1:
            return (
                f"{{new + k.removeprefix(old): v for old, new in {shown!r}.items() "
                f"for k, v in state_dict.items() if k.startswith(old){but}}}"
            )
        ((old, _),) = shown.items()
        kept = f" if k.startswith({old!r}){but}"
        whole = all(name.startswith(tuple(self.prefixes)) for name in names) and not but
        condition = "" if whole else kept
        return f"{{k.removeprefix({old!r}): v for k, v in state_dict.items(){condition}}}"


def renaming(theirs: Shapes, ours: Shapes, head: Collection[str]) -> Renaming | None:
    """The renaming with which the file's tensors are the network's, all of them or all but the ``head``.

    None where none is found that loads. Counters are in neither.
    """
    found = [_with_prefix(prefix, theirs, ours, head) for prefix in _prefixes(theirs, ours)]
    usable = [each for each in found if each is not None]
    if not usable:
        return None
    best = min(usable, key=lambda each: (len(each.missing), _is_copy(each)))
    others = [next(iter(each.prefixes)) for each in usable if each is not best]
    return replace(best, beside=tuple(others))


def _is_copy(found: Renaming) -> bool:
    first = next(iter(found.prefixes)).lower()
    return any(word in first for word in _COPIES)


def _prefixes(theirs: Shapes, ours: Shapes) -> list[str]:
    """What stands before the network's names in the file's, most often first."""
    counts: dict[str, int] = {}
    for wanted in list(ours)[:: max(1, len(ours) // _SAMPLED)]:
        for name, shape in theirs.items():
            if name.endswith(f".{wanted}") and shape == ours[wanted]:
                prefix = name.removesuffix(wanted)
                counts[prefix] = counts.get(prefix, 0) + 1
    return sorted(counts, key=lambda each: -counts[each])[:_MOST_PREFIXES]


def _with_prefix(
    prefix: str, theirs: Shapes, ours: Shapes, head: Collection[str]
) -> Renaming | None:
    classes = _classes(prefix, theirs, ours, head)
    if classes is not None:
        ours = {n: (classes, *shape[1:]) if n in head else shape for n, shape in ours.items()}
    met = {name for name, shape in ours.items() if theirs.get(prefix + name) == shape}
    missing = [name for name in ours if name not in met]
    prefixes = {prefix: ""}
    for layer in dict.fromkeys(name.rpartition(".")[0] for name in missing):
        source = _only_one_like(layer, prefix, theirs, ours)
        if source is not None:
            prefixes[f"{source}."] = f"{layer}."
            missing = [name for name in missing if name.rpartition(".")[0] != layer]
    if missing and set(missing) != set(head):
        return None
    left_out = _left_out(prefix, prefixes, theirs, met)
    result = Renaming(prefixes, left_out, tuple(missing), classes)
    made = {new: theirs[name] for name, new in result.applied(theirs).items()}
    wanted = {name: shape for name, shape in ours.items() if name not in missing}
    return result if made == wanted else None


def _classes(prefix: str, theirs: Shapes, ours: Shapes, head: Collection[str]) -> int | None:
    """The number of classes of the head that is under a prefix, where it is another than the network's."""
    there = [theirs.get(prefix + name, ()) for name in head]
    if not there or any(
        len(shape) != len(ours[name]) or shape[1:] != ours[name][1:]
        for name, shape in zip(head, there, strict=True)
    ):
        return None
    rows = {shape[0] for shape in there}
    first = next(iter(head))
    return rows.pop() if len(rows) == 1 and ours[first][0] not in rows else None


def _only_one_like(layer: str, prefix: str, theirs: Shapes, ours: Shapes) -> str | None:
    """The layer of the file, outside the prefix, that alone has the tensors of a layer of the network."""
    wanted = _tensors(layer, ours)
    layers = dict.fromkeys(
        name.rpartition(".")[0] for name in theirs if not name.startswith(prefix)
    )
    found = [each for each in layers if each and _tensors(each, theirs) == wanted]
    return found[0] if len(found) == 1 else None


def _tensors(layer: str, shapes: Shapes) -> dict[str, Shape]:
    return {
        name.rpartition(".")[2]: shape
        for name, shape in shapes.items()
        if name.rpartition(".")[0] == layer
    }


def _left_out(
    prefix: str, prefixes: Mapping[str, str], theirs: Shapes, met: Collection[str]
) -> tuple[str, ...]:
    """Beginnings of names under the prefix that the network has none of."""
    used = {name.partition(".")[0] for name in met}
    found: dict[str, None] = {}
    for name in theirs:
        if name.startswith(prefix) and name.removeprefix(prefix) not in met:
            first = name.removeprefix(prefix).partition(".")[0]
            if first not in used and f"{prefix}{first}." not in prefixes:
                dot = "." if "." in name.removeprefix(prefix) else ""
                found[f"{prefix}{first}{dot}"] = None
    return tuple(found)
