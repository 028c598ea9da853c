"""The README's words are true: its commands are those CI runs, and what it shows is what is printed."""

from __future__ import annotations

import pathlib
import re
import tomllib

import pytest
from typer.testing import CliRunner

import resnet_compiler
from resnet_compiler.cli import app

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def fenced(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def test_the_quick_start_is_two_commands() -> None:
    commands = fenced("sh")
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)


def test_ci_runs_the_second_command_as_written() -> None:
    assert fenced("sh")[1].strip() in (ROOT / ".ci/run").read_text().splitlines()


def test_the_summary_shown_is_the_summary_printed() -> None:
    (shown,) = fenced("console")
    command, _, expected = shown.partition("\n")
    result = CliRunner().invoke(app, command.removeprefix("$ resnetc ").split())
    assert result.stdout == expected


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_specs_shown_compile(index: int, tmp_path: pathlib.Path) -> None:
    text = fenced("yaml")[index]
    if "residual:" in text:
        (tmp_path / "bottleneck.yaml").write_text(text)
        text = "name: uses_it\nextends: resnet50\n"
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    assert resnet_compiler.compile(str(path)).any_size


def test_the_error_shown_is_the_error_printed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shown,) = fenced("text")
    spec = fenced("yaml")[0].replace(
        "stride: 2}\n  - layer3", "stride: 2, shortcut: identity}\n  - layer3"
    )
    (tmp_path / "my_resnet.yaml").write_text(spec)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["check", "my_resnet.yaml"])
    assert result.exit_code == 1
    assert result.stderr.strip() == shown.strip()


def test_the_python_example_runs() -> None:
    (code,) = fenced("python")
    namespace: dict[str, object] = {}
    exec(code, namespace)
    assert isinstance(namespace["model"], bytes)
    measures = resnet_compiler.Measures(resnet_compiler.compile("resnet50"))
    assert f"{measures.parameters}" in code


def test_every_dependency_is_named_with_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=\[]", requirement)[0]
        assert re.search(rf"^\| {re.escape(name)} \| \w", README, re.M), name


def test_every_command_is_described() -> None:
    commands = [
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    ]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        commands += [
            f"{group.name} {getattr(command.callback, '__name__', '')}"
            for command in group.typer_instance.registered_commands
        ]
    assert "lab degradation" in commands
    for name in commands:
        assert f"`resnetc {name}" in README, name
