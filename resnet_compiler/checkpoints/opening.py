"""Opening a weights file for a network: what it is, whether it fits, and its tensors one at a time."""

from __future__ import annotations

import pathlib
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager

from resnet_compiler import codes
from resnet_compiler.checkpoints.kinds import kind_of
from resnet_compiler.checkpoints.mismatch import MOST_LINES, differences, layer_of, mismatch
from resnet_compiler.checkpoints.names import without_wrappers
from resnet_compiler.checkpoints.stored import Stored, Tensors, unreadable
from resnet_compiler.checkpoints.variances import refuse_variances
from resnet_compiler.diagnostics import Diagnostic, SpecError, error
from resnet_compiler.graph import Graph
from resnet_compiler.operators.base import Tensor
from resnet_compiler.rehead import head_layers, rehead
from resnet_compiler.support.read import ReadError
from resnet_compiler.weights import Array, initial, tensors


class Checkpoint:
    """The values of a network's tensors, float32, from a file: a `weights.Value`. One is read when it is asked for.

    A value may be a read-only view of the file.
    """

    def __init__(
        self, path: pathlib.Path, stored: Tensors, seed: int, found: tuple[Diagnostic, ...]
    ) -> None:
        self.path, self.seed = path, seed
        self._stored: dict[str, Stored] = dict(stored)
        self._found = found
        self._not_finite: dict[str, int] = {}
        self._is_open = True

    def __call__(self, name: str, tensor: Tensor) -> Array:
        """The value of a tensor by its full name; the initial one of counters and of a new head."""
        if not self._is_open:
            raise ValueError(f"{self.path.as_posix()} is closed")
        if tensor.initialisation == "counter" or name not in self._stored:
            return initial(name, tensor, self.seed)
        read = self._stored[name].read
        assert read is not None
        values = read()
        self._look_at(name, values)
        return values

    def _look_at(self, name: str, values: Array) -> None:
        """Keep a name whose values are not finite; the extremes tell, without a copy."""
        import numpy as np

        if values.size and not (np.isfinite(values.min()) and np.isfinite(values.max())):
            self._not_finite[name] = int(values.size - np.isfinite(values).sum())

    @property
    def findings(self) -> tuple[Diagnostic, ...]:
        """Warnings: a head that is not the file's, and what was not finite of the tensors read so far."""
        if not self._not_finite:
            return self._found
        names = list(self._not_finite.items())
        lines = [f"{name}: {count:,}" for name, count in names[:MOST_LINES]]
        more = [f"and {len(names) - MOST_LINES} more"] if len(names) > MOST_LINES else []
        plural = "tensor holds" if len(names) == 1 else "tensors hold"
        warning = error(
            codes.NOT_FINITE,
            f"{self.path.as_posix()}: {len(names)} {plural} numbers that are not finite in float32",
            notes=["\n  ".join(["how many, by tensor:", *lines, *more])],
            help=["the training diverged, or the file is damaged: outputs will not be numbers"],
            severity="warning",
        )
        return (*self._found, warning)

    def close(self) -> None:
        """Let go of the file. Values that were read stay."""
        self._stored.clear()
        self._is_open = False


@contextmanager
def open_checkpoint(
    path: pathlib.Path,
    graph: Graph,
    *,
    seed: int = 0,
    new_head: bool = False,
    unread: Container[str] = (),
) -> Iterator[Checkpoint]:
    """The weights of a file for a network: safetensors, the index of sharded ones, or a PyTorch checkpoint.

    Args:
        path: the file. What it is, its content tells.
        graph: the network.
        seed: of what is initialised: a new head.
        new_head: whether the head may be another than the file's, as that of `rehead` is. Then it is initialised where
            its number of classes is another, or where the file has none; a warning says so.
        unread: layers that no output reads. What the file lacks of them, or has in another shape, is initialised.

    Raises:
        SpecError: the file cannot be read (RC0510), holds more than weights (RC0511), or other ones (RC0512), or
            variances that no norm can divide by (RC0516).
    """
    wanted = dict(tensors(graph))
    written = _read(path)
    stored = without_wrappers(written, wanted)
    fresh = _fresh_head(graph, wanted, stored) if new_head else ()
    idle = [
        name
        for name, each in wanted.items()
        if layer_of(graph, name) in unread
        and (name not in stored or stored[name].shape != each.shape)
    ]
    made = {*fresh, *idle}
    kept = {name: each for name, each in stored.items() if name not in made}
    needed = {name: each for name, each in wanted.items() if name not in made}
    if differences(needed, kept):
        raise SpecError([mismatch(path, graph, wanted, stored, written)])
    refuse_variances(path, graph, kept, unread)
    found = (_new_head(path, graph, fresh, wanted, stored, seed),) if fresh else ()
    checkpoint = Checkpoint(path, kept, seed, found)
    try:
        yield checkpoint
    finally:
        checkpoint.close()


def check_weights(
    path: pathlib.Path, graph: Graph, *, classes: int | None = None
) -> tuple[Diagnostic, ...]:
    """What there is to say of a weights file for a network, all of its tensors read: never raised.

    ``classes`` gives the network another head before.
    """
    try:
        graph = graph if classes is None else rehead(graph, classes)
        with open_checkpoint(path, graph, new_head=classes is not None) as checkpoint:
            for name, tensor in tensors(graph):
                checkpoint(name, tensor)
            return checkpoint.findings
    except SpecError as failure:
        return failure.diagnostics


def _read(path: pathlib.Path) -> Mapping[str, Stored]:
    try:
        return _tensors_in(path)
    except ReadError as failure:
        raise unreadable(failure.path, failure.reason) from None


def _tensors_in(path: pathlib.Path) -> Mapping[str, Stored]:
    kind = kind_of(path)
    if kind == "safetensors":
        from resnet_compiler.checkpoints.mapped import read_safetensors

        return read_safetensors(path)
    if kind == "index":
        from resnet_compiler.checkpoints.shards import read_index

        return read_index(path)
    from resnet_compiler.checkpoints.pickled import read_checkpoint

    return read_checkpoint(path, kind)


def _fresh_head(graph: Graph, wanted: Mapping[str, Tensor], stored: Tensors) -> tuple[str, ...]:
    """The head's tensors, where the file has none of them, or all of them for another number of classes."""
    layers = head_layers(graph)
    names = [
        name
        for name, tensor in wanted.items()
        if name.rpartition(".")[0] in layers and tensor.initialisation != "counter"
    ]
    there = [name for name in names if name in stored]
    same = all(stored[name].shape == wanted[name].shape for name in there)
    alike = all(stored[name].shape[1:] == wanted[name].shape[1:] for name in there)
    if there and (same or not alike or len(there) < len(names)):
        return ()
    return tuple(names)


def _new_head(
    path: pathlib.Path,
    graph: Graph,
    fresh: tuple[str, ...],
    wanted: Mapping[str, Tensor],
    stored: Tensors,
    seed: int,
) -> Diagnostic:
    layer = graph[head_layers(graph)[0]]
    weight = next(name for name in fresh if name.startswith(f"{layer.name}."))
    theirs = f"{stored[weight].shape[0]:,}" if weight in stored else "none"
    return error(
        codes.NEW_HEAD,
        f"`{layer.name}` is initialised with seed {seed}, not loaded: it has "
        f"{wanted[weight].shape[0]:,} classes here, {theirs} in {path.as_posix()}",
        notes=["all other tensors are loaded"],
        help=["train it before the network is used"],
        severity="warning",
    )
