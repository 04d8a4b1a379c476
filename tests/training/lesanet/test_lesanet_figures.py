"""Calibration, resampled figures, and how claims are judged."""

from __future__ import annotations

import numpy as np
import pytest
from lesionscope.training.engine.bootstrap import interval, mean_over, patient_weights
from lesionscope.training.engine.claims import HELD, MISSING, REVERSED, UNDECIDED, Claim, Quantity
from lesionscope.training.lesanet.bootstrap import resampled
from lesionscope.training.lesanet.calibrate import calibration_error, fit_platt
from lesionscope.training.lesanet.claims import judge
from lesionscope.training.lesanet.labels import Targets
from lesionscope.training.lesanet.metrics import per_class
from lesionscope.training.lesanet.scoring import COMPLETE, MINED
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score


def draw(n=400, c=5, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random((n, c)) < np.linspace(0.05, 0.5, c)
    scores = np.round(rng.normal(0, 1, (n, c)) + 1.5 * truth, 1)  # rounded: many are equal
    known = rng.random((n, c)) < 0.9
    return Targets(truth, known), scores


def test_the_first_row_is_the_set_itself_and_others_are_whole_patients():
    targets, scores = draw()
    patients = np.arange(len(scores)) // 4
    weights = patient_weights(patients, 50, seed=1)
    assert weights.shape == (51, 400) and (weights[0] == 1).all()
    assert all(len(set(row[patients == 7])) == 1 for row in weights)
    assert (weights[:, ::4].sum(axis=1) == 100).all()
    fired = scores > 0.7
    figures = resampled(targets, scores, fired, weights)
    own = per_class(targets.positive, scores, fired, targets.known)
    for name in ("auc", "precision", "recall", "f1"):
        np.testing.assert_allclose(figures[name][0], getattr(own, name), atol=1e-12)
    rows = np.repeat(np.arange(400), weights[9].astype(int))
    known = targets.known[rows, 2]
    wanted = roc_auc_score(targets.positive[rows, 2][known], scores[rows, 2][known])
    assert figures["auc"][9, 2] == pytest.approx(wanted, abs=1e-12)


def test_labels_without_both_classes_have_no_part_in_means():
    targets, scores = draw()
    targets.positive[:, 0] = False
    figures = resampled(targets, scores, scores > 0, patient_weights(np.arange(400), 5))
    assert np.isnan(figures["auc"][:, 0]).all()
    assert mean_over(figures["auc"])[0] == pytest.approx(np.nanmean(figures["auc"][0]))
    low, high = interval(mean_over(figures["auc"])[1:])
    assert 0.5 < low < high < 1


def test_platt_scaling_finds_the_truth_and_leaves_rare_labels_near_the_rest():
    rng = np.random.default_rng(3)
    n, c = 6000, 6
    slope, shift = np.array([2.0, 1.5, 1.0, 0.7, 1.2, 1.0]), np.array([-3.0, -2.0, -1.0, -2.5, -1.5, -1.0])
    z = rng.normal(0, 2, (n, c))
    truth = rng.random((n, c)) < expit(slope * z + shift)
    known = np.ones((n, c), dtype=bool)
    known[20:, 5] = False  # almost nothing is known of the last
    targets = Targets(truth, known)
    found = fit_platt(z, targets, truth.mean(axis=0), penalty=1.0)
    np.testing.assert_allclose(found.scale[:5], slope[:5], atol=0.2)
    np.testing.assert_allclose(found.shift[:5], shift[:5], atol=0.25)
    assert calibration_error(found.probabilities(z), targets) < 0.01
    assert calibration_error(expit(z), targets) > 0.05
    nothing = fit_platt(z, Targets(truth, known & (np.arange(c) != 5)), truth.mean(axis=0), penalty=1.0)
    assert 0.7 < nothing.scale[5] < 2.0
    assert abs(nothing.shift[5] - logit(truth.mean(axis=0)[5])) < 1.0


def cells(row, base, spread, seeds=(1, 2)):
    rng = np.random.default_rng(ord(row))
    common = np.random.default_rng(5).normal(0, 0.03, 201)  # all cells share the patients' luck
    return [
        {
            "row": row,
            "seed": seed,
            "draws": {
                test: {"all": {"auc": list(base + common + rng.normal(0, spread, 201))}}
                for test in (MINED, COMPLETE)
            },
        }
        for seed in seeds
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "little", "wanted"),
    [
        (0.92, 0.90, False, HELD),
        (0.90, 0.92, False, REVERSED),
        (0.900, 0.9005, False, UNDECIDED),
        (0.900, 0.9005, True, HELD),
        (0.95, 0.90, True, REVERSED),
        (0.91, 0.90, True, UNDECIDED),
    ],
)
def test_claims_are_judged_on_paired_differences(ours, theirs, little, wanted):
    claim = Claim("a is above b", Quantity("a", "auc"), Quantity("b", "auc"), little)
    found = judge(cells("a", ours, 0.003) + cells("b", theirs, 0.003, seeds=(2, 3)), [claim])
    assert [verdict.verdict for verdict in found] == [wanted, wanted]
    assert len(found[0].seeds) == 1 and found[0].difference == pytest.approx(ours - theirs, abs=0.012)


def test_a_claim_without_cells_is_not_judged():
    claim = Claim("a is above b", Quantity("a", "auc"), Quantity("b", "auc"))
    assert judge(cells("a", 0.9, 0.01), [claim])[0].verdict == MISSING
