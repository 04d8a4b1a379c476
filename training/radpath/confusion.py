"""Confusion matrices: what rare classes are taken for, which an AUC over few cases doesn't tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionscope.models.probabilities import TreeScores
from lesionscope.ontology.tree import PathologyTree


def counts(truth: ArrayLike, answer: ArrayLike, width: int) -> NDArray[np.int64]:
    """Return how many cases of each true class (row) were answered as each class (column)."""
    pairs = np.asarray(truth, dtype=np.int64) * width + np.asarray(answer, dtype=np.int64)
    return np.asarray(np.bincount(pairs, minlength=width * width).reshape(width, width))


def confusions(tree: PathologyTree, scores: TreeScores, leaf: NDArray[np.int64]) -> dict[str, Any]:
    """Return matrices for JSON: over the leaves, and within each head over the cases that belong to it.

    Parameters
    ----------
    tree, scores
        The classes and n cases' probabilities.
    leaf
        True leaf of each case, an index into ``tree.leaves``, ``(n,)``.
    """
    result: dict[str, Any] = {}
    answers = scores.leaves().argmax(axis=1)
    result["leaves"] = _said(tree.leaves, counts(leaf, answers, len(tree.leaves)))
    for head in tree.heads:
        place = [
            next((i for i, tag in enumerate(head.nodes) if tag in tree.path(leaf)), -1)
            for leaf in tree.leaves
        ]
        truth = np.array(place)[leaf]
        inside = truth >= 0
        columns = [scores.column(tag) for tag in head.nodes]
        answers = scores.conditional[inside][:, columns].argmax(axis=1)
        result[head.name] = _said(head.nodes, counts(truth[inside], answers, len(head.nodes)))
    return result


def _said(tags: tuple[str, ...], matrix: NDArray[np.int64]) -> dict[str, Any]:
    return {"classes": list(tags), "counts": matrix.tolist()}
