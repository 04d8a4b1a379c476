"""Boxes: how far they overlap, clipping, regression targets, non-maximum suppression.

After S. Ren et al., *Faster R-CNN* (NIPS 2015).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .spec import LARGEST_LOG

BLOCK = 1024
"""Boxes that suppression compares at once: what it needs grows with the boxes, not with their square."""


def areas(boxes: Tensor) -> Tensor:
    """Return the areas ``(n,)`` of boxes ``(n, 4)``; 0 for one that is turned inside out."""
    return (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(dim=1)


def iou(one: Tensor, other: Tensor) -> Tensor:
    """Return intersection over union ``(n, m)`` of boxes ``(n, 4)`` and ``(m, 4)``; 0 without area."""
    shared = _shared(one, other, 0) * _shared(one, other, 1)
    union = areas(one)[:, None] + areas(other) - shared
    return torch.where(union > 0, shared / union, 0.0)


def _shared(one: Tensor, other: Tensor, axis: int) -> Tensor:
    """Return how long boxes are together along an axis, ``(n, m)``."""
    low = torch.maximum(one[:, None, axis], other[:, axis])
    return torch.minimum(one[:, None, axis + 2], other[:, axis + 2]).sub_(low).clamp_(min=0)


def clip(boxes: Tensor, height: int, width: int) -> Tensor:
    """Return boxes ``(…, 4)`` moved onto a slice: between the centres of its outermost pixels."""
    return boxes.clamp(min=0).minimum(boxes.new_tensor([width - 1, height - 1] * 2))


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return what regression must give for anchors to become boxes (Eq. 2), ``(n, 4)`` for ``(n, 4)`` each.

    Both need a positive width and height.
    """
    size, anchor_size = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    moved = (boxes[:, :2] + boxes[:, 2:] - anchors[:, :2] - anchors[:, 2:]) / 2
    return torch.cat([moved / anchor_size, torch.log(size / anchor_size)], dim=1)


def decode(deltas: Tensor, anchors: Tensor) -> Tensor:
    """Return anchors ``(n, 4)`` moved and sized by regression's ``(n, 4)``: undoes :func:`encode`."""
    anchor_size = anchors[:, 2:] - anchors[:, :2]
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2 + deltas[:, :2] * anchor_size
    half = torch.exp(deltas[:, 2:].clamp(max=LARGEST_LOG)) * anchor_size / 2
    return torch.cat([centre - half, centre + half], dim=1)


def nms(boxes: Tensor, scores: Tensor, threshold: float, most: int | None = None) -> Tensor:
    """Return the numbers of the boxes that greedy non-maximum suppression leaves, best first.

    From the best down, a box that is left suppresses all after it that overlap it by more than a
    threshold; of equal scores the earlier is better.

    Parameters
    ----------
    boxes
        ``(n, 4)``.
    scores
        ``(n,)``.
    threshold
        Intersection over union that two boxes that are left may have.
    most
        Stop when so many are left.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    kept = order[:0]
    for block in order.split(BLOCK):
        free = block[~(iou(boxes[kept], boxes[block]) > threshold).any(dim=0)]
        # The greedy part is one short row after the other: quicker off the accelerator.
        suppresses = (iou(boxes[free], boxes[free]) > threshold).cpu().numpy()
        alive = np.ones(len(free), dtype=np.bool_)
        for row, own in enumerate(suppresses):
            if alive[row]:
                alive[row + 1 :] &= ~own[row + 1 :]
        kept = torch.cat([kept, free[torch.from_numpy(alive).to(free.device)]])
        if most is not None and len(kept) >= most:
            break
    return kept[:most]
