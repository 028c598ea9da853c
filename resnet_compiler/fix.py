"""`check --fix`: the ways out that a program can take, written into the files; all else in them stays as it is.

A fix is tried before it is kept: the spec is compiled with it, and must then have fewer errors and no new ones.
"""

from __future__ import annotations

import codecs
import difflib
import pathlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from resnet_compiler.characters import escaped
from resnet_compiler.diagnostics import Diagnostic, Fix, is_shipped
from resnet_compiler.library import SpecFile
from resnet_compiler.limits import Limits
from resnet_compiler.occurrences import Occurrences
from resnet_compiler.pipeline import Compilation, compile_file
from resnet_compiler.support.read import beginning

ROUNDS = 10
"""One fix may bring another error into sight; after so many rounds it is a person's turn."""
MOST_TRIED = 20
"""How often a spec is compiled to find out which of its fixes help, where not all of them do."""
_MOST_WORK = 200_000
_ADD = 50
"""Of large specs less often: characters in all that is tried, a residual add counting as this many."""


@dataclass(frozen=True)
class Fixed:
    """Files with fixes made: their texts before and after, how many fixes, and what is still to be said."""

    compilation: Compilation
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
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


def fixed(
    spec: SpecFile,
    limits: Limits,
    unsafe: bool = False,
    texts: Mapping[str, str] = MappingProxyType({}),
    found: Compilation | None = None,
) -> Fixed:
    """Make the safe fixes of a spec (``unsafe``: the others too), again while that brings more to light.

    Nothing is written. Files that came with the compiler, and files outside the spec's folder, are left alone. ``texts``
    stand for files, by the names used in spans; ``found`` is the compilation, where there is one already.
    """
    return _Fixer(spec, limits, unsafe, dict(texts)).run(found)


class _Fixer:
    """Tries fixes of one spec, and counts how often it was compiled for that."""

    def __init__(
        self, spec: SpecFile, limits: Limits, unsafe: bool, texts: Mapping[str, str]
    ) -> None:
        self.spec, self.limits, self.unsafe, self.texts = spec, limits, unsafe, texts
        self.compiled, self.most = 0, MOST_TRIED

    def run(self, found: Compilation | None) -> Fixed:
        start = Fixed(found or self._compile({}))
        work = sum(map(len, start.compilation.texts.values()))
        work += _ADD * len(start.compilation.proofs)
        self.compiled, self.most = 0, max(1, min(MOST_TRIED, _MOST_WORK // max(work, 1)))
        return self._helpful(start, self._applicable(start.compilation))

    def _helpful(self, start: Fixed, fixes: list[Fix]) -> Fixed:
        """What comes of those fixes that help: all of them, or of each half those that do."""
        if not fixes or self.compiled >= self.most:
            return start
        tried = self._settled(start, fixes)
        if _is_better(tried.compilation, start.compilation):
            return tried
        if len(fixes) == 1:
            return start
        middle = len(fixes) // 2
        first = self._helpful(start, fixes[:middle])
        left = self._applicable(first.compilation)
        wanted = {(fix.span.file, fix.span.line, fix.text, fix.word) for fix in fixes[middle:]}
        rest = [f for f in left if (f.span.file, f.span.line, f.text, f.word) in wanted]
        return self._helpful(first, rest)

    def _settled(self, start: Fixed, fixes: list[Fix]) -> Fixed:
        """The spec with fixes made, and with those of the errors that only then come into sight."""
        known = set(_errors(start.compilation))
        found = self._with(start, fixes)
        for _ in range(ROUNDS - 1):
            more = self._applicable(found.compilation, known)
            if not more or self.compiled >= self.most:
                break
            found = self._with(found, more)
        return found

    def _with(self, found: Fixed, fixes: list[Fix]) -> Fixed:
        before, after = dict(found.before), dict(found.after)
        for file in dict.fromkeys(fix.span.file for fix in fixes):
            here = [fix for fix in fixes if fix.span.file == file]
            before.setdefault(file, found.compilation.texts[file])
            after[file] = apply(found.compilation.texts[file], here)
        return Fixed(self._compile(after), before, after, found.count + len(fixes))

    def _compile(self, after: Mapping[str, str]) -> Compilation:
        self.compiled += 1
        return compile_file(self.spec, limits=self.limits, overlay={**self.texts, **after})

    def _applicable(self, found: Compilation, known: Collection[_Key] = ()) -> list[Fix]:
        """The fixes that may be made, but for those of errors that are known; of several at one place, the first."""
        own = {file: text for file, text in found.texts.items() if _is_ours(self.spec, file)}
        occurrences = Occurrences(own)
        fixes: list[Fix] = []
        for each in found.diagnostics:
            fix = each.fix
            if fix is None or _key(each) in known or fix.span.file not in own:
                continue
            if not _stands_there(own[fix.span.file], fix):
                continue
            if fix.word is not None:
                fix = occurrences.decided(fix) or (replace(fix, is_safe=False))
            if (fix.is_safe or self.unsafe) and not any(_overlap(fix, other) for other in fixes):
                fixes.append(fix)
        return fixes


_Key = tuple[str, str, int, str]
"""What tells an error from others, wherever in its line it stands."""


def _key(each: Diagnostic) -> _Key:
    at = each.span
    return (each.code.id, at.file if at else "", at.line if at else 0, each.summary)


def _errors(found: Compilation) -> Counter[_Key]:
    return Counter(_key(each) for each in found.diagnostics if each.severity == "error")


def _is_better(found: Compilation, before: Compilation) -> bool:
    """Whether there are fewer errors than before, and no new ones."""
    now, then = _errors(found), _errors(before)
    return now < then


def _is_ours(spec: SpecFile, file: str) -> bool:
    """Whether a file is the user's to change: the spec, or one in its folder."""
    if is_shipped(file) or spec.path is None:
        return False
    folder = spec.path.parent.resolve()
    return pathlib.Path(file).resolve().is_relative_to(folder)


def _stands_there(text: str, fix: Fix) -> bool:
    """Whether a fix is about one line, and the misspelt word is what stands at its place."""
    at = fix.span
    lines = text.splitlines(keepends=True)
    if at.line != at.end_line or at.line > len(lines):
        return False
    return fix.word is None or lines[at.line - 1][at.column - 1 : at.end_column - 1] == fix.word


def _overlap(one: Fix, other: Fix) -> bool:
    a, b = one.span, other.span
    if (a.file, a.line) != (b.file, b.line):
        return False
    return a == b or (a.column < b.end_column and b.column < a.end_column)


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
