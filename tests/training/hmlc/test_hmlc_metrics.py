"""Figures of multi-label trees against scikit-learn, and DeLong's test against its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from lesionscope.training.engine.bootstrap import auc, average_precision, patient_weights
from lesionscope.training.hmlc.delong import compare
from lesionscope.training.hmlc.metrics import CONDITIONED, HIGH, LEAF, by_node, learnt_by, resampled, summary
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from lesionscope.models.hmlc.forest import ROOT, Forest

FOREST = Forest((ROOT, 0, 0, 1, 1))
"""A root with a leaf (2) and a node (1) with two leaves (3, 4)."""


def draw(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.zeros((n, 5), bool)
    labels[:, 2:] = rng.random((n, 3)) < [0.3, 0.2, 0.1]
    labels = FOREST.closed(labels)
    return labels, np.round(rng.normal(size=(n, 5)) + labels, 1)


def test_figures_of_a_resample_are_scikit_learn_s_of_the_repeated_cases() -> None:
    labels, scores = draw()
    weights = patient_weights(np.arange(300) // 3, 12)
    found = by_node(labels, scores, weights)
    for number in (0, 5, 12):
        rows = np.repeat(np.arange(300), weights[number].astype(int))
        for node in range(5):
            y, s = labels[rows, node], scores[rows, node]
            assert found["auc"][number, node] == pytest.approx(roc_auc_score(y, s), abs=1e-12)
            assert found["ap"][number, node] == pytest.approx(average_precision_score(y, s), abs=1e-12)


def test_a_node_without_positives_has_no_figures() -> None:
    once = np.ones((1, 4))
    assert np.isnan(auc(np.zeros(4, bool), np.arange(4.0), once)).all()
    assert np.isnan(average_precision(np.zeros(4, bool), np.arange(4.0), once)).all()
    assert average_precision(np.array([False, True]), np.array([1.0, 1.0]), np.ones((1, 2)))[0] == 0.5


def test_means_are_over_leaves_high_levels_and_leaves_where_the_root_holds() -> None:
    labels, scores = draw()
    found = summary(labels, scores, FOREST)
    leaves = [roc_auc_score(labels[:, node], scores[:, node]) for node in (2, 3, 4)]
    high = [average_precision_score(labels[:, node], scores[:, node]) for node in (0, 1)]
    ill = labels[:, 0]
    inner = [roc_auc_score(labels[ill, node], scores[ill, node]) for node in (2, 3, 4)]
    assert found[LEAF]["auc"] == pytest.approx(np.mean(leaves), abs=1e-5)
    assert found[HIGH]["ap"] == pytest.approx(np.mean(high), abs=1e-5)
    assert found[CONDITIONED]["auc"] == pytest.approx(np.mean(inner), abs=1e-5)


def test_br_leaf_has_no_figures_of_higher_nodes() -> None:
    labels, scores = draw()
    found = resampled(labels, scores, np.arange(300), FOREST, 3, learnt_by("br-leaf", FOREST))
    assert set(found) == {LEAF, CONDITIONED}
    assert set(resampled(labels, scores, np.arange(300), FOREST, 3, learnt_by("hlup", FOREST))) == {
        LEAF,
        HIGH,
        CONDITIONED,
    }


def by_definition(y: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """Kernel of Mann and Whitney pair by pair, and the covariances of its row and column means."""
    kernels = []
    for s in (first, second):
        apart = s[y][:, None] - s[~y][None, :]
        kernels.append((apart > 0) + 0.5 * (apart == 0))
    areas = [float(kernel.mean()) for kernel in kernels]
    ten = np.cov([kernel.mean(axis=1) for kernel in kernels])
    one = np.cov([kernel.mean(axis=0) for kernel in kernels])
    s = ten / y.sum() + one / (~y).sum()
    error = math.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    return areas[0], areas[1], 2 * norm.sf(abs(areas[0] - areas[1]) / error)


@pytest.mark.parametrize("seed", range(5))
def test_delong_s_test_is_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random(120) < 0.3
    first = np.round(rng.normal(size=120) + y, 1)
    second = np.round(0.6 * first + rng.normal(size=120) + 0.5 * y, 1)
    found, wanted = compare(y, first, second), by_definition(y, first, second)
    assert (found.first, found.second, found.p) == pytest.approx(wanted, abs=1e-10)
    assert found.first == pytest.approx(roc_auc_score(y, first), abs=1e-12)


def test_delong_s_p_is_uniform_where_two_models_are_equally_good() -> None:
    rng = np.random.default_rng(1)
    p = []
    for _ in range(400):
        y = rng.random(150) < 0.4
        p.append(compare(y, rng.normal(size=150) + y, rng.normal(size=150) + y).p)
    assert abs(np.mean(np.array(p) < 0.05) - 0.05) < 0.035
    assert abs(np.mean(p) - 0.5) < 0.05


def test_delong_s_test_of_a_model_with_itself_finds_nothing() -> None:
    y = np.array([True, False, True, False, False])
    s = np.arange(5.0)
    assert compare(y, s, 2 * s + 1).p == 1.0
    assert math.isnan(compare(np.array([True, False, False]), s[:3], s[:3]).p)
