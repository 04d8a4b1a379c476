"""AUC and AP, averaged over leaves, high-level nodes, and leaves of abnormal images (paper 003, §3)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lesionscope.models.hmlc.forest import ROOT, Forest

from ..engine.bootstrap import Floats, Truths, auc, average_precision, mean_over, patient_weights

LEAF, HIGH, CONDITIONED = "leaf", "high level", "leaf, abnormal only"
FIGURES = {"auc": auc, "ap": average_precision}


def learnt_by(loss: str, forest: Forest) -> Truths:
    """Return the nodes that a stage's loss learns, ``(M,)``: BR-leaf knows no others than leaves."""
    return forest.is_leaf if loss == "br-leaf" else np.ones(len(forest), bool)


def by_node(labels: Truths, scores: Floats, weights: Floats) -> dict[str, Floats]:
    """Return AUC and AP of every node in every resample, ``(resamples, M)`` each; NaN where there is none.

    Parameters
    ----------
    labels, scores
        ``(n, M)``; anything that ranks images.
    weights
        How often each image is in each resample, ``(resamples, n)``.
    """
    return {
        name: np.stack(
            [figure(labels[:, node], scores[:, node], weights) for node in range(labels.shape[1])], axis=1
        )
        for name, figure in FIGURES.items()
    }


def draws_of(
    labels: Truths, scores: Floats, forest: Forest, weights: Floats, learnt: Truths | None = None
) -> dict[str, dict[str, Floats]]:
    """Return the means of Table 1, ``(resamples,)`` each, by group of nodes and figure.

    Parameters
    ----------
    labels, scores, weights
        As for :func:`by_node`.
    forest
        The nodes.
    learnt
        Nodes that the system answers for, ``(M,)``; all by default. Groups without any are left out.
    """
    answers = np.ones(len(forest), bool) if learnt is None else learnt
    abnormal = labels[:, np.array(forest.parents) == ROOT].any(axis=1)
    everyone = by_node(labels, scores, weights)
    ill = by_node(labels[abnormal], scores[abnormal], weights[:, abnormal])
    groups: Mapping[str, tuple[dict[str, Floats], NDArray[np.bool_]]] = {
        LEAF: (everyone, forest.is_leaf & answers),
        HIGH: (everyone, ~forest.is_leaf & answers),
        CONDITIONED: (ill, forest.is_leaf & answers),
    }
    return {
        group: {name: mean_over(values, nodes) for name, values in figures.items()}
        for group, (figures, nodes) in groups.items()
        if nodes.any()
    }


def summary(
    labels: Truths, scores: Floats, forest: Forest, learnt: Truths | None = None
) -> dict[str, dict[str, float]]:
    """Return the means of Table 1 on a set itself."""
    once = np.ones((1, len(labels)))
    draws = draws_of(labels, scores, forest, once, learnt)
    return {
        group: {name: round(float(values[0]), 5) for name, values in figures.items()}
        for group, figures in draws.items()
    }


def resampled(
    labels: Truths,
    scores: Floats,
    patients: NDArray[np.int64],
    forest: Forest,
    count: int,
    learnt: Truths | None = None,
) -> dict[str, dict[str, Floats]]:
    """Return the means of Table 1, the set's own first and then one a resample of its patients."""
    return draws_of(labels, scores, forest, patient_weights(patients, count), learnt)
