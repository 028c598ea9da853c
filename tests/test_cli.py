"""The command line: exit codes, names of specs, JSON, where files go, and what a process must not do."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import resnet_compiler
from resnet_compiler import library, spec_folders
from resnet_compiler.cli import app
from resnet_compiler.console import FINE, MISUSE, UNVERIFIED, WRONG

NET = """\
name: net
input: {height: 32, width: 32}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 1, width: 8}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""
BAD = NET.replace("kernel", "kernal")
ODD = NET.replace("width: 8}", "width: 8, shortcut: none}") + "expect: {weighted_layers: 5}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """An empty folder to work in, with a good spec, one with a misspelling and one that is not as expected."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("net", NET), ("bad", BAD), ("odd", ODD)):
        pathlib.Path(f"{name}.yaml").write_text(text)
    return tmp_path


def resnetc(*arguments: str) -> Result:
    """The command in this process; anything but a clean exit is a failure."""
    result = CliRunner().invoke(app, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def process(
    *arguments: str, python: Sequence[str] = ("-m", "resnet_compiler"), **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command as a process of its own."""
    env = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, *python, *arguments], capture_output=True, env=env, check=False
    )


# --- exit codes ---


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("check net.yaml", FINE),
        ("check resnet18 net.yaml", FINE),
        ("check bad.yaml", WRONG),
        ("check odd.yaml", WRONG),
        ("check net.yaml bad.yaml resnet18", WRONG),
        ("check --json bad.yaml", WRONG),
        ("check", MISUSE),
        ("check nothing_of_that_name", MISUSE),
        ("check nothing_of_that_name.yaml", MISUSE),
        ("check net.yaml nothing_of_that_name", MISUSE),
        ("check net.yaml --nothing", MISUSE),
        ("build net.yaml --target torch", FINE),
        ("build net.yaml --target onnx --opset 13 --seed 3", FINE),
        ("build net.yaml", FINE),
        ("build bad.yaml", WRONG),
        ("build net.yaml bad.yaml", WRONG),
        ("build net.yaml --check", WRONG),
        ("build nothing_of_that_name", MISUSE),
        ("build net.yaml --opset 12", MISUSE),
        ("build net.yaml --opset 23", MISUSE),
        ("build net.yaml --seed -1", MISUSE),
        ("build net.yaml --target caffe", MISUSE),
        ("build net.yaml resnet18 -o one.py", MISUSE),
        ("build net.yaml --target onnx -o one.py", MISUSE),
        ("build net.yaml net.yaml", MISUSE),
        ("summary net.yaml", FINE),
        ("summary net.yaml resnet18 --depth block", FINE),
        ("summary bad.yaml", WRONG),
        ("summary nothing_of_that_name", MISUSE),
        ("summary net.yaml --depth deep", MISUSE),
        ("diff net.yaml resnet18", FINE),
        ("diff net.yaml odd.yaml --exit-code", WRONG),
        ("diff net.yaml bad.yaml", WRONG),
        ("diff net.yaml nothing_of_that_name", MISUSE),
        ("build net.yaml --target card", FINE),
        ("build net.yaml --target card -o one.py", MISUSE),
        ("watch net.yaml --target caffe", MISUSE),
        ("watch nothing_of_that_name", MISUSE),
        ("serve nothing_of_that_name", MISUSE),
        ("serve --port 70000", MISUSE),
        ("view net.yaml", FINE),
        ("view bad.yaml", WRONG),
        ("view nothing_of_that_name", MISUSE),
        ("view net.yaml -o .", MISUSE),
        ("view net.yaml resnet18", MISUSE),
        ("verify bad.yaml", WRONG),
        ("verify nothing_of_that_name", MISUSE),
        ("verify net.yaml --opset 40", MISUSE),
        ("list", FINE),
        ("list imagenet/*", FINE),
        ("operators", FINE),
        ("blocks", FINE),
        ("schema", FINE),
        ("schema --block", FINE),
        ("explain", FINE),
        ("explain rc0301", FINE),
        ("explain RC0999", MISUSE),
        ("init", FINE),
        ("init net", MISUSE),
        ("init net --force", FINE),
        ("init ../net", MISUSE),
        ("init 1net", MISUSE),
        ("--help", FINE),
        ("-h", FINE),
        ("check --help", FINE),
        ("--version", FINE),
        ("", MISUSE),
        ("compile net.yaml", MISUSE),
    ],
)
def test_exit_code(arguments: str, code: int) -> None:
    before = {path.name for path in pathlib.Path().rglob("*")}
    result = resnetc(*arguments.split())
    assert result.exit_code == code, result.output
    if code != FINE:
        assert result.output.strip(), "a failure says why"
        assert {path.name for path in pathlib.Path().rglob("*")} == before, "and writes nothing"


def test_verify_of_a_good_spec_is_0() -> None:
    done = process("verify", "net.yaml", "--json")
    assert done.returncode == FINE, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["name"] == "net" and result["passed"] is True
    sizes = {(each["batch"], each["height"], each["width"]) for each in result["comparisons"]}
    assert len(sizes) >= 3 and any(h % 2 for _, h, _ in sizes), "several batches and an odd size"
    assert all(0 <= each["relative"] <= 1e-4 for each in result["comparisons"])
    assert (result["verdict"], result["seed"], result["first_difference"]) == ("agree", 0, None)
    assert result["layers"] > 5


@pytest.mark.parametrize("relative", [2e-4, float("inf")])
def test_verify_of_a_difference_is_3(relative: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from resnet_compiler import verify
    from resnet_compiler.runtime.verdict import DIFFERENT, Parting

    wrong = verify.Comparison(2, 32, 32, 1.0, relative, relative, 1e-6)
    at = Parting("relu", "relu", "", relative, (0, 1, 2, 3), -0.25, 0.0)
    found = verify.Verified(DIFFERENT, (wrong,), 3, at)
    monkeypatch.setattr(verify, "verify", lambda *_, **__: found)
    result = resnetc("verify", "net.yaml")
    assert result.exit_code == UNVERIFIED
    assert "net: different" in result.stdout
    assert "relu (relu): -0.25 in the ONNX, 0 in the source, at [0, 1, 2, 3]" in result.stdout
    result = resnetc("verify", "net.yaml", "--json")
    assert result.exit_code == UNVERIFIED
    said = json.loads(result.stdout, parse_constant=pytest.fail)
    assert (said["verdict"], said["passed"]) == ("different", False)
    assert said["first_difference"]["layer"] == "relu"
    assert said["first_difference"]["onnx"] == -0.25


def test_verify_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = resnetc("verify", "net.yaml")
    assert result.exit_code == MISUSE
    assert "pip install 'resnet-compiler[torch,onnxruntime]'" in result.stderr


# --- which spec a word means ---


def displays(word: str) -> list[str]:
    return [spec.display for spec in spec_folders.expand(word)]


def test_a_shipped_name() -> None:
    assert displays("resnet50") == ["specs/imagenet/resnet50.yaml"]
    assert displays("resnet20") == ["specs/cifar/resnet20.yaml"]
    assert displays("cifar/resnet20") == ["specs/cifar/resnet20.yaml"]


def test_a_shipped_folder() -> None:
    assert displays("imagenet") == displays("imagenet/") == displays("specs/imagenet")
    assert "specs/imagenet/resnet50.yaml" in displays("imagenet")
    assert displays("cifar") == sorted(displays("cifar"))


def test_a_path_and_a_folder_of_specs() -> None:
    nets = pathlib.Path("nets")
    nets.mkdir()
    for name in ("b", "a"):
        (nets / f"{name}.yaml").write_text(NET)
    (nets / "notes.txt").write_text("no spec")
    assert displays("nets/a.yaml") == ["nets/a.yaml"]
    assert displays("./net.yaml") == ["net.yaml"]
    assert displays("nets") == displays("nets/") == ["nets/a.yaml", "nets/b.yaml"]


def test_imagenet_comes_before_cifar_before_timm(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("aaa/x", "cifar/x", "imagenet/x", "timm/x", "timm/y", "cifar/y", "timm/z"):
        path = tmp_path / "specs" / f"{place}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NET)
    monkeypatch.setattr(library, "data_folder", lambda name: tmp_path / name)
    monkeypatch.chdir(tmp_path.parent)
    found = {word: displays(word) for word in ("x", "y", "z", "cifar/x", "aaa/x")}
    assert found == {
        "x": ["specs/imagenet/x.yaml"],
        "y": ["specs/cifar/y.yaml"],
        "z": ["specs/timm/z.yaml"],
        "cifar/x": ["specs/cifar/x.yaml"],
        "aaa/x": ["specs/aaa/x.yaml"],
    }


def test_what_lies_here_under_a_shipped_name() -> None:
    """A path wins: a folder with specs. Not in the way: a file without a suffix, a folder of outputs."""
    pathlib.Path("resnet18").write_text("not a spec\n")
    pathlib.Path("resnet50").mkdir()
    pathlib.Path("resnet50/model.py").write_text("# an output\n")
    pathlib.Path("resnet34.yaml").write_text(NET)
    assert displays("resnet18") == ["specs/imagenet/resnet18.yaml"]
    assert displays("resnet50") == ["specs/imagenet/resnet50.yaml"]
    assert displays("resnet34") == ["specs/imagenet/resnet34.yaml"]
    assert displays("resnet34.yaml") == ["resnet34.yaml"]
    pathlib.Path("cifar").mkdir()
    assert displays("cifar/resnet20") == ["specs/cifar/resnet20.yaml"]
    pathlib.Path("cifar/mine.yaml").write_text(NET)
    assert displays("cifar") == ["cifar/mine.yaml"]


def test_build_twice_in_one_folder() -> None:
    """The outputs' folder has the spec's name; the name still means the shipped spec."""
    for _ in range(2):
        assert resnetc("build", "resnet18", "--target", "torch").exit_code == FINE
    assert resnetc("build", "resnet18", "--target", "torch", "--check").exit_code == FINE


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("resnet5", "resnet50|resnet56"),
        ("Resnet18", "resnet18"),
        ("imagenet/resnet81", "resnet18"),
        ("nett.yaml", "net.yaml"),
    ],
)
def test_an_unknown_spec_did_you_mean(word: str, meant: str) -> None:
    result = resnetc("check", word)
    assert result.exit_code == MISUSE
    assert word in result.stderr
    assert re.search(rf"did you mean `(\w+/)?({meant})`", result.stderr), result.stderr


@pytest.mark.parametrize("word", ["", "a" * 300, "a/" * 3000, "..", "/", "*", "\0", "ü", "\ud800"])
def test_an_odd_word_is_no_traceback(
    word: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "around" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "around" / "here")  # so that `..` has no specs below it
    assert resnetc("check", word).exit_code == MISUSE


# --- JSON ---

SUMMARY_KEYS = {
    *("name", "weighted_layers", "weighted_layers_breakdown", "parameters", "macs", "activations"),
    *("output_shape", "layers"),
}
LAYER_KEYS = {"name", "operator", "input_shapes", "output_shape", "parameters", "macs"}
CHECK_KEYS = {
    *("format_version", "valid", "error_count", "warning_count", "diagnostics", "residual_adds"),
}
DIAGNOSTIC_KEYS = {"severity", "code", "summary", "detail", "help", "file", "range"}
ADD_KEYS = {"name", "channels", "proved", "counterexample"}


def as_json(*arguments: str) -> Any:
    result = resnetc(*arguments, "--json")
    assert not result.stderr
    return json.loads(result.stdout)


def test_summary_json() -> None:
    one = as_json("summary", "net.yaml")
    assert one.keys() >= SUMMARY_KEYS
    assert all(layer.keys() >= LAYER_KEYS for layer in one["layers"])
    assert sum(layer["parameters"] for layer in one["layers"]) == one["parameters"] == 1490
    assert sum(layer["macs"] for layer in one["layers"]) == one["macs"]
    assert one["output_shape"] == [10] and one["weighted_layers"] == 4
    both = as_json("summary", "net.yaml", "resnet18")
    assert [each["name"] for each in both] == ["net", "resnet18"] and both[0] == one


def test_check_json() -> None:
    one = as_json("check", "bad.yaml")
    assert one.keys() >= CHECK_KEYS
    assert (one["valid"], one["error_count"], one["warning_count"]) == (False, 1, 0)
    (found,) = one["diagnostics"]
    assert found.keys() >= DIAGNOSTIC_KEYS
    assert (found["severity"], found["code"], found["file"]) == ("error", "RC0208", "bad.yaml")
    start, end = found["range"]["start"], found["range"]["end"]
    assert start["line"] == end["line"] == 4
    assert BAD.splitlines()[3][start["column"] - 1 : end["column"] - 1] == "kernal"

    several = as_json("check", "net.yaml", "bad.yaml")
    assert [each["valid"] for each in several] == [True, False]
    (add,) = several[0]["residual_adds"]
    assert add.keys() >= ADD_KEYS
    assert (add["name"], add["channels"], add["proved"]) == ("layer1.0.add", 8, "all sizes")
    assert add["counterexample"] is None


def test_json_of_a_folder_is_a_list_unless_it_holds_one() -> None:
    nets = pathlib.Path("nets")
    nets.mkdir()
    (nets / "a.yaml").write_text(NET)
    assert isinstance(as_json("check", "nets"), dict)
    (nets / "b.yaml").write_text(NET)
    assert isinstance(as_json("check", "nets"), list)


def test_build_list_and_schema_print_json() -> None:
    assert as_json("build", "net.yaml") == {
        "name": "net",
        "files": ["net/model.py", "net/model.onnx"],
    }
    assert "imagenet/resnet50" in as_json("list")
    assert len(as_json("operators")) > 20 and len(as_json("blocks")) > 5
    assert json.loads(resnetc("schema").stdout)["$schema"].startswith("http://json-schema.org/")


# --- where outputs go ---


def written(*arguments: str) -> list[str]:
    before = set(pathlib.Path().rglob("*"))
    assert resnetc("build", "net.yaml", *arguments).exit_code == FINE
    return sorted(
        p.as_posix() for p in pathlib.Path().rglob("*") if p not in before and p.is_file()
    )


def test_a_folder_or_a_file() -> None:
    assert written() == ["net/model.onnx", "net/model.py"]
    assert written("-o", "out", "--target", "torch") == ["out/net/model.py"]
    assert written("--output", "a/b", "--target", "onnx") == ["a/b/net/model.onnx"]
    assert written("-o", "new/mine.py") == ["new/mine.py"]
    assert written("-o", "mine.onnx") == ["mine.onnx"]
    pathlib.Path("folder.py").mkdir()
    assert written("-o", "folder.py", "--target", "torch") == ["folder.py/net/model.py"]
    assert pathlib.Path("new/mine.py").read_bytes() == pathlib.Path("net/model.py").read_bytes()
    assert pathlib.Path("mine.onnx").read_bytes() == pathlib.Path("net/model.onnx").read_bytes()


def test_check_of_outputs() -> None:
    command = ("build", "net.yaml", "--check")
    assert "net/model.py is missing" in resnetc(*command).stdout
    written()
    assert (resnetc(*command).exit_code, resnetc(*command).stdout) == (FINE, "")
    source = pathlib.Path("net/model.py")
    stale = source.read_text().replace("Conv2d", "Conv3d", 1)
    source.write_text(stale)
    result = resnetc(*command)
    assert result.exit_code == WRONG
    assert re.search(r"^-.*Conv3d", result.stdout, re.M)
    assert re.search(r"^\+.*Conv2d", result.stdout, re.M)
    assert source.read_text() == stale, "nothing is written"
    assert resnetc(*command, "--target", "onnx").exit_code == FINE
    assert resnetc(*command, "--target", "onnx", "--seed", "1").exit_code == WRONG


def test_a_target_that_cannot_be_written_is_2() -> None:
    pathlib.Path("net/model.py").mkdir(parents=True)
    result = resnetc("build", "net.yaml")
    assert result.exit_code == MISUSE and "RC0501" in result.stderr
    assert "net/model.py" in result.stderr
    assert [p.name for p in pathlib.Path("net").iterdir()] == ["model.py"]


# --- the process: imports, colour, pipes, locales ---

HEAVY = ("torch", "onnxruntime", "torchvision", "timm", "onnx", "numpy")
IMPORTS = f"""
import sys
from resnet_compiler.cli import main
try:
    main()
except SystemExit as exit:
    assert not exit.code, exit.code
print("loaded:", *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        ("--help", ()),
        ("check resnet50", ()),
        ("check resnet50 --json", ()),
        ("summary resnet50 --depth layer", ()),
        ("diff resnet50 resnet101", ()),
        ("build resnet50 --target card", ()),
        ("draw resnet50", ()),
        ("build resnet50 --target torch", ()),
        ("build net.yaml", ("onnx", "numpy")),
        ("view resnet50", ()),
        ("operators", ()),
        ("blocks --json", ()),
        ("schema", ()),
        ("list", ()),
        ("explain RC0301", ()),
        ("init", ()),
    ],
)
def test_imports_only_what_it_needs(arguments: str, allowed: tuple[str, ...]) -> None:
    done = process(*arguments.split(), python=("-c", IMPORTS))
    assert done.returncode == 0, done.stderr.decode()
    _, loaded = done.stderr.decode().rsplit("loaded:", 1)
    assert set(loaded.split()) <= set(allowed)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, resnet_compiler; print([n for n in {HEAVY!r} if n in sys.modules])"
    assert process(python=("-c", code)).stdout == b"[]\n"


def test_a_module_and_a_script_are_one_command() -> None:
    script = pathlib.Path(sys.executable).with_name("resnetc")
    version = f"resnetc {resnet_compiler.__version__}\n".encode()
    assert process("--version").stdout == version
    assert subprocess.run([script, "--version"], capture_output=True).stdout == version


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What the command prints on its standard error, where that is a terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "resnet_compiler", *arguments]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env):
        os.close(theirs)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
    os.close(ours)
    return b"".join(pieces).decode()


