"""`torch.compile` of torchvision's model, or of the emitted training source where torchvision has no such network; and of
the emitted source for inference.

On a CPU with freezing, which folds batch norms and lays weights out anew; on CUDA with the mode "max-autotune", which
times kernels, and captures a CUDA graph.
"""

from __future__ import annotations

import importlib
from typing import Any

from resnet_compiler.bench.contenders.emitted import inference_source, training_source
from resnet_compiler.bench.contenders.in_torch import EAGER, image, placed, prepared_torch, running
from resnet_compiler.bench.contenders.peers import torchvision_model
from resnet_compiler.bench.jobs import INFERENCE, SOURCE, CannotRun, Contender, Job, Running


def _model(job: Job) -> tuple[Any, str]:
    """A model to compile, and whose it is."""
    try:
        model = torchvision_model(job)
    except (
        CannotRun,
        ImportError,
        RuntimeError,
    ):  # its operators need the torch they are built for
        return training_source(job), "torch-source"
    return placed(model, job), "torchvision"


def _of_peer(job: Job) -> Running:
    prepared_torch(job)
    return _compiled(job, *_model(job))


def _of_inference(job: Job) -> Running:
    prepared_torch(job)
    return _compiled(job, placed(inference_source(job)[1], job))


def _compiled(job: Job, model: Any, of: str = "") -> Running:
    import torch

    if job.device == "cpu":
        settings = importlib.import_module("torch._inductor.config")
        settings.freezing = True  # type: ignore[attr-defined]
        compiled: Any = torch.compile(model)
    else:
        compiled = torch.compile(model, mode="max-autotune")

    def call(given: Any) -> Any:
        with torch.no_grad():
            return compiled(given)

    return running(call, image(job), job, of)


TORCH_COMPILE = Contender(
    "torch-compile",
    "torch.compile of torchvision's model: frozen on a CPU, max-autotune on CUDA",
    ("torch", "safetensors"),
    EAGER,
    lambda precision: (SOURCE,),
    _of_peer,
)
TORCH_INFERENCE_COMPILED = Contender(
    "torch-inference-compiled",
    "torch.compile of the emitted inference source",
    ("torch", "safetensors"),
    EAGER,
    lambda precision: (INFERENCE,),
    _of_inference,
)
