"""Training: the same each time, on with a broken run as if nothing had been, and a word on what does not go together."""

from __future__ import annotations

import csv
import inspect
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from support.architectures import ARCHITECTURES, architecture
from support.specs import compile_text
from support.training import (
    BATCH_NORM,
    SETTINGS,
    SPEC,
    STEPS,
    Broken,
    few,
    outputs,
    run,
    tiny,
)
from typer.testing import CliRunner

from resnet_compiler.checkpoints import open_checkpoint
from resnet_compiler.cli import app
from resnet_compiler.commands.train import train as train_command
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.lab import LabError, saved
from resnet_compiler.lab.augmentation import on_device
from resnet_compiler.lab.metrics import Row
from resnet_compiler.lab.network import built, decayed
from resnet_compiler.lab.settings import Settings, differences
from resnet_compiler.lab.trainer import Listener
from resnet_compiler.weights import tensors

FILES = {
    *("calibration.npy", "curves.svg", "metrics.csv"),
    *("model.py", "run.json", "weights.safetensors"),
}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A whole run."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(folder)
    return folder


def rows(folder: pathlib.Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open() as stream:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]


# --- one run -----------------------------------------------------------------------------------------------------------


def test_it_learns(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, replace(SETTINGS, epochs=12))
    assert done.accuracy > 0.9 and done.ending == "all epochs"
    found = rows(tmp_path)
    assert [row["epoch"] for row in found] == list(range(1, 13))
    assert found[-1]["step"] == 12 * 6
    assert found[-1]["loss"] < found[0]["loss"] / 2
    assert found[-1]["held_out_error"] == pytest.approx(1 - done.accuracy, abs=1e-6)


