"""Figures of label prediction and retrieval (paper 002, §5.3 and §7.2.2), in NumPy.

Every figure is taken label by label and averaged with equal weights. A pair of a lesion and a label
can be masked (an uncertain mention, say): it then counts in nothing. A label that lacks positives or
negatives among its known pairs has no figures (NaN) and no part in means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..radpath.metrics import auc

Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
PAPER_GRID = np.arange(3, 10) / 10
"""Thresholds that the authors' code tries; 1 where none of them gives a hit."""
EMPTY_PRECISION = 1.0
"""Precision where nothing is predicted."""


@dataclass(frozen=True, eq=False)
class LabelFigures:
    """Figures of each label, ``(C,)``; NaN where a label has none."""

    auc: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    positives: NDArray[np.int64]

    def means(self, labels: Truths | None = None) -> dict[str, float]:
        """Return the mean of each figure over ``labels`` (default: all) that have it; NaN where none has."""
        chosen = np.ones(len(self.auc), bool) if labels is None else labels
        found = {name: getattr(self, name)[chosen] for name in ("auc", "precision", "recall", "f1")}
        return {
            name: float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
            for name, values in found.items()
        }


def per_class(truth: Truths, scores: Floats, predicted: Truths, known: Truths | None = None) -> LabelFigures:
    """Return AUC, precision, recall and F1 of every label.

    Parameters
    ----------
    truth, scores, predicted
        Labels, probabilities (or anything that ranks as they do) and label decisions, ``(n, C)``.
    known
        Pairs that count, ``(n, C)``; all by default.
    """
    truth, predicted = truth.astype(bool), predicted.astype(bool)
    known = np.ones(truth.shape, bool) if known is None else known.astype(bool)
    count = truth.shape[1]
    positives = (truth & known).sum(axis=0)
    rankable = (positives > 0) & ((~truth & known).sum(axis=0) > 0)
    hits = (truth & predicted & known).sum(axis=0)
    fired = (predicted & known).sum(axis=0)
    precision = np.divide(hits, fired, out=np.full(count, EMPTY_PRECISION), where=fired > 0)
    recall = np.divide(hits, positives, out=np.ones(count), where=positives > 0)
    f1 = 2 * hits / np.maximum(fired + positives, 1)
    areas = np.full(count, np.nan)
    for label in np.flatnonzero(rankable):
        rows = known[:, label]
        areas[label] = auc(scores[rows, label], truth[rows, label])
    precision, recall, f1 = (np.where(rankable, figure, np.nan) for figure in (precision, recall, f1))
    return LabelFigures(areas, precision, recall, f1, positives)


def expand(labels: Truths, ancestors: Truths) -> Truths:
    """Add what labels imply (§4.2); ``ancestors`` ``(C, C)`` tells whether a row's label implies a column's.

    ``ancestors`` is closed: it holds every ancestor, not parents alone.
    """
    implied = labels.astype(np.float32) @ ancestors.astype(np.float32) > 0
    return np.asarray(labels.astype(bool) | implied)


def decide(scores: Floats, thresholds: Floats, ancestors: Truths | None = None) -> Truths:
    """Labels whose score reaches their threshold, with what they imply; ``(n, C)``."""
    fired = scores >= thresholds
    return fired if ancestors is None else expand(fired, ancestors)


def paper_thresholds(truth: Truths, scores: Floats, known: Truths | None = None) -> Floats:
    """Thresholds as the authors' code has them, ``(C,)``: each label alone, before expansion.

    The best F1 over 0.3, 0.4 … 0.9, the lowest on a tie; 1 where none of them hits, so that such labels never
    fire; 0 for a label without both classes, so that such labels always do.
    """
    found = np.zeros(truth.shape[1])
    for label, (y, s) in _labels(truth, scores, known):
        if y.any() and not y.all():
            f1 = [_f1(y, s >= at) for at in PAPER_GRID]
            found[label] = PAPER_GRID[int(np.argmax(f1))] if max(f1) > 0 else 1.0
    return found


