"""WARP, the weighted approximate-rank pairwise loss (J. Weston et al., 2011; Y. Gong et al. [14]).

Table 1's second row. "We defined that fine-grained labels should rank higher than coarse-scale ones if
they are all positive" (§5.4): a positive label shall stand above the lesion's negative ones *and* above
the positive ones that it implies.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MARGIN = 1.0


def warp_loss(scores: Tensor, targets: Tensor, known: Tensor, ancestors: Tensor) -> Tensor:
    """Return the mean over positive pairs of Φ(v) · mean over violators of their hinge.

    A violator of a positive p is a label n that shall stand below it and has s_n + 1 > s_p; v is their
    number, Φ(v) = Σ_{j ≤ v} 1/j. The papers guess v by drawing labels until one violates; with 171 labels
    they can all be looked at [choice].

    Parameters
    ----------
    scores, targets
        s and y, ``(B, C)``.
    known
        Pairs that count, ``(B, C)``.
    ancestors
        Whether a row's label implies a column's, ``(C, C)``.
    """
    positive = (targets > 0) & known.bool()
    below = (known.bool() & (targets <= 0))[:, None, :] | (positive[:, None, :] & ancestors.bool())
    below = below & positive[:, :, None]
    hinge = functional.relu(MARGIN + scores[:, None, :] - scores[:, :, None])
    violating = below & (hinge > 0)
    count = violating.sum(dim=2)
    harmonic = torch.arange(1, scores.shape[1] + 1, device=scores.device, dtype=scores.dtype)
    phi = functional.pad(harmonic.reciprocal().cumsum(0), (1, 0))[count]
    loss = (hinge * violating).sum(dim=2) * phi / count.clamp(min=1)
    return loss.sum() / positive.sum().clamp(min=1)
