"""Specs on which something once disagreed: made small, written down, read back."""

from __future__ import annotations

import pathlib
import re
from typing import Any

from support.differential.case import Case
from support.differential.compare import Outcome, examine
from support.differential.shrink import Tree, shrink
from support.differential.variants import MAIN

FOLDER = pathlib.Path(__file__).parent.parent.parent / "regressions"


def same_failure(files: Any, outcome: Outcome, opset: int) -> bool:
    """Whether a tree of files is a case that fails as one did: in kind, and for errors in what they say first."""
    named = isinstance(files, dict) and MAIN in files
    if not named or not all(isinstance(tree, dict) for tree in files.values()):
        return False
    found = examine(Case(files), opset)
    alike = " raises " not in outcome.kind or _words(found.detail) == _words(outcome.detail)
    return found.status == "disagrees" and found.kind == outcome.kind and alike


def _words(detail: str) -> list[str]:
    """What a message begins with; names and numbers change with the spec."""
    return [word for word in detail.split() if word.isalpha()][:5]


def shrunk(case: Case, outcome: Outcome, opset: int, budget: int = 1500) -> Case:
    """A small case that fails in the same way. One that misses what is meant stays as it is: less would mean less."""
    if outcome.kind == "meaning":
        return case
    sizes = _sizes(case.sources)

    def fails(files: Tree) -> bool:
        return _sizes(files) >= sizes and same_failure(files, outcome, opset)

    return Case(shrink(case.sources, fails, budget))


def _sizes(files: Any) -> set[tuple[str, str]]:
    """Where a height or width is said; without them images would be large, and shrinking slow."""
    trees = files.items() if isinstance(files, dict) else ()
    inputs = [(n, tree.get("input")) for n, tree in trees if isinstance(tree, dict)]
    said = [(name, given) for name, given in inputs if isinstance(given, dict)]
    return {(name, axis) for name, given in said for axis in ("height", "width") if axis in given}


def store(case: Case, outcome: Outcome, number: int, folder: pathlib.Path = FOLDER) -> pathlib.Path:
    """Write a case: one file, or a folder where it has several; its comment says what failed."""
    name = f"{re.sub('[^a-z]+', '_', outcome.kind.lower()).strip('_')}_{number}"
    comment = f"# {outcome.kind}: {outcome.detail}\n# Spec {number} of the campaign, made small.\n"
    if list(case.files) == [MAIN]:
        path = folder / f"{name}.yaml"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(comment + case.texts[MAIN], "utf-8")
    else:
        path = folder / name
        case.write(path, comment)
    return path


def stored() -> list[pathlib.Path]:
    """Everything under tests/regressions/: files, and folders with a `net.yaml`."""
    files = sorted(FOLDER.glob("*.yaml"))
    return files + sorted(path.parent for path in FOLDER.glob(f"*/{MAIN}"))
