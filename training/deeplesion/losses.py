"""What a detector learns from boxes: two classification and two regression losses (paper 004, §2.3).

Rules and numbers are those of S. Ren et al. (NIPS 2015, §3.1.2-3.1.3) and R. Girshick (ICCV 2015, §2.3),
but for 32 proposals a slice (paper 004, §3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lesionscope.models.detector.boxes import encode, iou
from lesionscope.models.detector.network import HEAD_SCALE, Detector

ANCHOR_IS, ANCHOR_IS_NOT = 0.7, 0.3
"""Overlap from which an anchor is a lesion's, and below which it is none's; those between teach nothing."""
ANCHORS, ANCHOR_SHARE = 256, 0.5
"""Anchors that a slice teaches by, and how many of them are lesions' at most."""
PROPOSAL_IS = 0.5
PROPOSALS, PROPOSAL_SHARE = 32, 0.25
BEFORE_NMS = 1000
"""Proposals that suppression compares before these are drawn: half of a search's, a quarter of the work."""
RPN_BETA, HEAD_BETA = 1 / 9, 1.0
"""Where the smooth L1 loss turns from a square to a line."""


@dataclass(frozen=True)
class Losses:
    """The four of a batch, each the mean over its slices."""

    rpn_score: Tensor
    rpn_box: Tensor
    score: Tensor
    box: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return self.rpn_score + self.rpn_box + self.score + self.box


def detector_losses(
    detector: Detector,
    slices: Tensor,
    truths: Sequence[Tensor],
    categories: Sequence[Tensor],
    generator: torch.Generator,
) -> Losses:
    """Return the losses of a batch.

    Parameters
    ----------
    detector
        In training.
    slices
        ``(n, 3, rows, columns)``.
    truths
        Each slice's boxes ``(g, 4)``.
    categories
        Their categories, 0…C-1, int64 ``(g,)``.
    generator
        Draws the anchors and proposals that count; on the CPU.
    """
    size = (slices.shape[2], slices.shape[3])
    maps = detector.maps(slices)
    placed = detector.anchors_of(maps)
    rpn, chosen = [], []
    for logits, deltas, truth, kinds in zip(*detector.propose_all(maps), truths, categories, strict=True):
        rpn.append(rpn_loss(logits, deltas, placed, truth, size, generator))
        proposals = detector.proposals(logits, deltas, placed, size, BEFORE_NMS)
        chosen.append(choose_proposals(proposals, truth, kinds, generator))
    boxes, classes, targets = (torch.cat(parts) for parts in zip(*chosen, strict=True))
    counts = torch.tensor([len(part[0]) for part in chosen])
    which = torch.repeat_interleave(torch.arange(len(chosen)), counts).to(boxes.device)
    rpn_score, rpn_box = (torch.stack(parts).mean() for parts in zip(*rpn, strict=True))
    return Losses(rpn_score, rpn_box, *head_loss(*detector.judge(maps, boxes, which), classes, targets))


