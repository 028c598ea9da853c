"""A smaller input that still goes wrong: fewer files, fewer lines, fewer characters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

Files = Mapping[str, str]
Wrong = Callable[[Files], bool]


def minimised(files: Files, spec: str, is_wrong: Wrong, tries: int = 400) -> Files:
    """Take away what is not needed for ``is_wrong`` to hold, in at most so many tries. ``spec`` is the file that stays."""
    left = tries

    def holds(changed: Files) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and is_wrong(changed)

    for name in [name for name in files if name != spec]:
        fewer = {each: text for each, text in files.items() if each != name}
        files = fewer if holds(fewer) else files
    for name in files:
        for pieces in (files[name].splitlines(keepends=True), None):
            others = dict(
                files
            )  # at the second time, what is left of the lines goes letter by letter
            kept = _fewest(
                list(files[name]) if pieces is None else pieces,
                lambda each, name=name, others=others: holds({**others, name: "".join(each)}),
            )
            files = {**files, name: "".join(kept)}
    return files


def _fewest(pieces: Sequence[str], holds: Callable[[Sequence[str]], bool]) -> Sequence[str]:
    """The pieces without runs of them that are not needed, the longest runs tried first."""
    size = len(pieces) // 2
    while size:
        at = 0
        while at < len(pieces):
            fewer = [*pieces[:at], *pieces[at + size :]]
            if holds(fewer):
                pieces = fewer
            else:
                at += size
        size //= 2
    return pieces
