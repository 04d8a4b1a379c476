"""Full precision for sums of logarithms, whatever the network computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def in_full(logits: Tensor) -> Iterator[Tensor]:
    """Give logits in float32 (float64 stays), with autocast switched off as long as the block lasts."""
    half = logits.dtype in (torch.float16, torch.bfloat16)
    with torch.autocast(logits.device.type, enabled=False):
        yield logits.float() if half else logits
