"""Figures of relation classification: F1 by class, macro F1, the confusion matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionscope.mining.relations import RELATIONS


def confusion(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return counts, true relations as rows, answered ones as columns, in the order of ``RELATIONS``."""
    n = len(RELATIONS)
    return np.bincount(truth * n + guess, minlength=n * n).reshape(n, n)


def f1_by_class(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return F1 of each class; 0 where one is neither true nor answered."""
    hits = np.diag(matrix).astype(float)
    total = matrix.sum(axis=0) + matrix.sum(axis=1)
    return np.asarray(np.divide(2 * hits, total, out=np.zeros(len(hits)), where=total > 0))


def macro_f1(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> float:
    """Return the mean F1 over the relations."""
    return float(f1_by_class(confusion(truth, guess)).mean())


def summary(truth: NDArray[np.int64], guess: NDArray[np.int64]) -> dict[str, Any]:
    """Return macro F1, F1 by class and the confusion matrix, ready for JSON."""
    matrix = confusion(truth, guess)
    by_class = f1_by_class(matrix)
    return {
        "macro_f1": round(float(by_class.mean()), 4),
        "f1": {name: round(float(f1), 4) for name, f1 in zip(RELATIONS, by_class, strict=True)},
        "accuracy": round(float(np.trace(matrix) / max(matrix.sum(), 1)), 4),
        "confusion": {"rows are true, columns answered": list(RELATIONS), "counts": matrix.tolist()},
    }
