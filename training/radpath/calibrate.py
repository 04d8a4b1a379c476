"""Calibration: prior correction, then vector scaling fitted on validation cases.

Class weights make a head answer for classes that are equally frequent, whatever
the data. With training frequencies π_c and weights w_c its softmax estimates a
posterior under priors ∝ w_c·π_c, so for a population with frequencies π*_c

    z'_c = z_c − log(w_c π_c) + log π*_c                        (exact correction)

and what then remains (over-confidence, mostly) is fitted as vector scaling,
class by class: ẑ_c = s_c·z'_c + b_c, minimising

    mean NLL + ½·penalty·(Σ_c (s_c − 1)² + Σ_c b_c²).

One temperature can't undo a shift of priors, which is why it isn't used.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from lesionscope.models.probabilities import Floats, VectorScaling, log_softmax, softmax
from lesionscope.ontology.tree import PathologyTree

from .losses import IGNORE

METHOD = "prior correction, then vector scaling by head"


def class_frequencies(targets: NDArray[np.int64], width: int, weights: ArrayLike | None = None) -> Floats:
    """Share of each class among a head's known targets ``(n,)``, cases weighted where given; ``(width,)``."""
    known = targets != IGNORE
    w = np.ones(len(targets)) if weights is None else np.asarray(weights, dtype=np.float64)
    counts = np.bincount(targets[known], w[known], minlength=width)
    return np.asarray(counts / max(float(counts.sum()), 1e-12))


def prior_shift(weights: ArrayLike | None, training: ArrayLike, population: ArrayLike) -> Floats:
    """Shift of logits from the priors that training simulated to a population's.

    Parameters
    ----------
    weights
        w_c of the loss, ``(K,)``; ``None`` where it was not weighted.
    training, population
        π_c and π*_c, ``(K,)``. A class absent from either keeps its logit: no
        data says where it should lie.
    """
    pi, star = np.asarray(training, dtype=np.float64), np.asarray(population, dtype=np.float64)
    w = np.ones_like(pi) if weights is None else np.asarray(weights, dtype=np.float64)
    known = (pi * w > 0) & (star > 0)
    shift = np.zeros_like(pi)
    shift[known] = np.log(star[known]) - np.log(w[known] * pi[known])
    shift[known] -= shift[known].mean() if known.any() else 0.0
    return shift


def fit_vector_scaling(
    logits: ArrayLike, targets: ArrayLike, shift: ArrayLike, penalty: float = 0.01
) -> VectorScaling:
    """Fit one head's vector scaling after its prior shift.

    Parameters
    ----------
    logits
        Raw logits of validation cases, ``(n, K)``.
    targets
        Class indices ``(n,)``; :data:`~.losses.IGNORE` is left out.
    shift
        From :func:`prior_shift`, ``(K,)``.
    penalty
        Pull towards no change; keeps a class with few cases near the identity.

    Returns
    -------
    VectorScaling
        Of the raw logits, with the prior shift folded in: s·(z + shift) + b.
    """
    y = np.asarray(targets, dtype=np.int64)
    known = y != IGNORE
    y = y[known]
    prior = np.asarray(shift, dtype=np.float64)
    z = np.asarray(logits, dtype=np.float64)[known] + prior
    width = z.shape[1]
    if len(y) == 0:
        return VectorScaling((1.0,) * width, tuple(float(v) for v in prior))
    one_hot = np.eye(width)[y]

    def objective(theta: Floats) -> tuple[float, Floats]:
        scale, bias = theta[:width], theta[width:]
        scaled = z * scale + bias
        nll = -log_softmax(scaled)[np.arange(len(y)), y].mean()
        error = (softmax(scaled) - one_hot) / len(y)
        away = np.concatenate([scale - 1.0, bias])
        gradient = np.concatenate([(error * z).sum(axis=0), error.sum(axis=0)]) + penalty * away
        return float(nll + 0.5 * penalty * away @ away), gradient

    start = np.concatenate([np.ones(width), np.zeros(width)])
    bounds = [(0.05, 20.0)] * width + [(None, None)] * width
    theta = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    scale, bias = theta[:width], theta[width:]
    return VectorScaling(
        tuple(round(float(v), 6) for v in scale), tuple(round(float(v), 6) for v in scale * prior + bias)
    )


def calibrate(
    tree: PathologyTree,
    logits: Mapping[str, ArrayLike],
    targets: Mapping[str, NDArray[np.int64]],
    *,
    weights: Mapping[str, ArrayLike] | None,
    training: Mapping[str, ArrayLike],
    population: Mapping[str, ArrayLike],
    penalty: float = 0.01,
) -> dict[str, VectorScaling]:
    """Fit every head on validation cases drawn from the population.

    Parameters
    ----------
    tree
        The classes.
    logits, targets
        Of the validation cases, by head.
    weights
        The loss's class weights by head; ``None`` where it had none.
    training, population
        Class frequencies by head (:func:`class_frequencies`) in training and in
        the population that probabilities shall hold for.
    penalty
        See :func:`fit_vector_scaling`.
    """
    result = {}
    for head in tree.heads:
        name = head.name
        shift = prior_shift(None if weights is None else weights[name], training[name], population[name])
        result[name] = fit_vector_scaling(logits[name], targets[name], shift, penalty)
    return result
