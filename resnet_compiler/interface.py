"""What a deployed model looks like from outside: its inputs and outputs, their sizes, precision and meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Precision = Literal["float32", "float16", "bfloat16"]
PRECISIONS: tuple[str, ...] = get_args(Precision)
Pair = tuple[int, int]
OPSETS = range(13, 23)
DEFAULT_OPSET = 18
OUTPUT, VALUES, INDICES = "output", "values", "indices"
"""What the network's own output is called; in a model of the best classes, their scores and numbers."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """What becomes of an image before the network: ``(image * scale - mean) / std`` for each channel.

    Attributes:
        mean, std: one number for each channel, of images from 0 to 1 (with the scale 1 / 255). The defaults are those
            of ImageNet.
        scale: what the pixels are multiplied by first.
        resize: the length of the shorter side that images are first brought to, keeping their aspect, by linear
            interpolation (antialiased from opset 18 on).
        crop: whether the centre is then cut out, of the network's size.
        layout: where the channels stand in the input.
        input_type: the type of the pixels.
    """

    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    scale: float = 1 / 255
    resize: int | None = None
    crop: bool = False
    layout: Literal["nhwc", "nchw"] = "nhwc"
    input_type: Literal["uint8", "float32"] = "uint8"

    @property
    def changes_size(self) -> bool:
        """Whether images may have another size than the network's."""
        return self.resize is not None or self.crop


@dataclass(frozen=True, slots=True)
class Interface:
    """The options of an ONNX model. The default is the bare network, its batch dynamic, its size where proved.

    Attributes:
        batch: a number of images, or "dynamic".
        size: (height, width); "declared" is the spec's, "dynamic" any size, "auto" dynamic where every join is proved
            for every size and declared where not.
        precision: the type that the network computes in.
        float_io: whether inputs and outputs are float32 all the same.
        preprocess: what becomes of images inside the model; None where the input is normalised already.
        softmax: whether the output is probabilities.
        top_k: how many classes to put out, as "values" and "indices" in the place of "output".
        labels: a name for each class, kept in the model's metadata.
        features: stages (and "stem", what enters the first) whose outputs the model puts out, under their names.
        with_head: whether the network's own output is there beside the features.
    """

    batch: int | Literal["dynamic"] = "dynamic"
    size: Pair | Literal["auto", "declared", "dynamic"] = "auto"
    precision: Precision = "float32"
    float_io: bool = False
    preprocess: Preprocess | None = None
    softmax: bool = False
    top_k: int | None = None
    labels: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    with_head: bool = False

    @property
    def has_head(self) -> bool:
        """Whether the network's own output is put out, in one form or another."""
        return self.with_head or not self.features


PLAIN = Interface()
"""The bare network."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An option that cannot be: which, why not, and what to say instead."""

    option: str
    summary: str
    help: str = ""

    def __str__(self) -> str:
        return f"{self.option}: {self.summary}" + (f"; {self.help}" if self.help else "")


class InterfaceError(ValueError):
    """An interface that this network cannot have. Carries every problem that was found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
