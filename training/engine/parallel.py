"""Several processes that train as one (``torchrun``): the same losses as a single process.

Each process takes its share of a batch through the network; outputs are then gathered, so that every
process sees the whole batch's (draws the same hard examples from it, say) and computes the same loss.
Gradients flow through a process's own share alone and are summed over processes. Batch normalisation
takes its statistics from the whole batch too: torch's SyncBatchNorm on CUDA, and on a CPU, which that can't
do, :class:`AllReduceBatchNorm`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

PATIENCE = timedelta(hours=3)
"""How long processes wait for the first to make the data."""


@dataclass(frozen=True)
class Processes:
    """How many processes train, and which of them this is; one where ``torchrun`` started none."""

    rank: int = 0
    count: int = 1

    def share(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's part of a batch."""
        return np.array_split(rows, self.count)[self.rank]

    def gathered(self, own: Iterable[Tensor]) -> Iterable[Tensor]:
        """Put all processes' parts of each output together; gradients reach this one's own part alone."""
        return own if self.count == 1 else map(self._gathered, own)

    def _gathered(self, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(self.count)]
        distributed.all_gather(parts, own.detach().contiguous())
        parts[self.rank] = own
        return torch.cat(parts)

    def collected(self, own: NDArray[Any]) -> NDArray[Any]:
        """Put all processes' arrays together, in their order."""
        if self.count == 1:
            return own
        parts: list[Any] = [None] * self.count
        distributed.all_gather_object(parts, own)
        return np.concatenate(parts)

    def wrapped(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Return the network that trains: its batch normalisation and gradients span the processes."""
        if self.count == 1:
            return network
        if device.type == "cuda":
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return cast(nn.Module, DistributedDataParallel(network, [device.index]))
        for module in network.modules():
            if type(module) in (nn.BatchNorm2d, nn.BatchNorm3d):
                module.__class__ = AllReduceBatchNorm
        return cast(nn.Module, DistributedDataParallel(network))

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """Let the first process go before the others: what it writes to a cache they then read."""
        if self.rank:
            distributed.barrier()
        yield
        if self.count > 1 and not self.rank:
            distributed.barrier()


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started, for as long as the context lasts."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()


class _Sum(torch.autograd.Function):  # type: ignore[misc]  # torch is opaque to mypy here
    """The sum over processes, of values and of gradients alike."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        total = own.detach().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone()
        distributed.all_reduce(total)
        return total


class AllReduceBatchNorm(_BatchNorm):  # type: ignore[misc]  # torch is opaque to mypy here
    """Batch normalisation over the cases of all processes, on any device."""

    def _check_input_dim(self, x: Tensor) -> None:
        """Take any number of axes after the channels."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``(n, c, …)``."""
        if not self.training:
            normalised: Tensor = super().forward(x)
            return normalised
        kept, x = x.dtype, x if x.dtype == torch.float64 else x.float()
        space = (-1, *(1,) * (x.ndim - 2))
        axes = (0, *range(2, x.ndim))
        count = _Sum.apply(x.new_tensor([x.numel() / x.shape[1]]))
        mean = _Sum.apply(x.sum(dim=axes)) / count
        centred = x - mean.view(space)
        variance = _Sum.apply(centred.square().sum(dim=axes)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale.view(space) + self.bias.view(space)).to(kept)
