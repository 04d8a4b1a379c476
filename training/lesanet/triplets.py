"""The multilabel triplet loss (paper 002, §4.4)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TRIPLETS = 5_000
"""T, triplets a batch (§5.2)."""
THRESHOLD = 1.0
"""θ, least similarity of A and B."""
MARGIN = 0.1
"""μ."""


def similarity(targets: Tensor) -> Tensor:
    """sim(A, B) = |X ∩ Y|² / |X ∪ Y| (Eq. 3) of every two lesions, ``(B, C)`` → ``(B, B)`` float64.

    Lesions without any label share nothing: 0.
    """
    y = (targets > 0).double()
    both = y @ y.T
    sizes = y.sum(dim=1)
    return both.square() / (sizes[:, None] + sizes - both).clamp(min=1)


def select_triplets(
    sim: Tensor,
    *,
    count: int = TRIPLETS,
    threshold: float = THRESHOLD,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw anchors A, similar lesions B and dissimilar lesions C.

    A is any lesion; B any other with sim(A, B) ≥ θ, or one of the most similar where there is none, as in
    the authors' code; C any with sim(A, C) < sim(A, B). Where no C is that dissimilar the triplet is left
    out (the authors' code takes a C as similar as B).

    Parameters
    ----------
    sim
        ``(B, B)``; the diagonal is not looked at.
    count, threshold
        T and θ.
    generator
        Where the random numbers come from; on the CPU.

    Returns
    -------
    Tensor
        Rows of A, B, C, int64 ``(at most T, 3)``.
    """
    n = len(sim)
    if n < 3:
        return torch.empty(0, 3, dtype=torch.int64, device=sim.device)
    # Ascending; a lesion itself comes first and is cut off.
    rising, order = sim.clone().fill_diagonal_(-1).sort(dim=1)
    rising, order = rising[:, 1:].contiguous(), order[:, 1:]
    least = rising[:, -1:].clamp(max=threshold)
    candidates = n - 1 - torch.searchsorted(rising, least).squeeze(1)
    draws = torch.rand(3, count, dtype=torch.float64, generator=generator).to(sim.device)
    a = (draws[0] * n).long()
    b = n - 2 - (draws[1] * candidates[a]).long()
    lower = torch.searchsorted(rising, rising)[a, b]
    c = (draws[2] * lower).long()
    triplets = torch.stack([a, order[a, b], order[a, c]], dim=1)
    return triplets[lower > 0]


def triplet_loss(embedding: Tensor, triplets: Tensor, margin: float = MARGIN) -> Tensor:
    """L_triplet = 1/T Σ max(0, d(A, B) − d(A, C) + μ) (Eq. 4), d the L2 distance.

    Parameters
    ----------
    embedding
        ``(B, d)``.
    triplets
        Rows of A, B, C, ``(T, 3)``.
    margin
        μ.

    Returns
    -------
    Tensor
        A number; 0 where there is no triplet.
    """
    if not len(triplets):
        return embedding.sum() * 0
    a, b, c = triplets.T
    apart = distances(embedding)
    return functional.relu(apart[a, b] - apart[a, c] + margin).mean().to(embedding.dtype)


def distances(embedding: Tensor) -> Tensor:
    """L2 distances of every two embeddings by their Gram matrix, ``(B, B)`` float64.

    In double precision, because |x|² + |y|² − 2xy cancels where x and y are close.
    """
    x = embedding.double()
    norms = x.square().sum(dim=1)
    return (norms[:, None] + norms - 2 * x @ x.T).clamp(min=1e-12).sqrt()