def test_colour_on_a_terminal_alone() -> None:
    environment = dict.fromkeys(("NO_COLOR", "FORCE_COLOR"), "")
    coloured = on_a_terminal("check", "bad.yaml", **environment)
    assert "\x1b[1;31m" in coloured
    plain = on_a_terminal("check", "bad.yaml", NO_COLOR="1")
    assert "\x1b" not in plain and "error[RC0208]" in plain
    piped = process("check", "bad.yaml", **environment)
    assert b"\x1b" not in piped.stdout + piped.stderr and b"error[RC0208]" in piped.stderr
    assert "\x1b" not in on_a_terminal("--help", NO_COLOR="1")
    assert b"\x1b" not in process("--help").stdout


@pytest.mark.parametrize("arguments", ["summary resnet152 --depth layer", "list", "schema"])
def test_a_reader_that_goes_away(arguments: str) -> None:
    command = [sys.executable, "-m", "resnet_compiler", *arguments.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()  # before it has written anything
        said = running.stderr.read().decode()
    assert said == ""
    assert running.returncode in (FINE, -signal.SIGPIPE), "1 says that the spec is wrong"


LOCALES = (
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8"},
    {"PYTHONIOENCODING": "latin-1"},
)


@pytest.mark.parametrize("locale", LOCALES, ids=lambda each: " ".join(each.values()))
def test_the_same_bytes_in_every_locale(locale: dict[str, str]) -> None:
    pathlib.Path("übung.yaml").write_text(f"# Größe\n{ODD}title: Übung ×\n", "utf-8")
    wanted = process("summary", "net.yaml")
    assert "8 × 32 × 32" in wanted.stdout.decode() and wanted.returncode == FINE
    found = process("summary", "net.yaml", **locale)
    assert (found.returncode, found.stdout) == (wanted.returncode, wanted.stdout)
    wrong = process("check", "übung.yaml", **locale)
    assert wrong.returncode == WRONG
    assert b"error[RC0401]" in wrong.stderr and b"Traceback" not in wrong.stderr
