"""Weights by name: seeded initial values, the same on every machine and in any order of making them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

from resnet_compiler.graph import Graph
from resnet_compiler.measure import tensors_of
from resnet_compiler.operators.base import Operator, Tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
else:
    Array = Any

Value = Callable[[str, Tensor], "Array"]
"""Gives a tensor's value by its full name."""


def tensors(graph: Graph) -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a graph under its full name, as in the `state_dict`: ``layer1.0.conv1.weight``."""
    for name, tensor, _ in owned_tensors(graph):
        yield name, tensor


def owned_tensors(graph: Graph) -> Iterator[tuple[str, Tensor, Operator]]:
    """Every tensor with its full name and the operator it belongs to."""
    for node in graph:
        for tensor in tensors_of(graph, node):
            name = f"{node.name}.{tensor.name}" if tensor.name else node.name
            yield name, tensor, node.operator


def initial(name: str, tensor: Tensor, seed: int) -> Array:
    """A tensor's initial value, float32, a function of seed and name alone.

    Convolutions: normal with variance 2 / fan-out (He et al. 2015, "Delving Deep into Rectifiers"), as the emitted
    source has it. Linear layers: uniform in ±1/sqrt(fan-in). Norms: the identity.
    """
    import numpy as np

    match tensor.initialisation:
        case "constant":
            return np.full(tensor.shape, tensor.fill, np.float32)
        case "counter":
            return np.zeros(tensor.shape, np.int64)
    random = generator(name, seed)
    if tensor.initialisation == "he":
        fan_out = tensor.shape[0] * prod(tensor.shape[2:])
        values = random.standard_normal(tensor.shape, np.float32)
        values *= np.float32(sqrt(2 / fan_out))
        return values
    bound = np.float32(1 / sqrt(prod(tensor.shape[1:])))
    return (random.random(tensor.shape, np.float32) * 2 - 1) * bound


def tried(name: str, tensor: Tensor, seed: int) -> Array:
    """A tensor's value for comparing two forms of a network: random norm statistics, so that nothing cancels out."""
    import numpy as np

    random = generator(f"{name} tried", seed)
    if tensor.initialisation != "constant":
        return initial(name, tensor, seed)
    if tensor.name in ("bias", "running_mean"):
        return random.standard_normal(tensor.shape, np.float32) * np.float32(0.1)
    # a scale that begins at zero ends a residual path; full-sized ones would amplify rounding with every block
    least, spread = (0.5, 1.0) if tensor.fill else (0.1, 0.2)
    return np.float32(least) + np.float32(spread) * random.random(tensor.shape, np.float32)


def generator(name: str, seed: int) -> np.random.Generator:
    """A generator of its own for each name, so that no tensor's value depends on another's."""
    import numpy as np

    words = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype="<u4")
    return np.random.Generator(np.random.SFC64([seed, *words.tolist()]))
