"""The renderers: golden texts for people, exact values for programs, no escape codes."""

# the golden texts are as long as they are, and write the multiplication sign

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_compiler.codes import Code
from resnet_compiler.diagnostics import Diagnostic, Label, Span, error
from resnet_compiler.render import Style, render
from resnet_compiler.render.as_json import to_dict

SHAPES = Code("RC0301", "a residual add joins different shapes")
SIZES = Code("RC0302", "a residual add fails at some sizes")
STYLES: tuple[Style, ...] = ("full", "short", "json", "github")


def at(text: str, piece: str, file: str = "spec.yaml", label: str = "") -> Label:
    """The first place of ``piece`` in ``text``, which stands on one line."""
    before = text[: text.index(piece)]
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    return Label(Span(file, line, column, line, column + len(piece)), label)


def finding(
    primary: Label | None,
    *secondary: Label,
    notes: tuple[str, ...] = (),
    help: tuple[str, ...] = (),
) -> Diagnostic:
    return Diagnostic(SHAPES, "it is wrong", primary, secondary, notes, help)


def full(diagnostic: Diagnostic, text: str | None, color: bool = False) -> str:
    return render([diagnostic], "full", {} if text is None else {"spec.yaml": text}, color)


RESNET = "\n" * 10 + (
    "  - layer1: {block: basic, depth: 2, width: 64}\n"
    "  - layer2: {block: basic, depth: 2, width: 128, stride: 2, shortcut: identity}\n"
)
RESNET_ERROR = Diagnostic(
    SHAPES,
    "the residual add of layer2.0 joins different shapes",
    at(RESNET, "shortcut: identity", "my_resnet.yaml", "an identity cannot change the shape"),
    (
        at(RESNET, "128", "my_resnet.yaml", "the residual path ends with 128 channels"),
        at(RESNET, "64", "my_resnet.yaml", "the shortcut carries layer1's output: 64 × 56 × 56"),
        at(
            RESNET, "stride: 2", "my_resnet.yaml", "the residual path halves the size here: 28 × 28"
        ),
    ),
    help=(
        "write `shortcut: projection` (a 1×1 convolution, stride 2; adds 8,448 parameters),",
        "or `zero_pad` (adds none)",
    ),
)
RESNET_GOLDEN = """\
error[RC0301]: the residual add of layer2.0 joins different shapes
  --> my_resnet.yaml:12:61
   |
11 |   - layer1: {block: basic, depth: 2, width: 64}
   |                                             -- the shortcut carries layer1's output: 64 × 56 × 56
12 |   - layer2: {block: basic, depth: 2, width: 128, stride: 2, shortcut: identity}
   |                                             ---  ---------  ^^^^^^^^^^^^^^^^^^ an identity cannot change the shape
   |                                             |    |
   |                                             |    the residual path halves the size here: 28 × 28
   |                                             the residual path ends with 128 channels
   = help: write `shortcut: projection` (a 1×1 convolution, stride 2; adds 8,448 parameters),
           or `zero_pad` (adds none)"""

AA = "\n" * 8 + "  - layer2: {block: bottleneck_aa, depth: 4, width: 128, stride: 2}\n"
AA_WARNING = Diagnostic(
    SIZES,
    "layer2.0 adds equal shapes at 224 × 224, but not at every size",
    at(AA, "layer2", "resnetaa50.yaml"),
    notes=(
        "residual path ⌊(H + 1)/8⌋, shortcut ⌊(H + 5)/8⌋; "
        "the next size where they differ is 227: 28 against 29",
    ),
    help=(
        "pool with `ceil_mode: true` in blocks/bottleneck_aa.yaml:14, or declare the sizes it is for:",
        "`input: {height: {multiple_of: 32}, width: {multiple_of: 32}}`",
    ),
    severity="warning",
)
AA_GOLDEN = """\
warning[RC0302]: layer2.0 adds equal shapes at 224 × 224, but not at every size
  --> resnetaa50.yaml:9:5
   |
 9 |   - layer2: {block: bottleneck_aa, depth: 4, width: 128, stride: 2}
   |     ^^^^^^
   = note: residual path ⌊(H + 1)/8⌋, shortcut ⌊(H + 5)/8⌋; the next size where they differ is 227: 28 against 29
   = help: pool with `ceil_mode: true` in blocks/bottleneck_aa.yaml:14, or declare the sizes it is for:
           `input: {height: {multiple_of: 32}, width: {multiple_of: 32}}`"""
SOURCES = {"my_resnet.yaml": RESNET, "resnetaa50.yaml": AA}


