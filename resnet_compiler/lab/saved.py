"""Checkpoints of a training run: written whole or not at all, two kept, and a damaged one refused.

One is a safetensors file: weights, statistics and momenta, and in its header a record (JSON) of where the run stands and a
digest of it all. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resnet_compiler.lab import LabError
from resnet_compiler.output import write_all
from resnet_compiler.support.read import ReadError, decoding, opened, parsed_json

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 2
_KEY = "resnetc"
"""The one entry of the header's metadata: of several, safetensors writes now this one first and now that."""
_TYPES = ("float64", "float32", "int64")
"""The types of what is saved: sums, weights and momenta, counters."""
_NAME = re.compile(r"checkpoint-([0-9]{9})\.safetensors")


@dataclass(frozen=True, slots=True)
class Saved:
    """A checkpoint: tensors by name, on the CPU, and the record that was written with them."""

    path: pathlib.Path
    tensors: Mapping[str, Tensor]
    record: Mapping[str, Any]


def save(
    folder: pathlib.Path, step: int, tensors: Mapping[str, Tensor], record: Mapping[str, Any]
) -> None:
    """Write the checkpoint of a step, then remove all but it and the one before.

    Those of later steps are removed too: a run that stands here has refused them.

    Raises:
        SpecError: it cannot be written; those before are still there.
    """
    from safetensors.torch import save as to_bytes

    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    account = {"sha256": _digest(on_cpu, record), "record": record}
    path = folder / f"checkpoint-{step:09}.safetensors"
    write_all({path: [to_bytes(on_cpu, {_KEY: json.dumps(account)})]})
    earlier = [each for each in _all(folder) if each.name < path.name][:-KEPT:-1]
    for each in _all(folder):
        if each != path and each not in earlier and not os.path.isdir(each):
            each.unlink(missing_ok=True)


def newest(
    folder: pathlib.Path, misfit: Callable[[Saved], str | None] = lambda saved: None
) -> tuple[Saved | None, list[str]]:
    """The newest checkpoint that is sound, if there is any; and a line for each newer one that was refused.

    Args:
        folder: where they are.
        misfit: says why one is not of the run that goes on, or None where it is.

    Raises:
        LabError: there are checkpoints, and none is sound.
    """
    refused: list[str] = []
    for path in reversed(_all(folder)):
        try:
            found = read(path)
            why = misfit(found)
            if why is None:
                return found, refused
            refused.append(f"{path.as_posix()} is refused: {why}")
        except LabError as reason:
            refused.append(str(reason))
    if refused:
        raise LabError(
            f"{'; '.join(refused)}: no checkpoint is left; give another folder to begin anew"
        )
    return None, refused


def read(path: pathlib.Path) -> Saved:
    """A checkpoint, all of it, as it was written.

    Raises:
        LabError: it is cut off, or damaged, or is none.
    """
    from safetensors import safe_open

    damaged = "it is cut off or damaged"
    try:
        opened(path, follow=False).close()  # a regular file of the run, and no link
        with decoding(path, damaged), safe_open(path, "pt") as file:
            account = parsed_json(path, (file.metadata() or {}).get(_KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except ReadError as failure:
        raise LabError(f"{path.as_posix()} is refused: {failure.reason}") from None
    others = {str(each.dtype) for each in tensors.values()} - {f"torch.{kind}" for kind in _TYPES}
    if not isinstance(account, dict) or not isinstance(account.get("record"), dict) or others:
        raise LabError(f"{path.as_posix()} is refused: it is no checkpoint of a training run")
    record = account["record"]
    if account.get("sha256") != _digest(tensors, record):
        raise LabError(f"{path.as_posix()} is refused: its content is not what was written")
    return Saved(path, tensors, record)


def _all(folder: pathlib.Path) -> list[pathlib.Path]:
    """The checkpoints in a folder, oldest first."""
    if not os.path.isdir(folder):
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def _digest(tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(record).encode())
    for name in sorted(tensors):
        value = tensors[name].numpy()
        digest.update(f"\0{name}\0{value.dtype}{value.shape}\0".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
