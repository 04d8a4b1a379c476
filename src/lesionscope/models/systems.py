"""The paper's five hierarchical systems by name (paper 000, §2.2, Figure 2b–f), over one backbone.

A *leaky node* is "a fall-back class when a certain training sample does not belong to
any nodes in this hierarchy": one more logit in the heads that the tree's file calls
leaky. It is a plug-and-play unit: the same network with and without it. What a
system answers and what it learns are trees of heads:

=============== ======================= ================ ====================
system          network                 answers          learns
=============== ======================= ================ ====================
leaf-node       one softmax over leaves heads, no leaks  one head, all leaves
flattened       independent heads       heads, no leaks  the same
leaky-flattened independent heads       heads with leaks the same
dense           heads fed by ancestors  heads, no leaks  the same
leaky-dense     heads fed by ancestors  heads with leaks the same
=============== ======================= ================ ====================
"""

from __future__ import annotations

import dataclasses

from torch import nn

from lesionscope.models.dense_hierarchy import DenseHierarchy
from lesionscope.models.flattened_hierarchy import FlattenedHierarchy
from lesionscope.models.leaf_node import LeafNode
from lesionscope.ontology.tree import Head, PathologyTree

SYSTEMS = ("leaf-node", "flattened", "leaky-flattened", "dense", "leaky-dense")
"""In the order of the paper's tables."""
LEAVES = "leaves"
"""Name of the one head that ``leaf-node`` learns."""


def build(kind: str, tree: PathologyTree, in_features: int, hidden: int) -> nn.Module:
    """Build a system's heads; ``hidden`` is the width of a dense head's features."""
    answered = answered_tree(kind, tree)
    if kind == "leaf-node":
        return LeafNode(answered, in_features)
    if kind.endswith("flattened"):
        return FlattenedHierarchy(answered, in_features)
    return DenseHierarchy(answered, in_features, hidden)


def answered_tree(kind: str, tree: PathologyTree) -> PathologyTree:
    """Return the tree with the heads that a system answers: with leaks or without."""
    if kind.startswith("leaky"):
        return tree
    return dataclasses.replace(tree, heads=tuple(dataclasses.replace(h, leaky=False) for h in tree.heads))


def learnt_tree(kind: str, tree: PathologyTree) -> PathologyTree:
    """Return the tree with the heads that a system learns; its leaves are those of ``tree``, in order."""
    if kind != "leaf-node":
        return answered_tree(kind, tree)
    leaves = tuple(dataclasses.replace(tree.by_tag[tag], parent=None) for tag in tree.leaves)
    head = Head(LEAVES, None, tree.leaves, leaky=False)
    return dataclasses.replace(tree, nodes=leaves, heads=(head,))
