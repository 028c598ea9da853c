"""What a spec names stays in the spec's folder, links followed; what is written stays in the folder that was given."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
from support.structures import TWO, spec
from typer.testing import CliRunner, Result

from resnet_compiler import SpecError, library
from resnet_compiler.cli import app
from resnet_compiler.library import SpecFile, data_folder
from resnet_compiler.paths import stays_inside
from resnet_compiler.pipeline import Compilation, compile_file, compile_spec

SECRET = "s3cret"
BASE = spec(TWO, blocks="b:\n  layers: [{c: norm}]", more=f"doc: {SECRET}\n")
BLOCK = f"name: gate\ndoc: {SECRET}\nlayers: [{{c: norm}}]\n"
USES_BLOCK = "name: net\nstages: [{s: {block: gate, depth: 1}}]\n"


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder with a spec's, beside another one with files that are no business of the spec."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    (inside / "blocks").mkdir(parents=True)
    outside.mkdir()
    (outside / "base.yaml").write_text(BASE, "utf-8")
    (outside / "gate.yaml").write_text(BLOCK, "utf-8")
    monkeypatch.chdir(inside)
    return inside


def extending(base: str, folder: pathlib.Path) -> Compilation:
    path = folder / "net.yaml"
    path.write_text(f"name: net\nextends: '{base}'\n", "utf-8")
    return compile_file(SpecFile("net.yaml", path))


def codes_of(found: Compilation) -> list[str]:
    """The codes of what was found; nothing of a file outside was read or is told."""
    assert SECRET not in repr(found.diagnostics) + "".join(found.texts.values())
    assert all(each.help for each in found.diagnostics if each.code.id == "RC0223")
    return [each.code.id for each in found.diagnostics]


def link(path: pathlib.Path, target: str | pathlib.Path) -> None:
    try:
        path.symlink_to(target)
    except OSError as reason:  # Windows without the right to
        pytest.skip(f"links cannot be made here: {reason}")


LEAVING = (
    "../outside/base.yaml",
    "blocks/../../outside/base.yaml",
    "./../outside/base.yaml",
    "..\\outside\\base.yaml",
    "blocks\\..\\..\\outside\\base.yaml",
    "{outside}/base.yaml",
    "//{outside}/base.yaml",
    "C:\\outside\\base.yaml",
    "c:base.yaml",
    "\\\\host\\share\\base.yaml",
    "file://{outside}/base.yaml",
    "file:base.yaml",
    "https://example.org/base.yaml",
)


@pytest.mark.parametrize("base", LEAVING)
def test_a_path_that_leaves_the_folder(base: str, folder: pathlib.Path) -> None:
    outside = (folder.parent / "outside").as_posix()
    assert codes_of(extending(base.format(outside=outside), folder)) == ["RC0223"]


@pytest.mark.parametrize(
    "base", ["~/base.yaml", "~root/base.yaml", "$HOME/base.yaml", "/dev/stdin", "/dev/zero"]
)
def test_a_path_means_what_it_says(base: str, folder: pathlib.Path) -> None:
    """A home folder or a variable is not put in its place."""
    assert codes_of(extending(base, folder))[0] in ("RC0206", "RC0223")


def test_a_path_with_a_NUL(folder: pathlib.Path) -> None:
    (folder / "net.yaml").write_text('name: net\nextends: "base.yaml\\0"\n', "utf-8")
    assert codes_of(compile_file(SpecFile("net.yaml", folder / "net.yaml"))) == ["RC0204"]
    with pytest.raises(SpecError, match="RC0206"):
        compile_spec("net.yaml\0")


def test_links_that_leave_the_folder(folder: pathlib.Path) -> None:
    link(folder / "base.yaml", "../outside/base.yaml")
    link(folder / "beside", "../outside")
    link(folder / "twice.yaml", "base.yaml")
    for base in ("base.yaml", "beside/base.yaml", "twice.yaml"):
        assert codes_of(extending(base, folder)) == ["RC0223"]


def test_links_that_stay_in_the_folder(folder: pathlib.Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "base.yaml").write_text(BASE.replace(SECRET, "said"), "utf-8")
    link(folder / "base.yaml", "below/base.yaml")
    link(folder / "again", "below")
    link(folder / "shipped.yaml", data_folder("specs") / "cifar" / "resnet20.yaml")
    for base in ("base.yaml", "again/base.yaml", "shipped.yaml"):
        assert codes_of(extending(base, folder)) == []


def test_a_base_below_sees_no_more_than_its_own_folder(folder: pathlib.Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "base.yaml").write_text("name: base\nextends: ../other.yaml\n", "utf-8")
    (folder / "other.yaml").write_text(BASE.replace(SECRET, "said"), "utf-8")
    assert codes_of(extending("below/base.yaml", folder)) == ["RC0223"]


def test_links_in_a_circle_and_into_nothing(folder: pathlib.Path) -> None:
    link(folder / "circle.yaml", "circle.yaml")
    link(folder / "nothing.yaml", "missing.yaml")
    for base in ("circle.yaml", "nothing.yaml"):
        assert codes_of(extending(base, folder)) == ["RC0206"]
    assert not stays_inside(folder / "nothing.yaml", folder / "blocks")


def using_block(folder: pathlib.Path) -> Compilation:
    (folder / "net.yaml").write_text(USES_BLOCK, "utf-8")
    return compile_file(SpecFile("net.yaml", folder / "net.yaml"))


@pytest.mark.parametrize("place", ["gate.yaml", "blocks/gate.yaml"])
@pytest.mark.parametrize("target", ["outside/gate.yaml", "/dev/zero", "/proc/self/environ"])
def test_a_block_that_is_a_link(place: str, target: str, folder: pathlib.Path) -> None:
    link(folder / place, target if target.startswith("/") else folder.parent / target)
    assert codes_of(using_block(folder)) == ["RC0223"]
    (folder / place).unlink()
    (folder / "below.yaml").write_text(BLOCK.replace(SECRET, "said"), "utf-8")
    link(folder / place, folder / "below.yaml")
    assert codes_of(using_block(folder)) == []


def test_a_folder_of_blocks_that_is_a_link(folder: pathlib.Path) -> None:
    (folder / "blocks").rmdir()
    link(folder / "blocks", "../outside")
    assert codes_of(using_block(folder)) == ["RC0223"]
    (folder / "net.yaml").write_text(USES_BLOCK.replace("gate", "gat"), "utf-8")
    found = compile_file(SpecFile("net.yaml", folder / "net.yaml"))
    assert codes_of(found) == ["RC0207"]
    assert "gate" not in repr(found.diagnostics)  # the names of its files are not told either


@pytest.mark.parametrize(
    "word", ["../outside/gate", "blocks/gate", "gate.yaml", ".gate", "gate\\0", "/gate"]
)
def test_a_block_is_named_by_a_word(word: str, folder: pathlib.Path) -> None:
    (folder / "net.yaml").write_text(USES_BLOCK.replace("gate", f'"{word}"'), "utf-8")
    assert codes_of(compile_file(SpecFile("net.yaml", folder / "net.yaml"))) == ["RC0213"]


def test_a_package_whose_files_are_links(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As some installers and build systems make them: what came with the compiler is known by its place."""
    shipped = data_folder("specs")
    for path in shipped.rglob("*.yaml"):
        copy = folder.parent / "package" / path.relative_to(shipped)
        copy.parent.mkdir(parents=True, exist_ok=True)
        link(copy, path)
    monkeypatch.setattr(library, "data_folder", lambda name: folder.parent / "package")
    assert codes_of(extending("resnet18", folder)) == []
    assert compile_spec("resnet18").identity.source == "specs/imagenet/resnet18.yaml"


