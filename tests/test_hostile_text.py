"""Hostile text that is not in quotes, in names of files, and in what the commands print."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import pathlib
import re

import pytest
from support.hostile_outputs import complaints, hidden
from support.hostile_strings import TEXTS
from support.hostile_template import quoted
from support.source_allow_list import violations
from support.specs import compile_text
from support.structures import TWO, spec
from typer.testing import CliRunner, Result

from resnet_compiler import SpecError, codes, emit_pytorch
from resnet_compiler.characters import escaped
from resnet_compiler.cli import app
from resnet_compiler.diagnostics import Label, Span, error
from resnet_compiler.library import SpecFile, find_spec
from resnet_compiler.pipeline import compile_file
from resnet_compiler.render import render

HOLES = {
    "a title": "title: HOLE",
    "a value": "let: {a: HOLE}",
    "a key": "let:\n  HOLE: 1",
    "a whole line": "HOLE",
    "double quotes": 'doc: "HOLE"',
    "single quotes": "doc: 'HOLE'",
    "a block of text": "doc: |\n  HOLE",
    "a comment": "doc: a # HOLE",
}
SMALL = spec(TWO, blocks="b:\n  layers: [{c: norm}]")


@pytest.mark.parametrize("place", HOLES)
def test_text_as_it_is(place: str) -> None:
    """Without quotes and escapes, so that it may end what it stands in."""
    wrong = {}
    for label, string in TEXTS.items():
        text = SMALL + HOLES[place].replace("HOLE", string) + "\n"
        if found := complaints(compile_file(SpecFile("net.yaml", None), text)):
            wrong[label] = found
    assert not wrong


def test_a_text_of_hostile_bytes(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "net.yaml"
    for data in (
        b"\xff\xfe\x00",
        b"name: \xed\xa0\x80",
        b"\x1b[2J",
        b"\x00" * 99,
        b"a: \xc2\x9b2J",
    ):
        path.write_bytes(data)
        assert not complaints(compile_file(SpecFile("net.yaml", path)))


def test_a_name_of_a_file(tmp_path: pathlib.Path) -> None:
    """A file can have any name; it is in diagnostics, in the source's header and in the ONNX."""
    wrong, tried = {}, 0
    for label, string in TEXTS.items():
        if len(string) > 1000:
            continue
        path = tmp_path / f"{string}.yaml"
        with contextlib.suppress(OSError, ValueError):  # what no file can be called
            path.write_text(SMALL, "utf-8")
            tried += 1
        named = find_spec(str(path)) if os.path.exists(path) else SpecFile(string, None)
        for text in (SMALL, SMALL + f"title: {quoted(string)}\n", "a: b"):
            if found := complaints(compile_file(named, text)):
                wrong[label] = found
    assert not wrong
    assert tried > len(TEXTS) / 2


TITLES = {
    "quotes": '"""\'\'\' "',
    "ends in quotes": 'a "quoted"',
    "ends in a backslash": "a \\",
    "an escape": "\\N{BULLET} \\x \\u12 \\777",
    "long words": " ".join("w" * n + "\\x" for n in range(60, 80, 7)),
    "blanks around": "  a  b ",
    "no letters": "\u4e2d\u6587 \U0001f600",
}


@pytest.mark.parametrize("key", ["title", "doc"])
@pytest.mark.parametrize("case", TITLES)
def test_a_docstring_says_what_was_written(case: str, key: str) -> None:
    """It is read back from the source as it was, but for where lines break."""
    said = TITLES[case][:200]
    for body in ("layers: [{c: norm}]", "residual: [{c: norm}]"):
        text = spec(TWO, blocks=f"b:\n  {key}: {quoted(said)}\n  {body}")
        source = emit_pytorch(compile_text(text))
        assert not violations(source)
        (_, written, _) = [
            ast.get_docstring(n) or ""
            for n in ast.walk(ast.parse(source))
            if isinstance(n, ast.Module | ast.ClassDef)
        ]
        assert "".join(said.split()).lower() in "".join(written.split()).lower()


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2003 "])
def test_a_line_of_blanks_is_no_text(blank: str) -> None:
    with pytest.raises(SpecError, match=r"RC0204.*not a line of text"):
        compile_text(SMALL + f"title: {quoted(blank)}\n")


