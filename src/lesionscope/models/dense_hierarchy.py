"""Dense Hierarchy, leaky or not (paper 000, §2.2 "Dense Hierarchy", Figure 2e and 2f).

"Directed connections are made between any parent and child hierarchy, where
features from the parent hierarchy are passed down to the next level and
concatenated with features of child hierarchy." In symbols, with the features
g ∈ ℝ^C after global average pooling and A(h) the heads that decide the ancestors
of head h, the top one first:

    x_h = g ⊕ f_{a₁} ⊕ … ⊕ f_{a_m},  a ∈ A(h)        (C + 64·|A(h)|)
    f_h = ReLU(W_h x_h + b_h)                         (64, a choice: methods are silent)
    z_h = V_h f_h + c_h                               (the head's nodes, the leak last)
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lesionscope.ontology.tree import PathologyTree

HIDDEN = 64
"""Width of each head's hidden features f_h."""


class HierarchyHead(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """One head: x_h → (f_h, z_h)."""

    def __init__(self, in_features: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, hidden)
        self.logits = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(n, in_features)`` → hidden features ``(n, hidden)`` and logits ``(n, outputs)``."""
        features = torch.relu(self.hidden(x))
        return features, self.logits(features)


class DenseHierarchy(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """Heads of any class tree, each fed with its ancestors' features.

    For Pulmonary-RadPath with leaks and C = 144: H1 144 → 3; H2 and H3 208 → 6 and 5
    (leak included); H4 272 → 3.

    Parameters
    ----------
    tree
        The classes; a head's ``leaky`` flag adds its leaky node.
    in_features
        C, features after global average pooling.
    hidden
        Width of f_h.
    """

    def __init__(self, tree: PathologyTree, in_features: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.ancestors: Mapping[str, tuple[str, ...]] = {
            head.name: tuple(ancestor.name for ancestor in tree.ancestor_heads(head)) for head in tree.heads
        }
        self.heads = nn.ModuleDict(
            {
                head.name: HierarchyHead(
                    in_features + hidden * len(self.ancestors[head.name]), hidden, head.width
                )
                for head in tree.heads
            }
        )

    def forward(self, g: Tensor) -> dict[str, Tensor]:
        """Pooled features ``(n, C)`` → logits ``(n, head.width)`` by head, the leak last."""
        features: dict[str, Tensor] = {}
        logits: dict[str, Tensor] = {}
        for name, head in self.heads.items():  # the tree lists parents before children
            x = torch.cat([g, *(features[ancestor] for ancestor in self.ancestors[name])], dim=1)
            features[name], logits[name] = head(x)
        return logits
