"""The page of each code: its layout, and that its wrong example gives that code alone and its mended one nothing."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from typer.testing import CliRunner, Result

from resnet_compiler.cli import app
from resnet_compiler.codes import GROUPS, catalogue
from resnet_compiler.console import FINE, MISUSE, WRONG
from resnet_compiler.explain import Page, page_of, parse
from tests.support.examples import run_example

FOLDER = pathlib.Path(__file__).parent.parent / "docs" / "codes"
CODES = {code.id: code for code in catalogue()}
PAGES = {name: page_of(code) for name, code in CODES.items()}
LONGEST_LINE, LONGEST_EXAMPLE = 100, 20
NOT_THE_SPEC = {
    "RC0225": FINE,
    "RC0227": FINE,
    "RC0501": MISUSE,
    "RC0513": FINE,
    "RC0514": FINE,
    "RC0543": FINE,
}
"""Codes that are not about a spec, or leave it right, with the exit code that their page tells."""

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain", *arguments])


# --- the pages ---


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert sorted(path.stem for path in FOLDER.glob("RC*.md")) == list(CODES)
    assert all(code[:4] in GROUPS for code in CODES)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_is_of_its_code_and_short(page: Page) -> None:
    assert page.title == CODES[page.code].title
    assert page.markdown.count("\n## ") == 3, "all headings are those of the layout"
    assert max(map(len, page.markdown.splitlines())) <= LONGEST_LINE
    for example in (page.wrong, page.right):
        assert sum(text.count("\n") for text in example.files.values()) <= LONGEST_EXAMPLE
    assert (page.wrong.files, page.wrong.command) != (page.right.files, page.right.command)


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_wrong_example_gives_the_code_alone(page: Page) -> None:
    code, said = run_example(page.wrong.files, page.wrong.command)
    found = re.findall(r"^(?:error|warning)\[(RC\d{4})\]", said, re.M)
    assert set(found) == {page.code}, said
    assert code == NOT_THE_SPEC.get(page.code, WRONG)
    if page.code in NOT_THE_SPEC:
        assert f"exit code is {code}" in page.markdown.replace("\n", " ")


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_right_example_is_fine(page: Page) -> None:
    assert run_example(page.right.files, page.right.command) == (FINE, "")


# --- the layout, held ---

GOOD = PAGES["RC0301"].markdown
FENCE = "```yaml\nname: net\n```\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# RC0301: ", "# RC301: "),
        ("## Why it is wrong\n", "## Why\n"),
        ("## Right\n", "## Mended\n"),
        ("## Wrong\n", "## Wrong\n\nIn words.\n"),
        ("## Right\n\n", f"## Right\n\n{FENCE}\nand\n\n"),
        ("```yaml", "```python"),
        ("\n\n## Wrong", "\n## Wrong"),
    ],
)
def test_another_layout_is_refused(old: str, new: str) -> None:
    parse(GOOD)
    assert old in GOOD
    with pytest.raises(ValueError):
        parse(GOOD.replace(old, new, 1))


def test_files_and_commands_of_an_example() -> None:
    page = parse(
        "# RC0999: a title\n\nMeaning,\nin two lines.\n\n## Why it is wrong\n\nOne.\n\nTwo.\n\n"
        "## Wrong\n\n```yaml\n# no name of a file\na: 1\n```\n\n```yaml\n# blocks/b.yaml\nb: 1\n```\n\n"
        "## Right\n\n```sh\nmkdir x\nresnetc list\n```\n"
    )
    assert (page.code, page.title, page.meaning) == ("RC0999", "a title", "Meaning,\nin two lines.")
    assert page.why == "One.\n\nTwo."
    assert page.wrong.files == {
        "net.yaml": "# no name of a file\na: 1\n",
        "blocks/b.yaml": "# blocks/b.yaml\nb: 1\n",
    }
    assert page.wrong.command == "resnetc check net.yaml"
    assert (page.right.files, page.right.command) == ({}, "mkdir x\nresnetc list")


# --- the command ---


@pytest.mark.parametrize("word", ["RC0301", "rc0301", "Rc0301"])
def test_a_code_prints_its_page(word: str) -> None:
    result = explain(word)
    assert (result.exit_code, result.stdout) == (FINE, (FOLDER / "RC0301.md").read_text("utf-8"))


def test_a_code_as_json() -> None:
    page = PAGES["RC0215"]
    printed = json.loads(explain("RC0215", "--json").stdout)
    assert printed == {
        "code": "RC0215",
        "title": page.title,
        "text": f"{page.meaning}\n\n{page.why}",
        "wrong": {"files": dict(page.wrong.files), "command": "resnetc check resnet18.yaml"},
        "right": {"files": dict(page.right.files), "command": "resnetc check resnet18.yaml"},
    }
    assert list(printed["wrong"]["files"]) == ["resnet18.yaml"]


def test_without_a_code_all_are_listed_in_groups() -> None:
    groups = explain().stdout.strip().split("\n\n")
    assert [group.splitlines()[0] for group in groups] == list(GROUPS.values())
    rows = [line.split(maxsplit=1) for group in groups for line in group.splitlines()[1:]]
    assert rows == [[code.id, code.title] for code in catalogue()]
    listed = json.loads(explain("--json").stdout)
    assert listed == [{"code": code.id, "title": code.title} for code in catalogue()]


@pytest.mark.parametrize(
    ("word", "hint"),
    [("RC03O1", "did you mean `RC0301`"), ("301", "did you mean `RC0301`"), ("why", "")],
)
def test_an_unknown_code_is_misuse(word: str, hint: str) -> None:
    result = explain(word)
    assert (result.exit_code, result.stdout) == (MISUSE, "")
    assert f"there is no code `{word}`" in result.stderr and hint in result.stderr
    assert "`resnetc explain` lists all codes" in result.stderr


# --- the line that leads here ---


def last_line(*specs: str, format: str = "full") -> str:
    """The last line but for the one that says how much `--fix` mends."""
    result = CliRunner().invoke(app, ["check", *specs, "--format", format])
    lines = [line for line in result.stderr.splitlines() if not line.endswith("of these.")]
    return (lines or [""])[-1]


def test_the_last_line_of_a_check_names_the_codes() -> None:
    for name in ("RC0203", "RC0213", "RC0301", "RC0401"):
        pathlib.Path(f"{name}.yaml").write_text(PAGES[name].wrong.files["net.yaml"])
    more = "For more about an error, try"
    assert last_line("RC0301.yaml") == f"{more} `resnetc explain RC0301`."
    assert last_line("RC0301.yaml", "RC0301.yaml") == f"{more} `resnetc explain RC0301`."
    assert last_line("RC0401.yaml", "RC0301.yaml", "resnet18") == (
        f"{more} `resnetc explain RC0401`, `RC0301`."
    )
    four = ("RC0301.yaml", "RC0213.yaml", "RC0203.yaml", "RC0401.yaml")
    assert last_line(*four) == f"{more} `resnetc explain RC0301`, `RC0213`, `RC0203`."
    for other in ("short", "json", "github"):
        assert "explain" not in last_line("RC0301.yaml", format=other)


def test_a_warning_leads_nowhere() -> None:
    text = PAGES["RC0302"].wrong.files["net.yaml"]
    pathlib.Path("net.yaml").write_text(text.replace("{height: {}, width: {}}", "{height: 224}"))
    result = CliRunner().invoke(app, ["check", "net.yaml"])
    assert result.exit_code == FINE
    assert "warning[RC0302]" in result.stderr and "explain" not in result.stderr
