"""Specs that ask for far too much end in a diagnostic that names the limit, in a small process, before the work begins."""

from __future__ import annotations

import pathlib

import pytest
from support.attacks import ATTACKS, SPEC
from support.measured import MIB, resnetc

PATIENCE = 60
"""Seconds after which a process is stopped. It is there against hanging; the campaign prints what each takes."""


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_in_a_diagnostic(name: str, tmp_path: pathlib.Path) -> None:
    attack = ATTACKS[name]
    attack.write(tmp_path)
    done = resnetc("check", SPEC, folder=tmp_path, patience=PATIENCE)
    assert done.exit == 1, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert f"error[{attack.code}]" in done.stderr
    assert attack.says in done.stderr
    assert len(done.stderr) < 200_000
    assert done.peak < 200 * MIB


def test_a_folder_with_a_link_to_itself(tmp_path: pathlib.Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    done = resnetc("check", ".", folder=tmp_path, patience=PATIENCE)
    assert (done.exit, done.stdout.strip()) == (1, "")
    assert "error[RC0101]: cannot read `loop.yaml`" in done.stderr
