"""A reading says its prediction set where the card has a rule and the lesion is familiar."""

from __future__ import annotations

import dataclasses

import pytest

from lesionscope.ct.volume import CTVolume
from lesionscope.inference.predictor import Predictor
from lesionscope.inference.reading import PathologyAnswer, PredictionSet
from lesionscope.lesions.marking import lesion_from_click
from lesionscope.models.package import ModelPackage
from lesionscope.models.prediction_sets import SetRule


def answered(package, volume, place, rule, unfamiliar_below=0.0):
    """What the package answers with a rule in its card."""
    card = dataclasses.replace(package.card, prediction_sets=rule)
    reader = Predictor(
        ModelPackage(package.folder, card), device="cpu", threads=1, unfamiliar_below=unfamiliar_below
    )
    answer = reader.read(volume, lesion_from_click(place)).pathology
    assert isinstance(answer, PathologyAnswer)
    return answer


def test_the_set_is_the_rules_leaves_in_as_few_nodes(volume: CTVolume, package: ModelPackage, places) -> None:
    leaves = package.tree.leaves
    for threshold in (0.0, 0.05, 0.4, 1.0):
        rule = SetRule(0.9, threshold, "made-up cases", 10)
        answer = answered(package, volume, places.nodule, rule)
        p = {node.tag: node.probability for node in answer.nodes}
        best = max(leaves, key=p.__getitem__)
        wanted = {leaf for leaf in leaves if p[leaf] >= threshold or leaf == best}
        given = answer.prediction_set
        assert isinstance(given, PredictionSet) and given.level == 0.9
        assert {leaf for leaf in leaves if set(package.tree.path(leaf)) & set(given.nodes)} == wanted
        assert [p[tag] for tag in given.nodes] == sorted((p[tag] for tag in given.nodes), reverse=True)
        assert len(given.names) == len(given.nodes) <= len(wanted)
    assert len(given.nodes) == 1


def test_nothing_is_promised_without_a_rule_or_where_the_lesion_is_unfamiliar(
    volume: CTVolume, package: ModelPackage, places
) -> None:
    assert answered(package, volume, places.nodule, None).prediction_set is None
    rule = SetRule(0.9, 0.05, "made-up cases", 10)
    answer = answered(package, volume, places.nodule, rule, unfamiliar_below=1.1)
    assert answer.unfamiliar and answer.prediction_set is None


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_level_is_the_cards(volume: CTVolume, package: ModelPackage, places, level) -> None:
    rule = SetRule(level, 0.05, "made-up cases", 10)
    assert answered(package, volume, places.nodule, rule).prediction_set.level == level
