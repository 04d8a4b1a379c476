"""Calibration undoes what it says it undoes."""

from __future__ import annotations

import numpy as np
import pytest
from lesionscope.training.radpath.calibrate import (
    calibrate,
    class_frequencies,
    fit_vector_scaling,
    prior_shift,
)
from lesionscope.training.radpath.losses import IGNORE
from lesionscope.training.radpath.metrics import expected_calibration_error
from scipy.optimize import minimize

from lesionscope.models.probabilities import softmax
from lesionscope.ontology.tree import load_tree


def gaussian_classes(n, priors, seed):
    """One-dimensional classes whose posterior is known in closed form."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=priors)
    x = rng.normal([-1.0, 0.5, 2.0], 1.0, (n, 3))[np.arange(n), y]
    log_likelihood = -0.5 * (x[:, None] - np.array([-1.0, 0.5, 2.0])) ** 2
    return y, log_likelihood


def test_prior_correction_turns_a_weighted_posterior_into_the_populations():
    pi, star = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
    w = 1 / (3 * pi)
    _, ll = gaussian_classes(50, star, 0)
    trained = ll + np.log(w * pi)  # what a perfectly trained weighted softmax answers
    corrected = trained + prior_shift(w, pi, star)
    np.testing.assert_allclose(softmax(corrected), softmax(ll + np.log(star)), atol=1e-12)


def test_a_class_without_cases_keeps_its_logit():
    shift = prior_shift([1, 1, 0], [0.5, 0.5, 0.0], [0.2, 0.8, 0.0])
    assert shift[2] == 0
    assert shift[1] - shift[0] == pytest.approx(np.log(4))


def test_vector_scaling_reaches_the_optimum_of_its_objective():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 4, 200)
    z = rng.normal(0, 2, (200, 4)) + 2 * np.eye(4)[y]
    fitted = fit_vector_scaling(z, y, np.zeros(4), penalty=0.05)

    def objective(theta):
        s, b = theta[:4], theta[4:]
        p = softmax(z * s + b)
        return -np.log(p[np.arange(200), y]).mean() + 0.025 * (((s - 1) ** 2).sum() + (b**2).sum())

    best = minimize(objective, np.r_[np.ones(4), np.zeros(4)], method="BFGS", options={"gtol": 1e-9}).x
    assert objective(np.r_[fitted.scale, fitted.shift]) <= objective(best) + 1e-5


def test_overconfident_and_shifted_logits_become_calibrated():
    priors = np.array([0.6, 0.25, 0.15])
    y, ll = gaussian_classes(4000, priors, 2)
    raw = 3.0 * ll  # over-confident, and its priors flat
    assert expected_calibration_error(softmax(raw), y) > 0.08
    fitted = fit_vector_scaling(raw, y, prior_shift(None, np.full(3, 1 / 3), priors), penalty=0.001)
    held_y, held_ll = gaussian_classes(4000, priors, 3)
    assert expected_calibration_error(softmax(fitted.apply(3.0 * held_ll)), held_y) < 0.03


def test_the_penalty_holds_a_head_with_few_cases_near_the_correction():
    z, y = np.array([[5.0, -5.0], [4.0, 1.0]]), np.array([0, 0])
    fitted = fit_vector_scaling(z, y, np.array([0.5, -0.5]), penalty=10.0)
    np.testing.assert_allclose(fitted.scale, 1, atol=0.01)
    np.testing.assert_allclose(fitted.shift, [0.5, -0.5], atol=0.01)


def test_a_head_without_targets_gets_the_correction_alone():
    fitted = fit_vector_scaling(np.zeros((2, 2)), [IGNORE, IGNORE], [0.1, -0.1])
    assert fitted.scale == (1.0, 1.0) and fitted.shift == (0.1, -0.1)


def test_every_head_is_fitted():
    tree = load_tree()
    rng = np.random.default_rng(5)
    logits = {h.name: rng.normal(size=(60, h.width)) for h in tree.heads}
    targets = {h.name: rng.integers(0, h.width, 60) for h in tree.heads}
    share = {h.name: class_frequencies(targets[h.name], h.width) for h in tree.heads}
    fitted = calibrate(tree, logits, targets, weights=None, training=share, population=share)
    assert {name: len(v.scale) for name, v in fitted.items()} == {h.name: h.width for h in tree.heads}
    assert all(0 < s < 20 for v in fitted.values() for s in v.scale)


def test_frequencies_leave_out_the_ignored():
    np.testing.assert_allclose(class_frequencies(np.array([0, 0, 2, IGNORE]), 3), [2 / 3, 0, 1 / 3])
