"""What `inspect` says of a model as exported, and as ONNX Runtime saves it: the figures, and a file at each level."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

import resnet_compiler
from resnet_compiler.api import fold
from resnet_compiler.inspect.inspection import Inspection
from support import peers

LEVELS = (
    *("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_LAYOUT"),
    "ORT_ENABLE_ALL",
)

Figures = dict[str, int | None]


def figures(found: Inspection) -> Figures:
    """The figures that do not change where a model is only written in another way; None where there is no number."""
    adds = None if "residual adds" in found.unknown else len(found.residual_adds)
    return {
        "parameters": found.parameter_count,
        "MACs": found.macs,
        "weighted layers": found.weighted_layers,
        "residual adds": adds,
    }


def wrong_figures(source: Figures, saved: Inspection) -> list[str]:
    """Where a saved file is told of with another number, or with none and without a reason."""
    found = figures(saved)
    wrong = [
        f"{name}: {number} instead of {source[name]}"
        for name, number in found.items()
        if number is not None and source[name] is not None and number != source[name]
    ]
    if None in found.values() and not saved.diagnostics:
        wrong.append("a figure is missing, and no warning says why")
    return wrong


def saved_at(level: str, path: pathlib.Path) -> pathlib.Path:
    """The file as ONNX Runtime saves it."""
    import onnxruntime

    target = path.with_name(f"{path.stem}.{level}.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(target)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return target


def exported(network: Any, path: pathlib.Path, size: int) -> None:
    """Write a torch model as ONNX; all its numbers are drawn at random, so that no two tensors are stored as one."""
    import torch

    random = torch.Generator().manual_seed(0)
    for each in network.parameters():
        each.data.normal_(0, 0.1, generator=random)
    peers.randomise_norms(network, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = torch.zeros(1, 3, size, size)
        torch.onnx.export(network.eval(), (image,), str(path), dynamo=False, opset_version=17)


def _torchvision(name: str) -> Callable[[pathlib.Path], None]:
    def write(path: pathlib.Path) -> None:
        models = peers.import_torchvision().models
        exported(getattr(models, name)(num_classes=10), path, 64)

    return write


def timm_model(name: str, size: int = 64, **more: Any) -> Callable[[pathlib.Path], None]:
    """A model of timm's, of ten classes."""

    def write(path: pathlib.Path) -> None:
        peers.import_torchvision()
        import timm
        import torch

        network = timm.create_model(name, num_classes=10, **more)
        for each in network.modules():
            if isinstance(getattr(each, "gamma", None), torch.nn.Parameter):
                each.gamma = None  # a scale that ONNX Runtime folds: then it is gone
        exported(network, path, size)

    return write


def _ours(name: str) -> Callable[[pathlib.Path], None]:
    def write(path: pathlib.Path) -> None:
        graph = fold(resnet_compiler.compile(name))
        path.write_bytes(resnet_compiler.build_onnx(graph).SerializeToString())

    return write


def our_int8(name: str, target: Any) -> Callable[[pathlib.Path], None]:
    """A model of ours in int8, its ranges from two images of noise."""

    def write(path: pathlib.Path) -> None:
        from resnet_compiler.quantize.calibration import calibrate
        from resnet_compiler.quantize.placement import Scheme, place

        folded = resnet_compiler.build_onnx(fold(resnet_compiler.compile(name)))
        random = np.random.default_rng(0)
        images = [{"input": random.standard_normal((1, 3, 32, 32), np.float32)} for _ in range(2)]
        made: onnx.ModelProto = place(folded, calibrate(folded, images), Scheme(target))
        path.write_bytes(made.SerializeToString())

    return write


MODELS: dict[str, Callable[[pathlib.Path], None]] = {
    "resnet18": _torchvision("resnet18"),
    "resnet50": _torchvision("resnet50"),
    "resnext50": timm_model("resnext50_32x4d"),
    "seresnet50": timm_model("seresnet50"),
    "preact_resnet": _ours("cifar/preact_resnet164"),
    "int8": our_int8("cifar/resnet20_b", "onnxruntime"),
    "int8 for TensorRT": our_int8("cifar/resnet20_b", "tensorrt"),
    "ViT": timm_model("vit_tiny_patch16_224", img_size=64),
    "ConvNeXt": timm_model("convnext_atto"),
    "EfficientNet": timm_model("efficientnet_b0"),
    "Swin": timm_model("swin_tiny_patch4_window7_224", 56, img_size=56),
}
