"""Running variances that a norm cannot divide by: negative past its eps, or not finite."""

from __future__ import annotations

import pathlib
from collections.abc import Container

from resnet_compiler import codes
from resnet_compiler.checkpoints.mismatch import MOST_LINES
from resnet_compiler.checkpoints.stored import Tensors
from resnet_compiler.diagnostics import SpecError, error
from resnet_compiler.graph import Graph
from resnet_compiler.operators.normalization import BatchNorm
from resnet_compiler.weights import Array, owned_tensors

VARIANCE = "running_var"


def refuse_variances(
    path: pathlib.Path, graph: Graph, stored: Tensors, unread: Container[str] = ()
) -> None:
    """Read the running variances of a file, and refuse those that give no number at inference.

    Args:
        path: the file, for the message.
        graph: the network.
        stored: the file's tensors, those of the network by its names.
        unread: layers that no output reads.

    Raises:
        SpecError: a variance and its norm's eps are not more than 0, or not finite (RC0516); every tensor is named, with
            the first channel.
    """
    found = []
    for name, tensor, operator in owned_tensors(graph):
        is_read = name in stored and name.rpartition(".")[0] not in unread
        if tensor.name != VARIANCE or not isinstance(operator, BatchNorm) or not is_read:
            continue
        read = stored[name].read
        assert read is not None
        found += _line(name, read(), operator.eps)
    if not found:
        return
    plural = "tensor holds" if len(found) == 1 else "tensors hold"
    more = [f"and {len(found) - MOST_LINES} more"] if len(found) > MOST_LINES else []
    raise SpecError(
        [
            error(
                codes.NEGATIVE_VARIANCE,
                f"{path.as_posix()}: {len(found)} {plural} variances that no norm can divide by",
                notes=[
                    "\n  ".join(
                        ["a norm divides by √(variance + eps):", *found[:MOST_LINES], *more]
                    )
                ],
                help=[
                    "take an earlier checkpoint: a variance is never negative, so this one is damaged"
                ],
            )
        ]
    )


def _line(name: str, values: Array, eps: float) -> list[str]:
    """What there is to say of one tensor: nothing where all is well."""
    import numpy as np

    with np.errstate(all="ignore"):
        wrong = ~(np.isfinite(values) & (values + np.float32(eps) > 0))
    if not wrong.any():
        return []
    first = int(np.argmax(wrong))
    count = int(wrong.sum())
    others = f", and {count - 1:,} other channel{'s' if count > 2 else ''}" if count > 1 else ""
    return [f"{name}[{first}] is {float(values[first]):.6g}, with eps {eps:g}{others}"]
