"""What names mean inside a block: values bound to names, and where each value was written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any, Protocol

from resnet_compiler import codes
from resnet_compiler.definitions import Call, Located
from resnet_compiler.diagnostics import (
    Diagnostic,
    Fix,
    Label,
    Span,
    SpecError,
    error,
    listed,
    misspelt,
    word_span,
)
from resnet_compiler.expressions import CONSTANTS, ExpressionError, evaluate, names_in, shown
from resnet_compiler.habits import FLAGS, NUMBERS, VALUES
from resnet_compiler.values import UNKNOWN, BlockCall, UnknownValue, Wanted, size_of

_INTERPOLATION = re.compile(r"\{([^{}]*)\}")
LISTS = "`resnetc operators` and `resnetc blocks` list what there is"
"""The help for a word that is near to none."""
_SINGLE_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_ORIGINS = 8
_MOST_DERIVED = 8
_DEEPEST_DERIVED = 4
"""How much is told of where a value comes from: places, lines, and names behind names."""
_SHORT = 400
"""The square of how many letters an expression may have that is no more work than a layer. Long ones are that and more."""
_NAME = re.compile(r"\b[A-Za-z_][A-Za-z0-9_]*\b(?!\s*\()")


IN_CHANNELS = "in_channels"
"""What the channels of a block's input are called."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A value, and the places in the spec it comes from (empty: from the compiler or a default).

    Where it was written as an expression, ``text`` is that, and ``environment`` is what its names meant.
    """

    value: Any
    origins: tuple[Span, ...] = ()
    span: Span | None = None
    key: Span | None = None
    text: str | None = None
    environment: Environment | None = field(default=None, repr=False, compare=False)

    def derivation(self, depth: int = 0) -> list[str]:
        """How the value came about, a line for each expression: ``width * expansion = 256 * 4 = 1024``."""
        if self.text is None or self.environment is None or depth >= _DEEPEST_DERIVED:
            return []
        return self.environment.derivation(self.text, self.value, depth)


@dataclass(frozen=True, slots=True)
class Deferred:
    """An argument of a call that reads `in_channels` where there is none: it is worked out where the call is used, for
    the channels that come in there."""

    located: Located
    environment: Environment = field(repr=False)

    def __str__(self) -> str:
        return str(self.located.value)


def settled(arguments: Mapping[str, Bound], channels: Any) -> dict[str, Bound]:
    """Arguments with those worked out that were deferred to where ``channels`` come in."""
    return {
        name: bound.value.environment.extended({IN_CHANNELS: Bound(channels)}).bind(
            bound.value.located
        )
        if isinstance(bound.value, Deferred)
        else bound
        for name, bound in arguments.items()
    }


class Words(Protocol):
    """The words that name operators and blocks."""

    def knows(self, word: str) -> bool: ...

    def words(self) -> list[str]: ...


class Context(Protocol):
    """Where expressions are evaluated: it has words, and counts the work that is done."""

    @property
    def vocabulary(self) -> Words: ...

    def step(self, span: Span | None, count: int = 1) -> None: ...

    def most_steps(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Environment:
    """Names and their values, and the graph in the making that they belong to."""

    bindings: Mapping[str, Bound]
    context: Context

    def extended(self, bindings: Mapping[str, Bound]) -> Environment:
        """This environment with more bindings laid over it."""
        return Environment({**self.bindings, **bindings}, self.context)

    def bind(self, located: Located, wanted: Wanted | None = None) -> Bound:
        """A written value, evaluated here; its origins are the places its names were given."""
        value = self._evaluate_or_unknown(located, wanted)
        return Bound(value, self.origins(located), *self._written(located))

    def default(self, located: Located) -> Bound:
        """A parameter's default, evaluated here; it comes from nowhere in the spec but from the names it reads."""
        value = self._evaluate_or_unknown(located)
        return Bound(value, self._named_origins(located), *self._written(located))

    def _written(
        self, located: Located
    ) -> tuple[Span, Span | None, str | None, Environment | None]:
        if not isinstance(located.value, str):
            return located.span, located.key, None, None
        names = names_in(located.value)  # no more is kept: a definition holds all those before it
        read = {name: self.bindings[name] for name in names if name in self.bindings}
        return located.span, located.key, located.value, Environment(read, self.context)

    def _evaluate_or_unknown(self, located: Located, wanted: Wanted | None = None) -> Any:
        try:
            return self.evaluate(located, wanted)
        except UnknownValue:
            return UNKNOWN

    def evaluate(self, located: Located, wanted: Wanted | None = None) -> Any:
        """A written value, evaluated here: a number, a flag, None, a tuple or a BlockCall.

        ``wanted`` is the kind that is expected; it is not enforced, but suggestions are of that kind.

        Raises:
            SpecError: the expression cannot be evaluated; the diagnostic shows the values of its names.
            UnknownValue: it reads an unknown value.
        """
        value = located.value
        if isinstance(value, str):
            return self._expression(value, located.span, wanted)
        if isinstance(value, tuple):
            items = tuple(self.evaluate(item, wanted) for item in value)
            return self._counted(items, located.span)
        if isinstance(value, Call):
            arguments = {name: self._argument(each) for name, each in value.arguments.items()}
            return self._counted(BlockCall(value.word, arguments, value.span), located.span)
        return value

    def _argument(self, located: Located) -> Bound:
        """An argument of a call."""
        is_late = (
            isinstance(located.value, str)
            and IN_CHANNELS not in self.bindings
            and IN_CHANNELS in names_in(located.value)
        )
        if not is_late:
            return self.bind(located)
        span, key, text, environment = self._written(located)
        assert environment is not None
        return Bound(Deferred(located, environment), self.origins(located), span, key, text)

    def _counted(self, value: Any, span: Span) -> Any:
        """A list or call, its parts counted as work: it may hold others by name, and they others, twice each."""
        self.context.step(span, size_of(value, self.context.most_steps()))
        return value

    def origins(self, located: Located) -> tuple[Span, ...]:
        """The places in the spec that decide a value: those of the names it reads, or its own."""
        return self._named_origins(located) or (located.entry,)

    def _named_origins(self, located: Located) -> tuple[Span, ...]:
        if not isinstance(located.value, str):
            return ()
        names = [name for name in names_in(located.value) if name in self.bindings]
        origins = chain.from_iterable(self.bindings[name].origins for name in names)
        return tuple(islice(dict.fromkeys(origins), _MOST_ORIGINS))

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
        return ", ".join(f"{name} = {shown(value)}" for name, value in known)

    def derivation(self, text: str, value: object, depth: int = 0) -> list[str]:
        """An expression with its names' values filled in, and before it how those came about."""
        bound = {name: self.bindings[name] for name in names_in(text) if name in self.bindings}
        lines: list[str] = []
        for name, each in bound.items():
            if len(lines) >= _MOST_DERIVED:
                break
            above = each.derivation(depth + 1)
            lines += above[:-1] + [f"{name} = {line}" for line in above[-1:]]
        is_arithmetic = not _SINGLE_WORD.fullmatch(text.strip()) and " if " not in text
        if bound and is_arithmetic:
            filled = _NAME.sub(lambda m: shown(bound[m[0]].value) if m[0] in bound else m[0], text)
            lines.append(f"{text.strip()} = {filled.strip()} = {shown(value)}")
        return list(dict.fromkeys(lines))

    def _expression(self, text: str, span: Span, wanted: Wanted | None = None) -> Any:
        self.context.step(span, 1 + len(text) ** 2 // _SHORT)
        word = text.strip()
        if (
            word not in self.bindings
            and _SINGLE_WORD.fullmatch(word)
            and self.context.vocabulary.knows(word)
        ):
            return BlockCall(word, {}, span)
        try:
            return evaluate(text, lambda name: self._named(name, span))
        except ExpressionError as failure:
            raise SpecError([self._refusal(text, span, failure, wanted)]) from None

    def _named(self, name: str, span: Span) -> Any:
        """What a name in an expression stands for: a value, or the block or operator of that name."""
        if name not in self.bindings and self.context.vocabulary.knows(name):
            return BlockCall(name, {}, span)
        value = self.bindings[name].value
        if value is UNKNOWN:
            raise UnknownValue
        return value

    def _refusal(
        self, text: str, span: Span, failure: ExpressionError, wanted: Wanted | None
    ) -> Diagnostic:
        """What is said of an expression without a value: at the spec's text that gave it a bad one, if there is any."""
        if failure.word == text.strip():
            return self._unknown(failure.word, span, wanted)
        values = self.values_of(text)
        ours = span.is_shipped and not failure.word
        given = self._named_origins(Located(text, span)) if ours else ()
        found = error(
            codes.INVALID_EXPRESSION,
            f"`{text}` cannot be evaluated: {failure.reason}",
            given[0] if given else span,
            secondary=[Label(span, "evaluated here")] if given else [],
            notes=[f"here {values}"] if values else [],
        )
        if failure.word is None:
            return found
        here = listed(self.bindings)
        names = (f"the names here are {here}; `let` defines others",) if self.bindings else ()
        meant = misspelt(
            found.code,
            found.summary,
            span,
            failure.word,
            failure.known or [*self.bindings, *CONSTANTS],
            otherwise=() if failure.known else names,
            kind="function" if failure.known else "name",
            text=text,
        )
        return replace(found, help=meant.help, fix=meant.fix)

    def _unknown(self, word: str, span: Span, wanted: Wanted | None) -> Diagnostic:
        """What is said of a single word that nothing is called; what is suggested is of the kind that is wanted."""
        at = (codes.UNKNOWN_WORD, f"nothing is called `{word}` here: no value, operator or block")
        if wanted is None:
            known = [*self.bindings, *CONSTANTS, *self.context.vocabulary.words()]
            return misspelt(*at, span, word, known, otherwise=[LISTS], kind="layer")
        summary = f"{wanted.what} needs {wanted.needs}, and nothing is called `{word}` here"
        if wanted.form == "flag" and word.lower() in FLAGS:
            flag, place = FLAGS[word.lower()], word_span(span, word, word)
            fix = Fix(place, flag, True, word) if place else None
            return error(at[0], summary, span, help=[f"write `{flag}`"], fix=fix)
        said = VALUES.get((wanted.key, word)) or (
            f"write `{NUMBERS[word]}`" if wanted.form == "number" and word in NUMBERS else None
        )
        if said is not None:
            return error(at[0], summary, span, help=[said])
        names = [name for name, bound in self.bindings.items() if wanted.fits(bound.value)]
        known = [*names, *wanted.words, *(("true", "false") if wanted.form == "flag" else ())]
        if wanted.form == "layer":
            known += self.context.vocabulary.words()
            return misspelt(at[0], summary, span, word, known, otherwise=[LISTS], kind="layer")
        there = [f"the values here are {listed(names)}"] if names else []
        return misspelt(at[0], summary, span, word, known, otherwise=there, kind="name")
