"""What a stage learns: HMLC's two losses, the paper's baselines, and Table 2's other forms of HLUP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lesionscope.models.hmlc.conditional import hlcp
from lesionscope.models.hmlc.forest import Forest
from lesionscope.models.hmlc.network import FLOOR, product
from lesionscope.models.hmlc.precision import in_full
from lesionscope.models.hmlc.unconditional import hlup

Loss = Callable[[Tensor, Tensor, Forest], Tensor]
"""Logits and labels ``(n, M)`` → losses ``(n, M)``."""


def br_all(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Binary relevance: every node on its own (§3, BR-all)."""
    with in_full(logits) as y:
        return functional.binary_cross_entropy_with_logits(y, labels.to(y.dtype), reduction="none")


def br_leaf(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Binary relevance of the leaves; other nodes are not learnt (§3, BR-leaf)."""
    leaves = torch.from_numpy(forest.is_leaf).to(logits.device)
    return br_all(logits, labels, forest) * leaves


def hlup_naive(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Eq. 3–4 directly: cross-entropy of a product, its logarithms cut off at −100 as torch does."""
    with in_full(logits) as y:
        return _of_product(torch.sigmoid(y), labels, forest)


def hlup_rescaled(logits: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    """Cross-entropy of a product whose factors are brought to [0.02, 1] (§3, after Li et al. 2018)."""
    with in_full(logits) as y:
        return _of_product(FLOOR + (1 - FLOOR) * torch.sigmoid(y), labels, forest)


def _of_product(factors: Tensor, labels: Tensor, forest: Forest) -> Tensor:
    p = product(factors, forest)
    return functional.binary_cross_entropy(p, labels.to(p.dtype), reduction="none")


@dataclass(frozen=True)
class Objective:
    """A loss, and what the outputs of a network that learns it mean."""

    loss: Loss
    output: str


OBJECTIVES: Mapping[str, Objective] = {
    "br-leaf": Objective(br_leaf, "independent"),
    "br-all": Objective(br_all, "independent"),
    "hlcp": Objective(hlcp, "product"),
    "hlup": Objective(hlup, "product"),
    "hlup-naive": Objective(hlup_naive, "product"),
    "hlup-rescaled": Objective(hlup_rescaled, "rescaled"),
}
"""Stages by name."""
