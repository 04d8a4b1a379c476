"""How far figures would wander with other patients: bootstrap over patients, the same for every model.

A resample draws as many patients as there are, with replacement, and takes all lesions of each. Draws depend
on the patients and a seed alone, so two models' figures on the same test set come from the same resamples
and their differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .labels import Targets

Floats = NDArray[np.float64]
RESAMPLES = 500
LEVEL = 0.95


def patient_weights(patients: NDArray[np.int64], count: int = RESAMPLES, seed: int = 0) -> Floats:
    """Return how often each lesion is in each resample, ``(count, n)``; the first row is the set itself."""
    known, place = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng([seed, len(known)])
    drawn = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), size=count)
    return np.concatenate([np.ones((1, len(patients))), drawn[:, place].astype(np.float64)])


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
                [_auc(y[:, c], scores[:, c], known[:, c], weights) for c in range(y.shape[1])], axis=1
            ),
            "precision": np.where(called > 0, hits / called, 1.0),
            "recall": hits / there,
            "f1": 2 * hits / (called + there),
        }
    return {name: np.where(both, values, np.nan) for name, values in figures.items()}


def _auc(y: NDArray[np.bool_], s: NDArray[np.floating], known: NDArray[np.bool_], weights: Floats) -> Floats:
    """AUC of one label in every resample, equal scores counting half; ``(resamples,)``."""
    rows = np.flatnonzero(known)
    rows = rows[np.argsort(s[rows], kind="stable")]
    starts = np.flatnonzero(np.concatenate([[True], np.diff(s[rows]) > 0])) if len(rows) else rows
    if not len(starts):
        return np.full(len(weights), np.nan)
    chosen = weights[:, rows]
    positive = np.add.reduceat(chosen * y[rows], starts, axis=1)
    negative = np.add.reduceat(chosen * ~y[rows], starts, axis=1)
    below = np.cumsum(negative, axis=1) - 0.5 * negative
    return np.asarray((positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1)))


def mean_over(values: Floats, labels: NDArray[np.bool_] | None = None) -> Floats:
    """Mean over labels that have the figure, in every resample; ``(resamples, C)`` → ``(resamples,)``."""
    chosen = values if labels is None else values[:, labels]
    there = np.isfinite(chosen)
    count = there.sum(axis=1)
    total = np.where(there, chosen, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(chosen), np.nan), where=count > 0))


def interval(draws: Sequence[float] | Floats) -> tuple[float, float]:
    """Percentile interval of resampled figures."""
    low, high = np.nanquantile(np.asarray(draws), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
