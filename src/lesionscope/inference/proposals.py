"""What lies between a detector's two graphs and after the second: arithmetic on boxes, with NumPy alone.

The same as ``models/detector`` does with torch, which takes seconds to import. Boxes are x0, y0, x1, y1 in
pixels, float32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesionscope.inference.linking import overlap
from lesionscope.models.detector.spec import LARGEST_LOG, RATIOS, SIZES
from lesionscope.models.detector_package import DetectionRules

Singles = NDArray[np.float32]
Whole = NDArray[np.intp]


def anchors(height: int, width: int, stride: int) -> Singles:
    """Return the anchors of a map ``(height · width · 9, 4)``, row by row, all nine of a cell together."""
    size = np.array(SIZES, dtype=np.float32)[:, None]
    root = np.sqrt(np.array(RATIOS, dtype=np.float32))
    half = np.stack([size / root, size * root], axis=2).reshape(-1, 2) / 2
    around = np.concatenate([-half, half], axis=1)
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    centres = np.stack([x, y, x, y], axis=2).reshape(-1, 1, 4) * stride + (stride - 1) / 2
    return np.asarray((centres + around).reshape(-1, 4), dtype=np.float32)


def decode(deltas: Singles, boxes: Singles, size: tuple[int, int]) -> Singles:
    """Return boxes ``(n, 4)`` moved and sized by regression's ``(n, 4)``, clipped to rows and columns."""
    sides = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + deltas[:, :2] * sides
    half = np.exp(np.minimum(deltas[:, 2:], LARGEST_LOG)) * sides / 2
    last = np.array([size[1] - 1, size[0] - 1] * 2, dtype=np.float32)
    moved = np.clip(np.concatenate([centre - half, centre + half], axis=1), 0, last)
    return np.asarray(moved, dtype=np.float32)


def best_first(scores: NDArray[np.float32]) -> Whole:
    """Return where scores lie from the best down; of equal ones the earlier is better."""
    return np.argsort(-scores, kind="stable")


def suppressed(boxes: Singles, scores: Singles, threshold: float, most: int) -> Whole:
    """Return the numbers of at most ``most`` boxes that greedy suppression leaves, best first.

    A box that is left suppresses all after it that overlap it by more than the threshold.
    """
    left, exact = best_first(scores), boxes.astype(np.float64)
    kept: list[np.intp] = []
    while len(left) and len(kept) < most:
        kept.append(left[0])
        others = left[1:]
        left = others[overlap(exact[left[0]], exact[others]) <= threshold]
    return np.array(kept, dtype=np.intp)


def propose(
    logits: Singles,
    deltas: Singles,
    stride: int,
    maps: tuple[int, int],
    size: tuple[int, int],
    by: DetectionRules,
) -> Singles:
    """Return proposals ``(p, 4)``, the best first.

    Parameters
    ----------
    logits, deltas
        Every anchor's, ``(a,)`` and ``(a, 4)``.
    stride
        Pixels of the picture a pixel of the maps.
    maps, size
        Rows and columns of the maps, and of the picture.
    by
        How many, and how different.
    """
    best = best_first(logits)[: by.before_nms]
    boxes = decode(deltas[best], anchors(*maps, stride)[best], size)
    large = (boxes[:, 2:] - boxes[:, :2] >= by.shortest).all(axis=1)
    boxes, worth = boxes[large], logits[best][large]
    return boxes[suppressed(boxes, worth, by.proposal_nms, by.after_nms)]


def judge(
    boxes: Singles, logits: Singles, deltas: Singles, size: tuple[int, int], least: float, by: DetectionRules
) -> tuple[Singles, Singles, Whole]:
    """Return what is left of judged proposals, best first: boxes ``(n, 4)``, scores and categories ``(n,)``.

    Parameters
    ----------
    boxes
        The proposals ``(p, 4)``.
    logits, deltas
        The head's, ``(p, 1 + C)``, none first, and ``(p, C, 4)``.
    size
        Rows and columns of the picture.
    least
        Score that a box needs.
    by
        How many, and how different: within a category.
    """
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = (powers / powers.sum(axis=1, keepdims=True))[:, 1:]
    scaled = deltas * np.array(by.head_scale, dtype=np.float32)
    parts = []
    for category in range(scores.shape[1]):
        good = scores[:, category] > least
        own, there = scores[good, category], decode(scaled[good, category], boxes[good], size)
        kept = suppressed(there, own, by.final_nms, by.most)
        parts.append((there[kept], own[kept], np.full(len(kept), category, dtype=np.intp)))
    every = [np.concatenate(values) for values in zip(*parts, strict=True)]
    best = best_first(every[1])[: by.most]
    return every[0][best], every[1][best], every[2][best]
