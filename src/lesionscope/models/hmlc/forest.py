"""A multi-label tree, or several, as numbers: each node's parent and its path from the top."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lesionscope.ontology.tree import PathologyTree

ROOT = -1
"""Stands for the parent of a node that has none."""


@dataclass(frozen=True)
class Forest:
    """M nodes by number.

    Parameters
    ----------
    parents
        Number of each node's parent, :data:`ROOT` at the top.

    Raises
    ------
    ValueError
        A parent that is no node, or a circle.
    """

    parents: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(not ROOT <= parent < len(self.parents) for parent in self.parents):
            raise ValueError("a parent must be the number of a node, or -1 at the top")
        for node in range(len(self.parents)):
            self.path(node)

    @classmethod
    def of_tree(cls, tree: PathologyTree) -> Forest:
        """Take a tree's nodes in the order of its file."""
        numbers = {node.tag: number for number, node in enumerate(tree.nodes)}
        return cls(tuple(ROOT if n.parent is None else numbers[n.parent] for n in tree.nodes))

    def __len__(self) -> int:
        return len(self.parents)

    def path(self, node: int) -> tuple[int, ...]:
        """A(m): the node's ancestors from the top down, itself last."""
        path = [node]
        while (parent := self.parents[path[-1]]) != ROOT:
            path.append(parent)
            if len(path) > len(self.parents):
                raise ValueError(f"node {node} is its own ancestor")
        return tuple(reversed(path))

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The nodes, parents before children."""
        return tuple(sorted(range(len(self)), key=lambda node: len(self.path(node))))

    @cached_property
    def is_leaf(self) -> NDArray[np.bool_]:
        """Which nodes have no children, ``(M,)``."""
        return ~np.isin(np.arange(len(self)), self.parents)

    def closed(self, labels: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Make the parents of positive nodes positive too; ``(n, M)``."""
        result = labels.astype(bool)
        for node in range(len(self)):
            result[:, list(self.path(node))] |= labels[:, node, None].astype(bool)
        return result
