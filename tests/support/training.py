"""A tiny network and few images to train it on: what a run needs, in a second."""

from __future__ import annotations

import pathlib
from functools import cache
from typing import Any

import numpy as np

from resnet_compiler.graph import Graph
from resnet_compiler.lab.data import Data, _data
from resnet_compiler.lab.settings import Settings
from resnet_compiler.lab.trainer import Outcome, train
from support.specs import compile_text

SPEC = """\
name: tiny
input: {channels: 1, height: 8, width: 8}
NORM
stem:
  - conv1: {conv: {out: 8, kernel: 3}}
  - bn1: norm
  - relu: act
stages:
  - layer1: {block: basic, depth: 1, width: 8}
  - layer2: {block: basic, depth: 1, width: 16, stride: 2}
head:
  - avgpool: global_avg_pool
  - drop: {dropout: {rate: 0.1}}
  - fc: {linear: {out: 10}}
"""
BATCH_NORM = SPEC.replace("NORM\n", "")
GROUP_NORM = SPEC.replace("NORM", "norm: {group_norm: {groups: 4}}").replace(
    "  - drop: {dropout: {rate: 0.1}}\n", ""
)
"""No statistics over the batch, and nothing random in a step: the same for any number of processes."""
SETTINGS = Settings(epochs=3, batch=16)
STEPS = 3 * (100 // 16)


@cache
def tiny(text: str = BATCH_NORM) -> Graph:
    return compile_text(text)


@cache
def few(channels: int = 1, classes: int = 10, size: tuple[int, int] = (8, 8)) -> Data:
    """A hundred images to train with and forty held out: noise, with a bright place that tells the class."""
    random = np.random.default_rng(channels)
    count = 140
    labels = np.arange(count) % classes
    images = random.integers(0, 100, (count, channels, *size), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 255
    names = tuple(f"class {number}" for number in range(classes))
    seen, held_out = (images[:100], labels[:100]), (images[100:], labels[100:])
    return _data("few", seen, held_out, names)


class Broken(Exception):
    """Raised in the middle of a run, in the place of a kill."""


def run(
    folder: pathlib.Path,
    settings: Settings = SETTINGS,
    graph: Graph | None = None,
    data: Data | None = None,
    **more: Any,
) -> Outcome:
    """A run on the CPU, of the tiny network on a few images unless others are given."""
    return train(graph or tiny(), data or few(), settings, folder, device="cpu", **more)


def outputs(folder: pathlib.Path) -> dict[str, bytes]:
    """What a run has written but for its checkpoints; nothing else may be there."""
    files = {path.name: path for path in folder.iterdir() if path.is_file()}
    files.pop(".resnetc-lock")
    return {name: files[name].read_bytes() for name in sorted(files)}
