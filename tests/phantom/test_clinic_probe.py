"""The probe finds what is there to be found, and nothing in the surroundings of lesions."""

from dataclasses import replace

import numpy as np
import pytest

from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.probe import auc_within, gather, probe, statistics


def test_pairs_are_compared_at_the_same_place_only():
    scores = np.array([1.0, 0.0, 5.0, 4.0])
    positive = np.array([True, False, False, True])
    patients = np.arange(4)
    assert auc_within(scores, positive, ["a", "a", "b", "b"], patients)[0] == 0.5
    assert auc_within(scores, positive, ["a", "a", "c", "b"], patients)[0] == 1.0


def test_the_standard_error_is_that_of_repeated_draws():
    rng = np.random.default_rng(5)
    drawn = []
    for _ in range(300):
        patients = np.repeat(np.arange(40), 3)
        positive = rng.random(120) < 0.3
        # Lesions of a patient are alike: a third of the independent information there seems to be.
        scores = np.repeat(rng.standard_normal(40), 3) + 0.4 * rng.standard_normal(120) + 0.7 * positive
        drawn.append(auc_within(scores, positive, ["a"] * 120, patients))
    auc, error = np.array(drawn).T
    assert np.mean(error) == pytest.approx(np.std(auc), rel=0.15)


def test_statistics_tell_tissues_apart():
    lung, fat = (np.full((64, 64), hu, dtype=np.int16) for hu in (-830, -100))
    assert np.abs(statistics(lung) - statistics(fat)).max() > 0.9


@pytest.mark.slow
def test_surroundings_do_not_tell_labels_but_a_leak_would():
    pytest.importorskip("sklearn")
    seen = gather(1200, workers=2, body_of=BlockBody)
    found = probe(seen)
    weights = [one["lesions"] for one in found.values()]
    assert np.average([one["auc"] for one in found.values()], weights=weights) < 0.55
    assert all(one["low"] <= 0.6 for one in found.values())
    assert all(one["auc"] <= 0.6 for one in found.values() if one["lesions"] >= 150)
    leaky = [
        replace(
            one, features=one.features + ("enhancing" in one.labels) * np.linspace(0, 1, len(one.features))
        )
        for one in seen
    ]
    assert probe(leaky)["enhancing"]["auc"] > 0.9
