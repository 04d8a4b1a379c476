"""Labels as learnt and scored (LesaNet §3.2, §4.2, §5.1)."""

from __future__ import annotations

import numpy as np
import pytest
from lesionscope.training.lesanet.labels import (
    Said,
    ancestor_matrix,
    exclusive_matrix,
    from_lists,
    mine,
    scored_targets,
    training_targets,
)
from lesionscope.training.lesanet.recipe import LabelRules

from lesionscope.ontology.label_graph import load_labels

GRAPH = load_labels()
NONE: frozenset[str] = frozenset()
SAID = (Said(frozenset({"right lower lobe"}), frozenset({"metastasis"}), frozenset({"liver"})),)


def names(row: np.ndarray) -> set[str]:
    return {GRAPH.core[place] for place in np.flatnonzero(row)}


def test_relevant_labels_are_expanded_and_uncertain_ones_stand_as_they_are():
    made = training_targets(SAID, GRAPH, LabelRules())
    expanded = GRAPH.expand({"right lower lobe"}) & set(GRAPH.core)
    assert names(made.positive[0]) == expanded | {"metastasis"}
    assert {"lung", "right lung", "chest"} <= expanded
    unknown = names(~made.known[0])
    assert unknown == (GRAPH.ancestors("metastasis") & set(GRAPH.core)) - expanded
    assert unknown  # metastasis implies something that nobody said


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (LabelRules(expansion=False), {"right lower lobe", "metastasis"}),
        (LabelRules(uncertain=False), GRAPH.expand({"right lower lobe"})),
        (LabelRules(text_mining=False), GRAPH.expand({"right lower lobe", "metastasis", "liver"})),
    ],
)
def test_what_the_ablations_learn(rules, wanted):
    made = training_targets(SAID, GRAPH, rules)
    assert names(made.positive[0]) == set(wanted) & set(GRAPH.core)
    assert made.known.all()


def test_rare_labels_can_be_left_out():
    said = (Said(frozenset({"liver"}), NONE, NONE),) * 3 + (Said(frozenset({"spleen"}), NONE, NONE),)
    made = training_targets(said, GRAPH, LabelRules(above=2))
    assert names(made.known.all(axis=0)) == names(made.positive[0]) >= {"liver", "abdomen"}
    assert not (made.positive & ~made.known).any()
    # What the spleen shares with the liver is left of the fourth.
    assert names(made.positive[3]) == GRAPH.expand({"spleen"}) & GRAPH.expand({"liver"}) & set(GRAPH.core)


def test_uncertain_pairs_do_not_count_when_scored():
    made = scored_targets(SAID, GRAPH)
    assert names(made.positive[0]) == GRAPH.expand({"right lower lobe"}) & set(GRAPH.core)
    assert names(~made.known[0]) == (GRAPH.expand({"metastasis"}) & set(GRAPH.core)) - names(made.positive[0])


def test_a_label_has_its_strongest_relation_and_stays_unexpanded():
    (one,) = mine(
        ["A nodule BOOKMARK in the right lower lobe, possibly metastasis; liver cyst OTHER_BMK."], GRAPH
    )
    assert {"right lower lobe"} <= one.relevant and "lung" not in one.relevant
    assert "metastasis" in one.uncertain
    assert not one.relevant & one.irrelevant and not one.uncertain & one.irrelevant


def test_released_lists_lose_what_other_labels_imply():
    listed = GRAPH.expand({"right lower lobe", "nodule"}) & set(GRAPH.core)
    one = from_lists(listed, {"cyst", "nodule"}, {"spleen"}, GRAPH)
    assert one.relevant == {"right lower lobe", "nodule"}
    assert one.uncertain == {"cyst"} and one.irrelevant == {"spleen"}
    again = training_targets([one], GRAPH, LabelRules(uncertain=False))
    assert names(again.positive[0]) == listed


def test_matrices_say_what_the_graph_says():
    ancestors, exclusives = ancestor_matrix(GRAPH), exclusive_matrix(GRAPH)
    place = GRAPH.core.index
    assert ancestors[place("right lower lobe"), place("lung")]
    assert not ancestors[place("lung"), place("right lower lobe")] and not ancestors.diagonal().any()
    assert (exclusives == exclusives.T).all() and not (exclusives & (ancestors | ancestors.T)).any()
    assert exclusives.sum() == 2 * len(GRAPH.exclusive_pairs())