def test_the_two_examples_read_as_designed() -> None:
    """As in the project's examples (whose header says 12:57 where its own carets stand at 61)."""
    shown = render([RESNET_ERROR, AA_WARNING], "full", SOURCES)
    assert shown == f"{RESNET_GOLDEN}\n\n{AA_GOLDEN}"


@pytest.mark.parametrize("style", ["full", "short"])
def test_colour_changes_no_character(style: Style) -> None:
    plain = render([RESNET_ERROR, AA_WARNING], style, SOURCES)
    colored = render([RESNET_ERROR, AA_WARNING], style, SOURCES, color=True)
    assert colored != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_colours() -> None:
    colored = full(
        finding(at("a: b", "b", label="why"), at("a: b", "a", label="this")), "a: b", True
    )
    assert "\x1b[1;31merror[RC0301]\x1b[0m\x1b[1m: it is wrong\x1b[0m" in colored
    assert "\x1b[1;34m-\x1b[0m  \x1b[1;31m^\x1b[0m \x1b[1;31mwhy\x1b[0m" in colored


def body(shown: str) -> list[str]:
    """The rows below the header, the arrow and the first empty gutter."""
    return shown.split("\n")[3:]


def test_far_lines_near_lines_and_the_line_between() -> None:
    text = "one\ntwo\nthree\nfour\nfive\nsix\n"
    labels = [at(text, word) for word in ("six", "one", "three")]
    assert body(full(finding(*labels), text)) == [
        " 1 | one",
        "   | ---",
        " 2 | two",
        " 3 | three",
        "   | -----",
        "...",
        " 6 | six",
        "   | ^^^",
    ]


def test_another_file_is_a_group_of_its_own() -> None:
    here, there = at("a: b", "b", label="here"), at("x: y", "y", "block.yaml", "there")
    shown = render([finding(here, there)], "full", {"spec.yaml": "a: b", "block.yaml": "x: y\n"})
    assert shown.split("\n")[1:] == [
        "  --> spec.yaml:1:4",
        "   |",
        " 1 | a: b",
        "   |    ^ here",
        "   |",
        "  ::: block.yaml:1:4",
        "   |",
        " 1 | x: y",
        "   |    - there",
    ]


def test_without_its_text_a_label_becomes_a_note() -> None:
    shown = full(finding(at("a: b", "b", label="why"), help=("do this",)), None)
    assert shown.split("\n") == [
        "error[RC0301]: it is wrong",
        "  --> spec.yaml:1:4",
        "   = note: why",
        "   = help: do this",
    ]


def test_without_a_span() -> None:
    shown = full(finding(None, notes=("first\nand on", "second")), "a: b")
    assert shown.split("\n") == [
        "error[RC0301]: it is wrong",
        "   = note: first",
        "           and on",
        "   = note: second",
    ]


def test_the_gutter_fits_the_largest_number() -> None:
    text = "\n" * 1233 + "x: y"
    assert full(finding(at(text, "x")), text).split("\n")[1:] == [
        "    --> spec.yaml:1234:1",
        "     |",
        "1234 | x: y",
        "     | ^",
    ]


def test_labels_that_nest_or_coincide_all_hang() -> None:
    text = "block: {out: 64}"
    outer, inner = at(text, "{out: 64}", label="outer"), at(text, "64", label="inner")
    assert body(full(finding(inner, outer), text)) == [
        " 1 | block: {out: 64}",
        "   |        ------^^-",
        "   |        |     |",
        "   |        |     inner",
        "   |        outer",
    ]
    assert body(full(finding(inner, at(text, "64", label="too")), text)) == [
        " 1 | block: {out: 64}",
        "   |              ^^ inner",
        "   |              |",
        "   |              too",
    ]


def test_tabs_and_wide_characters_keep_the_caret_under_its_text() -> None:
    text = "\tk:\t日本é e\u0301 x"
    rows = body(full(finding(at(text, "x", label="here")), text))
    assert rows == [" 1 |     k:  日本é e\u0301 x", f"   | {' ' * 16}^ here"]
    assert body(full(finding(at(text, "日本")), text))[1] == "   |         ^^^^"


@pytest.mark.parametrize("size", [50, 500, 100_000])
def test_a_long_line_is_cut_around_the_span(size: int) -> None:
    text = f"a: {'x' * size}, here: 1, {'y' * size}"
    snippet, carets = body(full(finding(at(text, "here", label="!")), text))
    assert carets.endswith("^^^^ !") and len(snippet) < 175
    start = carets.index("^")
    assert snippet[start : start + 4] == "here"
    assert ("…" in snippet) == (size > 50)


