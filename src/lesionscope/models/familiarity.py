"""How familiar a cube is: a conformal p-value of its embedding's distance (NumPy only).

A network answers whatever it is shown. The distance of a cube's embedding to the
training embeddings (the bank) is ranked among the distances of calibration
phantoms that the bank has not seen: with m of them, p = (1 + #{dᵢ ≥ d}) / (m + 1)
(split conformal prediction), so cases like the calibration ones fall below p = α
at most a share α of the time, whatever the distance.

Two distances, on embeddings e standardised by the bank, channel by channel:

``mahalanobis``
    √(eᵀ Σ⁻¹ e) with the covariance of probabilistic principal components
    (Tipping & Bishop 1999), Σ = U diag(λ₁…λᵣ) Uᵀ + σ² (I − U Uᵀ), σ² the mean of
    the eigenvalues left out. It sees a cube that leaves the span of the training
    embeddings as well as one that goes too far within it.
``neighbours``
    Mean Euclidean distance to the k nearest of the bank.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
METHODS = ("mahalanobis", "neighbours")


@dataclass(frozen=True)
class DistanceRule:
    """Which distance, and its parameters: r for ``mahalanobis``, k for ``neighbours``."""

    method: str = "mahalanobis"
    components: int = 64
    k: int = 5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")
        if self.components < 1 or self.k < 1:
            raise ValueError("components and k must be at least 1")


@dataclass(frozen=True, eq=False)
class Bank:
    """Training embeddings made ready to measure distances to; see :func:`prepare`.

    Parameters
    ----------
    rule
        The distance.
    mean, deviation
        Of each channel over the training embeddings, ``(d,)``.
    standard
        Standardised training embeddings, ``(n, d)``.
    directions
        U scaled so that eᵀΣ⁻¹e = ‖e‖²/σ² − ‖e·directions‖², ``(d, r)``.
    residual
        σ².
    """

    rule: DistanceRule
    mean: Floats
    deviation: Floats
    standard: Floats
    directions: Floats
    residual: float

    def __post_init__(self) -> None:
        n, d = self.standard.shape
        arrays = (self.mean, self.deviation, self.standard, self.directions)
        if self.mean.shape != (d,) or self.deviation.shape != (d,) or self.directions.shape[0] != d or n < 1:
            raise ValueError("the bank's arrays don't fit each other")
        if not all(np.isfinite(array).all() for array in arrays) or not self.residual > 0:
            raise ValueError("the bank holds values that are not finite")
        if not (self.deviation > 0).all():
            raise ValueError("the bank's deviations must be positive")

    def embeddings(self) -> NDArray[np.float32]:
        """Return the training embeddings, ``(n, d)`` float32."""
        return np.asarray(self.standard * self.deviation + self.mean, dtype=np.float32)

    def distance(self, embedding: ArrayLike) -> Floats:
        """Distance of each embedding, ``(m, d)`` or ``(d,)`` → ``(m,)``."""
        e = (np.atleast_2d(np.asarray(embedding, dtype=np.float64)) - self.mean) / self.deviation
        length = np.einsum("md,md->m", e, e)
        if self.rule.method == "mahalanobis":
            within = np.square(e @ self.directions).sum(axis=1)
            return np.asarray(np.sqrt(np.maximum(length / self.residual - within, 0.0)))
        known = np.einsum("nd,nd->n", self.standard, self.standard)
        squares = np.maximum(length[:, None] + known - 2 * e @ self.standard.T, 0.0)
        k = min(self.rule.k, len(self.standard))
        return np.asarray(np.sqrt(np.partition(squares, k - 1, axis=1)[:, :k]).mean(axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a file holds of it; half precision where rounding costs little."""
        return {
            "standard": self.standard.astype(np.float16),
            "mean": self.mean.astype(np.float32),
            "deviation": self.deviation.astype(np.float32),
            "directions": self.directions.astype(np.float32),
            "residual": np.array([self.residual], dtype=np.float64),
        }


def from_arrays(arrays: Mapping[str, NDArray[Any]], rule: DistanceRule) -> Bank:
    """Build a bank from :meth:`Bank.arrays`.

    Raises
    ------
    KeyError, ValueError
        An array is missing, or they don't make a bank.
    """
    values = {
        name: np.asarray(arrays[name], dtype=np.float64)
        for name in ("mean", "deviation", "standard", "directions", "residual")
    }
    if values["standard"].ndim != 2 or values["directions"].ndim != 2 or values["residual"].shape != (1,):
        raise ValueError("the bank's arrays have other shapes than a bank's")
    residual = float(values.pop("residual")[0])
    return Bank(rule=rule, residual=residual, **values)


def prepare(embeddings: ArrayLike, rule: DistanceRule | None = None, keep: int | None = None) -> Bank:
    """Make a bank from training embeddings ``(n, d)``, as it will read back from its file.

    Parameters
    ----------
    embeddings
        Of the training cubes; all of them give mean, deviation and covariance.
    rule
        The distance.
    keep
        Keep only every n-th, so many in all, as the bank's own embeddings.
    """
    rule = DistanceRule() if rule is None else rule
    bank = np.asarray(embeddings, dtype=np.float64)
    if bank.ndim != 2 or len(bank) < 2 or not np.isfinite(bank).all():
        raise ValueError("a bank needs at least two finite embeddings (n, d)")
    mean, deviation = bank.mean(axis=0), bank.std(axis=0)
    # A channel that never varies in training says nothing in standard deviations.
    deviation = np.maximum(deviation, max(float(np.median(deviation)), 1e-12) * 1e-3)
    standard = (bank - mean) / deviation
    n, d = standard.shape
    _, singular, vectors = np.linalg.svd(standard, full_matrices=False)
    spectrum = np.square(singular) / (n - 1)
    r = min(rule.components, len(spectrum) - 1, d - 1)
    residual = max(float(spectrum[r:].sum() / (d - r)), 1e-9 * float(spectrum[0]) + 1e-300)
    weights = np.maximum(1 / residual - 1 / np.maximum(spectrum[:r], residual), 0.0)
    kept = np.linspace(0, n - 1, min(keep or n, n)).round().astype(int)
    made = Bank(rule, mean, deviation, standard[kept], vectors[:r].T * np.sqrt(weights), residual)
    return from_arrays(made.arrays(), rule)


def distance(embedding: ArrayLike, bank: ArrayLike, rule: DistanceRule | None = None) -> Floats:
    """Distance of embeddings ``(m, d)`` or ``(d,)`` to a bank ``(n, d)``; ``(m,)``.

    Keep the :class:`Bank` of :func:`prepare` where many are measured.
    """
    return prepare(bank, rule).distance(embedding)


def p_value(distances: ArrayLike, calibration_distances: ArrayLike) -> Floats:
    """Conformal p-value of each distance, in 1/(m+1)…1; small = unlike the calibration cases."""
    reference = np.sort(np.asarray(calibration_distances, dtype=np.float64))
    d = np.atleast_1d(np.asarray(distances, dtype=np.float64))
    at_least = len(reference) - np.searchsorted(reference, d, side="left")
    p = (1.0 + at_least) / (len(reference) + 1.0)
    return np.where(np.isfinite(d), p, 1.0 / (len(reference) + 1.0))
