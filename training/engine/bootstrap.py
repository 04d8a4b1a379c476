"""How far figures would wander with other patients: bootstrap over patients, the same for every model.

A resample draws as many patients as there are, with replacement, and takes all cases of each. Draws depend
on the patients and a seed alone, so two models' figures on the same test set come from the same resamples
and their differences are paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
RESAMPLES = 500
LEVEL = 0.95


def patient_weights(patients: NDArray[np.int64], count: int = RESAMPLES, seed: int = 0) -> Floats:
    """Return how often each case is in each resample, ``(count, n)``; the first row is the set itself."""
    known, place = np.unique(patients, return_inverse=True)
    rng = np.random.default_rng([seed, len(known)])
    drawn = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), size=count)
    return np.concatenate([np.ones((1, len(patients))), drawn[:, place].astype(np.float64)])


def auc(y: Truths, s: NDArray[np.floating], weights: Floats) -> Floats:
    """Area under the ROC curve in every resample, equal scores counting half; ``(resamples,)``.

    NaN where a resample lacks either class.
    """
    positive, negative = _by_score(y, s, weights)
    below = np.cumsum(negative, axis=1) - 0.5 * negative
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1)))


def average_precision(y: Truths, s: NDArray[np.floating], weights: Floats) -> Floats:
    """Average precision in every resample, equal scores falling at once; ``(resamples,)``.

    Σ (recall_k − recall_{k−1}) · precision_k over the thresholds; NaN where a resample lacks positives.
    """
    positive, negative = (part[:, ::-1] for part in _by_score(y, s, weights))
    hits, fired = np.cumsum(positive, axis=1), np.cumsum(positive + negative, axis=1)
    precision = np.divide(hits, fired, out=np.zeros_like(hits), where=fired > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((positive * precision).sum(axis=1) / positive.sum(axis=1))


def _by_score(y: Truths, s: NDArray[np.floating], weights: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and negatives by different score, rising; ``(resamples, scores)`` each."""
    rows = np.argsort(s, kind="stable")
    if not len(rows):
        return np.zeros((len(weights), 0)), np.zeros((len(weights), 0))
    starts = np.flatnonzero(np.concatenate([[True], np.diff(s[rows]) > 0]))
    chosen, there = weights[:, rows], y[rows].astype(bool)
    positive = np.add.reduceat(chosen * there, starts, axis=1)
    return positive, np.add.reduceat(chosen * ~there, starts, axis=1)


def mean_over(values: Floats, labels: Truths | None = None) -> Floats:
    """Mean over labels that have the figure, in every resample; ``(resamples, C)`` → ``(resamples,)``."""
    chosen = values if labels is None else values[:, labels]
    there = np.isfinite(chosen)
    count = there.sum(axis=1)
    total = np.where(there, chosen, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(chosen), np.nan), where=count > 0))


def interval(draws: Sequence[float] | Floats, level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of resampled figures."""
    low, high = np.nanquantile(np.asarray(draws, dtype=np.float64), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def with_interval(draws: Floats, digits: int = 4) -> dict[str, Any]:
    """Return a figure, the first of its draws, and its interval from the others, as JSON has them."""
    ends = interval(draws[1:])
    return {"value": round(float(draws[0]), digits), "interval": [round(end, digits) for end in ends]}
