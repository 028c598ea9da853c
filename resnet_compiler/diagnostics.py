"""What the compiler has to say about a spec: spans, labels, diagnostics, and the exception that carries them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from resnet_compiler.codes import Code
from resnet_compiler.habits import Kind, called_here, instead, is_another
from resnet_compiler.spelling import digits, is_same, is_slip, is_surely, near, nearest

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of a text file. Lines and columns count from 1; ``end_column`` is one past the last character."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def is_shipped(self) -> bool:
        """Whether the file came with the compiler, so that the text to change is elsewhere."""
        return is_shipped(self.file)


def is_shipped(file: str) -> bool:
    """Whether a file came with the compiler, by what it is called in messages.

    Only those begin with `specs/`; a folder of that name of the user's own is called `./specs/` (`library.display`).
    """
    return file.startswith("specs/")


@dataclass(frozen=True, slots=True)
class Label:
    """A span, and what is to be said of it (may be empty: the span is only underlined)."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What to write at a place, so that this finding goes away. A safe one leaves no doubt that it is what was meant.

    ``word`` is the misspelt word that stands there; None where the fix replaces a value.
    """

    span: Span
    text: str
    is_safe: bool
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: what is wrong, where, why, and what to write instead.

    ``summary`` is one line, lower case, no full stop. ``primary`` is the text to change; ``secondary`` is the text that
    makes it wrong. ``notes`` give reasons and ``help`` gives ways out; both may hold several lines. ``fix`` is the way
    out that a program can take.
    """

    code: Code
    summary: str
    primary: Label | None = None
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    severity: Severity = field(default="error")
    fix: Fix | None = None

    @property
    def span(self) -> Span | None:
        return self.primary.span if self.primary else None

    @property
    def meant(self) -> str | None:
        """The word that was surely meant, where this is a slip of the fingers."""
        return self.fix.text if self.fix and self.fix.is_safe else None

    @property
    def detail(self) -> str:
        """Labels and notes as one text, for readers that have no carets to look at."""
        labels = [self.primary] if self.primary else []
        texts = [label.text for label in (*labels, *self.secondary) if label.text]
        return "; ".join([*texts, *self.notes])


class SpecError(Exception):
    """The spec is wrong. Carries every diagnostic found so far (at least one of them an error)."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(f"[{d.code.id}] {d.summary}" for d in self.diagnostics))


class LimitError(SpecError):
    """A limit is passed, so that nothing more of the spec is looked at."""


def error(
    code: Code,
    summary: str,
    span: Span | None = None,
    label: str = "",
    *,
    secondary: Iterable[Label] = (),
    notes: Iterable[str] = (),
    help: Iterable[str] = (),
    severity: Severity = "error",
    fix: Fix | None = None,
) -> Diagnostic:
    """A diagnostic in one call: the primary label is made of ``span`` and ``label``."""
    primary = Label(span, _cut(label)) if span else None
    given = (tuple(secondary), tuple(map(_cut, notes)), tuple(map(_cut, help)), severity, fix)
    return Diagnostic(code, _cut(summary), primary, *given)


_LONGEST_LINE = 1000
"""A line that is longer quotes something nobody reads to its end."""
_MOST_LINES = 100


def _cut(text: str) -> str:
    """A text with the beginning and the end of its long lines; a list's rows stay rows."""
    lines = text.split("\n")
    more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES + 1 else []
    tail = _LONGEST_LINE // 4
    return "\n".join(
        line if len(line) <= _LONGEST_LINE else f"{line[: 3 * tail]} … {line[-tail:]}"
        for line in [*(lines[:_MOST_LINES] if more else lines), *more]
    )


def misspelt(
    code: Code,
    summary: str,
    span: Span,
    word: str,
    known: Iterable[str],
    *,
    otherwise: Iterable[str] = (),
    secondary: Iterable[Label] = (),
    kind: Kind = "key",
    text: str | None = None,
) -> Diagnostic:
    """An unknown word, with the known one that was meant and the fix that writes it; ``otherwise``: help without one.

    ``known`` are words of the kind that is expected there. ``text`` is what stands at ``span``, where that is more than
    the word. The fix replaces the word alone; there is none where the word does not stand there as it is, where it means
    something else (`relu6`), or where it differs in a digit (`resnet51`).
    """
    known = tuple(known)
    help, meant, is_safe = _way_out(word, known, kind)
    at = word_span(span, word if text is None else text, word)
    fix = Fix(at, meant, is_safe, word) if at is not None and meant is not None else None
    help = help or tuple(otherwise)
    return error(code, summary, span, secondary=secondary, help=help, fix=fix)


def _way_out(
    word: str, known: tuple[str, ...], kind: Kind
) -> tuple[tuple[str, ...], str | None, bool]:
    """Help for an unknown word; the word to write, if any; and whether that leaves no doubt."""
    called = called_here(word, known, kind)
    if called is not None:
        return (f"`{word}` is called `{called}` here",), called, is_surely(word, called, known)
    candidates = near(word, known) or near(word.lower(), known)
    is_foreign = is_another(word, kind)
    said = instead(word, kind)
    if (said or is_foreign) and not any(is_same(word, each) for each in candidates):
        are = "are" if len(candidates) > 1 else "is"
        others = f"; {quoted(candidates)} {are} near by name alone" if candidates else ""
        return (said or f"there is no `{word}` here{others}",), None, False
    if not candidates:
        return (), None, False
    meant = candidates[0]
    slips = tuple(each for each in candidates if is_slip(word, each))
    is_other = digits(word) != digits(meant) and not is_surely(word, meant)
    if is_other or len(slips) > 1:
        return (f"did you mean {quoted(slips or candidates, 'or')}?",), None, False
    return (f"did you mean `{meant}`?",), meant, is_surely(word, meant, known)


def quoted(words: Iterable[str], last: str = "and") -> str:
    """Words in backquotes, with commas and ``last`` between."""
    shown = [f"`{word}`" for word in words]
    return f" {last} ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def word_span(span: Span, text: str, word: str) -> Span | None:
    """Where a word stands first in a text that stands at a span; None where the text is written otherwise there."""
    match = re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", text)
    width = span.end_column - span.column - len(text)  # 2: in quotes, with nothing escaped
    if match is None or span.line != span.end_line or width not in (0, 2):
        return None
    start = span.column + width // 2 + match.start()
    return Span(span.file, span.line, start, span.line, start + len(word))


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line naming the known word nearest to ``word``, or nothing when none is near."""
    meant = nearest(word, known)
    return (f"did you mean `{meant}`?",) if meant else ()


def listed(words: Iterable[str], most: int = 20) -> str:
    """Words with commas between, the first ones of very many; "none" where there are none."""
    known = list(words)
    more = [f"and {len(known) - most:,} more"] if len(known) > most + 1 else []
    return ", ".join([*(known[:most] if more else known), *more]) or "none"
