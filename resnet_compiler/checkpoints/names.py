"""Names as training wrappers leave them, brought to those of the network."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from resnet_compiler.checkpoints.stored import Stored, Tensors

_WRAPPERS = re.compile(r"(?:(?:module|_orig_mod|model)\.)+")
"""DataParallel and averaging, torch.compile, and what holds a network as its `model`."""


def without_wrappers(stored: Tensors, known: Collection[str]) -> dict[str, Stored]:
    """The tensors without the wrapper's prefix, where more names are the network's then.

    A name without the prefix stays, and so does one whose shorter form another tensor has.
    """
    leads = Counter(match[0] for match in map(_WRAPPERS.match, stored) if match)
    if not leads:
        return dict(stored)
    parts = re.findall(r"[^.]+\.", leads.most_common(1)[0][0])
    prefixes = ["".join(parts[:count]) for count in range(len(parts) + 1)]
    best = max(prefixes, key=lambda each: _met(stored, each, known))  # of equals the shortest
    return {_shorter(name, best, stored): tensor for name, tensor in stored.items()}


def _shorter(name: str, prefix: str, stored: Mapping[str, object]) -> str:
    short = name.removeprefix(prefix)
    return name if short in stored else short


def _met(stored: Tensors, prefix: str, known: Collection[str]) -> int:
    return sum(_shorter(name, prefix, stored) in known for name in stored)


def foreign_prefix(names: Iterable[str], known: Collection[str]) -> str | None:
    """A prefix that the names have and the network's do not, where nearly all of the network's are met without it."""
    found = dict.fromkeys(names)
    sample = list(known)[:: max(1, len(known) // 8)]
    cuts = Counter(
        name.removesuffix(wanted)
        for wanted in sample
        for name in found
        if name.endswith(f".{wanted}")
    )
    for prefix, _ in cuts.most_common(3):
        met = sum(prefix + name in found for name in known)
        if met >= 0.9 * len(known):
            return prefix
    return None
