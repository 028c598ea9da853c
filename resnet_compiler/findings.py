"""What is found wrong while a graph is made: each finding once, told with the block it was found in, and work goes on.

Behind an error a value is unknown. Nothing is said of what depends on it, so that every error shown is one of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from resnet_compiler.diagnostics import Diagnostic, Label, LimitError, Span, SpecError

MOST = 100
"""Work ends when this many errors are found: a spec with more wants another look first."""
MOST_AGAIN = 1000
"""Work ends when errors that are known were met again this often: in the blocks of a long stage, say."""


class Findings:
    """The diagnostics so far, in the order in which they were found, and the blocks that are being made."""

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.is_incomplete = False
        self._seen: set[tuple[object, ...]] = set()
        self._trace: list[tuple[str, Span]] = []
        self._again = 0

    @property
    def has_errors(self) -> bool:
        """Whether one of them is an error."""
        return any(each.severity == "error" for each in self.diagnostics)

    @property
    def extent(self) -> tuple[int, bool, int]:
        """What changes with everything that is found, whether or not it is told."""
        return len(self.diagnostics), self.is_incomplete, self._again

    @property
    def stage(self) -> Span | None:
        """Where the stage stands whose block is being made."""
        return self._trace[-1][1] if self._trace else None

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a finding. One that was found at the same places, in another block of a stage say, is not told again.

        Raises:
            LimitError: there are too many.
        """
        here = (diagnostic.code, diagnostic.span)
        keys = [
            (*here, *(label.span for label in diagnostic.secondary)),
            (*here, diagnostic.summary),
        ]
        if not self._seen.isdisjoint(keys):
            self.met_again()
            return
        self._seen.update(keys)
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MOST:
            raise LimitError(())

    def met_again(self) -> None:
        """Count an error that is known.

        Raises:
            LimitError: that happened so often that nothing new is to be hoped for.
        """
        self._again += 1
        if self._again >= MOST_AGAIN:
            raise LimitError(())

    def tell(self, diagnostic: Diagnostic) -> None:
        """Keep an error, with the blocks it was found in; the caller goes on with what was probably meant.

        Raises:
            LimitError: there are too many.
        """
        self.is_incomplete = True
        for name, span in reversed(self._trace):
            diagnostic = traced(diagnostic, name, span)
        self.add(diagnostic)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Errors in here are kept, and work goes on behind; what would have come of it is unknown."""
        try:
            yield
        except LimitError:
            raise
        except SpecError as failure:
            self.is_incomplete = True
            for each in failure.diagnostics:
                self.tell(each)

    @contextmanager
    def tracing(self, name: str, span: Span) -> Iterator[None]:
        """Remember which block of which stage is being made; errors inside tell it."""
        self._trace.append((name, span))
        try:
            yield
        except LimitError as failure:
            found = failure.diagnostics
            raise LimitError(traced(each, name, span) for each in found) from None
        finally:
            self._trace.pop()

    @contextmanager
    def trial(self) -> Iterator[Findings]:
        """Whatever is found in here is forgotten; gives the findings of the trial alone."""
        found = Findings()
        kept = {name: getattr(self, name) for name in vars(found) if name != "_trace"}
        vars(self).update({name: getattr(found, name) for name in kept})
        try:
            yield self
        finally:
            vars(self).update(kept)


def traced(diagnostic: Diagnostic, name: str, stage: Span) -> Diagnostic:
    """A diagnostic with the stage it was made for. Where it points into a shipped block, the stage comes first."""
    primary = diagnostic.primary
    labels = [primary, *diagnostic.secondary] if primary else []
    if any((label.span.file, label.span.line) == (stage.file, stage.line) for label in labels):
        return diagnostic
    here = Label(stage, f"while making {name}")
    if primary and primary.span.is_shipped and not stage.is_shipped:
        inside = Label(primary.span, primary.text or "in this block")
        return replace(diagnostic, primary=here, secondary=(inside, *diagnostic.secondary))
    return replace(diagnostic, secondary=(*diagnostic.secondary, here))