def label_anchors(placed: Tensor, truth: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Say which anchors are lesions'.

    An anchor is a lesion's if it overlaps it by 0.7, or as much as any anchor does; it is none's if it
    overlaps none by 0.3. One that reaches over the slice's edge teaches nothing.

    Parameters
    ----------
    placed
        Anchors ``(a, 4)``.
    truth
        Lesions' boxes ``(g, 4)``.
    size
        The slice's rows and columns.

    Returns
    -------
    tuple
        1, 0, or -1 for those that teach nothing, int64 ``(a,)``; the lesion that each overlaps most ``(a,)``.
    """
    last = placed.new_tensor([size[1] - 1, size[0] - 1])
    inside = (placed[:, :2] >= 0).all(dim=1) & (placed[:, 2:] <= last).all(dim=1)
    if not len(truth):
        return torch.where(inside, 0, -1), torch.zeros_like(inside, dtype=torch.int64)
    overlaps = iou(placed, truth) * inside[:, None]
    most, lesion = overlaps.max(dim=1)
    labels = torch.full_like(lesion, -1)
    labels[most < ANCHOR_IS_NOT] = 0
    best = overlaps.max(dim=0).values
    is_best = (overlaps == best) & (overlaps > 0)
    labels[is_best.any(dim=1)] = 1
    labels[most >= ANCHOR_IS] = 1
    labels[~inside] = -1
    # An anchor that is the best of a lesion teaches that one's box, even if it overlaps another's more.
    own = is_best.float().argmax(dim=1)
    return labels, torch.where(is_best.any(dim=1) & (most < ANCHOR_IS), own, lesion)


def rpn_loss(
    logits: Tensor,
    deltas: Tensor,
    placed: Tensor,
    truth: Tensor,
    size: tuple[int, int],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Return a slice's two losses of the region proposal network, a mean over the anchors drawn."""
    labels, lesion = label_anchors(placed, truth, size)
    is_lesion, is_none = draw(labels == 1, labels == 0, ANCHORS, ANCHOR_SHARE, generator)
    drawn = torch.cat([is_lesion, is_none])
    count = max(1, len(drawn))
    score = functional.binary_cross_entropy_with_logits(
        logits[drawn], labels[drawn].to(logits.dtype), reduction="sum"
    )
    wanted = encode(truth[lesion[is_lesion]], placed[is_lesion])
    box = functional.smooth_l1_loss(deltas[is_lesion], wanted, reduction="sum", beta=RPN_BETA)
    return score / count, box / count


def choose_proposals(
    proposals: Tensor, truth: Tensor, categories: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the proposals of a slice that the head learns from; lesions' own boxes are among them.

    Returns
    -------
    tuple
        Boxes ``(p, 4)``; classes, 0 for none and 1 + category, ``(p,)``; regression wanted, in the head's
        units, ``(p, 4)``, of no meaning for class 0.
    """
    every = torch.cat([truth, proposals])
    if not len(truth):
        none = torch.zeros(len(every), dtype=torch.bool, device=every.device)
        boxes = every[draw(none, ~none, PROPOSALS, PROPOSAL_SHARE, generator)[1]]
        return boxes, categories.new_zeros(len(boxes)), torch.zeros_like(boxes)
    most, lesion = iou(every, truth).max(dim=1)
    is_lesion, is_none = draw(most >= PROPOSAL_IS, most < PROPOSAL_IS, PROPOSALS, PROPOSAL_SHARE, generator)
    drawn = torch.cat([is_lesion, is_none])
    classes = categories[lesion[drawn]] + 1
    classes[len(is_lesion) :] = 0
    wanted = encode(truth[lesion[drawn]], every[drawn]) / every.new_tensor(HEAD_SCALE)
    return every[drawn], classes, wanted


def head_loss(logits: Tensor, deltas: Tensor, classes: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return the head's two losses, a mean over the proposals drawn.

    Parameters
    ----------
    logits, deltas
        What the head says: ``(p, 1 + C)`` and ``(p, C, 4)``.
    classes, wanted
        What :func:`choose_proposals` says.
    """
    count = max(1, len(classes))
    score = functional.cross_entropy(logits, classes, reduction="sum")
    is_lesion = torch.nonzero(classes)[:, 0]
    own = deltas[is_lesion, classes[is_lesion] - 1]
    box = functional.smooth_l1_loss(own, wanted[is_lesion], reduction="sum", beta=HEAD_BETA)
    return score / count, box / count


def draw(
    positive: Tensor, negative: Tensor, count: int, share: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw at most ``count`` places, of which positive ones are a share at most; negative ones fill it up."""

    def some(mask: Tensor, most: int) -> Tensor:
        places = torch.nonzero(mask)[:, 0]
        order = torch.randperm(len(places), generator=generator)[:most]
        return places[order.to(places.device)]

    is_lesion = some(positive, int(count * share))
    return is_lesion, some(negative, count - len(is_lesion))
