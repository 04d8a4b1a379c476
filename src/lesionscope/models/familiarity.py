"""How familiar a cube is: a conformal p-value of its embedding's distance (NumPy only).

A network answers whatever it is shown. The distance of a cube's embedding to the
training embeddings (the bank) is ranked among the distances of calibration
phantoms that the bank has not seen: with m of them, p = (1 + #{dᵢ ≥ d}) / (m + 1)
(split conformal prediction), so cases like the calibration ones fall below p = α
at most a share α of the time, whatever the distance.

Two distances, on embeddings standardised by the bank:

``mahalanobis``
    √((e − μ)ᵀ Σ⁻¹ (e − μ)), Σ = (1 − λ)·S + λ·tr(S)/d·I shrunk by λ.
``neighbours``
    Mean Euclidean distance to the k nearest of the bank.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
METHODS = ("mahalanobis", "neighbours")


@dataclass(frozen=True)
class DistanceRule:
    """Which distance, and its parameters: λ for ``mahalanobis``, k for ``neighbours``."""

    method: str = "mahalanobis"
    shrinkage: float = 0.1
    k: int = 5

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")
        if not 0 <= self.shrinkage <= 1 or self.k < 1:
            raise ValueError("shrinkage must lie in 0…1 and k be at least 1")


class Bank:
    """Training embeddings ``(n, d)``, made ready to measure distances to.

    Parameters
    ----------
    embeddings
        ``(n, d)`` of the training cubes.
    rule
        The distance.
    """

    def __init__(self, embeddings: ArrayLike, rule: DistanceRule | None = None) -> None:
        bank = np.asarray(embeddings, dtype=np.float64)
        if bank.ndim != 2 or len(bank) < 2 or not np.isfinite(bank).all():
            raise ValueError("a bank needs at least two finite embeddings (n, d)")
        self.rule = DistanceRule() if rule is None else rule
        self.mean = bank.mean(axis=0)
        deviation = bank.std(axis=0)
        # A channel that never varies in training says nothing in standard deviations.
        floor = max(float(np.median(deviation)), 1e-12) * 1e-3
        self.deviation = np.maximum(deviation, floor)
        standard = (bank - self.mean) / self.deviation
        if self.rule.method == "mahalanobis":
            d = bank.shape[1]
            covariance = standard.T @ standard / (len(bank) - 1)
            target = np.trace(covariance) / d
            shrunk = (1 - self.rule.shrinkage) * covariance + self.rule.shrinkage * target * np.eye(d)
            values, vectors = np.linalg.eigh(shrunk)
            self._whitening = vectors / np.sqrt(np.maximum(values, 1e-9 * values[-1]))
        else:
            self._standard = standard
            self._squares = np.einsum("nd,nd->n", standard, standard)

    def distance(self, embedding: ArrayLike) -> Floats:
        """Distance of each embedding, ``(m, d)`` or ``(d,)`` → ``(m,)``."""
        e = (np.atleast_2d(np.asarray(embedding, dtype=np.float64)) - self.mean) / self.deviation
        if self.rule.method == "mahalanobis":
            return np.asarray(np.linalg.norm(e @ self._whitening, axis=1))
        squares = np.einsum("md,md->m", e, e)[:, None] + self._squares - 2 * e @ self._standard.T
        k = min(self.rule.k, len(self._standard))
        nearest = np.partition(np.maximum(squares, 0), k - 1, axis=1)[:, :k]
        return np.asarray(np.sqrt(nearest).mean(axis=1))


def distance(embedding: ArrayLike, bank: ArrayLike, rule: DistanceRule | None = None) -> Floats:
    """Distance of embeddings ``(m, d)`` or ``(d,)`` to a bank ``(n, d)``; ``(m,)``.

    Keep a :class:`Bank` where many are measured: it prepares the bank once.
    """
    return Bank(bank, rule).distance(embedding)


def p_value(distances: ArrayLike, calibration_distances: ArrayLike) -> Floats:
    """Conformal p-value of each distance, in 1/(m+1)…1; small = unlike the calibration cases."""
    reference = np.sort(np.asarray(calibration_distances, dtype=np.float64))
    d = np.atleast_1d(np.asarray(distances, dtype=np.float64))
    at_least = len(reference) - np.searchsorted(reference, d, side="left")
    p = (1.0 + at_least) / (len(reference) + 1.0)
    return np.where(np.isfinite(d), p, 1.0 / (len(reference) + 1.0))
