"""Reading YAML: exact values, exact spans, and a diagnostic (never a traceback) for all else."""

from __future__ import annotations

import math
import pathlib
import time
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from resnet_compiler import reader, source
from resnet_compiler.diagnostics import Diagnostic, Span, SpecError
from resnet_compiler.limits import DEFAULT_LIMITS, Limits
from resnet_compiler.source import Mapping, Node, Scalar, Sequence

LOADERS = [yaml.CSafeLoader, yaml.SafeLoader] if yaml.__with_libyaml__ else [yaml.SafeLoader]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test once for each of PyYAML's parsers."""
    monkeypatch.setattr(yaml, "CSafeLoader", request.param, raising=False)


def read(text: str, limits: Limits = DEFAULT_LIMITS) -> Node:
    return reader.read_text(text, "spec.yaml", limits)


def value(text: str) -> object:
    return source.plain(read(text))


def problems(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        read(text, limits)
    assert all(problem.span is not None for problem in caught.value.diagnostics)
    return caught.value.diagnostics


def problem(text: str, limits: Limits = DEFAULT_LIMITS) -> Diagnostic:
    (one,) = problems(text, limits)
    return one


def covered(text: str, span: Span | None) -> str:
    """The text a span covers."""
    assert span is not None
    lines = [*text.removeprefix("\ufeff").splitlines(keepends=True), ""]
    chosen = lines[span.line - 1 : span.end_line]
    chosen[-1] = chosen[-1][: span.end_column - 1]
    chosen[0] = chosen[0][span.column - 1 :]
    return "".join(chosen)


def nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Sequence):
        for item in node.items:
            yield from nodes(item)
    elif isinstance(node, Mapping):
        for key, below in node.entries:
            yield key
            yield from nodes(below)


