"""LesaNet's figures in every resample of the test patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..engine.bootstrap import Floats, auc
from .labels import Targets


def resampled(
    targets: Targets, scores: NDArray[np.floating], fired: NDArray[np.bool_], weights: Floats
) -> dict[str, Floats]:
    """Return AUC, precision, recall and F1 of every label in every resample, ``(resamples, C)`` each.

    NaN where a label lacks either class there, as in :func:`~.metrics.per_class`, whose figures the first
    row repeats.
    """
    y, known = targets.positive & targets.known, targets.known
    hits = weights @ (y & fired).astype(np.float64)
    called = weights @ (known & fired).astype(np.float64)
    there = weights @ y.astype(np.float64)
    both = (there > 0) & (weights @ (known & ~y).astype(np.float64) > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {
            "auc": np.stack(
                [auc(y[k, c], scores[k, c], weights[:, k]) for c, k in enumerate(known.T)], axis=1
            ),
            "precision": np.where(called > 0, hits / called, 1.0),
            "recall": hits / there,
            "f1": 2 * hits / (called + there),
        }
    return {name: np.where(both, values, np.nan) for name, values in figures.items()}
