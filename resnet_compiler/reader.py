"""YAML text -> values with spans.

Built on PyYAML's events, not on its loader: limits hold while reading, positions are kept, and
scalars follow YAML 1.2's core schema. Specs use a small YAML: one document, string keys, no
anchors, no tags, no merge keys.
"""

from __future__ import annotations

import bisect
import codecs
import math
import pathlib
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from resnet_compiler import codes
from resnet_compiler.codes import Code
from resnet_compiler.diagnostics import Diagnostic, Label, Span, SpecError, error
from resnet_compiler.limits import DEFAULT_LIMITS, Limits, way_to_raise
from resnet_compiler.slips import BAD_ESCAPE, MISTAKES, slip_at
from resnet_compiler.source import Mapping, Node, Scalar, Sequence, Value
from resnet_compiler.support.read import ReadError, beginning


@dataclass(slots=True)
class Amount:
    """What has been read for one spec so far, in all its files."""

    bytes: int = 0
    values: int = 0


def read_file(
    path: pathlib.Path,
    display: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
    amount: Amount | None = None,
) -> tuple[Node, str]:
    """Read a spec file; also returns its text (without a byte order mark), for snippets."""
    file = display if display is not None else str(path)
    try:
        # never much more than the limit, whatever the path leads to
        data = beginning(path, limits.text_bytes + 4).removeprefix(codecs.BOM_UTF8)
    except ReadError as failure:
        summary = f"cannot read `{file}`: {failure.reason}"
        raise SpecError([error(codes.UNREADABLE_FILE, summary)]) from None
    text = data.decode("utf-8", "replace")
    reader = _Reader(text, file, limits, amount)
    reader.check_size(len(data))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as exc:
        start = len(data[: exc.start].decode("utf-8"))
        label = f"byte 0x{data[exc.start]:02x} cannot stand here"
        at, hint = reader.span(start, start + 1), "save the file as UTF-8"
        reader.report(codes.INVALID_ENCODING, at, "the file is not UTF-8 text", label, hint)
        reader.stop()
    return read_text(text, file, limits, amount), text


def read_text(
    text: str, file: str, limits: Limits = DEFAULT_LIMITS, amount: Amount | None = None
) -> Node:
    """Read the one YAML document in ``text``; a SpecError carries everything that is wrong.

    ``amount`` is what counts towards the limits already; this text is added to it.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one, where PyYAML has it
    return _Reader(text.removeprefix("\ufeff"), file, limits, amount).read(loader)


_MOST_PROBLEMS = 100  # reading stops here: a text with more than this is not a spec

_WORDS: dict[str, Value] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER = re.compile(  # an integer that begins with a stray 0 is the first alternative
    r"(?P<ambiguous>[-+]?0[0-9]+)|(?P<integer>[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)"
    r"|(?P<endless>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)

# Refused before parsing, so that both parsers see the same lines: control characters, breaks that
# only YAML 1.1 knows (U+0085, U+2028, U+2029), a byte order mark inside, lone surrogates.
_ODD_CHARACTER = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_DIRECTIVE = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))*(%[^\r\n]*)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"\w+|.?")

_WRITE_OUT = "write the value out, or name it under `let`"


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read."""

    event: Any
    end: int  # one past the last child read so far
    children: list[Node] = field(default_factory=list)  # in a mapping: key, value, key, ...
    keys: dict[str, Span] = field(default_factory=dict)

    @property
    def wants_key(self) -> bool:
        return isinstance(self.event, yaml.MappingStartEvent) and len(self.children) % 2 == 0


