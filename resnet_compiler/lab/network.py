"""A spec's network made ready to be trained on images: its classes, its size, and the emitted source as a module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resnet_compiler import api
from resnet_compiler.emit.names import network_class_name
from resnet_compiler.graph import Graph
from resnet_compiler.interface import Interface, InterfaceError
from resnet_compiler.lab import LabError
from resnet_compiler.operators.arithmetic import Softmax
from resnet_compiler.rehead import rehead
from resnet_compiler.settle import settle
from resnet_compiler.weights import tensors

if TYPE_CHECKING:
    from torch import nn


def fitted(graph: Graph, shape: tuple[int, int, int], classes: int) -> Graph:
    """The network with as many classes as the images have, if it can take images of that shape at all.

    Grey images go into a network of several channels as they are, the same in each, so that its weights fit the spec.

    Args:
        graph: the network.
        shape: channels, height and width of an image.
        classes: how many there are.

    Raises:
        LabError: it cannot take such images, or puts out something other than a score for each class.
        SpecError: it has no head that could be given other classes.
    """
    name = graph.identity.name
    channels, height, width = shape
    takes = graph.input_shape[0]
    if channels not in (1, takes):
        raise LabError(
            f"{name} takes images of {takes} channels, and these have {channels}: "
            f"write a spec with `extends: {name}` and `input: {{channels: {channels}}}`"
        )
    try:
        settle(graph, Interface(size=(height, width)))
    except InterfaceError as reason:
        why = "; ".join(str(each) for each in reason.problems)
        raise LabError(f"{name} cannot take images of {height} × {width}: {why}") from None
    if graph.shape(graph.output)[0] != classes:
        graph = rehead(graph, classes)
    scores = graph.shape(graph.output)
    if any(dim != 1 for dim in scores[1:]):
        raise LabError(
            f"{name} puts out a feature map, not a score for each class: "
            "end its head with `- pool: global_avg_pool` and `- fc: {linear: {out: 10}}`"
        )
    if isinstance(graph[graph.output].operator, Softmax):
        raise LabError(
            f"{name} ends with the softmax `{graph.output}`, which the loss has in it already: "
            "leave it out of the spec; `resnetc export --softmax` puts it in"
        )
    return graph


def built(graph: Graph, seed: int) -> tuple[str, nn.Module]:
    """The emitted source, and its network with the initial weights that it gives itself, by the seed. On the CPU.

    The state of torch's generator is left as it was.
    """
    import torch

    source = api.emit_pytorch(graph)
    namespace: dict[str, Any] = {"__name__": "emitted_model"}
    exec(compile(source, f"<{graph.identity.name}>", "exec"), namespace)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network: nn.Module = namespace[network_class_name(graph.identity.title)]()
    return source, network


def decayed(graph: Graph) -> frozenset[str]:
    """The names of the tensors that weight decay is for: the weights of convolutions and linear layers."""
    return frozenset(
        name for name, tensor in tensors(graph) if tensor.name == "weight" and len(tensor.shape) > 1
    )
