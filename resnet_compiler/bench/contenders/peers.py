"""The same network in torchvision and in timm, eager, found by the spec's name and given the same weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from resnet_compiler.bench.contenders.in_torch import (
    EAGER,
    image,
    placed,
    prepared_torch,
    running,
    weights,
)
from resnet_compiler.bench.jobs import CannotRun, Contender, Job, Running


def torchvision_model(job: Job) -> Any:
    """torchvision's model of the spec's name with the job's weights, in inference mode.

    Raises:
        CannotRun: it has none, or one with other tensors.
    """
    models = importlib.import_module("torchvision.models")
    if job.network not in models.list_models(module=models):
        raise CannotRun(f"torchvision has no classifier called {job.network}")
    return _with_weights(models.get_model(job.network, weights=None), "torchvision", job)


def timm_model(job: Job) -> Any:
    """timm's model of the spec's name with the job's weights, in inference mode.

    Raises:
        CannotRun: it has none, or one with other tensors.
    """
    timm = importlib.import_module("timm")
    if not timm.is_model(job.network):
        raise CannotRun(f"timm has no model called {job.network}")
    return _with_weights(timm.create_model(job.network, pretrained=False), "timm", job)


def _with_weights(model: Any, library: str, job: Job) -> Any:
    given, has = weights(job), model.state_dict()
    apart = [name for name in (*given, *has) if name not in given or name not in has]
    apart += [name for name in given if name in has and given[name].shape != has[name].shape]
    if apart:
        raise CannotRun(f"{library}'s {job.network} has other tensors, such as {apart[0]}")
    model.load_state_dict(given)
    return model.eval()


def _eager(model: Callable[[Job], Any]) -> Callable[[Job], Running]:
    def load(job: Job) -> Running:
        prepared_torch(job)
        return running(placed(model(job), job), image(job), job)

    return load


TORCHVISION = Contender(
    "torchvision",
    "torchvision's model, eager",
    ("torch", "torchvision", "safetensors"),
    EAGER,
    lambda precision: (),
    _eager(torchvision_model),
)
TIMM = Contender(
    "timm",
    "timm's model, eager",
    ("torch", "timm", "safetensors"),
    EAGER,
    lambda precision: (),
    _eager(timm_model),
)
