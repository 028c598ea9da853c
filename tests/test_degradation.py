"""`resnetc lab degradation`: what the numbers say follows a rule; runs are made once, and do not depend on how many at a time."""

from __future__ import annotations

import json
import math
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from resnet_compiler.cli import app
from resnet_compiler.console import MISUSE, WRONG
from resnet_compiler.lab import LabError
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.degradation import Experiment, runs, shrunk
from resnet_compiler.lab.degradation_report import degradation_files, degradation_plots
from resnet_compiler.lab.degradation_rows import (
    FAMILIES,
    Family,
    Row,
    changes,
    csv_text,
    final_errors,
    read_csv,
    verdict,
)
from resnet_compiler.lab.records import RecordsError
from resnet_compiler.lab.settings import Settings

NET = """\
name: {family}{depth}
input: {{channels: 1, height: 8, width: 8}}
stem:
  - conv: {{conv: {{out: 4, kernel: 3}}}}
stages:
  - one: {{block: basic, depth: {blocks}, width: 4, shortcut: {shortcut}}}
head:
  - pool: global_avg_pool
  - fc: {{linear: {{out: 2}}}}
"""


def rows_of(errors: dict[tuple[Family, int], list[float]]) -> list[Row]:
    """Rows of runs of four epochs that end with these training errors, one for each seed."""
    return [
        Row(family, depth, seed, epoch, 1.0, error if epoch > 1 else 0.9, error)
        for (family, depth), found in errors.items()
        for seed, error in enumerate(found)
        for epoch in (1, 2, 3, 4)
    ]


LOW, HIGH = [0.01, 0.012, 0.011], [0.05, 0.055, 0.045]


@pytest.mark.parametrize(
    ("plain", "residual", "said"),
    [
        (HIGH, LOW, "support the claim: plain gets worse with depth, residual does not"),
        (HIGH, HIGH, "do not support the claim: both get worse with depth, and alike"),
        (HIGH, [0.021, 0.022, 0.02], "support a part of the claim: both get worse"),
        (LOW, LOW, "do not support the claim: plain does not get worse"),
        ([0.0, 0.02, 0.05], LOW, "do not support the claim: plain does not"),  # chance explains it
        (HIGH[:1], LOW[:1], "Nothing can be said with one seed"),
    ],
)
def test_what_the_numbers_say(plain: list[float], residual: list[float], said: str) -> None:
    count = len(plain)
    rows = rows_of(
        {
            ("plain", 20): LOW[:count],
            ("residual", 20): LOW[:count],
            ("plain", 56): plain,
            ("residual", 56): residual,
        }
    )
    assert said in verdict(rows)


def test_nothing_is_said_of_one_depth() -> None:
    assert "both families" in verdict(rows_of({("plain", 20): LOW, ("residual", 20): LOW}))


def test_a_change_is_paired_by_seed() -> None:
    rows = rows_of({("plain", 20): [0.1, 0.2, 0.3], ("plain", 56): [0.11, 0.22, 0.33, 0.9]})
    (change,) = changes(rows)
    assert (change.shallow, change.deep) == (20, 56)
    assert change.mean == pytest.approx(0.02)
    assert change.error == pytest.approx(0.01 / math.sqrt(3))


def test_the_last_epochs_count_and_a_run_that_diverged_has_an_error_of_1() -> None:
    rows = rows_of({("plain", 20): [0.25]})
    assert final_errors(rows) == {("plain", 20): {0: 0.25}}
    wild = [*rows[:-1], Row("plain", 20, 0, 4, math.nan, 0.9, 0.9)]
    assert final_errors(wild) == {("plain", 20): {0: 1.0}}


def test_the_table_is_read_as_it_was_written() -> None:
    rows = rows_of({("plain", 20): LOW, ("residual", 56): HIGH})
    assert read_csv(csv_text(rows)) == rows
    for wrong in ("", "a,b\n", csv_text([]), csv_text(rows) + "odd,20,0,1,1,1,1\n"):
        with pytest.raises(RecordsError):
            read_csv(wrong)


def test_the_files_and_the_band() -> None:
    rows = rows_of({(f, d): e for f in FAMILIES for d, e in ((20, LOW), (56, HIGH))})
    account = {"specs": ["a{depth}", "b{depth}"], "settings": {"epochs": 4}}
    files = degradation_files(rows, account)
    assert files == degradation_files(rows, account)
    assert files.keys() == {
        *("degradation.csv", "degradation.md", "settings.json"),
        *(f"{n}.{k}" for n in ("training_error", "held_out_error") for k in ("svg", "png")),
    }
    text = files["degradation.md"].decode()
    assert "| plain | 56 | 5.00 | 5.50 | 4.50 | 5.00 |" in text
    left, right = degradation_plots(rows)["training_error"].panels
    assert (left.title, right.title) == FAMILIES
    assert left.lines[1].band[-1] == pytest.approx((4, 4.5, 5.5))
    assert left.lines[1].points[-1] == pytest.approx((4, 5.0))


