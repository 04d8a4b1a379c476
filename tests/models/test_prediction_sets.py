"""Prediction sets keep their promise, are told by the fewest nodes, and survive a card."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionscope.errors import InputError
from lesionscope.models.card import card_from_dict
from lesionscope.models.package import BUNDLED, open_package
from lesionscope.models.prediction_sets import SetRule, covering_nodes, node_words, threshold_for
from lesionscope.ontology.tree import load_tree

TREE = load_tree()
RULE = SetRule(0.9, 0.1, "made-up cases", 100)


def drawn(rng, n, classes=6):
    """Posteriors, and truths drawn from something else: the model is wrong about its own sureness."""
    p = rng.dirichlet(np.full(classes, 0.4), size=n)
    blurred = p**0.4 / (p**0.4).sum(axis=1, keepdims=True)
    truth = np.array([rng.choice(classes, p=row) for row in blurred])
    return p, truth


@pytest.mark.parametrize(("cases", "level"), [(50, 0.9), (20, 0.8), (9, 0.9), (8, 0.9)])
def test_the_promise_holds_on_average_however_wrong_the_model_and_is_not_wasted(cases, level):
    rng = np.random.default_rng(0)
    coverage = []
    for _ in range(600):
        p, truth = drawn(rng, cases + 20)
        mine = p[np.arange(len(p)), truth]
        threshold = threshold_for(mine[:cases], level)
        coverage.append((mine[cases:] >= threshold).mean())
    error = 4 * np.std(coverage) / np.sqrt(len(coverage))
    assert np.mean(coverage) >= level - error
    assert np.mean(coverage) <= level + 1 / (cases + 1) + error


def test_the_threshold_by_hand():
    truth = np.arange(1, 20) / 100  # 19 cases: (19 + 1) · 0.1 = 2, so the second smallest
    assert threshold_for(truth, 0.9) == 0.02
    assert threshold_for(truth[:9], 0.9) == 0.01
    assert threshold_for(truth[:8], 0.9) == 0.0, "too few cases to leave any class out"


def test_the_most_probable_leaf_is_always_in_its_set():
    found = RULE.members([[0.05, 0.06, 0.04], [0.5, 0.1, 0.4], [0.91, 0.09, 0.0]])
    assert found.tolist() == [[False, True, False], [True, True, True], [True, False, False]]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(TREE.leaves), min_size=1))
def test_nodes_say_exactly_the_leaves_and_no_fewer_could(leaves):
    below = {node.tag: {x for x in TREE.leaves if node.tag in TREE.path(x)} for node in TREE.nodes}
    nodes = covering_nodes(TREE, leaves)
    assert set().union(*(below[tag] for tag in nodes)) == leaves
    assert sum(len(below[tag]) for tag in nodes) == len(leaves), "no leaf is said twice"
    usable = [tag for tag in below if below[tag] <= leaves]
    for fewer in range(1, len(nodes)):
        for some in combinations(usable, fewer):
            assert set().union(*(below[tag] for tag in some)) != leaves
        if len(usable) > 12 and fewer > 2:
            break  # the search grows fast; what is shown by then is enough


def test_words_for_nodes():
    assert node_words(TREE, "H2a") == "Adenocarcinoma, invasive or not"
    assert node_words(TREE, "H4b") == "Adenocarcinoma, non-invasive"
    assert node_words(TREE, "H1b") == "Non-cancer, any kind"
    assert node_words(TREE, "H3b") == "Hamartoma" and node_words(TREE, "H1c") == "Other"


@pytest.mark.parametrize("wrong", [{"level": 1.0}, {"threshold": -0.1}, {"cases": 0}])
def test_rules_that_promise_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="level and threshold"):
        SetRule(**{**RULE.as_dict(), **wrong})


def test_a_card_may_hold_a_rule_or_none():
    card = open_package(BUNDLED / "radpath-demo").card
    values = card.as_dict()
    values.pop("prediction_sets", None)
    assert card_from_dict(values, "a card").prediction_sets is None
    again = card_from_dict(values | {"prediction_sets": RULE.as_dict()}, "a card")
    assert again.prediction_sets == RULE and again.as_dict()["prediction_sets"] == RULE.as_dict()
    for section in ({"level": 0.9}, RULE.as_dict() | {"level": 2.0}, RULE.as_dict() | {"more": 1}, 3):
        with pytest.raises(InputError, match="prediction_sets"):
            card_from_dict(values | {"prediction_sets": section}, "a card")
