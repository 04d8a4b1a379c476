"""The weighted cross-entropy of LesaNet (paper 002, Eq. 1) and its weights.

The paper writes a sum; the authors' code takes the mean over lesions and labels, which is what the triplet
loss's weight λ = 5 fits.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

CLAMP = 300.0
"""β at most (§5.2), of positives alone: that of negatives never gets far from ½."""


def class_weights(positive: NDArray[np.bool_], clamp: float = CLAMP) -> tuple[Tensor, Tensor]:
    """Weights β⁺ = n/(2P) and β⁻ = n/(2N) a label (§4.1), float32 ``(C,)``.

    Parameters
    ----------
    positive
        The training set's labels, ``(n, C)``.
    clamp
        Highest β⁺; that of a label that never occurs, too.
    """
    n = len(positive)
    p = positive.sum(axis=0)
    beta_pos = np.minimum(clamp, n / (2 * np.maximum(p, 1e-9)))
    beta_neg = n / (2 * np.maximum(n - p, 1))
    return torch.from_numpy(beta_pos.astype(np.float32)), torch.from_numpy(beta_neg.astype(np.float32))


def weighted_bce(
    logits: Tensor, targets: Tensor, weights: Tensor | None, beta_pos: Tensor, beta_neg: Tensor
) -> Tensor:
    """L_WCE (Eq. 1), for scores before or after propagation.

    L = −1/(BC) · Σ_ic w_ic (β⁺_c y_ic log σ(s_ic) + β⁻_c (1 − y_ic) log(1 − σ(s_ic)))

    Parameters
    ----------
    logits, targets
        s and y, ``(B, C)``.
    weights
        w, ``(B, C)``: 0 for pairs that say nothing, as the unexpanded parents of an uncertain label; they
        count in BC all the same. ``None`` for 1.
    beta_pos, beta_neg
        β⁺ and β⁻, ``(C,)``; see :func:`class_weights`.
    """
    beta = torch.where(targets > 0, beta_pos, beta_neg)
    loss = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none") * beta
    return (loss if weights is None else loss * weights).mean()
