"""Damaged files at random: each is read with the right shapes, or gives a diagnostic; never anything else.

Cases are a function of their number; RESNETC_FUZZ=20000 tries more of them.
"""

from __future__ import annotations

import os
import pathlib
import random
from collections import Counter

import numpy as np
import pytest
from support.weight_files import net, read, torch_state, value

from resnet_compiler import codes
from resnet_compiler.checkpoints import save_safetensors
from resnet_compiler.diagnostics import SpecError
from resnet_compiler.weights import tensors

CASES = int(os.environ.get("RESNETC_FUZZ", "500"))
TOLD = {codes.UNREADABLE_WEIGHTS, codes.MORE_THAN_WEIGHTS, codes.WEIGHTS_MISMATCH}
SMALL = """\
name: small
input: {channels: 2, height: 4, width: 4}
stages:
  - layer1: {block: pointwise, depth: 1}
blocks:
  pointwise:
    layers:
      - conv: {conv: {out: 3, kernel: 1}}
      - bn: norm
"""


def damaged(content: bytes, number: int) -> bytes:
    """A file with some bits turned, bytes replaced, moved, or cut off; half of it where it says what it holds."""
    choice = random.Random(number)
    data = bytearray(content)
    for _ in range(choice.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        place = choice.randrange(len(data) if choice.random() < 0.5 else min(len(data), 400))
        match choice.randrange(6):
            case 0 | 1:
                data[place] ^= 1 << choice.randrange(8)
            case 2:
                data[place] = choice.choice(b'\x00\xff\x80.0}]"({tRcq')
            case 3:
                del data[place : place + choice.randrange(1, 9)]
            case 4:
                data[place:place] = choice.randbytes(choice.randrange(1, 9))
            case 5:
                del data[choice.randrange(len(data)) :]
    return bytes(data)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_damaged_files_are_read_or_told(
    kind: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.chdir(tmp_path)
    graph = net(SMALL)
    path = pathlib.Path("weights")
    if kind == "safetensors":
        save_safetensors(graph, value, path)
    else:
        torch.save(torch_state(graph), path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    outcomes: Counter[str] = Counter()
    for number in range(CASES):
        path.write_bytes(damaged(whole, number))
        try:
            found = read(path, graph)
        except SpecError as failure:
            assert all(each.code in TOLD for each in failure.diagnostics), number
            outcomes[failure.diagnostics[0].code.id] += 1
            continue
        outcomes["read"] += 1
        for name, tensor in tensors(graph):
            assert found[name].shape == tensor.shape, (number, name)
            assert found[name].dtype in (np.float32, np.int64)
    assert [each.name for each in tmp_path.iterdir()] == ["weights"]
    assert outcomes["read"] > 0 and outcomes["RC0510"] > CASES / 4
