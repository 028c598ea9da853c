"""Two forms of a network, layer by layer: each ONNX layer takes in the other's own values, so no rounding adds up.

A layer is then off by a few units in the last place however deep the network is, and the first that is off by more is
where the two part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from resnet_compiler.graph import INPUT, Graph, Node
from resnet_compiler.interface import OUTPUT
from resnet_compiler.operators.arithmetic import Parameter
from resnet_compiler.runtime.onnx_layers import LayerwiseModel
from resnet_compiler.runtime.verdict import Parting
from resnet_compiler.weights import Array

if TYPE_CHECKING:
    import onnx

    from resnet_compiler.runtime.recording import Recording

LAYER_TOLERANCE = 1e-5
"""How far one layer in float32 may be off, relative to its greatest magnitude."""
ROUNDINGS = 50
"""How many times the effect of one rounding of its inputs a layer may be off: a variance subtracts nearly equal sums."""
SAMPLES = 64


def first_parting(
    graph: Graph, model: onnx.ModelProto, source: Recording, image: Array
) -> tuple[Parting | None, int]:
    """The first layer at which an ONNX model and the source part, and how many layers were compared.

    A layer that is a module of the source is compared with what that module gave. For a function in `forward`, such as an
    add, any value that the source computed will do: a wrong one gives a value that is nowhere.

    Args:
        graph: what both were made from.
        model: the ONNX, plain float32, its weights inside and its layers under their names.
        source: what the source computed, in float64.
        image: what it computed that from.
    """
    layers = LayerwiseModel(model)
    pool = Pool([image, *source.functions, *(v for m in source.modules.values() for v in m)])
    values: dict[str, Array] = {INPUT: image}
    why = f"in the source, which stopped: {source.failure}" if source.failure else ""
    compared = 0
    for node in graph:
        if isinstance(node.operator, Parameter):
            continue
        name = value_name(graph, node.name)
        called = source.modules.get(node.name, [])
        theirs = called[0] if len(called) == 1 else None
        if not layers.has(name):  # a layer that does nothing at inference has no ONNX node
            if not node.operator.is_identity(graph.input_shapes(node)):
                return Parting(node.name, node.operator.word, "the ONNX lacks it"), compared
            passed = values[value_name(graph, node.inputs[0])]
            if theirs is not None and not _alike(passed, theirs):
                return parted(node.name, node.operator.word, passed, theirs, why), compared
            values[name] = passed
            continue
        compared += 1
        try:
            ours, again = layers.run(name, values)
        except Exception as reason:  # whatever a wrong model makes ONNX Runtime say
            return cannot_run(node.name, node.operator.word, reason), compared
        if theirs is None or (not _alike(ours, theirs) and not _has_tensors(graph, node)):
            near = pool.nearest(ours)
            theirs = near if theirs is None or (near is not None and _alike(ours, near)) else theirs
        far = float("inf") if theirs is None else relative(ours, theirs)
        if theirs is None or (far > LAYER_TOLERANCE and far > allowed(again, ours)):
            return parted(node.name, node.operator.word, ours, theirs, why), compared
        values[name] = theirs
    return None, compared


def value_name(graph: Graph, node: str) -> str:
    """The name of a node's value in a plain ONNX model."""
    if node == graph.output:
        return OUTPUT
    return f"{OUTPUT}.value" if node == OUTPUT else node


@dataclass
class Pool:
    """Values that were computed, to be found by what they are."""

    values: Iterable[Array]
    _by_shape: dict[tuple[int, ...], list[Array]] = field(default_factory=dict)
    _samples: dict[tuple[int, ...], Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in self.values:
            self._by_shape.setdefault(value.shape, []).append(value)

    def nearest(self, value: Array) -> Array | None:
        """The value of the same shape that is nearest, at some places and then as a whole; None where there is none."""
        import numpy as np

        known = self._by_shape.get(value.shape)
        if not known or not value.size:
            return None
        places = np.linspace(0, value.size - 1, SAMPLES).astype(np.int64)
        if value.shape not in self._samples:
            taken = [np.asarray(each).reshape(-1)[places] for each in known]
            self._samples[value.shape] = np.stack(taken)
        apart = np.abs(self._samples[value.shape] - value.reshape(-1)[places]).max(1)
        best = np.argsort(np.where(np.isfinite(apart), apart, np.inf), kind="stable")[:4]
        return min((known[int(at)] for at in best), key=lambda each: relative(value, each))


def relative(ours: Array, theirs: Array) -> float:
    """The greatest difference, relative to the greatest magnitude of the second; infinite where one is not finite."""
    import numpy as np

    wide = np.asarray(theirs, np.float64)
    if ours.shape != wide.shape:
        return float("inf")
    if not wide.size:
        return 0.0
    with np.errstate(all="ignore"):
        absolute = float(np.abs(ours - wide).max())
        magnitude = float(np.abs(wide).max())
    if not np.isfinite(absolute):
        return float("inf")
    return absolute / magnitude if magnitude else absolute


def _alike(ours: Array, theirs: Array, tolerance: float = LAYER_TOLERANCE) -> bool:
    return relative(ours, theirs) <= tolerance


def _has_tensors(graph: Graph, node: Node) -> bool:
    return bool(node.operator.tensors(graph.input_shapes(node)))


def _moved(values: Array) -> Array:
    """The values, each moved by about one rounding of float32."""
    import numpy as np

    if values.dtype.kind != "f":
        return values
    signs = np.random.default_rng(0).choice([-1.2e-7, 1.2e-7], values.shape)
    return np.asarray(values * (1 + signs))


def allowed(again: Callable[[Callable[[Array], Array]], Array], ours: Array) -> float:
    """How far a layer may be off where one rounding of what it takes in changes it much; 0 where that is not finite."""
    change = relative(again(_moved), ours)
    return ROUNDINGS * change if isfinite(change) else 0.0


def cannot_run(name: str, word: str, reason: Exception) -> Parting:
    """What there is to say of a layer that ONNX Runtime does not run."""
    line = str(reason).strip().splitlines()[0][:300]
    return Parting(name, word, f"ONNX Runtime cannot run it: {line}")


def parted(name: str, word: str, ours: Array, theirs: Array | None, why: str) -> Parting:
    """What there is to say of a layer: the place where its two values are furthest apart.

    Args:
        name: the layer's.
        word: its operator's.
        ours: the ONNX layer's value.
        theirs: the other; None where there is none.
        why: where the other is from; the source by default.
    """
    import numpy as np

    if theirs is None or theirs.shape != ours.shape:
        shape = " × ".join(map(str, ours.shape))
        other = "nothing of that shape" if theirs is None else " × ".join(map(str, theirs.shape))
        return Parting(name, word, f"{shape} in the ONNX, {other} {why or 'in the source'}")
    with np.errstate(all="ignore"):
        apart = np.abs(np.asarray(ours, np.float64) - theirs)
    apart[~np.isfinite(apart)] = np.inf
    index = tuple(int(each) for each in np.unravel_index(int(apart.argmax()), apart.shape))
    values = float(ours[index]), float(theirs[index])
    return Parting(name, word, why, relative(ours, theirs), index, *values)


__all__ = [
    "LAYER_TOLERANCE",
    "Pool",
    "allowed",
    "cannot_run",
    "first_parting",
    "parted",
    "relative",
    "value_name",
]
