"""Leaf-Node (paper 000, §2.2 "Leaf-Node Approach", Figure 2b): one softmax over all leaves.

"The probabilities of internal or root nodes equal to the sum of those of all the
children nodes." So with the leaves' logits z, and L(v) the leaves at or below node v,

    log P(v | parent) = LSE_{l ∈ L(v)} z_l − LSE_{l ∈ L(parent)} z_l,

which is the log-softmax, over a head's nodes, of LSE_{l ∈ L(v)} z_l. Answered as such
logits by head, a leaf-node network is read like any other: path products of its
softmaxes are the sums over leaves.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lesionscope.ontology.tree import PathologyTree


class LeafNode(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """One linear layer over the leaves of any class tree, in the order of ``tree.leaves``.

    Parameters
    ----------
    tree
        The classes; heads have no leak.
    in_features
        C, features after global average pooling.
    """

    def __init__(self, tree: PathologyTree, in_features: int) -> None:
        super().__init__()
        self.leaves = nn.Linear(in_features, len(tree.leaves))
        self.below = {
            head.name: [
                [i for i, leaf in enumerate(tree.leaves) if tag in tree.path(leaf)] for tag in head.nodes
            ]
            for head in tree.heads
        }

    def forward(self, g: Tensor) -> dict[str, Tensor]:
        """Pooled features ``(n, C)`` → logits ``(n, head.width)`` by head."""
        z = self.leaves(g)
        return {
            name: torch.stack([torch.logsumexp(z[:, leaves], dim=1) for leaves in nodes], dim=1)
            for name, nodes in self.below.items()
        }