# --- what is named on the command line ---


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_what_the_user_names_may_be_anywhere(folder: pathlib.Path) -> None:
    """A path that leads out, a link to a spec elsewhere: its folder is the one it is named in."""
    assert run("check", "../outside/base.yaml").exit_code == 0
    link(folder / "net.yaml", "../outside/base.yaml")
    assert run("check", "net.yaml").exit_code == 0
    (folder.parent / "outside" / "base.yaml").write_text(USES_BLOCK, "utf-8")
    assert (
        "RC0207" in run("check", "net.yaml").stderr
    )  # the gate beside the target is another folder's
    (folder / "gate.yaml").write_text(BLOCK, "utf-8")
    assert run("check", "net.yaml").exit_code == 0


def test_a_link_in_a_folder_that_the_user_names(folder: pathlib.Path) -> None:
    """The folder was named, and not what a link in it leads to."""
    (folder / "net.yaml").write_text(BASE, "utf-8")
    assert run("check", ".").exit_code == 0
    link(folder / "other.yaml", "../outside/base.yaml")
    result = run("check", ".")
    assert result.exit_code == 2 and "RC0223" in result.stderr
    assert run("check", "other.yaml").exit_code == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("place", ["net.yaml", "base.yaml", "gate.yaml", "blocks/gate.yaml"])
def test_a_pipe_is_refused_and_not_waited_for(place: str, folder: pathlib.Path) -> None:
    (folder / "net.yaml").write_text(
        "name: net\nextends: base.yaml\n" if place == "base.yaml" else USES_BLOCK, "utf-8"
    )
    (folder / place).unlink(missing_ok=True)
    os.mkfifo(folder / place)
    command = [sys.executable, "-m", "resnet_compiler", "check", "net.yaml"]
    done = subprocess.run(command, capture_output=True, timeout=120, text=True)
    assert done.returncode == 1
    assert f"cannot read `{place}`: not a regular file" in done.stderr