class _Reader:
    """Reads one text: keeps the open collections on a stack of its own, and gathers problems."""

    def __init__(self, text: str, file: str, limits: Limits, amount: Amount | None = None) -> None:
        self.text, self.file, self.limits = text, file, limits
        self.amount = amount or Amount()
        self.lines = [0, *(m.end() for m in re.finditer(r"\r\n|\r|\n", text))]
        self.problems: list[Diagnostic] = []
        self.stack: list[_Open] = []
        self.roots: list[Node] = []
        self.last = 0  # where the last event ended

    def span(self, start: int, end: int) -> Span:
        """Counted from character offsets: PyYAML's own columns differ between its parsers."""
        first, last = (bisect.bisect_right(self.lines, at) for at in (start, end))
        columns = (start - self.lines[first - 1] + 1, end - self.lines[last - 1] + 1)
        return Span(self.file, first, columns[0], last, columns[1])

    def report(
        self, code: Code, at: Span, summary: str, label: str = "", hint: str = "", **more: Any
    ) -> None:
        help = (hint,) if hint else ()
        self.problems.append(error(code, summary, at, label, help=help, **more))
        if len(self.problems) >= _MOST_PROBLEMS:
            self.stop()

    def stop(self) -> NoReturn:
        start = self.span(0, 0)
        raise SpecError(sorted(self.problems, key=lambda problem: problem.span or start))

    def fatal(self, code: Code, at: Span, summary: str, hint: str = "") -> NoReturn:
        self.report(code, at, summary, hint=hint)
        self.stop()

    def check_size(self, size: int) -> None:
        if self.amount.bytes + size > (most := self.limits.text_bytes):
            summary = f"{self._texts('is', 'are')} larger than {most:,} bytes"
            self.fatal(codes.TEXT_LIMIT, self.span(0, 0), summary, way_to_raise("text_bytes"))

    def _texts(self, one: str, several: str) -> str:
        """What a limit is about: this text, or all of the spec's with it."""
        return f"the spec's texts together {several}" if self.amount.bytes else f"the text {one}"

    def read(self, loader: Any) -> Node:
        size = len(self.text.encode("utf-8", "surrogatepass"))
        self.check_size(size)
        if odd := _ODD_CHARACTER.search(self.text):
            summary = f"the text holds an invisible character, U+{ord(odd.group()):04X}"
            hint = "delete it, or write it as an escape in double quotes"
            self.fatal(codes.INVALID_YAML, self.span(*odd.span()), summary, hint)
        if directive := _DIRECTIVE.match(self.text):
            self._unsupported("a directive", self.span(*directive.span(1)), "remove the line")
            self.stop()
        try:
            events = loader(self.text)
            while not isinstance(event := _next_event(events), yaml.StreamEndEvent):
                self._event(event)
        except yaml.YAMLError as exc:
            self._syntax(exc)
        if not self.roots and not self.problems:
            self.report(codes.INVALID_YAML, self.span(0, 0), "the text holds no value")
        if self.problems:
            self.stop()
        self.amount.bytes += size
        return self.roots[0]

    def _event(self, event: Any) -> None:
        start, end = event.start_mark.index, event.end_mark.index
        self.last = end
        if isinstance(event, yaml.DocumentStartEvent) and self.roots:
            hint = "put each spec in a file of its own"
            at = self.span(start, end)
            self.fatal(codes.INVALID_YAML, at, "a second document begins here", hint)
        elif isinstance(event, yaml.AliasEvent):
            self._unsupported("an alias", self.span(start, end), _WRITE_OUT)
            self._add(Scalar(None, self.span(start, end)), end)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_node(event, self.span(start, end))
            self._scalar(event, start, end)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check_node(event, self.span(start, start + 1))
            self.stack.append(_Open(event, start + 1))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(self.stack.pop(), event)

    def _check_node(self, event: Any, at: Span) -> None:
        self.amount.values += 1
        if self.amount.values > (most := self.limits.text_nodes):
            summary = f"{self._texts('holds', 'hold')} more than {most:,} values"
            self.fatal(codes.NODE_LIMIT, at, summary, way_to_raise("text_nodes"))
        is_open = isinstance(event, yaml.CollectionStartEvent)
        if is_open and len(self.stack) >= (most := self.limits.text_depth):
            summary = f"the text nests deeper than {most} levels"
            self.fatal(codes.DEPTH_LIMIT, at, summary, way_to_raise("text_depth"))
        if event.anchor is not None:
            self._unsupported("an anchor", at, _WRITE_OUT)
        if event.tag is not None:
            self._unsupported("a tag", at, "remove it")

    def _scalar(self, event: Any, start: int, end: int) -> None:
        if event.style in ("|", ">"):  # a block's mark stands after its last line break
            end = start + len(self.text[start:end].rstrip())
        at = self.span(start, end)
        if _SURROGATE.search(event.value):  # only the pure parser lets these through
            self.report(codes.INVALID_YAML, self.span(start, start + 1), BAD_ESCAPE)
        is_key = bool(self.stack) and self.stack[-1].wants_key
        if is_key:
            self._check_key(event, at, self.stack[-1].keys)
        plain_word = not event.style and not is_key
        value = self._value(event.value, at) if plain_word else str(event.value)
        self._add(Scalar(value, at, bool(event.style)), end)

    def _check_key(self, event: Any, at: Span, keys: dict[str, Span]) -> None:
        word, shown = event.value, _shorten(event.value)
        if word == "<<" and not event.style:
            self._unsupported("a merge key", at, _WRITE_OUT)
        elif word == "" and not event.style:
            self.report(codes.INVALID_KEY, at, "a key is empty", hint="give the key a name")
        elif not event.style and (word in _WORDS or _NUMBER.fullmatch(word)):
            summary, hint = f"the key `{shown}` is not a string", f'quote it: `"{shown}"`'
            self.report(codes.INVALID_KEY, at, summary, hint=hint)
        elif word in keys:
            first = Label(keys[word], "it stands here first")
            summary = f"the key `{shown}` stands twice in one mapping"
            hint = "keep one of them, with what both say"
            self.report(codes.DUPLICATE_KEY, at, summary, hint=hint, secondary=(first,))
        else:
            keys[word] = at

    def _value(self, word: str, at: Span) -> Value:
        """A plain word's value in YAML 1.2's core schema, less what two people read two ways."""
        if word in _WORDS:
            return _WORDS[word]
        number, shown = _NUMBER.fullmatch(word), _shorten(word)
        if number is None:
            return word
        if number["ambiguous"]:
            why, hint = "octal in YAML 1.1, decimal in 1.2", "drop the leading zero, or quote it"
            self.report(codes.INVALID_SCALAR, at, f"`{shown}` is ambiguous", why, hint)
            return None
        if number["integer"]:
            # the length comes first: Python refuses to convert thousands of digits
            most = self.limits.integer
            value = int(word, 0) if len(word) <= 4000 else most + 1
            if abs(value) > most:
                why = f"at most {most:,}"
                summary, hint = f"the integer `{shown}` is too large", way_to_raise("integer")
                self.report(codes.INTEGER_LIMIT, at, summary, why, hint)
            return value
        if number["endless"] or math.isinf(float(word)):
            summary, hint = f"`{shown}` is not a finite number", "quote it if it is text"
            self.report(codes.INVALID_SCALAR, at, summary, hint=hint)
            return None
        return float(word)

    def _close(self, done: _Open, event: Any) -> None:
        # a block's end event stands at the next token, so a block ends where its last child does
        closed = done.event.flow_style and event.end_mark.index > event.start_mark.index
        end = event.end_mark.index if closed else done.end
        at = self.span(done.event.start_mark.index, end)
        if isinstance(done.event, yaml.SequenceStartEvent):
            node: Node = Sequence(tuple(done.children), at)
        else:
            pairs = zip(done.children[::2], done.children[1::2], strict=True)
            node = Mapping(tuple((k, v) for k, v in pairs if isinstance(k, Scalar)), at)
        if self.stack and self.stack[-1].wants_key:
            hint = "write a plain word before the `:`"
            self.report(codes.INVALID_KEY, at, "a key is not a string", hint=hint)
        self._add(node, end)

    def _add(self, node: Node, end: int) -> None:
        if self.stack:
            self.stack[-1].children.append(node)
            self.stack[-1].end = end
        else:
            self.roots.append(node)

    def _unsupported(self, what: str, at: Span, hint: str) -> None:
        self.report(codes.UNSUPPORTED_YAML, at, f"{what} has no place in a spec", hint=hint)

    def _syntax(self, exc: yaml.YAMLError) -> None:
        """Say in our words what the parser found; the rest of the text stays unread."""
        wording, context = (getattr(exc, name, None) or "" for name in ("problem", "context"))
        marks = (getattr(exc, name, None) for name in ("problem_mark", "context_mark"))
        at, opening = (mark.index if mark is not None else None for mark in marks)
        known, summary, hint = next(m for m in MISTAKES if re.search(m[0], wording))
        last = len(self.text.rstrip())
        in_token = ("scanning" in context or "scalar" in context) and "a tab" not in wording
        if opening is not None and (in_token or at is None or at >= last):
            at, opening = opening, None  # what was opened can be mended, the text's end cannot
        at = min(self.last if at is None else at, last)
        if self.text.startswith("\t", at):
            summary, hint = "a tab cannot stand here", "use spaces"
        elif slip := slip_at(self.text, at, opening, wording):
            at, summary, hint = slip
        word = _WORD.match(self.text, at)
        more = [] if opening is None else [Label(self.span(opening, opening + 1), "begun here")]
        self.report(
            codes.INVALID_YAML,
            self.span(at, word.end() if word else at),
            summary,
            hint=hint,
            secondary=more,
            notes=() if known or not wording else (f"the parser says: {wording}",),
        )


def _next_event(events: Any) -> Any:
    try:
        return events.get_event()
    except (ValueError, OverflowError):  # the pure parser, at an escape such as "\UFFFFFFFF"
        raise yaml.MarkedYAMLError(problem="invalid Unicode escape") from None


def _shorten(word: str) -> str:
    return word if len(word) <= 40 else f"{word[:24]}…{word[-8:]}"
