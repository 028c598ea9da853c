"""What names mean inside a block: values bound to names, and where each value was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from resnet_compiler import codes
from resnet_compiler.definitions import Call, Located
from resnet_compiler.diagnostics import Span, SpecError, did_you_mean, error
from resnet_compiler.expressions import FUNCTIONS, ExpressionError, evaluate, names_in

_INTERPOLATION = re.compile(r"\{([^{}]*)\}")
_SINGLE_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Bound:
    """A value, and the places in the spec it comes from (empty: from the compiler or a default)."""

    value: Any
    origins: tuple[Span, ...] = ()
    span: Span | None = None
    key: Span | None = None


@dataclass(frozen=True, slots=True)
class BlockCall:
    """A block or an operator as a value, with the arguments it was given."""

    word: str
    arguments: Mapping[str, Bound] = field(default_factory=dict)
    span: Span | None = None

    def __str__(self) -> str:
        return self.word


@dataclass(frozen=True, slots=True)
class Environment:
    """Names and their values; ``knows_word`` tells whether a word names an operator or a block."""

    bindings: Mapping[str, Bound]
    knows_word: Callable[[str], bool]

    def extended(self, bindings: Mapping[str, Bound]) -> Environment:
        """This environment with more bindings laid over it."""
        return Environment({**self.bindings, **bindings}, self.knows_word)

    def bind(self, located: Located) -> Bound:
        """A written value, evaluated here; its origins are the places its names were given."""
        return Bound(self.evaluate(located), self.origins(located), located.span, located.key)

    def evaluate(self, located: Located) -> Any:
        """A written value, evaluated here: a number, a flag, None, a tuple or a BlockCall.

        Raises:
            SpecError: the expression cannot be evaluated; the diagnostic shows the values of its names.
        """
        value = located.value
        if isinstance(value, str):
            return self._expression(value, located.span)
        if isinstance(value, tuple):
            return tuple(self.evaluate(item) for item in value)
        if isinstance(value, Call):
            arguments = {name: self.bind(argument) for name, argument in value.arguments.items()}
            return BlockCall(value.word, arguments, value.span)
        return value

    def origins(self, located: Located) -> tuple[Span, ...]:
        """The places in the spec that decide a value: those of the names it reads, or its own."""
        if isinstance(located.value, str):
            names = [name for name in names_in(located.value) if name in self.bindings]
            spans = [span for name in names for span in self.bindings[name].origins]
            if spans:
                return tuple(dict.fromkeys(spans))
        return (located.entry,)

    def interpolate(self, text: str, span: Span) -> str:
        """A name with each `{expression}` replaced by its value."""
        if "{" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            result = self._expression(match[1], span)
            return str(
                int(result) if isinstance(result, float) and result == int(result) else result
            )

        return _INTERPOLATION.sub(value, text)

    def values_of(self, text: str) -> str:
        """The names an expression reads with their values: ``width = 256, expansion = 4``."""
        known = [
            (name, self.bindings[name].value) for name in names_in(text) if name in self.bindings
        ]
        return ", ".join(f"{name} = {'none' if value is None else value}" for name, value in known)

    def _expression(self, text: str, span: Span) -> Any:
        word = text.strip()
        if word not in self.bindings and _SINGLE_WORD.fullmatch(word) and self.knows_word(word):
            return BlockCall(word, {}, span)
        try:
            return evaluate(text, lambda name: self.bindings[name].value)
        except ExpressionError as failure:
            help = did_you_mean(failure.word, [*self.bindings, *FUNCTIONS]) if failure.word else ()
            values = self.values_of(text)
            raise SpecError(
                [
                    error(
                        codes.INVALID_EXPRESSION,
                        f"`{text}` cannot be evaluated: {failure.reason}",
                        span,
                        notes=[f"here {values}"] if values else [],
                        help=help,
                    )
                ]
            ) from None