def test_every_hidden_character_is_refused_and_no_other() -> None:
    """One by one: in a title, and by the function that escapes names of files."""
    import unicodedata

    from resnet_compiler.spec import LINE

    wanted = {
        c
        for c in map(chr, range(0x110000))
        if unicodedata.category(c) in ("Cc", "Cf", "Co", "Zl", "Zp")
    }
    line = re.compile(LINE)
    refused = {c for c in map(chr, range(0x110000)) if not line.match(f"a{c}a")}
    unassigned = {c for c in refused - wanted if unicodedata.category(c) in ("Cn", "Mn")}
    assert wanted <= refused
    assert refused - wanted == unassigned
    assert {c for c in map(chr, range(0x110000)) if escaped(c) != c} == refused | set(
        map(chr, range(0xD800, 0xE000))
    )


def test_one_workflow_command_for_one_finding() -> None:
    """Every part of a diagnostic, with every string: nothing begins another line, and no property ends early."""
    for string in TEXTS.values():
        span = Span(string[:1000], 1, 1, 1, 2)
        found = error(
            codes.WRONG_VALUE,
            string,
            span,
            string,
            secondary=[Label(span, string[:99])],
            notes=[string],
            help=[string],
        )
        text = render([found, found], "github")
        lines = text.split("\n")
        assert len(lines) == 2 and not hidden(text)
        head = re.fullmatch(r"::error ((\w+=[^,:\n]*,?)+)::.*", lines[0])
        assert head is not None
        assert [part.split("=")[0] for part in head[1].split(",")][-1] == "title"


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("style", ["full", "short"])
def test_a_finding_moves_no_cursor(style: str, color: bool) -> None:
    """Of all escape sequences there are only our colours."""
    for string in TEXTS.values():
        span = Span(string[:1000], 1, 1, 1, 2)
        found = error(codes.WRONG_VALUE, string, span, string, notes=[string], help=[string])
        text = render([found], style, {span.file: string}, color)  # type: ignore[arg-type]
        assert not hidden(re.sub(r"\x1b\[(0|1;31|1;33|1;34|1)m", "", text) if color else text)


def test_a_finding_is_not_as_long_as_what_it_quotes() -> None:
    found = error(codes.WRONG_VALUE, "a" * 10**6, notes=["b" * 10**6], help=["c" * 10**6])
    assert len(render([found], "full")) < 5000


# --- what the commands print ---


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


PRINTED = [
    "ANSI cursor",
    "CSI in one character",
    "right to left override",
    "GitHub command on a line",
    "lone surrogate",
]


@pytest.mark.parametrize("label", PRINTED)
@pytest.mark.parametrize(
    "command",
    ["check", "check --json", "check --format github", "summary", "build --json", "check --fix"],
)
def test_a_command_on_a_hostile_spec(command: str, label: str, folder: pathlib.Path) -> None:
    """A wrong spec that quotes it: exit 1, and a terminal or a workflow reads nothing but text."""
    text = SMALL + f"let: {{a: {quoted(TEXTS[label])}}}\nwhatever: 1\n"
    (folder / "net.yaml").write_text(text, "utf-8")
    result = run(*command.split(), "net.yaml")
    assert result.exit_code == 1
    assert not hidden(result.stdout + result.stderr)
    assert not re.search(r"^::(?!error |warning )", result.stdout + result.stderr, re.M)
    if "--json" in command and result.stdout:
        json.loads(result.stdout)


def test_a_diff_of_hostile_text(folder: pathlib.Path) -> None:
    """What is on disk may be anybody's: the diff of a stale output, and that of fixes."""
    (folder / "net.yaml").write_text(SMALL, "utf-8")
    run("build", "net.yaml", "--target", "torch", "-o", ".")
    model = folder / "probe" / "model.py"
    model.write_text(model.read_text("utf-8") + "# \x1b[2J \x9b \u202e\n", "utf-8")
    result = run("build", "net.yaml", "--target", "torch", "-o", ".", "--check")
    assert result.exit_code == 1 and "\\x1b[2J" in result.stdout
    assert not hidden(result.stdout.replace("\t", ""))
    (folder / "net.yaml").write_text(SMALL.replace("stages:", "stagse:  # \u202e"), "utf-8")
    result = run("check", "net.yaml", "--diff")
    assert "stagse" in result.stdout and "\\u202e" in result.stdout
    assert not hidden(result.stdout + result.stderr)


def test_an_argument_is_not_sent_to_the_terminal(folder: pathlib.Path) -> None:
    for arguments in (
        ["check", "\x1b[2J"],
        ["show", "\x1b[2J"],
        ["list", "\x1b[2J"],
        ["init", "\x1b[2J"],
    ):
        result = run(*arguments)
        assert not hidden(result.stdout + result.stderr) and "x1b" in result.stderr
