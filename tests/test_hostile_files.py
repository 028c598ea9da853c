"""Hostile files in the place of each kind of file: a share of what tests/campaigns/files.py tries. A line, and no harm."""

from __future__ import annotations

import os
import pathlib
import random

import pytest
from support.hostile_files import PLACES, hostile_files, meet
from support.kinds_of_files import BLOCK, KINDS, NET, USES_BLOCK, invoke, prepared, sound_run

from resnet_compiler.console import FINE, MISUSE

ALWAYS = ("a pipe", "a link to /dev/zero", "a link to itself")
CHOSEN = {"run record": 1, "run checkpoint": 3, "run lock": 0, "run checkpoints": 0}
"""How many more of a kind are tried here; 5 of the others."""
QUICK = [kind for kind in KINDS if kind not in ("calibration picture", "training picture", "array")]
"""Kinds that `test_read.py` does not try in another way."""


def share(kind: str) -> list[str]:
    """The names of some hostile files of a kind: always the same."""
    if os.geteuid() == 0 and kind.startswith("run"):
        avoided = {"a file that nobody may read"}
    else:
        avoided = {"a file that nobody may read", "three gigabytes of nothing"}
    names = [each.name for each in hostile_files(kind, 3) if each.name not in avoided]
    others = [name for name in names if name not in ALWAYS]
    return [*ALWAYS, *random.Random(kind).sample(others, CHOSEN.get(kind, 5))]


@pytest.mark.parametrize("kind", QUICK)
def test_a_share_of_them(kind: str) -> None:
    chosen = share(kind)
    for given in hostile_files(kind, 3):
        if given.name in chosen:
            met = meet(kind, given)
            assert not met.wrong, (given.name, met)


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("run lock", "run checkpoints")])
def test_a_sound_one_is_taken(kind: str, tmp_path: pathlib.Path) -> None:
    """What is refused elsewhere is not refused for something else that is wrong."""
    from support.hostile_contents import sound
    from support.kinds_of_files import COMMANDS

    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        path = tmp_path / KINDS[kind].file
        prepared(kind, tmp_path, path)
        path.write_bytes(sound(kind)[0])
        code, said = COMMANDS[kind]()
    finally:
        os.chdir(here)
    assert code == FINE, said
    assert "is refused" not in said


def test_there_are_fifty_of_each_kind() -> None:
    for kind in KINDS:
        names = [each.name for each in hostile_files(kind, 20)]
        assert len(set(names)) == len(names)
        assert len(names) >= 50 or not KINDS[kind].has_contents, kind
    assert len(PLACES) + 1 >= 25, (
        "for the lock and the folder of a run, where contents do not matter"
    )


# --- what of a run is a link ---


@pytest.mark.parametrize("name", [".resnetc-lock", "checkpoints", "run.json"])
def test_train_writes_through_no_link(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    place, elsewhere = tmp_path / "run" / name, tmp_path / "elsewhere"
    prepared("run lock", tmp_path, place)
    if name != ".resnetc-lock":
        (place.rename if place.exists() else lambda path: None)(elsewhere)
    else:
        elsewhere.write_text("years of work")
    place.symlink_to(elsewhere)

    def tree() -> list[tuple[str, bytes]]:
        files = sorted(each for each in tmp_path.rglob("*") if each.is_file())
        return [(each.as_posix(), each.read_bytes()) for each in files]

    before = tree()
    from support.kinds_of_files import COMMANDS

    code, said = COMMANDS["run lock"]()
    assert code == MISUSE and "link" in said and len(said.splitlines()) == 1, said
    assert tree() == before and place.is_symlink()


def test_a_damaged_checkpoint_is_refused_and_the_one_before_is_used(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.hostile_contents import _with_metadata
    from support.kinds_of_files import COMMANDS

    monkeypatch.chdir(tmp_path)
    path = tmp_path / KINDS["run checkpoint"].file
    prepared("run checkpoint", tmp_path, path)
    path.write_bytes(_with_metadata("[]"))
    code, said = COMMANDS["run checkpoint"]()
    assert code == FINE
    refused = f"{KINDS['run checkpoint'].file} is refused: it is no checkpoint of a training run"
    assert f"resnetc: {refused}; the one before it is used\n" in said
    assert "going on from step 2 of " in said
    assert sound_run().is_dir()


# --- folders of specs, labels ---


def test_a_folder_of_folders_of_specs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine/a/one.yaml", "mine/a/b/two.yaml", "mine/c/three.yaml", "mine/zero.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(NET.replace("name: net", f"name: {pathlib.Path(name).stem}"))
    for name in ("mine/blocks/gate.yaml", "mine/.git/x.yaml", "mine/a/node_modules/x.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(BLOCK)
    (tmp_path / "mine/c/again").symlink_to("..")
    code, said = invoke("check", "mine")
    assert code == FINE
    assert [line.split(":")[0] for line in said.splitlines()] == ["zero", "one", "two", "three"]
    (tmp_path / "mine/a/b/two.yaml").write_text(USES_BLOCK)
    code, said = invoke("check", "mine")
    assert code == 1 and "mine/a/b/two.yaml" in said
    (tmp_path / "mine/c/three.yaml").unlink()
    (tmp_path / "outside.yaml").write_text(NET)
    (tmp_path / "mine/c/three.yaml").symlink_to("../../outside.yaml")
    code, said = invoke("check", "mine")
    assert code == MISUSE and "RC0223" in said


def test_specs_means_the_shipped_ones(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resnet_compiler.library import shipped_specs
    from resnet_compiler.spec_folders import expand

    monkeypatch.chdir(tmp_path)
    assert expand("specs") == expand("specs/") == shipped_specs()
    assert len(shipped_specs()) > 100


def test_a_whole_disk_is_no_folder_of_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnet_compiler.spec_folders.MOST_FOLDERS", 3)
    code, said = invoke("check", "/")
    assert code == MISUSE and "has more than 3 folders below it" in said


@pytest.mark.parametrize(
    "text", ["cat\ndog\n", "cat\ndog", "cat\r\ndog\r\n\r\n", "\ufeffcat\ndog\n\n  \n"]
)
def test_labels(text: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx

    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "labels.txt").write_bytes(text.encode())
    code, said = invoke("export", "net.yaml", "--labels", "labels.txt", "--no-verify")
    assert code == FINE, said
    found = {each.key: each.value for each in onnx.load("net.onnx").metadata_props}
    assert found["labels"] == '["cat", "dog"]'


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_labels_that_name_no_class(
    text: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "labels.txt").write_bytes(text.encode())
    code, said = invoke("export", "net.yaml", "--labels", "labels.txt", "--no-verify")
    assert code == MISUSE and said == "resnetc: --labels: labels.txt names no class\n"
