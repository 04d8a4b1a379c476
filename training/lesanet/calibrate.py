"""Calibration: probabilities that hold, label by label (J. Platt 1999, with a common prior).

β evens out how rare labels are, and hard examples shift scores further, so σ(s̃) is far from the share of
lesions that have a label. For each label, on validation lesions,

    p = σ(a_c · s̃ + b_c)

minimises Σ NLL + ½ · penalty · ((a_c − a)² + (b_c − b − logit π_c)²), where π_c is the label's share of the
training lesions, and a and b are first fitted for all labels together; so a label with few
lesions stays near what holds for all, and one with none takes that. Order within a label doesn't change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from .labels import Targets

Floats = NDArray[np.float64]
METHOD = "Platt scaling by label, drawn to that of all labels"
FLATTEST = 0.05
"""a_c at least: a calibrated label keeps its order."""


@dataclass(frozen=True, eq=False)
class PlattScaling:
    """Slope a and intercept b of each label, ``(C,)``."""

    scale: Floats
    shift: Floats

    def probabilities(self, scores: NDArray[np.floating]) -> Floats:
        """Return calibrated probabilities of raw scores s̃ ``(n, C)``."""
        return _sigmoid(scores.astype(np.float64) * self.scale + self.shift)


def fit_platt(
    scores: NDArray[np.floating], targets: Targets, frequency: Floats, penalty: float
) -> PlattScaling:
    """Fit all labels.

    Parameters
    ----------
    scores
        Raw scores s̃ of validation lesions, ``(n, C)``.
    targets
        Their labels, and pairs that count.
    frequency
        π: each label's share of the training lesions, ``(C,)``.
    penalty
        Pull towards what holds for all labels; about so many lesions' weight.
    """
    z = scores.astype(np.float64)
    rare = 0.5 / (len(z) + 1)
    prior = np.log(np.clip(frequency, rare, 1 - rare)) - np.log1p(-np.clip(frequency, rare, 1 - rare))
    everywhere = targets.known
    common = _fit(
        z[everywhere],
        targets.positive[everywhere],
        np.broadcast_to(prior, z.shape)[everywhere],
        (1.0, 0.0),
        penalty,
    )
    scale, shift = np.empty(z.shape[1]), np.empty(z.shape[1])
    for label in range(z.shape[1]):
        rows = targets.known[:, label]
        offset = np.full(int(rows.sum()), prior[label])
        a, b = _fit(z[rows, label], targets.positive[rows, label], offset, common, penalty)
        scale[label], shift[label] = a, b + prior[label]
    return PlattScaling(scale, shift)


def _fit(
    z: Floats, y: NDArray[np.bool_], offset: Floats, towards: tuple[float, float], penalty: float
) -> tuple[float, float]:
    """Fit a and b of σ(a z + b + offset)."""
    target, aim = y.astype(np.float64), np.array(towards)

    def objective(theta: Floats) -> tuple[float, Floats]:
        logits = theta[0] * z + theta[1] + offset
        error = _sigmoid(logits) - target
        away = theta - aim
        value = np.logaddexp(0, logits).sum() - (logits * target).sum() + 0.5 * penalty * away @ away
        return float(value), np.array([error @ z, error.sum()]) + penalty * away

    bounds = [(FLATTEST, None), (None, None)]
    a, b = minimize(objective, aim, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(a), float(b)


def _sigmoid(logits: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(0.5 * logits))


def calibration_error(probabilities: Floats, targets: Targets, bins: int = 15) -> float:
    """Return the expected calibration error over all pairs that count, in bins of equal width."""
    p, y = probabilities[targets.known], targets.positive[targets.known]
    place = np.minimum((p * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=p - y, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))
