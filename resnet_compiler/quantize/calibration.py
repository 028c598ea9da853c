"""The range of each tensor, seen by running the float32 model on calibration images in ONNX Runtime."""

from __future__ import annotations

import contextlib
import io
import logging
import pathlib
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import onnx

Method = Literal["minmax", "percentile", "entropy"]
Feed = Mapping[str, Any]
"""The inputs of one run, by name, as numpy arrays."""


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the greatest value that stand for a tensor."""

    least: float
    greatest: float


def calibrate(
    model: onnx.ModelProto, feeds: Iterable[Feed], method: Method = "minmax"
) -> dict[str, Range]:
    """The range of every float tensor of a float32 model, by name.

    "minmax" takes the extremes; "percentile" and "entropy" clip what is rare (Wu et al. 2020), and go through the images
    a second time, for a histogram of each tensor.

    Args:
        model: float32, its weights inside.
        feeds: its inputs; for the other methods they are gone through twice.
        method: how the range is found.

    Raises:
        CalibrationError: there is nothing to calibrate with, or a value is not finite.
    """
    ranges = _extremes(model, feeds)
    if method == "minmax":
        return ranges
    from resnet_compiler.quantize.clipping import clipped

    return clipped(model, feeds, ranges, method)


def _extremes(model: onnx.ModelProto, feeds: Iterable[Feed]) -> dict[str, Range]:
    """The least and the greatest value of every float tensor."""
    import numpy as np
    import onnx
    from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator

    reader = _Reader(iter(feeds))
    if reader.first is None:
        raise CalibrationError("there is no image to calibrate with")
    logging.getLogger("onnxruntime").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="resnetc-") as folder:
        path = pathlib.Path(folder) / "float.onnx"
        onnx.save(onnx.shape_inference.infer_shapes(model), path)
        calibrator = create_calibrator(
            str(path),
            augmented_model_path=str(path.with_name("augmented.onnx")),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.set_execution_providers(["CPUExecutionProvider"])
        # what cannot be worked out is told below
        with (
            contextlib.redirect_stdout(io.StringIO()),
            np.errstate(all="ignore"),
            warnings.catch_warnings(action="ignore", category=RuntimeWarning),
        ):
            calibrator.collect_data(reader)
            found = calibrator.compute_data()
        ranges = {
            name: Range(*(float(np.ravel(value)[0]) for value in found[name].range_value))
            for name in found.keys()  # noqa: SIM118 (not a mapping)
        }
    wild = [name for name, seen in ranges.items() if not isfinite(seen.greatest - seen.least)]
    if wild:
        raise CalibrationError(
            f"{wild[0]} is not finite on these images: the images or the weights are not"
        )
    return ranges


class CalibrationError(ValueError):
    """The calibration data cannot be used; the message says why."""


class _Reader:
    """Feeds in the form that ONNX Runtime asks for; the first is looked at ahead."""

    def __init__(self, feeds: Iterator[Feed]) -> None:
        self.feeds = feeds
        self.first: Feed | None = next(feeds, None)

    def get_next(self) -> Feed | None:
        given, self.first = self.first, None
        return given if given is not None else next(self.feeds, None)
