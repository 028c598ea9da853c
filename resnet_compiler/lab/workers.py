"""The processes of a run: one, or those that torchrun started, with what they tell each other."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from resnet_compiler.lab import LabError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workers:
    """This process among those of the run: its number, how many there are, and its device."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that reads and writes the run's files."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's part of a batch; every process has as many images."""
        size = batch // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum of a tensor over all processes, in each of them. With one process it is the tensor itself."""
        if self.count == 1:
            return tensor
        import torch.distributed as dist

        total = tensor.clone()
        dist.all_reduce(total)
        return total

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Give all processes the values that the first one has, in place."""
        if self.count > 1:
            import torch.distributed as dist

            for tensor in tensors:
                # what is sent has to lie in order, and weights are channels-last
                sent = tensor.detach().contiguous()
                dist.broadcast(sent, 0)
                tensor.detach().copy_(sent)

    def agree(self, value: T) -> T:
        """What the first process has, in all of them. It is pickled, between processes of one run alone."""
        if self.count == 1:
            return value
        import torch.distributed as dist

        values = [value]
        dist.broadcast_object_list(values, 0)
        return values[0]

    def joined(self, network: nn.Module) -> nn.Module:
        """The network as it is trained: on one process itself, on several in DistributedDataParallel.

        Batch norms take the statistics of the whole batch on CUDA (SyncBatchNorm). On the CPU, where torch has no such
        norm, each process takes those of its share, and the running ones are the first process's.
        """
        if self.count == 1:
            return network
        from torch import nn
        from torch.nn.parallel import DistributedDataParallel

        if self.device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
            return DistributedDataParallel(network, device_ids=[self.device.index])
        return DistributedDataParallel(network)


@contextmanager
def started(device: str) -> Iterator[Workers]:
    """The processes, ready to talk to each other, until the block ends. By then no network may be left that was wrapped.

    Args:
        device: `cpu`, `cuda`, or `auto`: cuda where there is one.

    Raises:
        LabError: there is no such device.
    """
    import torch

    kind = device
    if device == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise LabError("torch finds no CUDA device: use --device cpu, or install torch for CUDA")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Workers(0, 1, torch.device(kind, 0) if kind == "cuda" else torch.device(kind))
        return
    import torch.distributed as dist
    import torch.distributed.nn  # loaded after the group is made, its functions would hold on to it

    here = torch.device(kind)
    if kind == "cuda":
        here = torch.device(kind, int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(here)
    dist.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Workers(dist.get_rank(), dist.get_world_size(), here)
    except BaseException as reason:
        traceback.clear_frames(reason.__traceback__)  # its frames hold on to the network
        raise
    finally:
        # the group is to end here and not with a DistributedDataParallel that knows it: the threads that end with it may
        # wait for the interpreter, which only the call lets go of
        gc.collect()
        dist.destroy_process_group()
