"""The folder of a training run: what is in it, that one run alone writes there, and that it goes on as it began."""

from __future__ import annotations

import io
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from resnet_compiler.checkpoints.saving import save_safetensors
from resnet_compiler.graph import Graph
from resnet_compiler.lab import LabError
from resnet_compiler.lab.data import Data
from resnet_compiler.lab.metrics import Row, as_csv, as_svg
from resnet_compiler.lab.settings import differences
from resnet_compiler.output import opened_lock, write_all
from resnet_compiler.support.read import MIB, ReadError, json_value
from resnet_compiler.weights import Array

RUN, SOURCE, METRICS, CURVES = "run.json", "model.py", "metrics.csv", "curves.svg"
WEIGHTS, CALIBRATION, CHECKPOINTS = "weights.safetensors", "calibration.npy", "checkpoints"
CALIBRATION_IMAGES = 256
MOST_RECORD = 4 * MIB
"""Bytes of run.json that are read."""
_STAGED = ".resnetc-*"


@contextmanager
def opened(folder: pathlib.Path, account: Mapping[str, Any], source: str) -> Iterator[None]:
    """The folder for one run, until the block ends: made where there is none, with the run's account and its source.

    Args:
        folder: where the run's files are.
        account: what the run is of; JSON. A run that is there already must have the same.
        source: the network's, which is written beside it.

    Raises:
        LabError: something else is there, or a run with another account, or one that is still going on.
        SpecError: the files cannot be written.
    """
    record = folder / RUN
    with _alone(folder):
        _refuse_link(folder / CHECKPOINTS)
        if os.path.lexists(record):
            _compare(record, account)
        elif any(not name.startswith(".resnetc-") for name in _names_in(folder)):
            raise LabError(
                f"{folder.as_posix()} is not empty, and holds no run: give -o another folder"
            )
        for each in (folder, folder / CHECKPOINTS):
            for left in each.glob(_STAGED):  # by a run that was killed while it wrote
                if left.name != _LOCK and not os.path.isdir(left):
                    left.unlink(missing_ok=True)
        text = json.dumps(account, indent=2) + "\n"
        write_all({record: [text.encode()], folder / SOURCE: [source.encode()]})
        yield


def _compare(record: pathlib.Path, account: Mapping[str, Any]) -> None:
    try:
        before = json_value(record, MOST_RECORD, follow=False)
    except ReadError as failure:
        how = "cannot be read" if failure.errno else "is damaged"
        raise LabError(
            f"{record.as_posix()} {how}: {failure.reason}; give -o another folder to begin anew"
        ) from None
    if not isinstance(before, dict):
        raise LabError(f"{record.as_posix()} is damaged: give -o another folder to begin anew")
    found = differences(before, account)
    if found:
        raise LabError(
            f"{record.parent.as_posix()} holds a run of other settings: {', '.join(found)}; "
            "give -o another folder, or the settings of that run"
        )


_LOCK = ".resnetc-lock"


@contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Hold the folder's lock. The system lets go of it when the process ends, however it does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = opened_lock(folder / _LOCK)
    except (OSError, ValueError) as reason:  # ValueError: a NUL in the name
        text = (getattr(reason, "strerror", None) or str(reason)).lower()
        raise LabError(f"{folder.as_posix()} cannot be written to: {text}") from None
    with handle:
        try:
            import fcntl
        except ImportError:  # a system without such locks
            yield
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LabError(
                f"{folder.as_posix()}: another process is training there; wait, or give -o another folder"
            ) from None
        except OSError as reason:  # a file system without them
            text = (reason.strerror or str(reason)).lower()
            raise LabError(f"{folder.as_posix()} cannot be locked: {text}") from None
        yield


def _names_in(folder: pathlib.Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as reason:
        text = (reason.strerror or str(reason)).lower()
        raise LabError(f"{folder.as_posix()} cannot be read: {text}") from None


def _refuse_link(path: pathlib.Path) -> None:
    """Refuse a folder of the run that leads elsewhere: what is there is not the run's to write or to delete."""
    if os.path.islink(path):
        raise LabError(
            f"{path.as_posix()} is a link, and a run writes only in its own folder: remove the link, "
            "or give -o another folder"
        )


def publish(folder: pathlib.Path, rows: Sequence[Row], name: str) -> None:
    """Write the metrics so far, as CSV and as curves."""
    write_all(
        {
            folder / METRICS: [as_csv(rows).encode()],
            folder / CURVES: [as_svg(rows, name)],
        }
    )


def finish(folder: pathlib.Path, graph: Graph, state: Mapping[str, Array], data: Data) -> None:
    """Write the weights, and images that int8 can be calibrated with."""
    save_safetensors(graph, lambda name, tensor: state[name], folder / WEIGHTS)
    write_all({folder / CALIBRATION: [_calibration(data, graph.input_shape[0])]})


def _calibration(data: Data, channels: Any) -> bytes:
    """Images to train with, evenly over their order, as decoders give them: uint8, (n, H, W, channels)."""
    import numpy as np

    count = len(data.images)
    places = np.linspace(0, count - 1, min(count, CALIBRATION_IMAGES)).round().astype(np.int64)
    chosen = data.images[places].transpose(0, 2, 3, 1)
    if chosen.shape[3] != channels:
        chosen = chosen.repeat(channels, 3)
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(chosen), allow_pickle=False)
    return stream.getvalue()
