"""The wheel, installed into an empty environment, works from an empty folder away from the checkout."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import subprocess
import sys
import venv
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent
CONSTRAINTS = ROOT / "constraints.txt"

# nothing of this checkout or of the environment that runs the tests
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def run(
    *command: str | pathlib.Path, cwd: pathlib.Path, code: int = 0
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, env=CLEAN, capture_output=True, encoding="utf-8")
    assert done.returncode == code, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel of this checkout; without a fresh build environment where hatchling is at hand."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    if importlib.util.find_spec("hatchling") is None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "-w",
            str(folder),
            str(ROOT),
        ]
    else:
        command.insert(4, "--no-isolation")
    run(*command, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture
def binaries(wheel: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The `bin` of an environment in which only the wheel and what it needs are installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q"]
    constraints = ["-c", str(CONSTRAINTS)] if CONSTRAINTS.is_file() else []
    run(*pip, *constraints, str(wheel), cwd=folder)
    return folder / "bin"


def test_what_the_wheel_carries(wheel: pathlib.Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        carried = set(archive.namelist())
    here = [
        *(ROOT / "specs").rglob("*.yaml"),
        *(path for path in (ROOT / "templates").rglob("*") if path.is_file()),
        *(ROOT / "docs" / "codes").glob("*.md"),
    ]
    data = {path.relative_to(ROOT).as_posix() for path in (ROOT / "resnet_compiler").glob("*.yaml")}
    assert data and data <= carried
    assert {path.suffix for path in here} == {".yaml", ".j2", ".css", ".js", ".md"}
    missing = {f"resnet_compiler/{path.relative_to(ROOT).as_posix()}" for path in here} - carried
    assert not missing
    modules = (ROOT / "resnet_compiler").rglob("*.py")
    assert {path.relative_to(ROOT).as_posix() for path in modules} <= carried
    outside = {name for name in carried if not name.startswith("resnet_compiler")}
    assert not outside, "tests, benchmarks and generated source stay in the checkout"


def has_no_runtime(binaries: pathlib.Path, tmp_path: pathlib.Path) -> None:
    code = (
        "from importlib.util import find_spec as f; "
        "print([n for n in ('torch', 'torchvision', 'onnxruntime', 'pytest') if f(n)], "
        "f('resnet_compiler').origin)"
    )
    found, origin = run(binaries / "python", "-c", code, cwd=tmp_path).stdout.split("] ")
    assert found == "["
    assert pathlib.Path(origin.strip()).is_relative_to(binaries.parent)


def builds_resnet50(binaries: pathlib.Path, tmp_path: pathlib.Path) -> None:
    done = run(binaries / "resnetc", "build", "resnet50", "-o", "out", cwd=tmp_path)
    assert done.stdout.startswith("resnet50 · 3 × 224 × 224 → 1000\n")
    assert (
        "25,557,032" in done.stdout and "1 (stem) + 48 (16 blocks × 3) + 1 (fc) = 50" in done.stdout
    )
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"out/resnet50/model.py", "out/resnet50/model.onnx"}
    made = tmp_path / "out" / "resnet50"
    assert (made / "model.onnx").stat().st_size > 4 * 25_557_032
    here = [sys.executable, "-m", "resnet_compiler", "build", "resnet50"]
    run(*here, "--target", "torch", "-o", "here", cwd=tmp_path)
    assert (made / "model.py").read_bytes() == (tmp_path / "here/resnet50/model.py").read_bytes()


def makes_a_spec_and_checks_it(binaries: pathlib.Path, tmp_path: pathlib.Path) -> None:
    resnetc = binaries / "resnetc"
    assert run(resnetc, "init", cwd=tmp_path).stdout.startswith("wrote my_resnet.yaml")
    checked = run(resnetc, "check", "my_resnet.yaml", cwd=tmp_path)
    assert checked.stdout.startswith("my_resnet: ok") and not checked.stderr
    wrong = run(resnetc, "verify", "my_resnet.yaml", cwd=tmp_path, code=2)
    assert "torch and onnxruntime" in wrong.stderr
    assert run(resnetc, "explain", "RC0301", cwd=tmp_path).stdout.startswith("# RC0301: ")
    listed = run(resnetc, "list", cwd=tmp_path).stdout
    assert listed == run(sys.executable, "-m", "resnet_compiler", "list", cwd=tmp_path).stdout


def test_an_empty_environment(binaries: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """One test, so that workers that share the set do not each make an environment."""
    for step in (has_no_runtime, builds_resnet50, makes_a_spec_and_checks_it):
        folder = tmp_path / step.__name__
        folder.mkdir()
        step(binaries, folder)
