"""Expressions: their values, what is refused, and that nothing else comes out."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnet_compiler.expressions import ExpressionError, evaluate, make_divisible, names_in
from resnet_compiler.values import BlockCall

VALUES: dict[str, Any] = {
    "width": 64,
    "ratio": 0.25,
    "on": True,
    "nothing": None,
    "gate": BlockCall("sigmoid"),
    "pair": (3, 1),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("width * 4", 256),
        ("  width ", 64),
        ("width / 3", 64 / 3),
        ("width // 3", 21),
        ("-width % 10", 6),
        ("2 ** 10", 1024),
        ("--3", 3),
        ("(1 + 2) * 3", 9),
        ("floor(width * ratio)", 16),
        ("ceil(0.1)", 1),
        ("max(1, width, 3)", 64),
        ("min(8, width)", 8),
        ("abs(-3)", 3),
        ("round(2.6)", 3),
        ("sqrt(16) + log2(8)", 7),
        ("make_divisible(width * 0.3, 8)", 24),
        ("make_divisible(10, 8)", 16),
        ("make_divisible(10, 8, 0)", 8),
        ("make_divisible(1, 8)", 8),
        ("1 if width > 32 else 2", 1),
        ("1 if nothing == none else 2", 1),
        ("gate != none", True),
        ("width >= 64 and not on", False),
        ("false or on", True),
        ("true", True),
        ("none", None),
        ("nothing", None),
        ("1e3", 1000),
        ("not " * 120 + "true", True),
    ],
)
def test_an_expression_has_a_value(text: str, value: object) -> None:
    found = evaluate(text, VALUES.__getitem__)
    assert found == value and (found is value or not isinstance(value, bool | None))


@pytest.mark.parametrize(
    "text",
    [
        *("", "1 +", "width width", "(", "a = 1", "lambda: 1", "yield", "1; 2", "1\n2", "# only"),
        *("x.y", "width.real", "().__class__", "__import__('os')", "open('/etc/passwd')", "[1][0]"),
        *(
            "[width]",
            "{1: 2}",
            "(1, 2)",
            "'text'",
            "f'{width}'",
            "b'1'",
            "1j",
            "...",
            "True",
            "None",
        ),
        *("[x for x in y]", "(x := 1)", "*width", "max(*pair)", "max(1, key=abs)", "floor()"),
        *("max(1)", "abs(1, 2)", "floor(floor)", "unknown", "unknown(1)", "width()", "1 < 2 < 3"),
        *("width is 64", "1 in pair", "~1", "+1", "1 & 2", "1 @ 2", "1 << 2", "await x"),
        *("1 / 0", "1 // 0", "1 % 0", "sqrt(-1)", "log2(0)", "0 ** -1", "(-8) ** 0.5"),
        *("9 ** 9 ** 9", "2 ** 64", "10 ** 64", "1e999", "-1e999", "1e308 * 10", "9" * 400),
        *("nothing + 1", "on + 1", "-on", "gate * 2", "pair * 2", "nothing < 1", "gate > gate"),
        *("(" * 300 + "1" + ")" * 300, "1 +" * 200, "x" * 501),
        *("-" * 498 + "1", "+".join(["1"] * 249), "pair[" * 80 + "0" + "]" * 80),
        *("ﬁ", "\0", "1\0", "\ud800", "٣ + ", "width\\\n+ 1 +"),
    ],
)
def test_an_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, VALUES.__getitem__)
    assert caught.value.reason.strip()


ATOMS = [
    "width",
    "ratio",
    "on",
    "nothing",
    "gate",
    "pair",
    "what",
    "0",
    "1",
    "2.5",
    "1e300",
    "true",
]
GRAMMAR = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        st.tuples(
            inner,
            st.sampled_from(
                [
                    "+",
                    "-",
                    "*",
                    "/",
                    "//",
                    "%",
                    "**",
                    "<",
                    "<=",
                    "==",
                    "!=",
                    "and",
                    "or",
                    "if",
                    "is",
                    ".",
                    ",",
                    "&",
                    "|",
                    "^",
                    "@",
                    ":=",
                    "=",
                ]
            ),
            inner,
        ).map(" ".join),
        st.tuples(st.sampled_from(["-", "not ", "+", "~", "*"]), inner).map("".join),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(
            st.sampled_from(["floor", "max", "sqrt", "log2", "make_divisible", "round", "eval"]),
            st.lists(inner, max_size=3),
        ).map(lambda call: f"{call[0]}({', '.join(call[1])})"),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"[{text}]"),
    ),
    max_leaves=12,
)


@given(st.one_of(GRAMMAR, st.text(max_size=40), st.text("width()+-*/ .1e9,[]'\"", max_size=40)))
def test_evaluate_raises_nothing_else(text: str) -> None:
    """Any text has a value that is finite, or an ExpressionError; nothing else comes out, and nothing huge."""
    names_in(text)
    try:
        value = evaluate(text, VALUES.__getitem__)
    except ExpressionError:
        return
    known = (bool, int, float, type(None), BlockCall, tuple)
    assert isinstance(value, known)
    if isinstance(value, int | float):
        assert math.isfinite(value) and abs(value) <= 2**53


def test_names_in() -> None:
    assert names_in("floor(width * k) + width * (n - k) // width") == ("width", "k", "n")
    assert names_in("1 +") == ()
    assert names_in("floor(floor) + 2 * none") == ("floor", "none")
    assert names_in("1 if on else width[index]") == ("on", "width", "index")


# --- limits, and what is said ---------------------------------------------------------------------


def reason(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, VALUES.__getitem__)
    return caught.value.reason


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9007199254740992", 2**53),
        ("-9007199254740992", -(2**53)),
        ("9007199254740991 + 1", 2**53),
        ("-9007199254740991 - 1", -(2**53)),
        ("1 ** 64", 1),
        ("1 ** -64", 1),
        ("0.5 ** 64", 0.5**64),
        ("1" + " " * 498 + "1", None),
    ],
)
def test_the_greatest_numbers_and_lengths(text: str, value: object) -> None:
    if value is None:
        assert len(text) == 500 and reason(text) == "it is not an arithmetic expression"
    else:
        assert evaluate(text, VALUES.__getitem__) == value


def test_a_text_of_the_greatest_length_is_read() -> None:
    assert evaluate("1 + " * 124 + "1   ", VALUES.__getitem__) == 125
    assert "longer than 500 characters" in reason("1 + " * 124 + "1    ")


def test_a_text_of_the_greatest_nesting_is_read() -> None:
    """A sign is a level each, and the number is one."""
    assert evaluate("-" * 199 + "1", VALUES.__getitem__) == -1
    assert "nests deeper than 200 levels" in reason("-" * 200 + "1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("9007199254740993", "no finite value"),
        ("-9007199254740993", "no finite value"),
        ("9007199254740992 + 1", "no finite value"),
        ("-9007199254740992 - 1", "no finite value"),
        ("max(9007199254740992 * 2, 1)", "no finite value"),
        ("1 ** 65", "no finite value"),
        ("1 ** -65", "no finite value"),
        ("(0 - 1) ** 0.5", "no finite value"),
        ("sqrt(0 - 1)", "no finite value"),
        ("1 / 0", "divides by zero"),
        ("on * 2", "not a number"),
        ("abs(on)", "not a number"),
        ("1 + nothing", "not a number"),
        ("gate > 1", "not a number"),
        ("max(1)", "`max` takes another number of arguments"),
        ("abs(1, 2)", "`abs` takes another number of arguments"),
        ("1 + widht", "nothing is called `widht` here"),
        ("min(widht, 2)", "nothing is called `widht` here"),
        ("cbrt(8)", "there is no function `cbrt`; there are abs, ceil, floor, log2"),
        ("min(key=1)", "only the functions of the language can be called"),
        ("min(1)(2)", "only the functions of the language can be called"),
        ("'text'", "only numbers, names and"),
        ("True", "only numbers, names and"),
        ("1 < 2 < 3", "only arithmetic, comparisons"),
        ("[1]", "only arithmetic, comparisons"),
        ("1 +", "not an arithmetic expression"),
    ],
)
def test_a_reason_is_given(text: str, said: str) -> None:
    assert said in reason(text)


def test_the_unknown_name_is_told() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("1 + widht", VALUES.__getitem__)
    assert caught.value.word == "widht"
    with pytest.raises(ExpressionError) as caught:
        evaluate("1 / 0", VALUES.__getitem__)
    assert caught.value.word is None


# --- operators ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 + 3", 10),
        ("7 - 3", 4),
        ("7 * 3", 21),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("7 ** 2", 49),
        ("2 ** -1", 0.5),
        ("-2 ** 2", -4),
        *(("1 < 2", True), ("2 < 2", False), ("2 <= 2", True), ("3 <= 2", False)),
        *(("2 > 1", True), ("2 > 2", False), ("2 >= 2", True), ("2 >= 3", False)),
        *(("2 == 2", True), ("2 == 3", False), ("2 != 3", True), ("2 != 2", False)),
        *(("true and 2", True), ("true and 0", False), ("0 or 2", True), ("0 or false", False)),
        *(("not 0", True), ("not 2", False), ("not nothing", True)),
        *(("1 and 1 and 0", False), ("0 or 0 or 1", True), ("1 and 1 or 0", True)),
        ("false and what", False),  # what decides is enough
        ("true or what", True),
        ("1 if true else what", 1),
        ("what if false else 2", 2),
        ("pair[0]", 3),
        ("pair[1]", 1),
        ("pair[width // 64]", 1),
        ("pair[1.0]", 1),
        ("1or 2", True),  # Python would warn
    ],
)
def test_each_operator(text: str, value: object) -> None:
    found = evaluate(text, VALUES.__getitem__)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", ["pair[2]", "pair[-1]", "pair[0 - 1]", "width[0]", "nothing[0]"])
def test_an_entry_that_is_not_there(text: str) -> None:
    assert "no such entry" in reason(text)


@pytest.mark.parametrize("text", ["pair[on]", "pair[gate]", "pair[nothing]"])
def test_a_place_that_is_no_number(text: str) -> None:
    assert "not a number" in reason(text)


@pytest.mark.parametrize(
    ("value", "divisor", "limit", "expected"),
    [
        (19, 8, 0.9, 24),  # 16 is less than 0.9 × 19
        (20, 8, 0.9, 24),
        (17, 8, 0.9, 16),
        (35.9, 8, 0.9, 40),
        (36, 8, 0.9, 40),
        (35.9, 8, 0, 32),
        (36, 8, 0, 40),
        (35, 8, 1.0, 40),
        (32, 8, 1.0, 32),
        (40, 8, 1.25, 48),
        (4.75, 3, 0, 6),  # half of the divisor is no whole number
        (3, 8, 0.9, 8),
        (-5, 8, 0.9, 8),
        (9, 2, 0.9, 10),
        (11, 10, 0.9, 10),
        (10, 1, 0.9, 10),
    ],
)
def test_the_nearest_multiple(value: float, divisor: int, limit: float, expected: int) -> None:
    found = make_divisible(value, divisor, limit)
    assert found == expected and type(found) is int
    if limit == 0.9:
        assert make_divisible(value, divisor) == expected
