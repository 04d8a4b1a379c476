"""Flattened Hierarchy, leaky or not (paper 000, §2.2 "Flattened Hierarchy", Figure 2c and 2d).

"Multiple softmax heads […] for different hierarchies": every head reads the same
pooled features g, and no head reads another's:

    z_h = W_h g + b_h                                 (the head's nodes, the leak last)
"""

from __future__ import annotations

from torch import Tensor, nn

from lesionscope.ontology.tree import PathologyTree


class FlattenedHierarchy(nn.Module):  # type: ignore[misc]  # torch is opaque to mypy here
    """One linear layer a head of any class tree.

    Parameters
    ----------
    tree
        The classes; a head's ``leaky`` flag adds its leaky node.
    in_features
        C, features after global average pooling.
    """

    def __init__(self, tree: PathologyTree, in_features: int) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({head.name: nn.Linear(in_features, head.width) for head in tree.heads})

    def forward(self, g: Tensor) -> dict[str, Tensor]:
        """Pooled features ``(n, C)`` → logits ``(n, head.width)`` by head, the leak last."""
        return {name: head(g) for name, head in self.heads.items()}
