"""HLCP (paper 003, Eq. 2): every node learns from the images whose parent holds."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .forest import ROOT, Forest
from .precision import in_full


def hlcp(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Cross-entropy of P(m | parent), 0 where the parent does not hold.

    1[z_parent = 1] · CE(z_m, σ(y_m)); a node at the top always counts. The loss of an image is the sum over
    its nodes.

    Parameters
    ----------
    logits
        y, ``(n, M)``; half precision is brought to float32, also under autocast.
    labels
        z, ``(n, M)``, zeros and ones.
    forest
        The M nodes.

    Returns
    -------
    Tensor
        ``(n, M)``.
    """
    with in_full(logits) as y:
        z = labels.to(y.dtype)
        parents = torch.tensor(forest.parents, device=y.device)
        counts = torch.where(parents == ROOT, 1.0, z[:, parents.clamp(min=0)])
        return counts * functional.binary_cross_entropy_with_logits(y, z, reduction="none")
