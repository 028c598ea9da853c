"""Training in two processes, as torchrun starts them: the same losses as in one, and on where it was broken off."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.specs import compile_text
from support.training import BATCH_NORM, GROUP_NORM, outputs, run

from resnet_compiler.lab.data import load
from resnet_compiler.lab.metrics import Row
from resnet_compiler.lab.settings import Settings

BATCH = 718
"""Two steps an epoch."""


def two(
    folder: pathlib.Path, text: str, *more: str, start: tuple[str, ...] = ("-m", "resnet_compiler")
) -> subprocess.CompletedProcess[str]:
    """The command in two processes, with gloo."""
    spec = folder.with_suffix(".yaml")
    spec.write_text(text)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, *start, "train", str(spec)]
    options = ["--data", "digits", "-o", str(folder), "--epochs", "2", "--batch", str(BATCH)]
    return subprocess.run(
        [*command, *options, "--device", "cpu", *more],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )


def one(folder: pathlib.Path, text: str) -> None:
    """The same in this process."""
    run(folder, Settings(epochs=2, batch=BATCH), compile_text(text), load("digits"))


def numbers(folder: pathlib.Path) -> np.ndarray:
    return np.loadtxt(folder / "metrics.csv", delimiter=",", skiprows=1)


def test_two_processes_compute_what_one_does(tmp_path: pathlib.Path) -> None:
    """With norms that look at each image alone. Sums are added in another order, so to float32's rounding."""
    here, there = tmp_path / "one", tmp_path / "two"
    one(here, GROUP_NORM)
    done = two(there, GROUP_NORM, "--checkpoint-every", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 1/2") == 1, "the first process speaks for all"
    assert numbers(here).shape == (2, len(Row.__dataclass_fields__))
    np.testing.assert_allclose(numbers(there)[:, 2], numbers(here)[:, 2], rtol=1e-5)
    # an image near the border between two classes may fall to the other
    np.testing.assert_allclose(numbers(there), numbers(here), rtol=1e-5, atol=1 / 359)
    ours, theirs = (load_file(each / "weights.safetensors") for each in (there, here))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=1e-3, atol=1e-4, err_msg=name)

    whole = outputs(there)
    newest = max((there / "checkpoints").iterdir())
    newest.unlink()  # as if the processes had been killed before their last step
    (there / "weights.safetensors").unlink()
    again = two(there, GROUP_NORM, "--checkpoint-every", "3")
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("going on from step 3 ") == 1
    assert outputs(there) == whole


ENDS = """
import os, pathlib, sys
import torch.distributed
from resnet_compiler.cli import app
from resnet_compiler.lab import LabError, trainer

def say(line):
    os.write(1, f"{line}\\n".encode())  # whole, whatever the other process writes

def broken_off(*_):
    raise LabError("broken off")

def end_group():
    end()
    threads = [each.read_text().strip() for each in pathlib.Path("/proc/self/task").glob("*/comm")]
    say(f"left: {[each for each in threads if 'gloo' in each]}")

if IS_BROKEN_OFF:
    trainer._finish_epochs = broken_off
end, torch.distributed.destroy_process_group = torch.distributed.destroy_process_group, end_group
try:
    app(sys.argv[1:])
except SystemExit as reason:
    say(f"ended with {reason.code}")
"""


@pytest.mark.skipif(not pathlib.Path("/proc/self/task").exists(), reason="threads are listed there")
@pytest.mark.parametrize("is_broken_off", [False, True])
def test_nothing_of_the_group_is_left_when_it_ends(
    tmp_path: pathlib.Path, is_broken_off: bool
) -> None:
    """Its threads end with it: those that end with the interpreter can take that down, or wait for it for ever."""
    script = tmp_path / "ends.py"
    script.write_text(ENDS.replace("IS_BROKEN_OFF", repr(is_broken_off)))
    done = two(tmp_path / "two", GROUP_NORM, "--epochs", "1", start=(str(script),))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"ended with {2 if is_broken_off else 0}") == 2
    assert done.stdout.count("left: []") == 2


def test_batch_norms_go_by_each_share_on_the_cpu(tmp_path: pathlib.Path) -> None:
    """As docs/train.md says: near, and not the same."""
    here, there = tmp_path / "one", tmp_path / "two"
    one(here, BATCH_NORM)
    done = two(there, BATCH_NORM)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(numbers(there)[:, 2], numbers(here)[:, 2], rtol=0.1)
    ours, theirs = (load_file(each / "weights.safetensors") for each in (there, here))
    name = "bn1.running_mean"
    np.testing.assert_allclose(ours[name], theirs[name], rtol=0.3, atol=0.05)
    assert (ours[name] != theirs[name]).any()


def test_a_batch_that_cannot_be_shared(tmp_path: pathlib.Path) -> None:
    done = two(tmp_path / "run", GROUP_NORM, "--batch", "255")
    assert done.returncode != 0
    assert "--batch 255 cannot be shared equally among 2 processes: give a multiple" in done.stderr