@pytest.mark.parametrize("place", ["net.yaml", "base.yaml", "gate.yaml"])
def test_a_folder_is_no_file(place: str, folder: pathlib.Path) -> None:
    text = "name: net\nextends: base.yaml\n" if place == "base.yaml" else USES_BLOCK
    (folder / "net.yaml").write_text(text, "utf-8")
    (folder / place).unlink(missing_ok=True)
    (folder / place).mkdir()
    assert codes_of(compile_file(SpecFile("net.yaml", folder / "net.yaml"))) == ["RC0101"]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no such device")
def test_a_device_is_no_file(folder: pathlib.Path) -> None:
    link(folder / "net.yaml", "/dev/zero")
    assert codes_of(compile_file(SpecFile("net.yaml", folder / "net.yaml"))) == ["RC0101"]
    for device in ("/dev/zero", "/dev/stdin"):
        assert "RC0206" in run("check", device).stderr


# --- what is written ---


@pytest.fixture
def output(folder: pathlib.Path) -> pathlib.Path:
    """The folder outside, with a file in it, once there is a spec `probe` inside."""
    (folder / "net.yaml").write_text(BASE, "utf-8")
    outside = folder.parent / "outside"
    (outside / "model.py").write_text(SECRET, "utf-8")
    return outside


BUILD = ("build", "net.yaml", "--target", "torch", "-o")


@pytest.mark.parametrize("name", ["../outside", "a/b", "a\\b", "..", "C:x", "a\\0b"])
def test_a_network_is_called_by_a_word(
    name: str, output: pathlib.Path, folder: pathlib.Path
) -> None:
    (folder / "net.yaml").write_text(BASE.replace("name: probe", f"name: '{name}'"), "utf-8")
    assert "RC0213" in run(*BUILD, "out").stderr
    assert not (folder / "out").exists()
    assert (output / "model.py").read_text("utf-8") == SECRET


def test_a_folder_for_outputs_may_be_a_link(output: pathlib.Path, folder: pathlib.Path) -> None:
    link(folder / "out", output)
    assert run(*BUILD, "out").exit_code == 0
    assert (output / "probe" / "model.py").is_file()
    assert run(*BUILD, "out", "--check").exit_code == 0


def test_two_names_that_some_file_systems_take_for_one(
    output: pathlib.Path, folder: pathlib.Path
) -> None:
    (folder / "other.yaml").write_text(BASE.replace("name: probe", "name: PROBE"), "utf-8")
    result = run(*BUILD, "out", "other.yaml")
    assert result.exit_code == 2 and "two specs are called PROBE" in result.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize("check", [(), ("--check",)])
def test_a_link_in_the_folder_for_outputs(
    check: tuple[str, ...], output: pathlib.Path, folder: pathlib.Path
) -> None:
    """The folder was given, and not what a link in it leads to: nothing is written there, or read and shown."""
    (folder / "out").mkdir()
    link(folder / "out" / "probe", output)
    result = run(*BUILD, "out", *check)
    assert result.exit_code == 2 and "RC0223" in result.stderr
    assert SECRET not in result.stdout + result.stderr
    assert (output / "model.py").read_text("utf-8") == SECRET


@pytest.mark.parametrize("target", ["model.py", "missing.py"])
def test_a_target_that_is_a_link_is_replaced_itself(
    target: str, output: pathlib.Path, folder: pathlib.Path
) -> None:
    before = sorted(output.iterdir())
    model = folder / "out" / "probe" / "model.py"
    model.parent.mkdir(parents=True)
    link(model, output / target)
    stale = run(*BUILD, "out", "--check")
    assert stale.exit_code == 1 and "is a link" in stale.stdout and SECRET not in stale.stdout
    assert run(*BUILD, "out").exit_code == 0
    assert not model.is_symlink() and "class Probe" in model.read_text("utf-8")
    assert (output / "model.py").read_text("utf-8") == SECRET and sorted(output.iterdir()) == before


def test_fixes_are_not_written_through_a_link(output: pathlib.Path, folder: pathlib.Path) -> None:
    (output / "base.yaml").write_text(BASE.replace("stages:", "stagse:"), "utf-8")
    before = (output / "base.yaml").read_bytes()
    (folder / "net.yaml").unlink()
    link(folder / "net.yaml", output / "base.yaml")
    run("check", "net.yaml", "--fix")
    assert (output / "base.yaml").read_bytes() == before
    assert (folder / "net.yaml").is_symlink()
