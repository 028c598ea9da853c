"""What contenders in torch share: emitted source as a module, weights, images, and how a model is run to its end."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resnet_compiler.bench.jobs import IMAGE, WEIGHTS, Job, Running
from resnet_compiler.support.arrays import read_array
from resnet_compiler.support.read import text

if TYPE_CHECKING:
    import torch

EAGER = {
    "cpu": ("float32", "bfloat16", "float16"),
    "cuda": ("float32", "float16", "bfloat16"),
}
"""The precisions that torch computes in by itself."""


def prepared_torch(job: Job) -> None:
    """Set threads, and float32 to be float32: without TF32, which rounds to ten bits."""
    import torch

    torch.set_num_threads(job.threads)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = True  # the images always have the same size


def emitted_module(job: Job, file: str) -> types.ModuleType:
    """An emitted source as a module, listed like an imported one so that torch can trace it."""
    module = types.ModuleType("emitted_network")
    sys.modules[module.__name__] = module
    source = text(job.path(file))
    exec(compile(source, file, "exec"), vars(module))
    return module


def weights(job: Job) -> dict[str, torch.Tensor]:
    """The weights that every contender runs, by name."""
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = load_file(job.path(WEIGHTS))
    return found


def image(job: Job) -> torch.Tensor:
    """The images, (batch, channels, height, width), where and how the job wants them."""
    import torch

    values = torch.from_numpy(read_array(job.path(IMAGE))[: job.batch])
    given: torch.Tensor = placed(values, job)
    return given


def placed(what: Any, job: Job) -> Any:
    """A model, or images, on the job's device, in its precision and layout."""
    import torch

    kind = getattr(torch, job.precision)
    if job.channels_last:
        return what.to(device=job.device, dtype=kind, memory_format=torch.channels_last)
    return what.to(device=job.device, dtype=kind)


def running(call: Callable[[Any], Any], given: Any, job: Job, of: str = "") -> Running:
    """A callable on these images, run to its end each time without a record of gradients."""
    import torch

    last: list[Any] = []

    def run() -> None:
        with torch.inference_mode():
            last[:] = [call(given)]
        if job.device == "cuda":
            torch.cuda.synchronize()

    return Running(
        run,
        lambda: last[0].float().cpu().numpy(),
        torch.cuda.max_memory_reserved if job.device == "cuda" else None,
        of,
    )
