"""What the compiler emits for torch: the source that is trained, and the source for inference."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from resnet_compiler.bench.contenders.in_torch import (
    EAGER,
    emitted_module,
    image,
    placed,
    prepared_torch,
    running,
    weights,
)
from resnet_compiler.bench.jobs import INFERENCE, SOURCE, Contender, Job, Running


def training_source(job: Job) -> object:
    """The network of the training source, with its weights, in inference mode, where the job wants it."""
    network = getattr(emitted_module(job, SOURCE), job.class_name)()
    network.load_state_dict(weights(job))
    return placed(network.eval(), job)


def _source(job: Job) -> Running:
    prepared_torch(job)
    network = training_source(job)
    assert callable(network)
    return running(network, image(job), job)


def inference_source(job: Job) -> tuple[ModuleType, Any]:
    """The module of the source for inference, and its network with the weights folded, not yet prepared."""
    module = emitted_module(job, INFERENCE)
    network = getattr(module, job.class_name)()
    network.load_state_dict(weights(job))
    return module, network.eval()


def _inference(job: Job, cuda_graph: bool = False) -> Running:
    import torch

    prepared_torch(job)
    given = image(job)
    module, network = inference_source(job)
    dtype = getattr(torch, job.precision)
    call = module.Prepared(network, given, dtype=dtype, cuda_graph=cuda_graph)
    return running(call, given, job)


def _graph(job: Job) -> Running:
    return _inference(job, cuda_graph=True)


TORCH_SOURCE = Contender(
    "torch-source",
    "the emitted training source, eager",
    ("torch", "safetensors"),
    EAGER,
    lambda precision: (SOURCE,),
    _source,
    ours=True,
)
TORCH_INFERENCE = Contender(
    "torch-inference",
    "the emitted inference source",
    ("torch", "safetensors"),
    EAGER,
    lambda precision: (INFERENCE,),
    _inference,
    ours=True,
)
TORCH_GRAPH = Contender(
    "torch-inference-graph",
    "the emitted inference source in a CUDA graph",
    ("torch", "safetensors"),
    {"cuda": EAGER["cuda"]},
    lambda precision: (INFERENCE,),
    _graph,
    ours=True,
)
