"""Two AUCs on the same images: the test of DeLong, DeLong and Clarke-Pearson (1988), paper 003's Figure 3.

Placement values come from midranks (X. Sun and W. Xu, IEEE Signal Processing Letters 21, 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata


@dataclass(frozen=True)
class Comparison:
    """Two AUCs, the standard error of their difference, and the two-sided p-value that they are equal."""

    first: float
    second: float
    error: float
    p: float


def compare(positive: ArrayLike, first: ArrayLike, second: ArrayLike) -> Comparison:
    """Compare two models' scores of the same cases.

    Parameters
    ----------
    positive
        Whether each case has the label, ``(n,)``.
    first, second
        Scores, ``(n,)`` each.

    Returns
    -------
    Comparison
        NaN where a class has fewer than two cases; p is 1 for scores that rank alike.
    """
    y = np.asarray(positive, dtype=bool)
    if min(y.sum(), (~y).sum()) < 2:
        return Comparison(math.nan, math.nan, math.nan, math.nan)
    parts = [_placements(y, np.asarray(scores, dtype=np.float64)) for scores in (first, second)]
    areas = [float(over.mean()) for over, _ in parts]
    variance = sum(
        float(np.var(parts[0][side] - parts[1][side], ddof=1)) / len(parts[0][side]) for side in (0, 1)
    )
    error = math.sqrt(variance)
    apart = areas[1] - areas[0]
    p = 1.0 if error == 0 and apart == 0 else math.erfc(abs(apart) / max(error, 1e-300) / math.sqrt(2))
    return Comparison(areas[0], areas[1], error, p)


def _placements(y: NDArray[np.bool_], s: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Share of negatives below each positive, and of positives above each negative, equals counting half."""
    whole = rankdata(s)
    over = (whole[y] - rankdata(s[y])) / (~y).sum()
    under = 1 - (whole[~y] - rankdata(s[~y])) / y.sum()
    return over, under
