"""HLUP (paper 003, Eq. 4): cross-entropy of the product along a node's path, exact and in O(depth).

With S = Σ log σ(y_j) over the path A(m), the node itself included, p = e^S and

    loss = −z S − (1 − z) T,        T = log(1 − e^S).

T is log1p(−e^S) as long as S < −ln 2. Closer to 0 that form loses its digits, and beyond logits of about 100
its value; there 1 − Π p_j = Σ_i (1 − p_i) Π_{j<i} p_j gives

    T = LSE_i [ log σ(−y_i) + Σ_{j<i} log σ(y_j) ].

Both are sums along the path, so a node takes its parent's and adds one term. The paper's own form (Eq. 5–7)
sums over the powerset of A(m): the same value, in O(2^depth).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from .forest import ROOT, Forest
from .precision import in_full

Value = TypeVar("Value")
_SWITCH = -math.log(2.0)
_LINEAR = 40.0
"""Beyond this softplus is its argument, in float64 too."""


def descend(forest: Forest, top: Callable[[int], Value], below: Callable[[int, Value], Value]) -> list[Value]:
    """Give every node a value: ``top(node)`` at the top, ``below(node, its parent's)`` elsewhere."""
    found: dict[int, Value] = {}
    for node in forest.order:
        parent = forest.parents[node]
        found[node] = top(node) if parent == ROOT else below(node, found[parent])
    return [found[node] for node in range(len(forest))]


def log_probabilities(logits: Tensor, forest: Forest) -> Tensor:
    """S: the logarithm of every node's unconditional probability, ``(n, M)``; never rises down the tree."""
    with in_full(logits) as y:
        on = functional.logsigmoid(y).unbind(dim=1)
        return torch.stack(descend(forest, on.__getitem__, lambda m, above: above + on[m]), dim=1)


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
        s, t = log_pair(y, forest)
        return -torch.where(labels > 0, s, t)


def unconditional_logits(logits: Tensor, forest: Forest) -> Tensor:
    """Logits S − T of the unconditional probabilities, ``(n, M)``: for losses and heads that take logits."""
    with in_full(logits) as y:
        s, t = log_pair(y, forest)
        return s - t


def log_pair(y: Tensor, forest: Forest) -> tuple[Tensor, Tensor]:
    """S = log p and T = log(1 − p) of every node's unconditional probability, ``(n, M)`` each."""
    rows = y.T.contiguous()  # a node's values lie together
    # Not logsigmoid, which ONNX only has as the logarithm of a sigmoid.
    on, off = ((-functional.softplus(sign * rows, threshold=_LINEAR)).unbind() for sign in (-1, 1))

    # LSE as its largest term and the sum of all over that. torch.logsumexp's gradient divides by e^LSE,
    # which has lost four digits at logits of 10⁴; this one's does not.
    def top(m: int) -> tuple[Tensor, Tensor, Tensor]:
        return on[m], off[m].detach(), torch.exp(off[m] - off[m].detach())

    def below(m: int, above: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        s, most, total = above
        term = s + off[m]
        larger = torch.maximum(most, term.detach())
        return s + on[m], larger, total * torch.exp(most - larger) + torch.exp(term - larger)

    s, most, total = (torch.stack(part) for part in zip(*descend(forest, top, below), strict=True))
    far = s < _SWITCH
    # A branch that is not taken gets a harmless value, so that it sends no NaN back.
    smooth = torch.log1p(-torch.exp(torch.where(far, s, 2 * _SWITCH)))
    return s.T, torch.where(far, smooth, most + torch.log(total)).T