def tuned_thresholds(truth: Truths, scores: Floats, ancestors: Truths, known: Truths | None = None) -> Floats:
    """Thresholds tuned as they will be used, ``(C,)``: on decisions after label expansion.

    A label fires by its own score or through any label below it, so labels are taken children first,
    and a parent's threshold is tuned beside what its children fire already.

    Parameters
    ----------
    truth, scores, known
        As for :func:`per_class`, of the validation set.
    ancestors
        See :func:`expand`.

    Returns
    -------
    NDArray
        Those of the best F1, between two scores and never above the highest: no label is dead. A label
        without both classes gets the others' median.
    """
    found = np.full(truth.shape[1], np.nan)
    fired = np.zeros(truth.shape, bool)
    known = np.ones(truth.shape, bool) if known is None else known.astype(bool)
    # A label has more ancestors than any of its ancestors.
    for label in np.argsort(-ancestors.sum(axis=1), kind="stable"):
        rows = known[:, label]
        y = truth[rows, label].astype(bool)
        if y.any() and not y.all():
            found[label] = _best_cut(y, scores[rows, label].astype(np.float64), fired[rows, label])
            own = scores[:, label] >= found[label]
            fired |= own[:, None] & ancestors[label]
    found[np.isnan(found)] = np.nanmedian(found) if np.isfinite(found).any() else 0.5
    return found


def _best_cut(y: Truths, s: Floats, already: Truths) -> float:
    """Return the threshold of the best F1, where ``already`` fires in any case.

    Every cut between two different scores is tried; of several best ones the middle one is taken.
    """
    order = np.argsort(-s, kind="stable")
    y, s, new = y[order], s[order], ~already[order]
    hits = (y & ~new).sum() + np.cumsum(y & new)
    fires = (~new).sum() + np.cumsum(new)
    below = np.append(s[1:], s[-1])
    f1 = np.where((s > below) | (np.arange(len(s)) == len(s) - 1), 2 * hits / (fires + y.sum()), -1)
    best = np.flatnonzero(f1 == f1.max())
    cut = best[len(best) // 2]
    return float((s[cut] + below[cut]) / 2)


def gains(
    queries: NDArray[np.floating],
    query_labels: Truths,
    bank: NDArray[np.floating],
    bank_labels: Truths,
    k: int = 5,
    *,
    patients: tuple[NDArray[np.generic], NDArray[np.generic]] | None = None,
) -> Floats:
    """Return how many labels each query shares with its k nearest, on average, ``(q,)``; their mean is ACG@k.

    The average cumulative gain of §7.2.2, where query and hits are lesions of different patients.

    Parameters
    ----------
    queries, bank
        Embeddings of length 1, ``(q, d)`` and ``(n, d)``; the nearest by L2 distance.
    query_labels, bank_labels
        Labels ``(q, C)`` and ``(n, C)``.
    k
        Lesions retrieved.
    patients
        Whose lesions the queries ``(q,)`` and the bank's ``(n,)`` are, where a patient may have both.

    Returns
    -------
    NDArray
        NaN for a query without k lesions of other patients.
    """
    nearness = queries.astype(np.float64) @ bank.T.astype(np.float64)
    if patients is not None:
        nearness[patients[0][:, None] == patients[1]] = -np.inf
    hits = np.argsort(-nearness, axis=1, kind="stable")[:, :k]
    shared = (query_labels[:, None].astype(bool) & bank_labels[hits].astype(bool)).sum(axis=2).mean(axis=1)
    return np.where(np.isfinite(nearness).sum(axis=1) >= k, shared, np.nan)


def _labels(truth: Truths, scores: Floats, known: Truths | None) -> list[tuple[int, tuple[Truths, Floats]]]:
    """Return each label's known truths and scores."""
    rows = np.ones(truth.shape, bool) if known is None else known.astype(bool)
    return [
        (label, (truth[rows[:, label], label].astype(bool), scores[rows[:, label], label]))
        for label in range(truth.shape[1])
    ]


def _f1(y: Truths, fired: Truths) -> float:
    """F1 of one label; 0 where nothing is true or fires."""
    return float(2 * (y & fired).sum() / max(y.sum() + fired.sum(), 1))