def test_the_same_command_writes_the_same_bytes(
    unbroken: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    run(tmp_path / "again")
    assert outputs(tmp_path / "again") == outputs(unbroken)
    ours, theirs = (checkpoints(each)[-1] for each in (tmp_path / "again", unbroken))
    assert ours.read_bytes() == theirs.read_bytes()
    assert set(outputs(unbroken)) == FILES
    run(tmp_path / "other", replace(SETTINGS, seed=1))
    other = outputs(tmp_path / "other")
    assert other["metrics.csv"] != outputs(unbroken)["metrics.csv"]
    assert other["weights.safetensors"] != outputs(unbroken)["weights.safetensors"]


def test_outputs_hold_no_clock_and_no_path(unbroken: pathlib.Path) -> None:
    for name, content in outputs(unbroken).items():
        if name.endswith((".svg", ".csv", ".json", ".py")):
            assert str(unbroken.parent).encode() not in content, name
            assert b"<dc:date>" not in content


def test_a_generator_of_torch_is_left_as_it_was(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    run(tmp_path, replace(SETTINGS, epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_a_step_is_that_of_nesterov(tmp_path: pathlib.Path) -> None:
    """Two epochs of one step each, against the update written out; biases and norms without decay."""
    settings = Settings(epochs=2, batch=100, rate=0.2, weight_decay=0.1, warm_up=1, seed=3)
    graph = compile_text(BATCH_NORM.replace("rate: 0.1", "rate: 0"))
    run(tmp_path, settings, graph)
    _, network = built(graph, 3)
    seen, _ = on_device(few(), settings, 1, torch.device("cpu"))
    buffers = {name: 0.0 for name, _ in network.named_parameters()}
    network.train()
    for number, rate in enumerate((0.2, 0.2)):  # risen at once, and the cosine begins at its top
        images, labels = seen.batch(seen.epoch(3, number), slice(0, 100))
        network.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                assert parameter.grad is not None
                is_weight = name.endswith("weight") and parameter.ndim > 1
                gradient = parameter.grad + 0.1 * parameter * is_weight
                buffers[name] = 0.9 * buffers[name] + gradient
                parameter -= rate * (gradient + 0.9 * buffers[name])
    from safetensors.torch import load_file

    written = load_file(tmp_path / "weights.safetensors")
    for name, value in network.state_dict().items():
        assert torch.allclose(written[name].double(), value.double(), rtol=1e-5, atol=1e-6), name


def test_what_decays() -> None:
    graph = architecture("squeeze-and-excite")
    names = decayed(graph)
    rest = {name for name, _ in tensors(graph)} - names
    assert "layer1.0.conv1.weight" in names and "fc.weight" in names
    assert all("weight" in name for name in names) and "fc.bias" in rest
    assert not any("bn" in name for name in names)


def test_the_rate_rises_and_falls() -> None:
    settings = Settings(epochs=10, rate=0.4, warm_up=2)
    rates = [settings.rate_at(step, 5) for step in range(50)]
    assert rates[0] == pytest.approx(0.04) and rates[9] == rates[10] == pytest.approx(0.4)
    assert all(a < b for a, b in itertools.pairwise(rates[:10]))
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[30] == pytest.approx(0.2) and 0 < rates[-1] < 0.001
    assert Settings(warm_up=0).rate_at(0, 5) == 0.1
    assert Settings(epochs=1, warm_up=9).rate_at(4, 5) == pytest.approx(0.1), "warm-up alone"


def test_images_are_shifted_and_mirrored_as_the_epoch_says() -> None:
    data = few(3, size=(16, 8))
    seen, held_out = on_device(data, Settings(flip=True), 3, torch.device("cpu"))
    epoch = seen.epoch(5, 2)
    images, labels = seen.batch(epoch, slice(10, 40))
    assert images.shape == (30, 3, 16, 8) and images.dtype == torch.float32
    padded = np.pad(data.images, ((0, 0), (0, 0), (2, 2), (1, 1)))
    for place in range(10, 40):
        index, top, left, is_mirrored = (
            int(each[place]) for each in (epoch.order, epoch.top, epoch.left, epoch.is_mirrored)
        )
        crop = padded[index, :, top : top + 16, left : left + 8]
        crop = crop[:, :, ::-1] if is_mirrored else crop
        np.testing.assert_allclose(images[place - 10], data.normalised(crop), atol=1e-6)
        assert labels[place - 10] == data.labels[index]
    assert set(epoch.top.tolist()) == {0, 1, 2, 3, 4} and set(epoch.left.tolist()) == {0, 1, 2}
    assert 0.3 < epoch.is_mirrored.float().mean() < 0.7
    assert sorted(epoch.order.tolist()) == list(range(100))
    shown, _ = held_out.unchanged(slice(0, 40))
    np.testing.assert_allclose(shown, data.normalised(data.held_out), atol=1e-6)


def test_no_augmentation_and_no_flip() -> None:
    seen, _ = on_device(few(), Settings(), 1, torch.device("cpu"))
    assert not seen.epoch(0, 0).is_mirrored.any(), "these images do not say that they may be"
    plain, _ = on_device(few(), Settings(augment=False, flip=True), 1, torch.device("cpu"))
    epoch = plain.epoch(0, 0)
    images, _ = plain.batch(epoch, slice(0, 100))
    expected = few().normalised(few().images)[epoch.order.numpy()]
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_it_ends_when_the_accuracy_is_reached(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, replace(SETTINGS, epochs=40, stop_at=0.5))
    assert done.ending == "accuracy reached" and len(done.rows) < 40
    assert done.accuracy >= 0.5 and all(1 - row.held_out_error < 0.5 for row in done.rows[:-1])
    assert run(tmp_path, replace(SETTINGS, epochs=40, stop_at=0.5)).rows == done.rows


def test_bfloat16_computes_something_else_and_keeps_float32_weights(
    tmp_path: pathlib.Path,
) -> None:
    low = run(tmp_path / "low", precision="bfloat16")
    assert all(np.isfinite(row.loss) for row in low.rows)
    state = saved.newest(tmp_path / "low" / "checkpoints")[0]
    assert state is not None
    kinds = {value.dtype for name, value in state.tensors.items() if "weight" in name}
    assert kinds == {torch.float32}
    assert low.rows != run(tmp_path / "exact").rows


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_any_architecture(name: str, tmp_path: pathlib.Path) -> None:
    """Its weights are those of the spec; grey images go into three channels, and there are five classes for its ten."""
    grey = few(1, 5, (48, 32))
    done = run(tmp_path, Settings(epochs=1, batch=50), architecture(name), grey)
    assert done.graph.concrete(done.graph.output)[0] == 5
    assert done.graph.input_shape[0] == 3
    with open_checkpoint(tmp_path / "weights.safetensors", done.graph) as weights:
        values = [weights(*each) for each in tensors(done.graph)]
    assert len(values) > 10 and not weights.findings


# --- a run that was broken off ---------------------------------------------------------------------------------------


def breaking(at: int) -> Listener:
    def step(done: int, total: int) -> None:
        if done == at:
            raise Broken

    return Listener(step=step)


@pytest.mark.parametrize("every", [1, 4])
@pytest.mark.parametrize("at", [1, 3, 6, 7, 12, STEPS])
def test_a_broken_run_goes_on_as_if_nothing_had_been(
    at: int, every: int, unbroken: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(Broken):
        run(tmp_path, listener=breaking(at), checkpoint_every=every)
    said: list[str] = []
    run(tmp_path, listener=Listener(note=said.append), checkpoint_every=every)
    assert outputs(tmp_path) == outputs(unbroken)
    last = (at - 1) // every * every  # the checkpoint of a step is written after the listener
    assert said == (
        [f"going on from step {last:,} of {tmp_path.as_posix()}/checkpoints/checkpoint-{last:09}.safetensors"]
        if last
        else []
    )  # fmt: skip


def test_a_run_that_ended_says_the_same_again(
    unbroken: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    steps: list[int] = []
    first = run(tmp_path)
    (tmp_path / "metrics.csv").unlink()
    again = run(tmp_path, listener=Listener(step=lambda done, total: steps.append(done)))
    assert again.rows == first.rows and not steps
    assert outputs(tmp_path) == outputs(unbroken)


def checkpoints(folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted((folder / "checkpoints").iterdir())


def cut(path: pathlib.Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def cut_short(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:5])


def empty(path: pathlib.Path) -> None:
    path.write_bytes(b"")


def flip_a_bit(path: pathlib.Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) - 100] ^= 4
    path.write_bytes(content)


def change_the_record(path: pathlib.Path) -> None:
    content = path.read_bytes()
    assert content.count(b'\\"step\\": 8') == 1
    path.write_bytes(content.replace(b'\\"step\\": 8', b'\\"step\\": 9'))


def of_somebody_else(path: pathlib.Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    "damage", [cut, cut_short, empty, flip_a_bit, change_the_record, of_somebody_else]
)
def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(
    damage: Any, unbroken: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(Broken):
        run(tmp_path, listener=breaking(9), checkpoint_every=4)
    four, eight = checkpoints(tmp_path)
    damage(eight)
    said: list[str] = []
    run(tmp_path, listener=Listener(note=said.append), checkpoint_every=3)
    assert said[0].startswith(f"{eight.as_posix()} is refused: ")
    assert said[0].endswith("; the one before it is used")
    assert said[1] == f"going on from step 4 of {four.as_posix()}" and len(said) == 2
    assert outputs(tmp_path) == outputs(unbroken)
    assert len(checkpoints(tmp_path)) == 2 and eight not in checkpoints(tmp_path)


def test_where_no_checkpoint_is_sound_nothing_is_begun_anew(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Broken):
        run(tmp_path, listener=breaking(9), checkpoint_every=4)
    for path in checkpoints(tmp_path):
        cut(path)
    before = outputs(tmp_path)
    with pytest.raises(LabError, match="no checkpoint is left; give another folder to begin anew"):
        run(tmp_path)
    assert outputs(tmp_path) == before


def test_two_checkpoints_are_kept(tmp_path: pathlib.Path) -> None:
    run(tmp_path, checkpoint_every=1)
    names = [path.name for path in checkpoints(tmp_path)]
    assert names == [f"checkpoint-{n:09}.safetensors" for n in (STEPS - 1, STEPS)]


def test_nothing_is_left_of_files_half_written(
    unbroken: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(Broken):
        run(tmp_path, listener=breaking(3), checkpoint_every=1)
    for folder in (tmp_path, tmp_path / "checkpoints"):
        (folder / ".resnetc-0123456789abcdef-0.new").write_bytes(b"half")
    run(tmp_path)
    assert outputs(tmp_path) == outputs(unbroken)
    assert all(path.suffix == ".safetensors" for path in checkpoints(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"settings": replace(SETTINGS, epochs=4)}, "epochs (3 then, 4 now)"),
        ({"settings": replace(SETTINGS, seed=1, rate=0.2)}, "rate (0.1 then, 0.2 now), seed (0"),
        ({"precision": "bfloat16"}, "precision (float32 then, bfloat16 now)"),
        ({"graph": compile_text(BATCH_NORM.replace("depth: 1", "depth: 2"))}, "source_sha256"),
        ({"data": replace(few(), held_out=few().held_out + np.uint8(1))}, "sha256"),
    ],
)
def test_other_settings_are_refused(
    change: dict[str, Any], said: str, tmp_path: pathlib.Path
) -> None:
    run(tmp_path)
    before = outputs(tmp_path)
    with pytest.raises(LabError, match="holds a run of other settings") as raised:
        run(tmp_path, **change)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert outputs(tmp_path) == before


def test_a_folder_that_is_in_use_or_holds_something_else(tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(LabError, match="is not empty, and holds no run"):
        run(tmp_path)
    assert sorted(outputs(tmp_path)) == ["thesis.tex"]
    with pytest.raises(LabError, match=r"thesis.tex cannot be written to: (file exists|not a dir)"):
        run(tmp_path / "thesis.tex")
    inner: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(LabError) as raised:
            run(tmp_path / "run")
        inner.append(str(raised.value))

    run(tmp_path / "run", replace(SETTINGS, epochs=1, batch=100), listener=Listener(step=meanwhile))
    assert "another process is training there" in inner[0]
    (tmp_path / "run" / "run.json").write_text("{")
    with pytest.raises(LabError, match=r"run\.json is damaged"):
        run(tmp_path / "run")


def test_differences_between_accounts() -> None:
    before = {"a": 1, "b": {"c": 2, "d": "x" * 64}, "gone": 0}
    now = {"a": 1, "b": {"c": 3, "d": "y" * 64}, "new": None}
    found = differences(before, now)
    assert found[0] == "c (2 then, 3 now)" and found[1].startswith("d (xxxx") and "…" in found[1]
    assert found[2] == "gone (0 then, None now)" and len(found) == 3


# --- what does not go together ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": few(3)}, "takes images of 1 channels, and these have 3: write a spec with `extends: tiny`"),
        ({"settings": replace(SETTINGS, batch=101)}, "--batch 101: there are 100 images"),
        ({"graph": compile_text(SPEC.replace("NORM", "").replace("  - avgpool: global_avg_pool\n", "").replace("{linear: {out: 10}}", "{conv: {out: 10, kernel: 1}}"))}, "a feature map"),
        ({"graph": compile_text(SPEC.replace("NORM", "") + "  - probabilities: softmax\n")}, "ends with the softmax `probabilities`"),
        ({"graph": compile_text(SPEC.replace("NORM", "").replace("width: 8}", "width: 16}").replace("kernel: 3", "kernel: [3, 9], padding: 0"))}, "cannot take images of 8 × 8: "),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(change: dict[str, Any], said: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(LabError) as raised:
        run(tmp_path / "run", **change)
    assert said in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_network_without_a_head_for_other_classes(tmp_path: pathlib.Path) -> None:
    headless = compile_text(BATCH_NORM.partition("  - drop")[0])
    with pytest.raises(SpecError, match="no head whose classes could be changed"):
        run(tmp_path / "run", graph=headless)


def test_no_cuda(tmp_path: pathlib.Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    result = CliRunner().invoke(
        app,
        ["train", "resnet20", "--data", "digits", "-o", str(tmp_path / "a"), "--device", "cuda"],
    )
    assert result.exit_code == 2
    assert result.stderr.startswith("resnetc: torch finds no CUDA device")


# --- the command -------------------------------------------------------------------------------------------------------


def test_a_run_that_diverges_is_told_so(tmp_path: pathlib.Path) -> None:
    spec = tmp_path / "tiny.yaml"
    spec.write_text(BATCH_NORM)
    command = ["train", str(spec), "--data", "digits", "-o", str(tmp_path / "run")]
    command += ["--rate", "1e30", "--epochs", "2", "--batch", "700", "--warm-up", "0"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2, result.output
    assert "the loss is no number any more after epoch" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            ["resnet20", "--data", "cats"],
            2,
            "there are digits, mnist5k, cifar10:DIR and folder:DIR",
        ),
        (["nosuch", "--data", "digits"], 2, "there is no spec called `nosuch`"),
        (["cifar", "--data", "digits"], 2, "one spec is trained at a time"),
        (["resnet20", "--data", "digits", "--batch", "1"], 2, "batch"),
        (["resnet20", "--data", "digits", "--warm-up", "inf"], 2, "--warm-up: a finite number"),
        (["resnet20", "--data", "digits", "--rate", "inf"], 2, "--rate: a finite number"),
        (["resnet20", "--data", "digits", "--batch", "5000"], 2, "1,438 images to train with"),
    ],
)
def test_misuse(options: list[str], code: int, said: str, tmp_path: pathlib.Path) -> None:
    result = CliRunner().invoke(app, ["train", *options, "-o", str(tmp_path / "run")])
    assert result.exit_code == code
    assert said in result.stderr and "Traceback" not in result.stderr


def command(folder: pathlib.Path) -> list[str]:
    spec = folder.parent / "tiny.yaml"
    spec.write_text(BATCH_NORM)
    options = ["--data", "digits", "-o", str(folder), "--epochs", "2", "--batch", "256"]
    return [sys.executable, "-m", "resnet_compiler", "train", str(spec), *options]


def test_a_killed_process_goes_on(tmp_path: pathlib.Path) -> None:
    """The kill is a real one, as soon as a checkpoint is there; tests/campaigns/kills.py does it at random moments."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command(killed), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while process.poll() is None and not list(killed.glob("checkpoints/checkpoint-*")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "weights.safetensors").exists()
    for folder in (killed, whole):
        done = subprocess.run(command(folder), env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert ("going on from step" in done.stderr) == (folder == killed)
        assert "\x1b" not in done.stdout + done.stderr, "no bar where there is no terminal"
    assert outputs(killed) == outputs(whole)


def test_from_digits_to_a_model_in_int8(tmp_path: pathlib.Path) -> None:
    """The commands that a run prints make a model that is verified, and is right as often as the network was."""
    spec, folder, model = tmp_path / "small.yaml", tmp_path / "run", tmp_path / "int8.onnx"
    text = BATCH_NORM.replace(
        "channels: 1, height: 8, width: 8", "channels: 3, height: 32, width: 32"
    )
    spec.write_text(text.replace("{out: 8, kernel: 3}", "{out: 8, kernel: 3, stride: 2}"))
    runner = CliRunner()
    trained = runner.invoke(
        app,
        ["train", str(spec), "--data", "digits", "-o", str(folder), "--epochs", "6"],
        catch_exceptions=False,
    )
    assert trained.exit_code == 0, trained.stderr
    export = next(line for line in trained.stdout.splitlines() if "resnetc export" in line)
    options = export.partition("resnetc export ")[2].split()
    int8 = trained.stdout.splitlines()[-1].partition("with: ")[2].split()
    made = runner.invoke(app, ["export", *options, *int8, "--verify", "-o", str(model)])
    assert made.exit_code == 0, made.output
    assert "run in ONNX Runtime on" in made.stdout and "note: no weights" not in made.stdout

    from support.peers import onnx_session

    from resnet_compiler.lab.data import load

    data = load("digits")
    images = data.held_out.transpose(0, 2, 3, 1).repeat(3, 3)
    best = onnx_session(str(model)).run(None, {"input": images})[0].argmax(1)
    right = float((best == data.held_out_labels).mean())
    error = rows(folder)[-1]["held_out_error"]
    assert error < 0.2 and abs(right - (1 - error)) < 0.03
    account = json.loads((folder / "run.json").read_text())
    assert account["settings"]["epochs"] == 6 and account["data"]["held_out"] == 359


def test_help_and_check_load_no_torch() -> None:
    code = (
        "import sys, resnet_compiler.cli; from typer.testing import CliRunner; "
        "print(CliRunner().invoke(resnet_compiler.cli.app, ['train', '--help']).exit_code); "
        "print([n for n in ('torch', 'numpy', 'matplotlib', 'onnx', 'PIL') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split("\n", 1) == ["0", "[]\n"], done.stderr


def test_the_document_has_every_option_file_and_column() -> None:
    document = (pathlib.Path(__file__).parent.parent / "docs" / "train.md").read_text()
    words = set(re.findall(r"`([^`\n]+)`", document))
    assert words >= FILES | {"checkpoints/"}
    assert words >= set(Row.__dataclass_fields__)
    for option in inspect.signature(train_command).parameters:
        if option not in {"spec", "data", "output", "style", "limit"}:
            assert f"--{option.replace('_', '-')}" in words, option
    for name, value in asdict(Settings()).items():
        if value is not None and not isinstance(value, bool):
            assert f"| `--{name.replace('_', '-')}` | {value:g} |" in document, name


def test_the_options_are_the_settings() -> None:
    """The command's defaults are those of `Settings`, and each setting has its option."""
    defaults = inspect.signature(train_command).parameters
    for name, value in asdict(Settings()).items():
        assert defaults[name].default == value, name


def test_the_tiny_network_is_as_it_was_meant() -> None:
    assert tiny().identity.name == "tiny" and STEPS == 18
