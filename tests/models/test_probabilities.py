"""Probabilities on the tree, against a plain by-hand computation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.models.probabilities import VectorScaling, log_softmax, softmax, tree_scores
from lesionscope.ontology.tree import load_tree

TREE = load_tree()


def random_logits(seed: int, n: int = 5, spread: float = 3.0):
    rng = np.random.default_rng(seed)
    return {h.name: rng.normal(0, spread, (n, h.width)) for h in TREE.heads}


def by_hand(logits, case: int, plain: bool):
    """Python floats and loops only."""
    conditional, probability, leak = {}, {}, {}
    for head in TREE.heads:
        z = [float(v) for v in logits[head.name][case]]
        total = math.fsum(math.exp(v) for v in z)
        s = [math.exp(v) / total for v in z]
        stop = 0.0
        if head.leaky:
            stop = leak[head.name] = s[-1]
        for tag, p in zip(head.nodes, s, strict=False):
            conditional[tag] = p / (1 - stop)
            above = 1.0 if head.parent is None else probability[head.parent]
            probability[tag] = above * (p if plain else conditional[tag])
    return conditional, probability, leak


@pytest.mark.parametrize("product", ["conditional", "plain"])
def test_scores_equal_a_computation_by_hand(product):
    logits = random_logits(0)
    scores = tree_scores(TREE, logits, product=product)
    for case in range(5):
        conditional, probability, leak = by_hand(logits, case, product == "plain")
        for column, node in enumerate(TREE.nodes):
            assert scores.conditional[case, column] == pytest.approx(conditional[node.tag], abs=1e-12)
            assert scores.probability[case, column] == pytest.approx(probability[node.tag], abs=1e-12)
        assert set(scores.leak) == {"H2", "H3", "H4"}
        for name, value in leak.items():
            assert scores.leak[name][case] == pytest.approx(value, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**31), st.floats(0.01, 400), st.sampled_from(["conditional", "plain"]))
def test_a_child_never_exceeds_its_parent_and_heads_sum_to_one(seed, spread, product):
    scores = tree_scores(TREE, random_logits(seed, 3, spread), product=product)
    assert np.isfinite(scores.conditional).all()
    assert ((scores.probability >= 0) & (scores.probability <= 1 + 1e-12)).all()
    for head in TREE.heads:
        columns = [scores.column(tag) for tag in head.nodes]
        np.testing.assert_allclose(scores.conditional[:, columns].sum(axis=1), 1, atol=1e-12)
    for column, node in enumerate(TREE.nodes):
        if node.parent is not None:
            parent = scores.probability[:, scores.column(node.parent)]
            assert (scores.probability[:, column] <= parent + 1e-15).all()
    if product == "conditional":
        np.testing.assert_allclose(scores.leaves().sum(axis=1), 1, atol=1e-9)


def test_calibration_scales_and_shifts_each_class():
    logits = random_logits(1)
    rng = np.random.default_rng(2)
    scaling = {
        h.name: VectorScaling(tuple(rng.uniform(0.5, 2, h.width)), tuple(rng.normal(size=h.width)))
        for h in TREE.heads
    }
    moved = {n: z * np.array(scaling[n].scale) + np.array(scaling[n].shift) for n, z in logits.items()}
    np.testing.assert_allclose(
        tree_scores(TREE, logits, scaling).probability, tree_scores(TREE, moved).probability
    )


def test_one_case_may_come_without_its_batch_axis():
    logits = random_logits(3, 1)
    flat = {name: z[0] for name, z in logits.items()}
    np.testing.assert_array_equal(tree_scores(TREE, flat).probability, tree_scores(TREE, logits).probability)


def test_softmax_survives_huge_logits():
    z = np.array([[1e4, 0.0, -1e4]])
    np.testing.assert_allclose(softmax(z), [[1, 0, 0]])
    np.testing.assert_allclose(log_softmax(z), [[0, -1e4, -2e4]])


def test_wrong_shapes_and_names_are_refused():
    logits = random_logits(4)
    with pytest.raises(ValueError, match="H3"):
        tree_scores(TREE, {k: v for k, v in logits.items() if k != "H3"})
    with pytest.raises(ValueError, match=r"H2 needs logits \(n, 6\)"):
        tree_scores(TREE, logits | {"H2": logits["H2"][:, :5]})
    with pytest.raises(ValueError, match="conditional or plain"):
        tree_scores(TREE, logits, product="sum")
    with pytest.raises(ValueError, match="one number a class"):
        VectorScaling((1.0,), ())