# values


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *[(word, None) for word in ("null", "Null", "NULL", "~", "")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[
            (word, word)
            for word in ("yes", "no", "on", "off", "y", "n", "No", "tRUE", "nan", "inf")
        ],
        *[("0", 0), ("7", 7), ("-3", -3), ("+5", 5), ("0x1F", 31), ("0o17", 15), ("-0", 0)],
        *[("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("-1.", -1.0), ("1e-05", 1e-5), ("0.1", 0.1)],
        *[(word, word) for word in ("12:30:00", "1_000", "0b11", "2001-01-01", "-0x1", "=", ".")],
        *[(word, word) for word in ("width * expansion", "1.2.3", "٣", "downsample.0", "-", "0o8")],
        *[('"1"', "1"), ("'no'", "no"), ('""', ""), ('"010"', "010"), ('"a\\tb"', "a\tb")],
    ],
)
def test_scalars(parser: None, word: str, expected: object) -> None:
    if word == "-":
        word = "'-'"
    got = value(f"a: {word}\nb: [{word or 'null'}]\n")
    assert got == {"a": expected, "b": [expected]}
    assert isinstance(got, dict) and type(got["a"]) is type(expected)


def test_blocks_and_quotes_are_known_as_text(parser: None) -> None:
    node = read("a: |\n  1\nb: >-\n  x\n  y\nc: '1'\nd: 1\n")
    assert source.plain(node) == {"a": "1\n", "b": "x y", "c": "1", "d": 1}
    assert isinstance(node, Mapping)
    quoted = [below.quoted for _, below in node.entries if isinstance(below, Scalar)]
    assert quoted == [True, True, True, False]


@pytest.mark.parametrize("word", ["010", "007", "-010", "00", "+08"])
def test_a_leading_zero_is_ambiguous(parser: None, word: str) -> None:
    found = problem(f"depth: {word}")
    assert (found.code.id, found.summary) == ("RC0106", f"`{word}` is ambiguous")
    assert found.help and found.span == Span("spec.yaml", 1, 8, 1, 8 + len(word))


@pytest.mark.parametrize("word", [".inf", "-.inf", "+.Inf", ".nan", ".NaN", "1e999", "-1e999"])
def test_floats_are_finite(parser: None, word: str) -> None:
    assert problem(f"a: {word}").code.id == "RC0106"


@pytest.mark.parametrize("word", ["9" * 5000, "-" + "9" * 5000, f"0x{'f' * 5000}", str(2**53 + 1)])
def test_integers_have_a_limit(parser: None, word: str) -> None:
    found = problem(f"a: {word}")
    assert found.code.id == "RC0604" and len(found.summary) < 100
    assert covered(f"a: {word}", found.span) == word


def test_the_largest_integers(parser: None) -> None:
    assert value(f"[{2**53}, {-(2**53)}]") == [2**53, -(2**53)]


# what specs do not use


@pytest.mark.parametrize(
    ("text", "code", "at"),
    [
        ("a: !!int ''", "RC0105", "!!int ''"),
        ("a: !!python/object/apply:os.system [ls]", "RC0105", "!"),
        ("a: ! x", "RC0105", "! x"),
        ("- !<tag:yaml.org,2002:str> 1", "RC0105", "!<tag:yaml.org,2002:str> 1"),
        ("a: &x 1", "RC0105", "&x 1"),
        ("&x a: 1", "RC0105", "&x a"),
        ("a: &x {b: 1}", "RC0105", "&"),
        ("a: *x", "RC0105", "*x"),
        ("<<: {a: 1}", "RC0105", "<<"),
        ("%YAML 1.1\n---\na: 1", "RC0105", "%YAML 1.1"),
        ("# c\n\n%FOO\n---\na: 1", "RC0105", "%FOO"),
        ("0: a", "RC0107", "0"),
        ("a: {1.5: a}", "RC0107", "1.5"),
        ("true: a", "RC0107", "true"),
        ("~: a", "RC0107", "~"),
        ("?\n: a", "RC0107", ""),
        ("[a]: b", "RC0107", "[a]"),
        ("{{a: b}: c}", "RC0107", "{a: b}"),
        ("? [x]\n: y", "RC0107", "[x]"),
        ("a: 1\n---\nb: 1", "RC0103", "---"),
        ("", "RC0103", ""),
        ("# nothing\n\n", "RC0103", ""),
    ],
)
def test_refused(parser: None, text: str, code: str, at: str) -> None:
    found = problem(text)
    assert (found.code.id, covered(text, found.span)) == (code, at)
    assert found.help or found.summary == "the text holds no value"


def test_quoted_they_are_plain_strings(parser: None) -> None:
    assert value('{"<<": 1, "0": "*x", "true": "&y", "": "!z"}') == {
        "<<": 1,
        "0": "*x",
        "true": "&y",
        "": "!z",
    }


def test_duplicate_keys(parser: None) -> None:
    text = 'a: 1\nb: {c: 1, "c": 2}\na: 3\na: 4\n'
    found = problems(text)
    assert [p.code.id for p in found] == ["RC0104"] * 3
    where = [((p.span.line, p.span.column), p.secondary[0].span.line) for p in found if p.span]
    assert where == [((2, 11), 2), ((3, 1), 1), ((4, 1), 1)]


def test_independent_problems_are_told_together(parser: None) -> None:
    found = problems("a: 010\nb: .nan\n0: 1\na: 2\nc: 99999999999999999999\nd: *x\n")
    assert [p.code.id for p in found] == [
        "RC0106",
        "RC0106",
        "RC0107",
        "RC0104",
        "RC0604",
        "RC0105",
    ]
    assert [p.span.line for p in found if p.span] == [1, 2, 3, 4, 5, 6]
    assert [p.code.id for p in problems("a: 010\nb: ]\n")] == ["RC0106", "RC0103"]
    assert len(problems("- 010\n" * 50_000)) == 100


# syntax


@pytest.mark.parametrize(
    ("text", "summary", "at"),
    [
        ("a: [1, 2\nb: 3\n", "a bracket is not closed, or a comma is missing", (2, 2)),
        ("a: [1, 2\n", "a bracket is not closed, or a comma is missing", (1, 4)),
        ("a: {b: 1", "a bracket is not closed, or a comma is missing", (1, 4)),
        ('a: 1\nb: "x\n', "a quoted text is never closed", (2, 4)),
        ("a: b\n  c: d\n", "a `:` cannot stand here", (2, 4)),
        ("日本: x: y", "a `:` cannot stand here", (1, 6)),
        ("a:\n\tb: 1", "a tab cannot stand here", (2, 1)),
        ("a: @x", "a plain value cannot begin like this", (1, 4)),
        ("*: {depth: 1}", "a plain value cannot begin with `*` or `&`", (1, 1)),
        ("a: - x", "a list cannot begin here", (1, 4)),
        ("a: 1\nfoo\nb: 2\n", "a key lacks its `:`", (2, 1)),
        ("a:\n    b: 1\n  c: 2\n", "the text does not continue what stands above it", (3, 3)),
        ("- a\nb: 1\n", "a dash is missing before `b`", (2, 1)),
        ("a:\n  - b: 1\n  c: 2\n", "a dash is missing before `c`", (3, 3)),
        ("a:\n  b: 1\n  - c: 2\n", "a dash is missing before `b`, or this one is too much", (2, 3)),
        ("a:\n  - b: 1\n c: 2\n", "the text does not continue what stands above it", (3, 2)),
        (
            "{a: b[0]}",
            "an expression with brackets stands in quotes inside `{…}` and `[…]`",
            (1, 6),
        ),
        ("a:b\nc: 1\n", "a space is missing behind the colon of `a:b`", (1, 1)),
        ("- c:{b: 1, d: 2}\n", "a space is missing behind the colon of `c:…`", (1, 3)),
        ("[a] b", "the text does not continue what stands above it", (1, 5)),
        ('a: "\\q"', "an unknown escape in double quotes", (1, 4)),
        ('a: "\\ud800"', "an escape names no character", (1, 4)),
        ("{a: 1, : 2}", "a value is missing", (1, 8)),
    ],
)
def test_syntax_errors_in_our_words(
    parser: None, text: str, summary: str, at: tuple[int, int]
) -> None:
    found = problem(text)
    assert (found.code.id, found.summary) == ("RC0103", summary)
    assert found.span is not None and (found.span.line, found.span.column) == at


@pytest.mark.parametrize(
    "text", ['a: "\\UFFFFFFFF"', "- |x\n", "%", "a: !%FF b", "--- %", "- |\n\t x"]
)
def test_odd_syntax_errors(parser: None, text: str) -> None:
    assert problems(text)


@pytest.mark.parametrize(
    "char", ["\0", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\ud800", "\uffff"]
)
def test_invisible_characters(parser: None, char: str) -> None:
    found = problem(f"a: 1\nb: é{char}\n")
    assert found.code.id == "RC0103" and f"U+{ord(char):04X}" in found.summary
    assert found.span == Span("spec.yaml", 2, 5, 2, 6)


# spans


def test_spans(parser: None) -> None:
    text = "é: {日本: [1, 'x y']}\nb:\n  - c: 2  # no\n  - d\n\n# no\ne: |\n  f\n\ng:\nh: x\n   y\n"
    node = read(text)
    assert covered(text, source.locate(node, ())) == text.strip()
    assert covered(text, source.locate(node, ("é",))) == "{日本: [1, 'x y']}"
    assert covered(text, source.locate(node, ("é", "日本"))) == "[1, 'x y']"
    assert source.locate(node, ("é", "日本", 1)) == Span("spec.yaml", 1, 13, 1, 18)
    assert covered(text, source.locate(node, ("b",))) == "- c: 2  # no\n  - d"
    assert covered(text, source.locate(node, ("b", 0))) == "c: 2"
    assert covered(text, source.locate(node, ("e",))) == "|\n  f"
    assert source.locate(node, ("g",)) == Span("spec.yaml", 10, 3, 10, 3)
    assert covered(text, source.locate(node, ("h",))) == "x\n   y"


def test_flow_pairs_and_indentless_lists(parser: None) -> None:
    text = "a:\n- [b: 1, c]\n-\nd: {}\n"
    node = read(text)
    assert source.plain(node) == {"a": [[{"b": 1}, "c"], None], "d": {}}
    assert covered(text, source.locate(node, ("a",))) == "- [b: 1, c]\n-"
    assert covered(text, source.locate(node, ("a", 0, 0))) == "b: 1"
    assert covered(text, source.locate(node, ("d",))) == "{}"


def test_locate_stops_at_the_deepest_that_exists() -> None:
    text = "a: {b: [1, {c: 2}]}"
    node = read(text)
    for path, value_text, key_text in [
        (("a", "b", 1, "c"), "2", "c"),
        (("a", "b", 1, "x"), "{c: 2}", "{c: 2}"),
        (("a", "b", 1), "{c: 2}", "{c: 2}"),
        (("a", "b", 2, "c"), "[1, {c: 2}]", "[1, {c: 2}]"),
        (("a", "b", -1), "[1, {c: 2}]", "[1, {c: 2}]"),
        (("a", "b", "x"), "[1, {c: 2}]", "[1, {c: 2}]"),
        (("a", 0), "{b: [1, {c: 2}]}", "{b: [1, {c: 2}]}"),
        (("x", "a"), text, text),
        (("a", "b"), "[1, {c: 2}]", "b"),
        (("a",), "{b: [1, {c: 2}]}", "a"),
        ((), text, text),
    ]:
        assert covered(text, source.locate(node, path)) == value_text
        assert covered(text, source.locate_key(node, path)) == key_text


def test_mapping_access() -> None:
    node = read("b: 1\na: 2\n")
    assert isinstance(node, Mapping) and node.keys() == ("b", "a")
    found, key = node.get("a"), node.key("a")
    assert isinstance(found, Scalar) and found.value == 2
    assert key is not None and key.span == Span("spec.yaml", 2, 1, 2, 2)
    assert node.get("c") is None and node.key("c") is None


def test_windows_and_old_line_ends_and_a_byte_order_mark(parser: None) -> None:
    for text in ("a: 1\r\nb:\r\n  - é # c\r\n", "\ufeffa: 1\rb:\r  - é\r"):
        node = read(text)
        assert source.plain(node) == {"a": 1, "b": ["é"]}
        assert covered(text, source.locate(node, ("b", 0))) == "é"


def test_tabs(parser: None) -> None:
    assert value("a: 'x\ty' #\tno") == {"a": "x\ty"}
    assert problem("a:\n\t- b").summary == "a tab cannot stand here"


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML's own parser refuses these tabs")
def test_tabs_between_words() -> None:
    assert value("a:\t1\nb:\t\n  - é\t# c\n") == {"a": 1, "b": ["é"]}


# limits


@pytest.mark.parametrize(
    "text",
    [
        *(piece * 100_000 for piece in ("[", "{a: ", "- ", "[a, ", "? ")),
        "[" * 100_000 + "]" * 100_000,
        "\n".join(" " * i + "a:" for i in range(1000)),
    ],
    ids=["flow", "mappings", "dashes", "items", "questions", "closed", "indented"],
)
def test_deep_nesting_is_a_diagnostic_and_quick(parser: None, text: str) -> None:
    started = time.process_time()  # of this process alone: what else runs here does not count
    assert problem(text).code.id == "RC0602"
    assert time.process_time() - started < 2


def test_depth_is_exact(parser: None) -> None:
    assert value("[" * 50 + "1" + "]" * 50)
    assert problem("[" * 51 + "]" * 51).code.id == "RC0602"


def test_an_alias_bomb_is_refused_unexpanded(parser: None) -> None:
    rows = ["a0: &a0 [x, x]"] + [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)
    ]
    assert {p.code.id for p in problems("\n".join(rows))} == {"RC0105"}


def test_sizes(parser: None) -> None:
    small = Limits(text_bytes=8, text_nodes=3)
    assert source.plain(read("[é, b]", small)) == ["é", "b"]
    assert problem("[é, éé]", small).code.id == "RC0601"
    assert problem("[a,b,c]", small).code.id == "RC0603"
    assert problem("#" * 1_000_001).code.id == "RC0601"


# files


def test_files(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes("\ufeffa: é\r\n".encode())
    node, text = reader.read_file(path)
    assert (source.plain(node), text, node.span.file) == ({"a": "é"}, "a: é\r\n", str(path))
    assert reader.read_file(path, "shown.yaml")[0].span == Span("shown.yaml", 1, 1, 1, 5)


@pytest.mark.parametrize("name", ["missing.yaml", ".", "nul\0.yaml", "missing/" + "x" * 300])
def test_files_that_cannot_be_read(tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(SpecError) as caught:
        reader.read_file(tmp_path / name, "shown.yaml")
    (found,) = caught.value.diagnostics
    assert found.code.id == "RC0101" and found.summary.startswith("cannot read `shown.yaml`: ")


@pytest.mark.parametrize(
    ("data", "code", "at"),
    [
        ("a: 1\nbé: ".encode() + b"caf\xe9\n", "RC0102", (2, 8)),
        ("a: 1".encode("utf-16"), "RC0102", (1, 1)),
        (b"\xef\xbb\xbfa: \xff", "RC0102", (1, 4)),
        (b"a: \xed\xa0\x80", "RC0102", (1, 4)),
        (b"a: \0", "RC0103", (1, 4)),
        (b"#" * 1_000_001, "RC0601", (1, 1)),
        (b"\xff" * 1_000_001, "RC0601", (1, 1)),
        (b"\xef\xbb\xbf" + b"#" * 1_000_001, "RC0601", (1, 1)),
    ],
)
def test_files_that_are_no_text(
    tmp_path: pathlib.Path, data: bytes, code: str, at: tuple[int, int]
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(data)
    with pytest.raises(SpecError) as caught:
        reader.read_file(path)
    (found,) = caught.value.diagnostics
    assert found.code.id == code and found.span is not None
    assert (found.span.line, found.span.column) == at


# any text


def verdict(text: str, loader: type) -> object:
    try:
        node = reader._Reader(text.removeprefix("\ufeff"), "f", DEFAULT_LIMITS).read(loader)
    except SpecError as exc:
        return [(d.code, d.summary) for d in exc.diagnostics if d.code.id != "RC0103"]
    for below in nodes(node):
        assert below.span.line >= 1 and below.span.column >= 1
        start, end = (
            (below.span.line, below.span.column),
            (below.span.end_line, below.span.end_column),
        )
        assert start <= end
    return node


PIECES = st.sampled_from(
    [
        *"abé日:,-?[]{}#&*!|>'\"%@` \n\t\r",
        "\n  ",
        "\n- ",
        ": ",
        "- ",
        "010",
        "1e9",
        "<<: ",
        "\\u",
        "~",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    for loader in LOADERS:
        verdict(text, loader)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(
        st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=20
    ),
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=8), below, max_size=4)
    ),
    max_leaves=12,
)


def ours(tree: object) -> bool:
    """Whether safe_dump's text means the same in YAML 1.2: it leaves `1_0` or `0o8` unquoted."""
    if isinstance(tree, dict):
        return all(map(ours, tree)) and all(map(ours, tree.values()))
    if isinstance(tree, list):
        return all(map(ours, tree))
    return not isinstance(tree, str) or not reader._NUMBER.fullmatch(tree)


@settings(max_examples=150)
@given(JSON.filter(ours), st.booleans(), st.booleans())
def test_what_is_dumped_is_read_back(tree: object, flow: bool, unicode: bool) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, allow_unicode=unicode, sort_keys=False)
    node = read(text)
    got = source.plain(node)
    assert got == tree and repr(got) == repr(tree)
    for below in nodes(node):
        if isinstance(below, Scalar):
            piece = covered(text, below.span)
            assert yaml.safe_load(piece) == below.value or math.isclose(
                float(str(below.value)), float(piece)
            )


def test_both_parsers_agree_on_a_spec() -> None:
    text = (
        "name: r\nstages:\n  - l1: {block: basic, depth: 2}  # é\n  - l2:\n      block: x\n"
        "head: [pool, {linear: {out: 10}}]\nnote: >\n  long\n  text\n"
    )
    assert len({repr(verdict(text, loader)) for loader in LOADERS}) == 1
