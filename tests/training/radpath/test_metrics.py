"""Metrics against scikit-learn and against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from lesionscope.training.radpath.metrics import (
    auc,
    expected_calibration_error,
    head_auc,
    head_calibration,
    interval,
    leaf_auc,
    mean_leaf_auc,
    stratified_resamples,
    summary,
)
from sklearn.metrics import log_loss, roc_auc_score

from lesionscope.models.probabilities import tree_scores
from lesionscope.ontology.tree import load_tree

TREE = load_tree()
N = 400


@pytest.fixture(scope="module")
def cases():
    rng = np.random.default_rng(0)
    leaf = rng.integers(0, len(TREE.leaves), N)
    tags = np.array(TREE.leaves)[leaf]
    logits = {h.name: rng.normal(0, 1.5, (N, h.width)) for h in TREE.heads}
    for head in TREE.heads:
        for i, tag in enumerate(tags):
            logits[head.name][i, TREE.target(tag, head)] += 1.0
    return leaf, tags, logits, tree_scores(TREE, logits)


def test_auc_with_ties_equals_scikit_learns():
    rng = np.random.default_rng(1)
    for _ in range(20):
        y = rng.random(50) < 0.3
        s = rng.integers(0, 6, 50) / 5
        assert auc(s, y) == pytest.approx(roc_auc_score(y, s), abs=1e-12)
    assert np.isnan(auc([1, 2], [True, True]))


def test_leaf_auc_equals_scikit_learns_one_against_rest(cases):
    leaf, tags, _, scores = cases
    got = leaf_auc(TREE, scores, tags)
    p = scores.leaves()
    for i, tag in enumerate(TREE.leaves):
        assert got.by_tag[tag] == pytest.approx(roc_auc_score(leaf == i, p[:, i]), abs=1e-12)
    binary = np.eye(len(TREE.leaves))[leaf]
    assert got.unweighted == pytest.approx(roc_auc_score(binary, p, average="macro"), abs=1e-12)
    assert got.weighted == pytest.approx(roc_auc_score(binary, p, average="weighted"), abs=1e-12)
    assert mean_leaf_auc(p, leaf) == pytest.approx(got.unweighted, abs=1e-12)


def test_within_head_takes_the_heads_own_cases_and_conditionals(cases):
    _, tags, _, scores = cases
    head = TREE.heads[2]
    got = head_auc(TREE, scores, tags, head, "within-head")
    inside = np.isin(tags, head.nodes)
    for tag in head.nodes:
        expected = roc_auc_score(tags[inside] == tag, scores.conditional[inside, scores.column(tag)])
        assert got.by_tag[tag] == pytest.approx(expected, abs=1e-12)
        assert got.count[tag] == int((tags == tag).sum())


def test_all_scope_takes_everyone_and_path_products(cases):
    _, tags, _, scores = cases
    got = head_auc(TREE, scores, tags, TREE.heads[1], "all")
    adeno = np.isin(tags, ["H4a", "H4b"])
    expected = roc_auc_score(adeno, scores.probability[:, scores.column("H2a")])
    assert got.by_tag["H2a"] == pytest.approx(expected, abs=1e-12)


def test_the_papers_table_two_follows_from_table_three():
    # Leaky Dense Hierarchy: Table 3's AUCs, weighted by Table 1's test counts.
    from lesionscope.training.radpath.metrics import MeanAuc

    test = {node.tag: node.test for node in TREE.nodes}
    tables = {
        75.9: {"H1a": 76.4, "H1b": 76.9, "H1c": 71.5},
        89.1: {"H2a": 89.2, "H2b": 90.4, "H2c": 86.9, "H2d": 83.8, "H2e": 75.9},
        79.9: {"H3a": 79.5, "H3b": 71.1, "H3c": 90.2, "H3d": 63.3},
    }
    for published, by_tag in tables.items():
        assert MeanAuc(by_tag, {t: test[t] for t in by_tag}).weighted == pytest.approx(published, abs=0.06)


def test_classes_without_cases_are_left_out_of_the_mean(cases):
    _, tags, logits, _ = cases
    keep = tags != "H2d"
    scores = tree_scores(TREE, {k: z[keep] for k, z in logits.items()})
    got = leaf_auc(TREE, scores, tags[keep])
    assert np.isnan(got.by_tag["H2d"]) and np.isfinite(got.unweighted)
    assert got.as_dict()["by_class"]["H2d"] is None


def ece_by_loop(p, y, bins=15):
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        rows = [i for i in range(len(y)) if low < p[i].max() <= high]
        if rows:
            accuracy = np.mean([p[i].argmax() == y[i] for i in rows])
            total += len(rows) / len(y) * abs(accuracy - np.mean([p[i].max() for i in rows]))
    return total


def test_calibration_error_equals_a_plain_loop():
    rng = np.random.default_rng(3)
    p = rng.dirichlet([0.5] * 4, 300)
    y = rng.integers(0, 4, 300)
    assert expected_calibration_error(p, y) == pytest.approx(ece_by_loop(p, y), abs=1e-12)
    sure = np.array([[1.0, 0.0]] * 4)
    assert expected_calibration_error(sure, [0, 0, 0, 1]) == pytest.approx(0.25)
    assert expected_calibration_error(sure, [0, 0, 0, 0]) == 0


def test_perfectly_calibrated_scores_have_little_error():
    rng = np.random.default_rng(4)
    p = rng.dirichlet([1.0] * 3, 40_000)
    y = (rng.random(40_000)[:, None] > p.cumsum(1)).sum(1)
    assert expected_calibration_error(p, y) < 0.01


def test_head_calibration_counts_whom_it_scores(cases):
    _, tags, logits, _ = cases
    got = head_calibration(TREE, logits, tags)
    assert got["H1"]["cases"] == got["H4"]["cases"] == N
    assert got["H4"]["cases_within"] == int(np.isin(tags, ["H4a", "H4b"]).sum())
    p = np.exp(logits["H1"]) / np.exp(logits["H1"]).sum(1, keepdims=True)
    y = np.array([TREE.target(tag, TREE.heads[0]) for tag in tags])
    assert got["H1"]["ece"] == pytest.approx(ece_by_loop(p, y), abs=1e-5)
    assert got["H1"]["nll"] == pytest.approx(log_loss(y, p, labels=range(3)), abs=1e-5)


def test_resamples_keep_class_sizes_and_intervals_hold_the_value():
    y = np.repeat([0, 1, 2], [5, 10, 20])
    takes = stratified_resamples(y, 50, seed=1)
    assert takes.shape == (50, 35)
    assert all(np.bincount(y[take]).tolist() == [5, 10, 20] for take in takes)
    np.testing.assert_array_equal(takes, stratified_resamples(y, 50, seed=1))
    values = np.random.default_rng(0).normal(3, 1, 20_000)
    got = interval(3.0, values)
    assert got.low == pytest.approx(3 - 1.96, abs=0.05) and got.high == pytest.approx(3 + 1.96, abs=0.05)


def test_summary_is_plain_json(cases):
    import json

    _, tags, _, scores = cases
    text = json.dumps(summary(TREE, scores, tags), allow_nan=False)
    assert set(json.loads(text)) == {"mAUC@L", "mAUC@H"}
    assert set(json.loads(text)["mAUC@H"]["H3"]) == {"within-head", "all"}
