"""The other side of a comparison: torch, torchvision and ONNX Runtime, each with small helpers.

Nothing heavy is imported with this module, only when a helper is called.
"""

from __future__ import annotations

import itertools
import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch

    Array = np.ndarray[Any, np.dtype[Any]]

_numbers = itertools.count()


def import_torchvision() -> types.ModuleType:
    """torchvision, also where its compiled operators do not load: beside a CPU-only torch.

    Its wheel then fails on import; with the schemas of the two operators registered it imports, and
    its models run.
    """
    import torch

    try:
        import torchvision
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision

        torchvision.schemas_kept_alive = library
    return torchvision


def randomise_norms(module: torch.nn.Module, seed: int) -> None:
    """Give every batch norm random statistics, scale and shift, so that no difference cancels out."""
    import torch

    random = torch.Generator().manual_seed(seed)
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_(0, 0.1, generator=random)
            norm.running_var.uniform_(0.5, 1.5, generator=random)
            norm.weight.data.uniform_(0.5, 1.5, generator=random)
            norm.bias.data.normal_(0, 0.1, generator=random)


def load_source(source: str) -> types.ModuleType:
    """Emitted source as a module of its own, listed like an imported one so that torch can trace
    it."""
    module = types.ModuleType(f"emitted_{next(_numbers)}")
    sys.modules[module.__name__] = module
    exec(compile(source, f"<{module.__name__}>", "exec"), vars(module))
    return module


def network_class(module: types.ModuleType) -> type[torch.nn.Module]:
    """The class of the network: the last one that an emitted module defines."""
    classes = [each for each in vars(module).values() if isinstance(each, type)]
    network: type[torch.nn.Module] = classes[-1]
    assert network.__module__ == module.__name__
    return network


def run_onnx(model: onnx.ModelProto | bytes, image: Array) -> Array:
    """The output of an ONNX model in ONNX Runtime on the CPU."""
    return onnx_session(model).run(None, {"input": image})[0]


def onnx_session(model: onnx.ModelProto | bytes | str, *, fused: bool = True) -> Any:
    """A session of ONNX Runtime on the CPU, in one thread; of a model, its bytes or its path. Not ``fused`` runs the nodes
    as they are."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model if isinstance(model, bytes | str) else model.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def relative_difference(ours: Array, theirs: Array) -> float:
    """The greatest absolute difference over the largest magnitude of the second; inf unless all is
    finite."""
    import numpy as np

    assert ours.shape == theirs.shape
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    difference, magnitude = np.abs(ours - theirs).max(), np.abs(theirs).max()
    return float(difference / magnitude if magnitude else difference)
