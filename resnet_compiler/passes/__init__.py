"""Passes over the graph, a file each, for a network that is to be run and no longer trained.

A pass is a pure function from a graph to a graph and to how the new graph's tensors follow from the old one's
(`base.Pass`). It is verified around each pass that nothing is left of what one takes out.
"""

from __future__ import annotations

from resnet_compiler.passes.base import Derive, Pass, run, unchanged
from resnet_compiler.passes.drop_identities import drop_identities
from resnet_compiler.passes.fold_batch_norm import fold_batch_norm
from resnet_compiler.passes.fold_leading_batch_norm import fold_leading_batch_norm
from resnet_compiler.passes.fuse_convolutions import fuse_convolutions
from resnet_compiler.passes.standardize_weights import standardize_weights

PIPELINE: tuple[Pass, ...] = (
    drop_identities,  # first, so that no dropout stands between a convolution and its norm
    standardize_weights,  # a norm is folded into plain convolutions only
    fold_batch_norm,
    fold_leading_batch_norm,
)
"""What `fold` runs, in this order."""

INFERENCE: tuple[Pass, ...] = (drop_identities, fuse_convolutions)
"""What stands behind the source for inference: it folds when it loads, so no pass does it before."""

__all__ = ["INFERENCE", "PIPELINE", "Derive", "Pass", "run", "unchanged"]
