"""The paper's anchors (§2.3): three sizes and three shapes at every cell of the feature map.

An anchor of size s and a shape of 1:1, 1:2 or 2:1 covers s² pixels (Ren et al. §3.1.1). A cell of a map
of stride t covers t × t pixels, and its anchors' centre is theirs: between two pixels, as t is even.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .spec import RATIOS, SIZES

PER_CELL = len(SIZES) * len(RATIOS)


def cell_anchors() -> Tensor:
    """Return the anchors around 0, 0: ``(9, 4)``, size by size."""
    size = torch.tensor(SIZES, dtype=torch.float32)[:, None]
    root = torch.tensor(RATIOS, dtype=torch.float32).sqrt()
    half = torch.stack([size / root, size * root], dim=2).reshape(-1, 2) / 2
    return torch.cat([-half, half], dim=1)


def anchors(height: int, width: int, stride: int) -> Tensor:
    """Return the anchors of a map: ``(height · width · 9, 4)``, row by row, all nine of a cell together."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centres = torch.stack([x, y, x, y], dim=2).reshape(-1, 1, 4) * stride + (stride - 1) / 2
    return (centres + cell_anchors()).reshape(-1, 4)
