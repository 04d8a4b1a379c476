"""Relational hard example mining (paper 002, §4.2), and what it is compared with (§5.5).

All take scores *before* score propagation. A pair is a lesion and a label; a reliable one is a
positive, or a label that a positive excludes.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SAMPLES = 10_000
"""S, pairs drawn a batch (§5.2)."""
GAMMA = 2.0
"""γ, the focus on hard pairs (§5.2)."""
OHEM_SHARE = 0.25
"""Share of the pairs that OHEM keeps [choice]: a batch of 128 has about S of them, so S would keep all."""


def reliable_pairs(targets: Tensor, exclusive: Tensor, *, keep_conflicts: bool = False) -> Tensor:
    """Which pairs are reliable: positives, and negatives that a positive excludes.

    Parameters
    ----------
    targets
        Expanded labels ``(B, C)``, 0 or 1.
    exclusive
        Whether two labels exclude each other, ``(C, C)``, symmetric.
    keep_conflicts
        Two positives of a lesion may exclude each other, where the report was misread or speaks of two
        places. ``True`` takes both as reliable, as the authors' code does; else neither is.

    Returns
    -------
    Tensor
        bool ``(B, C)``.
    """
    excluded = (targets.float() @ exclusive.float()) > 0
    return (targets > 0) | excluded if keep_conflicts else (targets > 0) ^ excluded


def difficulty(logits: Tensor, targets: Tensor, pairs: Tensor | None, gamma: float = GAMMA) -> Tensor:
    """δ = |σ − y|^γ (Eq. 2) without gradient, 0 outside ``pairs``; ``(B, C)``."""
    with torch.no_grad():
        delta = (logits.sigmoid() - targets).abs() ** gamma
        return delta if pairs is None else delta * pairs


def rhem_loss(
    logits: Tensor,
    targets: Tensor,
    pairs: Tensor | None,
    *,
    samples: int = SAMPLES,
    gamma: float = GAMMA,
    generator: torch.Generator | None = None,
) -> Tensor:
    """L_CE,RHEM: the mean cross-entropy, without β, of pairs drawn by difficulty with replacement.

    Parameters
    ----------
    logits, targets
        s and y, ``(B, C)``.
    pairs
        Pairs to draw from, see :func:`reliable_pairs`; ``None`` for all: the variant without "reliable".
    samples, gamma
        S and γ.
    generator
        Where the drawing's random numbers come from.

    Returns
    -------
    Tensor
        A number; 0 where no pair is left or all are answered perfectly.
    """
    delta = difficulty(logits, targets, pairs, gamma).flatten()
    if not bool(delta.sum() > 0):
        return logits.sum() * 0
    drawn = torch.multinomial(delta, samples, replacement=True, generator=generator)
    return functional.binary_cross_entropy_with_logits(logits.flatten()[drawn], targets.flatten()[drawn])


def ohem_loss(logits: Tensor, targets: Tensor, pairs: Tensor | None, *, share: float = OHEM_SHARE) -> Tensor:
    """Take OHEM's selection [37] in RHEM's place: the mean loss of the hardest ``share`` of ``pairs``."""
    loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    loss = loss.flatten() if pairs is None else loss[pairs.bool()]
    kept = int(share * len(loss) + 0.5)
    return loss.topk(kept).values.mean() if kept else logits.sum() * 0


def focal_loss(logits: Tensor, targets: Tensor, pairs: Tensor | None, *, gamma: float = GAMMA) -> Tensor:
    """Take the focal loss's reweighting [22] in RHEM's place.

    L = Σ |σ − y|^γ · CE over ``pairs``, divided by the number of positives among them, as [22] does.
    """
    loss = (logits.sigmoid() - targets).abs() ** gamma
    loss = loss * functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    there = torch.ones_like(targets) if pairs is None else pairs.to(targets.dtype)
    return (loss * there).sum() / (targets * there).sum().clamp(min=1)
