"""The same spec gives the same bytes: whatever the hash seed, the working directory and the locale.

One process for each of 10 × 2 × 2 combinations makes every output and prints their hashes.
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

SPEC = """\
name: small
title: Small × Übung
input: {height: 32, width: {multiple_of: 4}}
stem:
  - conv: {conv: {out: 8, kernel: 3}}
stages:
  - layer1: {block: basic, depth: 2, width: 8, attention: gate}
  - layer2: {block: bottleneck, depth: 2, width: 8, stride: 2, shortcut: zero_pad}
  - layer3: {block: aa, depth: 1, width: 64}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
blocks:
  gate:
    layers:
      - pool: global_avg_pool
      - conv: {conv: {out: in_channels, kernel: 1, bias: true}}
      - scale: {mul: {}, from: [input, conv]}
  aa:
    parameters: {width: required}
    residual:
      - conv: {conv: {out: width, kernel: 3}}
      - pool: {avg_pool: {kernel: 2}}
    shortcut:
      - downsample: {conv: {out: width, kernel: 1, stride: 2}}
"""
WRONG = SPEC.replace("shortcut: zero_pad", "shortcut: identity").replace("small", "wrong")

MAKE_ALL = """
import contextlib, hashlib, io, json, os, sys
from resnet_compiler.cli import main

def run(*arguments):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8")
    sys.argv = ["resnetc", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            main()
        except SystemExit:
            pass
        out.flush()
    return raw.getvalue()

folder = sys.argv[1]
small, wrong, out = (os.path.join(folder, name) for name in ("small.yaml", "wrong.yaml", sys.argv[2]))
printed = {
    "check": run("check", small, wrong, "--json"),
    "summary": run("summary", small, "resnet18", "--json"),
    "text": run("summary", small, "--depth", "layer"),
    "schema": run("schema"),
    "list": run("list"),
}
run("build", small, "-o", out)
run("build", "resnet18", "--target", "torch", "-o", out)
for name in ("small/model.py", "small/model.onnx", "resnet18/model.py"):
    with open(os.path.join(out, name), "rb") as file:
        printed[name] = file.read()
sizes = {name: (len(text), hashlib.sha256(text).hexdigest()) for name, text in printed.items()}
print(json.dumps(sizes), file=sys.__stdout__)
"""

SEEDS = [str(seed) for seed in range(9)] + ["random"]
LOCALES = (
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, tuple[int, str]]]:
    """The size and hash of each output, for every combination."""
    root = tmp_path_factory.mktemp("deterministic")
    here, elsewhere = root / "here", root / "else" / "where"
    for folder in (here, elsewhere):
        folder.mkdir(parents=True)
        (folder / "small.yaml").write_text(SPEC, "utf-8")
        (folder / "wrong.yaml").write_text(WRONG, "utf-8")
    combinations = list(itertools.product(SEEDS, (here, elsewhere), LOCALES))

    def make(number: int) -> dict[str, tuple[int, str]]:
        seed, folder, locale = combinations[number]
        env = {**os.environ, **locale, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", MAKE_ALL, "", f"out{number}"]
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        result: dict[str, tuple[int, str]] = json.loads(done.stdout)
        return result

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(make, range(len(combinations))))
    names = [
        f"seed {seed}, {folder.name}, {locale['LC_ALL']}" for seed, folder, locale in combinations
    ]
    return dict(zip(names, made, strict=True))


def test_byte_identical(outputs: dict[str, dict[str, tuple[int, str]]]) -> None:
    assert len(outputs) == 40
    first, *rest = outputs.items()
    assert all(size > 100 for size, _ in first[1].values()), "something was made"
    for name, made in rest:
        assert made == first[1], f"{name} differs from {first[0]}"


def test_the_name_of_the_folder_does_not_matter(tmp_path: pathlib.Path) -> None:
    """The same spec reached by another path: the outputs do not tell where it lies."""
    made = []
    for folder in ("a", "b/c"):
        path = tmp_path / folder / "small.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(SPEC, "utf-8")
        command = [sys.executable, "-m", "resnet_compiler", "build", str(path), "-o", folder]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        out = tmp_path / folder / "small"
        made.append([(out / name).read_bytes() for name in ("model.py", "model.onnx")])
    assert made[0] == made[1]
    assert not any(str(tmp_path).encode() in content for content in made[0])
