"""A small residual network trained on real digits: the 1,797 of scikit-learn, 8 × 8 pixels, of the UCI repository."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import resnet_compiler
from resnet_compiler import Graph
from support.peers import load_source, network_class

if TYPE_CHECKING:
    from support.peers import Array

SPEC = """
name: digits
input: {channels: 1, height: {default: 8}, width: {default: 8}}
stem:
  - conv1: {conv: {out: 16, kernel: 3}}
  - bn1: norm
  - relu: act
stages:
  - layer1: {block: basic, depth: 1, width: 16}
  - layer2: {block: basic, depth: 1, width: 32, stride: 2}
  - layer3: {block: basic, depth: 1, width: 64, stride: 2}
head:
  - pool: global_avg_pool
  - fc: {linear: {out: 10}}
"""
HELD_OUT = 500
EPOCHS = 8
BATCH = 128


@dataclass(frozen=True)
class Digits:
    """The network, its trained weights by name, and uint8 images (count, 8, 8, 1): to train with, and held out."""

    graph: Graph
    state: dict[str, Array]
    seen: Array
    held_out: Array
    answers: Array

    def write(self, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path, pathlib.Path]:
        """The spec, the weights and 200 images to calibrate with, as files."""
        import numpy as np
        from safetensors.numpy import save_file

        spec, weights, images = (
            folder / name for name in ("digits.yaml", "digits.safetensors", "seen.npz")
        )
        spec.write_text(SPEC)
        save_file(self.state, weights)
        np.savez(images, images=self.seen[:200])
        return spec, weights, images


def as_input(images: Array) -> Array:
    """What the bare network takes in: as `--preprocess --mean 0.5 --std 0.5` makes it."""
    import numpy as np

    values = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
    result: Array = (values - np.float32(0.5)) / np.float32(0.5)
    return result


@cache
def trained() -> Digits:
    """The network after a few epochs: the same on each machine but for rounding."""
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    loaded: Any = load_digits()
    order = np.random.default_rng(0).permutation(len(loaded.target))
    images = np.clip(loaded.images[order] * (255 / 16), 0, 255).astype(np.uint8)[..., None]

    targets = torch.from_numpy(loaded.target[order].astype(np.int64))
    seen, held_out = images[HELD_OUT:], images[:HELD_OUT]
    graph = resnet_compiler.compile("digits.yaml", text=SPEC)
    network = network_class(load_source(resnet_compiler.emit_pytorch(graph)))()
    inputs, answers = torch.from_numpy(as_input(seen)), targets[HELD_OUT:]
    steps = EPOCHS * -(-len(inputs) // BATCH)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    network.train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(inputs)).split(BATCH):
            loss = torch.nn.functional.cross_entropy(network(inputs[chosen]), answers[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    return Digits(graph, state, seen, held_out, targets[:HELD_OUT].numpy())
