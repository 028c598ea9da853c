"""What the compiler has to say about a spec: spans, labels, diagnostics, and the exception that carries them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from resnet_compiler.codes import Code

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
        return self.file.startswith("specs/")


@dataclass(frozen=True, slots=True)
class Label:
    """A span, and what is to be said of it (may be empty: the span is only underlined)."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """What to write at a place, so that this finding goes away. A safe one leaves no doubt that it is what was meant."""

    span: Span
    text: str
    is_safe: bool


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
    primary = Label(span, label) if span else None
    given = (tuple(secondary), tuple(notes), tuple(help), severity, fix)
    return Diagnostic(code, summary, primary, *given)


def misspelt(
    code: Code,
    summary: str,
    span: Span,
    word: str,
    known: Iterable[str],
    *,
    otherwise: Iterable[str] = (),
    secondary: Iterable[Label] = (),
) -> Diagnostic:
    """An unknown word, with the known one that was meant and the fix that writes it; ``otherwise``: help without one."""
    meant = nearest(word, known)
    if meant is None:
        return error(code, summary, span, secondary=secondary, help=otherwise)
    fix = Fix(span, meant, is_surely(word, meant))
    help = did_you_mean(word, known)
    return error(code, summary, span, secondary=secondary, help=help, fix=fix)


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line naming the known word nearest to ``word``, or nothing when none is near."""
    meant = nearest(word, known)
    return (f"did you mean `{meant}`?",) if meant else ()


_LONGEST_WORD = 100
"""Nothing that is known is longer, and comparing long texts takes long."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word nearest to ``word``, or None when none is near.

    Case, underscores and a trailing "2d" do not count: BatchNorm2d means batch_norm. ``cutoff`` is how much of the two
    must agree, of 1.
    """
    if len(word) > _LONGEST_WORD:
        return None
    words = sorted(set(known) - {word})
    by_letters = {_letters(each): each for each in reversed(words)}
    same = by_letters.get(_letters(word)) or by_letters.get(_letters(word).removesuffix("2d"))
    if same:
        return same
    return next(iter(difflib.get_close_matches(word, words, n=1, cutoff=cutoff)), None)


def is_surely(word: str, meant: str) -> bool:
    """Whether ``word`` can hardly be anything but ``meant``: the same letters, or one slip of the fingers."""
    if _letters(meant) in (_letters(word), _letters(word).removesuffix("2d")):
        return True
    matcher = difflib.SequenceMatcher(None, word, meant)
    kept = sum(block.size for block in matcher.get_matching_blocks())
    return len(meant) > 3 and kept >= max(len(word), len(meant)) - 1


def _letters(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")