def test_a_long_line_with_far_labels_keeps_the_primary_one() -> None:
    text = f"first {'x' * 1000} last"
    rows = body(full(finding(at(text, "last", label="p"), at(text, "first", label="s")), text))
    assert rows[0].endswith("last") and rows[1].endswith("^^^^ p") and rows[-1].endswith("s")


def test_spans_of_several_lines_at_the_end_and_past_it() -> None:
    text = "a:\n  - b   \n  - c\n"
    several = Label(Span("spec.yaml", 2, 3, 3, 6))
    assert body(full(finding(several), text)) == [" 2 |   - b", "   |   ^^^"]
    end = Label(Span("spec.yaml", 4, 1, 4, 1), "here")
    assert body(full(finding(end), text)) == [" 4 |", "   | ^ here"]
    past = Label(Span("spec.yaml", 9, 9, 9, 9), "here")
    assert full(finding(past), text).endswith("  --> spec.yaml:9:9\n   = note: here")


def test_a_byte_order_mark_and_windows_line_ends_do_not_shift_anything() -> None:
    text = "\ufeffa: 1\r\nb: 2\r\n"
    assert body(full(finding(Label(Span("spec.yaml", 1, 4, 1, 5))), text)) == [
        " 1 | a: 1",
        "   |    ^",
    ]


HOSTILE = "\x1b[2J\x9b31m\u202e\x07\r\n\u2028\x00"


@pytest.mark.parametrize("style", STYLES)
def test_no_control_character_reaches_the_terminal(style: Style) -> None:
    label = Label(Span(f"f{HOSTILE}", 1, 1, 1, 5), HOSTILE)
    diagnostic = Diagnostic(SHAPES, HOSTILE, label, (label,), (HOSTILE,), (HOSTILE,))
    shown = render([diagnostic], style, {f"f{HOSTILE}": HOSTILE})
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "x1b" in shown or "u001b" in shown


@given(st.data())
def test_full_renders_any_text_and_any_span(data: st.DataObject) -> None:
    text = data.draw(st.text("ab \t\n\r日\u0301\x1b{:…", max_size=60))
    numbers = st.integers(1, 70)
    spans = st.builds(
        lambda line, column, more, end: Span("spec.yaml", line, column, line + more, end),
        *(numbers, numbers, st.integers(0, 2), numbers),
    )
    labels = data.draw(
        st.lists(st.builds(Label, spans, st.text(max_size=9)), min_size=1, max_size=5)
    )
    shown = full(finding(*labels), text)
    assert all(char.isprintable() or char == "\n" for char in shown.replace("\u0301", ""))
    assert not any(line.endswith("| ") for line in shown.split("\n"))
    colored = full(finding(*labels), text, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == shown


def test_short() -> None:
    assert render([RESNET_ERROR, finding(None)], "short").split("\n") == [
        "my_resnet.yaml:12:61: error[RC0301]: the residual add of layer2.0 joins different shapes",
        "error[RC0301]: it is wrong",
    ]


def test_json() -> None:
    span = Span("a.yaml", 1, 2, 3, 4)
    diagnostic = error(SHAPES, "it is wrong", span, "why", notes=("n",), help=("one", "two"))
    where = {"start": {"line": 1, "column": 2}, "end": {"line": 3, "column": 4}}
    expected = {
        "severity": "error",
        "code": "RC0301",
        "summary": "it is wrong",
        "detail": "why; n",
        "help": "one\ntwo",
        "file": "a.yaml",
        "range": where,
        "labels": [{"file": "a.yaml", "range": where, "text": "why"}],
        "notes": ["n"],
        "fix": None,
    }
    assert to_dict(diagnostic) == expected
    assert json.loads(render([diagnostic, RESNET_ERROR], "json")) == [
        expected,
        to_dict(RESNET_ERROR),
    ]
    bare = to_dict(finding(None))
    assert (bare["file"], bare["range"], bare["labels"]) == (None, None, [])


def test_github() -> None:
    span = Span("a,b:c%.yaml", 1, 2, 3, 4)
    diagnostic = error(SHAPES, "50% wrong: a, b", span, "why", help=("one", "two"))
    assert render([diagnostic], "github") == (
        "::error file=a%2Cb%3Ac%25.yaml,line=1,endLine=3,col=2,endColumn=4,title=RC0301"
        "::50%25 wrong: a, b%0Awhy%0Ahelp: one%0Atwo"
    )
    assert render([finding(None)], "github") == "::error title=RC0301::it is wrong"
    assert render([AA_WARNING], "github").startswith("::warning file=resnetaa50.yaml,line=9,")


@pytest.mark.parametrize("style", STYLES)
def test_nothing_to_say(style: Style) -> None:
    assert render([], style) in ("", "[]")
