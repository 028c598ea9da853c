"""A float32 model to int8, by calibration images: what to leave in float, and how far each layer then is from its float self."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from resnet_compiler.diagnostics import did_you_mean
from resnet_compiler.interface import InterfaceError, Preprocess, Problem
from resnet_compiler.quantize.calibration import Feed, Method, Range, calibrate
from resnet_compiler.quantize.errors import LayerError, layer_errors
from resnet_compiler.quantize.images import calibration_feeds
from resnet_compiler.quantize.placement import WEIGHTED, Scheme, Target, place

if TYPE_CHECKING:
    import onnx

JUDGED = 8
"""How many batches of the calibration images the layers' errors are taken from."""
FIRST, LAST = "first", "last"


@dataclass(frozen=True, slots=True)
class Int8:
    """How a network is brought to int8.

    Attributes:
        calibration: a folder of pictures, or an .npy or .npz file of images.
        method: how ranges are found: the extremes, or less of them.
        images: how many images to look at, at most.
        keep_float: layers that stay in float32; "first" and "last" are those of the weighted layers.
        target: the runtime that the placement of Q/DQ pairs suits.
    """

    calibration: pathlib.Path
    method: Method = "minmax"
    images: int = 512
    keep_float: tuple[str, ...] = ()
    target: Target = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Quantized:
    """An int8 model, each layer's error, the inputs that it was judged by, and what it was placed with."""

    model: onnx.ModelProto
    errors: tuple[LayerError, ...]
    feeds: tuple[Feed, ...]
    ranges: Mapping[str, Range]
    scheme: Scheme

    @property
    def worst(self) -> LayerError:
        """The layer that is furthest from its float self."""
        return max(self.errors, key=lambda each: each.relative)


@dataclass(frozen=True, slots=True)
class Images:
    """Calibration images, read anew each time that they are gone through; see `calibration_feeds`."""

    path: pathlib.Path
    shape: tuple[int, int, int]
    preprocess: Preprocess | None
    batch: int | None
    most: int

    def __iter__(self) -> Iterator[Feed]:
        return calibration_feeds(self.path, self.shape, self.preprocess, self.batch, self.most)


def quantize(
    model: onnx.ModelProto,
    given: Int8,
    shape: tuple[int, int, int],
    preprocess: Preprocess | None = None,
    batch: int | None = None,
) -> Quantized:
    """The int8 form of a float32 model, whose batch norms should be folded.

    Args:
        model: float32, its weights inside.
        given: how.
        shape: the network's channels, height and width.
        preprocess: what the model does to images itself.
        batch: how many images it takes at once; None: any number.

    Raises:
        InterfaceError: a layer to leave in float is none of the model's.
        CalibrationError: the images cannot be used.
    """
    scheme = Scheme(given.target, frozenset(_kept(model, given.keep_float)))

    images = Images(given.calibration, shape, preprocess, batch, given.images)
    ranges = calibrate(model, images, given.method)
    made = place(model, ranges, scheme)
    judged = tuple(islice(images, JUDGED))
    for entry in made.metadata_props:
        if entry.key == "precision":
            entry.value = "int8"
    return Quantized(made, tuple(layer_errors(model, made, judged)), judged, ranges, scheme)


def _kept(model: onnx.ModelProto, names: Sequence[str]) -> list[str]:
    """The layers that are meant."""
    weighted = [node.name for node in model.graph.node if node.op_type in WEIGHTED]
    known = {node.name for node in model.graph.node}
    ends = {FIRST: weighted[:1], LAST: weighted[-1:]}
    found: list[str] = []
    for name in names:
        if name not in ends and name not in known:
            near = "; ".join(did_you_mean(name, [FIRST, LAST, *weighted]))
            raise InterfaceError([Problem("keep_float", f"there is no layer `{name}`", near)])
        found += ends.get(name, [name])
    return found
