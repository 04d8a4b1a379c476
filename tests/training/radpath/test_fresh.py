"""Sets are fixed on some fresh phantoms, tested on others, and written into the card."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from lesionscope.training.radpath import fresh

from lesionscope.models.package import BUNDLED, open_package
from lesionscope.models.prediction_sets import SetRule
from lesionscope.ontology.tree import load_tree

TREE = load_tree()


@pytest.fixture
def asked(phantoms, monkeypatch):
    """Stand-in phantoms; which patients were asked for."""
    import lesionscope.phantom.radpath as radpath

    calls, stand_in = [], radpath.cubes

    def cubes(split, n, *, first_seed, **settings):
        calls.append((split, first_seed, n))
        return stand_in(split, n, first_seed=first_seed, **settings)

    monkeypatch.setattr(radpath, "cubes", cubes)
    monkeypatch.setattr(fresh, "BLOCK", 11)
    monkeypatch.setattr(fresh, "RESAMPLES", 10)
    return calls


def test_the_card_gets_a_rule_and_its_test_and_answers_are_kept(asked, tmp_path, capsys):
    folder = tmp_path / "package"
    shutil.copytree(BUNDLED / "radpath-demo", folder)
    arguments = [str(folder), "--cache", str(tmp_path / "cache"), "--calibrate", "22", "--test", "11"]
    assert fresh.main([*arguments, "--diagram", str(tmp_path / "diagram.svg")]) == 0
    assert asked == [("validation", 10_000, 11), ("validation", 10_011, 11), ("test", 10_000, 11)]
    package = open_package(folder)
    package.verify()
    rule = package.card.prediction_sets
    assert rule is not None and (rule.level, rule.cases) == (0.9, 22)
    said = json.loads(capsys.readouterr().out)
    assert package.card.metrics["fresh_phantoms"]["sets"] == said["sets"]
    assert said["sets"]["cases"] == 11 and set(said["calibration"]) == {"before", "after"}
    assert "test" in package.card.metrics, "earlier figures stay"
    assert (tmp_path / "diagram.svg").read_text().startswith("<svg")
    fresh.main(arguments)
    assert len(asked) == 3, "answers of the cache are not asked for again"


def test_the_figures_of_sets_by_hand():
    rule = SetRule(0.9, 0.2, "made-up cases", 10)
    leaves = np.zeros((4, len(TREE.leaves)))
    leaves[:, 0], leaves[:, 1], leaves[:, 2] = 0.5, 0.3, 0.2
    leaves[3] = np.eye(len(TREE.leaves))[4]
    found = fresh.set_figures(TREE, rule, leaves, np.array([0, 2, 3, 4]))
    assert found["coverage"]["value"] == 0.75 and found["mean_size"] == 2.5
    assert found["share_by_size"] == {"1": 0.25, "3": 0.75}
    wanted = dict(zip((TREE.leaves[i] for i in (0, 2, 3, 4)), (1.0, 1.0, 0.0, 1.0), strict=True))
    assert found["coverage_by_leaf"] == wanted
