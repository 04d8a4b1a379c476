"""Distances against independent formulas; p-values are conformal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from lesionscope.models.familiarity import Bank, DistanceRule, distance, p_value, prepare


@pytest.fixture(scope="module")
def bank():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6)) + rng.normal(size=6) * 10


def standard(x, bank):
    return (x - bank.mean(0)) / bank.std(0)


def pca_squares(e, pca):
    return np.einsum("nd,de,ne->n", e, pca.get_precision(), e)


def test_mahalanobis_equals_scikit_learns_probabilistic_components(bank):
    rng = np.random.default_rng(1)
    x = bank[:7] + rng.normal(size=(7, 6))
    e = standard(x, bank)
    pca = PCA(n_components=3, svd_solver="full").fit(standard(bank, bank))
    unit = np.median(np.sqrt(pca_squares(standard(bank, bank), pca)))
    expected = np.sqrt(pca_squares(e, pca)) / unit
    got = distance(x, bank, DistanceRule("mahalanobis", components=3))
    np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("k", [1, 4])
def test_neighbours_equal_a_brute_force_search(bank, k):
    x = bank[:5] + 0.3

    def mean_of_k(points):
        return np.sort(cdist(standard(points, bank), standard(bank, bank)), axis=1)[:, :k].mean(1)

    d = mean_of_k(x) / max(np.median(mean_of_k(bank)), 1e-12)
    np.testing.assert_allclose(distance(x, bank, DistanceRule("neighbours", k=k)), d, rtol=2e-3)


def test_distance_does_not_depend_on_a_channels_unit(bank):
    x = bank[:4] + 1.0
    unit = np.array([1, 20, 0.05, 5, 1, 1])
    for rule in (DistanceRule("mahalanobis"), DistanceRule("neighbours")):
        np.testing.assert_allclose(distance(x * unit, bank * unit, rule), distance(x, bank, rule), rtol=2e-3)


def test_a_channel_that_never_varies_does_no_harm(bank):
    flat = np.concatenate([bank, np.full((len(bank), 1), 3.0)], axis=1)
    d = distance(flat[:5], flat)
    assert np.isfinite(d).all() and (d < 100).all()


def test_p_values_by_hand():
    calibration = [1.0, 2.0, 3.0, 4.0]
    np.testing.assert_allclose(p_value([0.5, 2.0, 2.5, 9.0], calibration), [1.0, 0.8, 0.6, 0.2])
    assert p_value(np.nan, calibration)[0] == pytest.approx(0.2)


def test_p_values_of_like_cases_are_uniform(bank):
    rng = np.random.default_rng(5)
    prepared = prepare(rng.normal(size=(400, 8)))
    calibration = prepared.distance(rng.normal(size=(999, 8)))
    p = p_value(prepared.distance(rng.normal(size=(4000, 8))), calibration)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.02)
    assert np.mean(p <= 0.5) == pytest.approx(0.5, abs=0.05)
    far = p_value(prepared.distance(rng.normal(size=(10, 8)) * 6), calibration)
    assert (far < 0.01).all()


def test_bad_banks_and_rules_are_refused():
    with pytest.raises(ValueError, match="at least two"):
        prepare(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="finite"):
        prepare(np.full((3, 3), np.nan))
    with pytest.raises(ValueError, match="mahalanobis, neighbours"):
        DistanceRule("cosine")
    with pytest.raises(ValueError, match="components"):
        DistanceRule(components=0)
    with pytest.raises(ValueError, match="add up"):
        prepare(np.random.default_rng(0).normal(size=(5, 4)), DistanceRule(groups=(3,)))


def test_a_bank_reads_back_and_measures_the_same(bank):
    made = prepare(bank, keep=50)
    again = Bank(made.arrays(), made.rule)
    np.testing.assert_array_equal(made.distance(bank), again.distance(bank))
    assert made.embeddings().shape == (50, 6)
    np.testing.assert_allclose(made.embeddings()[[0, -1]], bank[[0, -1]], rtol=1e-3, atol=1e-2)
    for wrong in ({"mean": np.zeros(3)}, {"deviation": np.zeros(6)}, {"residual0": np.zeros(1)}):
        with pytest.raises(ValueError, match="bank"):
            Bank(made.arrays() | wrong, made.rule)


def test_leaving_the_span_of_the_bank_counts():
    rng = np.random.default_rng(7)
    flat = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 20)) + 0.05 * rng.normal(size=(200, 20))
    made = prepare(flat, DistanceRule(components=3))
    off = flat[:5] + 1.0 * rng.normal(size=(5, 20))
    assert made.distance(off).min() > 3 * made.distance(flat).max()


def test_the_largest_of_the_groups_distances_counts():
    rng = np.random.default_rng(8)
    bank = rng.normal(size=(300, 50))
    rule = DistanceRule(components=16, groups=(5, 45))
    made = prepare(bank, rule)
    parts = [prepare(bank[:, s], DistanceRule(components=16)) for s in (slice(0, 5), slice(5, 50))]
    odd = rng.normal(size=(4, 50))
    odd[:, 2] += 8  # one narrow group leaves its bank
    expected = np.stack([parts[0].distance(odd[:, :5]), parts[1].distance(odd[:, 5:])], 1)
    np.testing.assert_allclose(made.distances(odd), expected, rtol=1e-3)
    np.testing.assert_array_equal(made.distance(odd), made.distances(odd).max(1))
    assert made.distances(odd).argmax(1).tolist() == [0] * 4
