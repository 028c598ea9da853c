"""`check --fix`: the ways out that a program can take, written into the files; all else in them stays as it is."""

from __future__ import annotations

import codecs
import difflib
import pathlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from resnet_compiler.characters import escaped
from resnet_compiler.diagnostics import Fix
from resnet_compiler.library import SpecFile
from resnet_compiler.limits import Limits
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.support.read import beginning

ROUNDS = 10
"""One fix may bring another error into sight; after so many rounds it is a person's turn."""


@dataclass
class Fixed:
    """Files with fixes made: their texts before and after, the fixes in each, and what is still to be said."""

    compilation: Compilation
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def diff(self) -> str:
        """What changes, as a unified diff."""
        pieces = []
        for file, after in self.after.items():
            lines = difflib.unified_diff(
                self.before[file].splitlines(keepends=True),
                after.splitlines(keepends=True),
                file,
                f"{file} (fixed)",
            )
            pieces += [line if line.endswith("\n") else f"{line}\n" for line in lines]
        return escaped("".join(pieces), keep="\r\n\t")


def fixed(spec: SpecFile, limits: Limits, unsafe: bool = False) -> Fixed:
    """Make the safe fixes of a spec (``unsafe``: the others too), again while that brings more to light.

    Nothing is written. Files that came with the compiler, and files outside the spec's folder, are left alone.
    """
    found = compile_file(spec, limits=limits)
    result = Fixed(found)
    for _ in range(ROUNDS):
        fixes = _applicable(spec, found, unsafe)
        if not fixes:
            break
        for file, edits in fixes.items():
            text = result.after.get(file, found.texts[file])
            result.before.setdefault(file, found.texts[file])
            result.after[file] = apply(text, edits)
            result.count += len(edits)
        found = compile_file(spec, limits=limits, overlay=result.after)
    result.compilation = found
    return result


def _applicable(spec: SpecFile, found: Compilation, unsafe: bool) -> Mapping[str, list[Fix]]:
    """The fixes that may be made, by file; of those at one place, the first."""
    files: dict[str, list[Fix]] = {}
    for each in found.diagnostics:
        fix = each.fix
        if fix is None or not (fix.is_safe or unsafe) or not _is_ours(spec, fix, found):
            continue
        others = files.setdefault(fix.span.file, [])
        if all(other.span != fix.span for other in others):
            others.append(fix)
    return files


def _is_ours(spec: SpecFile, fix: Fix, found: Compilation) -> bool:
    """Whether a file is the user's to change: the spec, or one in its folder, on one line of it."""
    file = fix.span.file
    one_line = fix.span.line == fix.span.end_line
    if fix.span.is_shipped or file not in found.texts or spec.path is None or not one_line:
        return False
    folder = spec.path.parent.resolve()
    return pathlib.Path(file).resolve().is_relative_to(folder)


def apply(text: str, fixes: Iterable[Fix]) -> str:
    """The text with each span replaced; the last first, so that the places of the others stay true."""
    lines = text.splitlines(keepends=True)
    for fix in sorted(fixes, key=lambda each: each.span, reverse=True):
        line = lines[fix.span.line - 1]
        start, end = fix.span.column - 1, fix.span.end_column - 1
        lines[fix.span.line - 1] = line[:start] + fix.text + line[end:]
    return "".join(lines)


def files_of(found: Fixed) -> dict[pathlib.Path, list[bytes]]:
    """The files as they are to be written, with the byte order mark of those that begin with one."""
    files = {}
    for file, text in found.after.items():
        path = pathlib.Path(file)
        length = len(codecs.BOM_UTF8)
        mark = codecs.BOM_UTF8 if beginning(path, length) == codecs.BOM_UTF8 else b""
        files[path] = [mark + text.encode()]
    return files
