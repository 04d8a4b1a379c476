"""How familiar a cube is: a conformal p-value of its embedding's distance (NumPy only).

A network answers whatever it is shown. The distance of a cube's embedding to the
training embeddings (the bank) is ranked among the distances of calibration
phantoms that the bank has not seen: with m of them, p = (1 + #{dᵢ ≥ d}) / (m + 1)
(split conformal prediction), so cases like the calibration ones fall below p = α
at most a share α of the time, whatever the distance.

Two distances, on embeddings e standardised by the bank, channel by channel; where
the embedding has groups, each group's distance is divided by its median over the
bank and the largest counts, so that a wide group can't drown a narrow one:

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
    """Which distance, and its parameters.

    ``components`` is r of ``mahalanobis``, ``k`` of ``neighbours``; ``groups``
    holds the widths of the embedding's groups (none: it is one).
    """

    method: str = "mahalanobis"
    components: int = 16
    k: int = 5
    groups: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, not {self.method!r}")
        if self.components < 1 or self.k < 1:
            raise ValueError("components and k must be at least 1")
        if any(width < 1 for width in self.groups):
            raise ValueError("groups must be widths of at least 1")


@dataclass(frozen=True, eq=False)
class _Group:
    """One group of channels, ready to measure in.

    ``directions`` ``(d, r)`` is U scaled so that eᵀΣ⁻¹e = ‖e‖²/σ² − ‖e·directions‖²,
    ``residual`` is σ², ``unit`` the median distance over the bank.
    """

    standard: Floats
    directions: Floats
    residual: float
    unit: float

    def distance(self, e: Floats, rule: DistanceRule) -> Floats:
        """Distance of standardised channels ``(m, d)`` → ``(m,)``, in units of ``unit``."""
        length = np.einsum("md,md->m", e, e)
        if rule.method == "mahalanobis":
            within = np.square(e @ self.directions).sum(axis=1)
            return np.asarray(np.sqrt(np.maximum(length / self.residual - within, 0.0)) / self.unit)
        known = np.einsum("nd,nd->n", self.standard, self.standard)
        squares = np.maximum(length[:, None] + known - 2 * e @ self.standard.T, 0.0)
        k = min(rule.k, len(self.standard))
        nearest = np.partition(squares, k - 1, axis=1)[:, :k]
        return np.asarray(np.sqrt(nearest).mean(axis=1) / self.unit)


class Bank:
    """Training embeddings made ready to measure distances to; see :func:`prepare`.

    Parameters
    ----------
    arrays
        As :meth:`arrays` gives them and a package's file holds them: ``mean`` and
        ``deviation`` of each channel ``(d,)``, ``standard`` ``(n, d)`` embeddings,
        and for each group g ``directions{g}``, ``residual{g}``, ``unit{g}``.
    rule
        The distance.

    Raises
    ------
    KeyError, ValueError
        An array is missing, or they don't make a bank.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]], rule: DistanceRule) -> None:
        self.rule = rule
        self._arrays = dict(arrays)
        self.mean, self.deviation, self.standard = (
            np.asarray(arrays[name], dtype=np.float64) for name in ("mean", "deviation", "standard")
        )
        if self.standard.ndim != 2 or len(self.standard) < 1:
            raise ValueError("the bank holds no embeddings")
        d = self.standard.shape[1]
        if self.mean.shape != (d,) or self.deviation.shape != (d,) or not (self.deviation > 0).all():
            raise ValueError("the bank's mean and deviation don't fit its embeddings")
        self._slices = _slices(rule, d)
        self._groups = []
        for number, channels in enumerate(self._slices):
            directions = np.asarray(arrays[f"directions{number}"], dtype=np.float64)
            residual, unit = (float(arrays[f"{name}{number}"].item()) for name in ("residual", "unit"))
            if directions.ndim != 2 or len(directions) != channels.stop - channels.start:
                raise ValueError("the bank's directions don't fit its embeddings")
            if not (residual > 0 and unit > 0):
                raise ValueError("the bank's residual and unit must be positive")
            self._groups.append(_Group(self.standard[:, channels], directions, residual, unit))
        if not all(np.isfinite(np.asarray(array, dtype=np.float64)).all() for array in arrays.values()):
            raise ValueError("the bank holds values that are not finite")

    def embeddings(self) -> NDArray[np.float32]:
        """Return the training embeddings, ``(n, d)`` float32."""
        return np.asarray(self.standard * self.deviation + self.mean, dtype=np.float32)

    def distances(self, embedding: ArrayLike) -> Floats:
        """Distance of each embedding in each group, ``(m, d)`` or ``(d,)`` → ``(m, groups)``."""
        e = (np.atleast_2d(np.asarray(embedding, dtype=np.float64)) - self.mean) / self.deviation
        parts = [
            group.distance(e[:, channels], self.rule)
            for group, channels in zip(self._groups, self._slices, strict=True)
        ]
        return np.stack(parts, axis=1)

    def distance(self, embedding: ArrayLike) -> Floats:
        """Distance of each embedding, ``(m, d)`` or ``(d,)`` → ``(m,)``: its largest in any group."""
        return np.asarray(self.distances(embedding).max(axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a file holds of it."""
        return dict(self._arrays)


def _slices(rule: DistanceRule, width: int) -> tuple[slice, ...]:
    """Channels of each group."""
    widths = rule.groups or (width,)
    if sum(widths) != width:
        raise ValueError(f"the groups {widths} don't add up to the embedding's {width} channels")
    ends = np.cumsum(widths)
    return tuple(slice(int(end - w), int(end)) for end, w in zip(ends, widths, strict=True))


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
    kept = np.linspace(0, len(bank) - 1, min(keep or len(bank), len(bank))).round().astype(int)
    # Half precision where rounding costs every channel the same and little.
    arrays: dict[str, NDArray[Any]] = {
        "standard": standard[kept].astype(np.float16),
        "mean": mean.astype(np.float32),
        "deviation": deviation.astype(np.float32),
    }
    for number, channels in enumerate(_slices(rule, bank.shape[1])):
        part = standard[:, channels]
        directions, residual = _principal(part, rule.components)
        group = _Group(standard[kept][:, channels], directions, residual, unit=1.0)
        unit = max(float(np.median(group.distance(part, rule))), 1e-12)
        arrays |= {
            # safetensors writes memory as it lies, so a transposed view would be scrambled.
            f"directions{number}": np.ascontiguousarray(directions, dtype=np.float32),
            f"residual{number}": np.array([residual]),
            f"unit{number}": np.array([unit]),
        }
    return Bank(arrays, rule)


def _principal(standard: Floats, components: int) -> tuple[Floats, float]:
    """Scaled principal directions ``(d, r)`` and the residual variance of centred data ``(n, d)``."""
    n, d = standard.shape
    _, singular, vectors = np.linalg.svd(standard, full_matrices=False)
    spectrum = np.square(singular) / (n - 1)
    r = min(components, len(spectrum) - 1, d - 1)
    residual = max(float(spectrum[r:].sum() / (d - r)), 1e-9 * float(spectrum[0]) + 1e-300)
    # No eigenvalue lies below the mean of those after it, so no weight is negative but by rounding.
    weights = np.maximum(1 / residual - 1 / np.maximum(spectrum[:r], residual), 0.0)
    return vectors[:r].T * np.sqrt(weights), residual


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