def test_images_are_made_smaller() -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (5, 2, 6, 7)).astype(np.uint8)
    data = Data(
        "some", pixels, pixels[:, 0, 0, 0], pixels[:2], pixels[:2, 0, 0, 0], ("a",), (0,), (1,)
    )
    found = shrunk(data, 2)
    assert found.shape == (2, 3, 3) and found.held_out.shape == (2, 2, 3, 3)
    exact = pixels[:, :, :, :6].reshape(5, 2, 3, 2, 3, 2).mean((3, 5))
    assert np.abs(found.images - exact).max() <= 0.5
    assert found.mean == pytest.approx(found.images.mean((0, 2, 3)) / 255, abs=1e-6)
    assert found.std == pytest.approx(found.images.std((0, 2, 3)) / 255, abs=1e-6)
    assert shrunk(data, 1) is data
    with pytest.raises(LabError, match="cannot be shrunk"):
        shrunk(data, 7)


def test_one_seed_after_the_other() -> None:
    planned = runs(Experiment(("a{depth}", "b{depth}"), (20, 56), 2, "digits", 1, Settings()))
    assert [each.spec for each in planned] == ["a20", "b20", "a56", "b56"] * 2
    assert len({each.name for each in planned}) == 8
    assert [each.seed for each in planned] == [0] * 4 + [1] * 4


# --- the command ---


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Pictures of two classes, and small networks of two families at depths 4 and 6."""
    from PIL import Image

    root = tmp_path_factory.mktemp("degradation")
    random = np.random.default_rng(0)
    for label in ("dark", "light"):
        (root / "pictures" / label).mkdir(parents=True)
        for number in range(10):
            pixels = random.integers(0, 128, (8, 8)) + 100 * (label == "light")
            Image.fromarray(pixels.astype(np.uint8)).save(
                root / "pictures" / label / f"{number}.png"
            )
    for family, shortcut in (("plain", "none"), ("residual", "identity")):
        for depth, blocks in ((4, 1), (6, 2)):
            text = NET.format(family=family, depth=depth, blocks=blocks, shortcut=shortcut)
            (root / f"{family}{depth}.yaml").write_text(text)
    return root


COMMAND = (
    *("lab", "degradation", "--plain", "plain{depth}.yaml", "--residual", "residual{depth}.yaml"),
    *("--depths", "4,6", "--data", "folder:pictures", "--batch", "4", "--epochs", "2"),
)


def resnetc(folder: pathlib.Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "resnet_compiler", *COMMAND, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_runs_go_on_and_do_not_depend_on_how_many_at_a_time(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)

    def here(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*COMMAND, "--jobs", "1", *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "Nothing can be said with one seed" in here("--seeds", "1", "-o", "one")
    resnetc(folder, "--seeds", "1", "--jobs", "2", "-o", "two")
    names = {path.name for path in (folder / "one").iterdir() if path.is_file()}
    assert len(names) == 7
    for name in names:
        assert (folder / "one" / name).read_bytes() == (folder / "two" / name).read_bytes(), name
    first = read_csv((folder / "one" / "degradation.csv").read_text())
    told = here("--seeds", "2", "-o", "one")
    assert "The numbers" in told and told.count("residual6-seed") == 2
    rows = read_csv((folder / "one" / "degradation.csv").read_text())
    assert len(first) == 4 * 2 and rows[:8] == first and len(rows) == 2 * len(first)
    account = json.loads((folder / "one" / "settings.json").read_text())
    assert account["depths"] == [4, 6] and str(folder) not in json.dumps(account)


def test_told_to_end_it_ends_and_goes_on_another_time(folder: pathlib.Path) -> None:
    arguments = (*COMMAND, "--seeds", "1", "--jobs", "2", "--epochs", "12", "-o", "ended")
    command = [sys.executable, "-m", "resnet_compiler", *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    runs_begun = folder / "ended" / "runs"
    while process.poll() is None and not list(runs_begun.glob("*/run.json")):
        time.sleep(0.05)
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert not (folder / "ended" / "degradation.csv").exists()
    resnetc(folder, *arguments[len(COMMAND) :])  # its processes are gone: none holds a run's folder
    rows = read_csv((folder / "ended" / "degradation.csv").read_text())
    assert len(rows) == 4 * 12


def test_what_cannot_be_written_in_another_process(folder: pathlib.Path) -> None:
    (folder / "blocked").mkdir()
    (folder / "blocked" / "runs").write_text("a file in the way")
    command = [sys.executable, "-m", "resnet_compiler", *COMMAND, "--jobs", "2", "-o", "blocked"]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == MISUSE
    assert "Traceback" not in done.stderr and "blocked/runs" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("--depths 20", MISUSE, "two depths"),
        ("--depths deep", MISUSE, "two depths"),
        ("--depths 4,5", MISUSE, "plain5.yaml"),
        ("--rate inf", MISUSE, "finite"),
        ("--plain plain4.yaml", MISUSE, "{depth}"),
        ("--data letters", MISUSE, "letters"),
        ("--shrink 9", MISUSE, "cannot be shrunk"),
        ("--plain bad{depth}.yaml", WRONG, "RC0"),
    ],
)
def test_what_a_user_can_do_wrong(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, arguments: str, code: int, said: str
) -> None:
    monkeypatch.chdir(folder)
    for depth in (4, 6):
        text = pathlib.Path(f"plain{depth}.yaml").read_text()
        pathlib.Path(f"bad{depth}.yaml").write_text(text.replace("kernel", "kernal"))
    result = CliRunner().invoke(app, [*COMMAND, "--jobs", "1", "-o", "wrong", *arguments.split()])
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert not pathlib.Path("wrong/degradation.csv").exists()
