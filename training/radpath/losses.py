"""Class-weighted cross-entropy per head (paper 000, §2.3).

"We use cross entropy loss with class-imbalance weights allocated for each head";
"loss is ignored for a certain hierarchy if the target class is not in the
hierarchy" (§2.2), which a leaky head never does.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lesionscope.ontology.tree import PathologyTree

IGNORE = -1
"""Target of a case that a head has no answer for."""


def head_targets(tree: PathologyTree, leaves: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Leaf indices ``(n,)`` → target index of each head ``(n,)``, :data:`IGNORE` where there is none."""
    result: dict[str, NDArray[np.int64]] = {}
    for head in tree.heads:
        table = [tree.target(leaf, head) for leaf in tree.leaves]
        by_leaf = np.array([IGNORE if target is None else target for target in table], dtype=np.int64)
        result[head.name] = by_leaf[leaves]
    return result


def class_weights(tree: PathologyTree, targets: Mapping[str, NDArray[np.int64]]) -> dict[str, Tensor]:
    """Weights w_c = N/(K·n_c) within each head, float32 ``(head.width,)``.

    N counts the head's targets, K its classes that occur (a choice where the
    paper is silent); a class that never occurs weighs 0. Their mean over the
    cases is 1.
    """
    weights: dict[str, Tensor] = {}
    for head in tree.heads:
        known = targets[head.name][targets[head.name] != IGNORE]
        counts = np.bincount(known, minlength=head.width).astype(np.float64)
        occurring = counts > 0
        w = np.zeros(head.width)
        w[occurring] = counts.sum() / (occurring.sum() * counts[occurring])
        weights[head.name] = torch.from_numpy(w.astype(np.float32))
    return weights


def hierarchy_loss(
    logits: Mapping[str, Tensor], targets: Mapping[str, Tensor], weights: Mapping[str, Tensor] | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Sum over the heads of the weighted cross-entropy.

    L = Σ_h 1/n_h · Σ_{i: y_ih known} w_{h, y_ih} · (−log softmax(z_ih)[y_ih]),
    n_h the batch's cases with a target in head h.

    Returns
    -------
    tuple
        The sum, and the loss by head; a head without any target gives 0.
    """
    by_head: dict[str, Tensor] = {}
    for name, z in logits.items():
        target = targets[name]
        weight = None if weights is None else weights[name]
        total = functional.cross_entropy(z, target, weight, ignore_index=IGNORE, reduction="sum")
        by_head[name] = total / (target != IGNORE).sum().clamp(min=1)
    return torch.stack(list(by_head.values())).sum(), by_head
