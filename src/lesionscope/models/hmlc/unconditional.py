"""HLUP (paper 003, Eq. 4): cross-entropy of the product along a node's path, exact and in O(depth).

With S = Σ log σ(y_j) over the path A(m), the node itself included, p = e^S and

    loss = −z S − (1 − z) T,        T = log(1 − e^S).

T is log1p(−e^S) as long as S < −ln 2. Closer to 0 that form loses its digits, and beyond logits of about 100
its value; there 1 − Π p_j = Σ_i (1 − p_i) Π_{j<i} p_j gives

    T = LSE_i [ log σ(−y_i) + Σ_{j<i} log σ(y_j) ].

The paper's own form (Eq. 5–7) sums over the powerset of A(m): the same value, in O(2^depth).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .forest import Forest
from .precision import in_full

_SWITCH = -math.log(2.0)


def log_probabilities(logits: Tensor, forest: Forest) -> Tensor:
    """S: the logarithm of every node's unconditional probability, ``(n, M)``; never rises down the tree."""
    with in_full(logits) as y:
        return along(functional.logsigmoid(y), forest, 0.0).sum(dim=2)


def hlup(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Cross-entropy of the unconditional probabilities.

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
        ``(n, M)``; the loss of an image is the sum over its nodes. Gradients are finite for any finite logits
        whose sums along a path are.
    """
    with in_full(logits) as y:
        steps = along(functional.logsigmoid(y), forest, 0.0)
        s = steps.sum(dim=2)
        far = s < _SWITCH
        # A branch that is not taken gets a harmless value, so that it sends no NaN back.
        smooth = torch.log1p(-torch.exp(torch.where(far, s, 2 * _SWITCH)))
        above = torch.cumsum(steps, dim=2) - steps
        terms = along(functional.logsigmoid(-y), forest, -math.inf) + above
        terms = torch.where(far[..., None], 0.0, terms)
        # Not torch.logsumexp, whose gradient divides by e^LSE: at logits of 10⁴ that has lost four digits.
        most = terms.amax(dim=2, keepdim=True).detach()
        close = most[..., 0] + torch.log(torch.exp(terms - most).sum(dim=2))
        return -torch.where(labels > 0, s, torch.where(far, smooth, close))


def along(values: Tensor, forest: Forest, beyond: float) -> Tensor:
    """Values ``(n, M)`` along each node's path ``(n, M, depth)``, ``beyond`` after its end."""
    paths = torch.from_numpy(forest.paths).to(values.device)
    return functional.pad(values, (0, 1), value=beyond)[:, paths]
