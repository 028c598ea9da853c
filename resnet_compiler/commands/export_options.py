"""The options of `resnetc export`, and the objects that are made of them."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from resnet_compiler.console import misuse
from resnet_compiler.support.read import MIB, ReadError, text

if TYPE_CHECKING:
    from resnet_compiler.interface import Pair, Preprocess
    from resnet_compiler.quantize import Int8


MOST_LABELS = 16 * MIB
"""Bytes of a file with the names of classes."""


class Precision(StrEnum):
    """What the network computes in."""

    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"
    int8 = "int8"


class External(StrEnum):
    """Whether the weights stand in a file beside."""

    auto = "auto"
    always = "always"
    never = "never"


class Method(StrEnum):
    """How ranges are found."""

    minmax = "minmax"
    percentile = "percentile"
    entropy = "entropy"


class Runtime(StrEnum):
    """Whose rules the placement of Q/DQ pairs keeps."""

    onnxruntime = "onnxruntime"
    tensorrt = "tensorrt"


class Layout(StrEnum):
    """Where the channels stand."""

    nhwc = "nhwc"
    nchw = "nchw"


class Pixels(StrEnum):
    """The type of the pixels."""

    uint8 = "uint8"
    float32 = "float32"


Output = Annotated[
    pathlib.Path | None,
    typer.Option("-o", "--output", help="The file; NAME.onnx when it is not given."),
]
Weights = Annotated[
    pathlib.Path | None,
    typer.Option(
        help="Trained weights: safetensors, or a PyTorch checkpoint (needs torch). Without it, initial ones."
    ),
]
Fold = Annotated[
    bool, typer.Option("--fold/--no-fold", help="Batch norms folded into the convolutions.")
]
HowPrecise = Annotated[
    Precision, typer.Option(help="What the network computes in; bfloat16 needs --opset 22.")
]
ExternalData = Annotated[
    External, typer.Option(help="Whether weights stand in a file beside; auto: past 1.9 GB.")
]
Verify = Annotated[
    bool | None,
    typer.Option(
        "--verify/--no-verify",
        help="Run the file against the float32 network, and publish it only if it agrees. On where onnxruntime is.",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Greatest difference, relative to an output's largest magnitude: 0.0001 for float32, 0.02 for float16, "
        "0.15 for bfloat16, 0.1 for int8.",
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, help="The seed of initial weights, and of images to verify with.")
]
Batch = Annotated[str, typer.Option(metavar="N|dynamic", help="Images at once.")]
Size = Annotated[
    str,
    typer.Option(
        metavar="HxW|dynamic|declared|auto",
        help="auto: dynamic where the proof allows, else the spec's.",
    ),
]
FloatIo = Annotated[
    bool, typer.Option("--float-io", help="float32 inputs and outputs in half precision, too.")
]
Softmax = Annotated[bool, typer.Option("--softmax", help="Probabilities in the place of scores.")]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k", metavar="K", min=1, help="Put out the K best classes and their scores."
    ),
]
Labels = Annotated[
    pathlib.Path | None,
    typer.Option(help="A file with a class's name on each line, for the metadata."),
]
Features = Annotated[
    str | None,
    typer.Option(
        metavar="STAGE,...",
        help="Put out what these stages give; `stem` is what enters the first.",
    ),
]
WithHead = Annotated[
    bool, typer.Option("--with-head", help="With --features: the network's output, too.")
]
Images = Annotated[
    bool, typer.Option("--preprocess", help="Take uint8 images, and normalise them in the model.")
]
Mean = Annotated[
    str | None,
    typer.Option(
        metavar="X,...", help="With --preprocess: of each channel, from 0 to 1; ImageNet's."
    ),
]
Std = Annotated[
    str | None, typer.Option(metavar="X,...", help="With --preprocess: the standard deviations.")
]
Scale = Annotated[
    float | None, typer.Option(help="With --preprocess: what pixels are multiplied by; 1/255.")
]
Resize = Annotated[
    int | None,
    typer.Option(min=1, help="With --preprocess: bring the shorter side to this first."),
]
Crop = Annotated[
    bool, typer.Option("--crop", help="With --preprocess: then cut the network's size out.")
]
WhichLayout = Annotated[
    Layout | None, typer.Option("--layout", help="With --preprocess: where channels stand; nhwc.")
]
InputType = Annotated[
    Pixels | None, typer.Option(help="With --preprocess: the type of pixels; uint8.")
]
Calibration = Annotated[
    pathlib.Path | None,
    typer.Option(help="int8: images to find ranges with; a folder, an .npy or an .npz file."),
]
CalibrationMethod = Annotated[
    Method | None, typer.Option(help="int8: the extremes (minmax, the default), or less of them.")
]
CalibrationImages = Annotated[
    int | None, typer.Option(min=1, help="int8: how many images to look at; 512.")
]
KeepFloat = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LAYER", help="int8: a layer to leave in float32, `first` or `last`; repeatable."
    ),
]
Int8For = Annotated[
    Runtime | None, typer.Option("--int8-for", help="int8: the runtime; onnxruntime.")
]


def batch_of(text: str) -> int | Literal["dynamic"]:
    """The batch as an interface has it."""
    if text == "dynamic":
        return "dynamic"
    if not re.fullmatch(r"[0-9]{1,9}", text):
        misuse(f"--batch: a number or `dynamic` is needed, not `{text}`")
    return int(text)


def size_of(text: str) -> Pair | Literal["auto", "declared", "dynamic"]:
    """The size as an interface has it."""
    match text:
        case "auto" | "declared" | "dynamic":
            return text
    found = re.fullmatch(r"([0-9]{1,9})[x×]([0-9]{1,9})", text)
    if found is None:
        misuse(f"--size: HxW such as 224x224, `dynamic`, `declared` or `auto`, not `{text}`")
    return int(found[1]), int(found[2])


def labels_of(path: pathlib.Path | None) -> tuple[str, ...]:
    """The lines of a file."""
    if path is None:
        return ()
    try:
        lines = text(path, MOST_LABELS).splitlines()
    except ReadError as failure:
        misuse(f"--labels: {failure}")
    while lines and not lines[-1].strip():  # what an editor left at the end
        lines.pop()
    if not lines:
        misuse(f"--labels: {path.as_posix()} names no class")
    return tuple(lines)


def preprocess_of(is_on: bool, given: Mapping[str, Any]) -> Preprocess | None:
    """What is done to images; what is not given is as usual."""
    from resnet_compiler.interface import Preprocess

    stated = {
        key: value for key, value in given.items() if value is not None and value is not False
    }
    if not is_on:
        if stated:
            misuse(f"--{next(iter(stated)).replace('_', '-')} goes with --preprocess")
        return None
    scale = stated.get("scale")
    for key in ("mean", "std"):
        if key in stated:
            stated[key] = _numbers(key, stated[key])
            large = [each for each in stated[key] if abs(each) > 1]
            if large and scale is None:
                misuse(
                    f"--{key}: {large[0]:g} is of pixels up to 255, which become numbers up to 1 first; divide by 255, or "
                    "write --scale 1"
                )
    return Preprocess(**stated)


def _numbers(option: str, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        misuse(f"--{option}: numbers with commas between are needed, not `{text}`")


def int8_of(precision: Precision, given: Mapping[str, Any]) -> Int8 | None:
    """How to bring the network to int8; what is not given is as usual."""
    stated = {key: value for key, value in given.items() if value}
    options = {"method": "calibration-method", "images": "calibration-images"}
    options |= {"keep_float": "keep-float", "target": "int8-for", "calibration": "calibration"}
    if precision is not Precision.int8:
        if stated:
            misuse(f"--{options[next(iter(stated))]} goes with --precision int8")
        return None
    if "calibration" not in stated:
        misuse("--precision int8 needs --calibration: images like those that the network will see")
    from importlib.util import find_spec

    if find_spec("onnxruntime") is None:
        misuse("--precision int8 needs onnxruntime: pip install 'resnet-compiler[onnxruntime]'")
    from resnet_compiler.quantize import Int8

    return Int8(**stated)
