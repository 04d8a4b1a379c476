"""Every system trains on a tree of four levels with other names, repeatably and through a kill."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from lesionscope.training import recipes
from lesionscope.training.radpath.calibrate import class_frequencies
from lesionscope.training.radpath.dataset import Cubes
from lesionscope.training.radpath.trainer import Trainer, infer

from lesionscope.errors import Cancelled, UsageError
from lesionscope.models.probabilities import tree_scores
from lesionscope.models.systems import SYSTEMS
from lesionscope.ontology.tree import load_tree
from lesionscope.progress import CancelToken

BIRDS = {
    "name": "birds",
    "nodes": [
        {"tag": "perching", "name": "Perching", "parent": None},
        {"tag": "wading", "name": "Wading", "parent": None},
        {"tag": "crow", "name": "Crow", "parent": "perching"},
        {"tag": "finch", "name": "Finch", "parent": "perching"},
        {"tag": "heron", "name": "Heron", "parent": "wading"},
        {"tag": "stork", "name": "Stork", "parent": "wading"},
        {"tag": "raven", "name": "Raven", "parent": "crow"},
        {"tag": "rook", "name": "Rook", "parent": "crow"},
        {"tag": "northern", "name": "Northern", "parent": "raven"},
        {"tag": "forest", "name": "Forest", "parent": "raven"},
    ],
    "heads": {"order": None, "perchers": "perching", "waders": "wading", "crows": "crow", "ravens": "raven"},
    "leaky": ["perchers", "crows", "ravens"],
}


@pytest.fixture
def birds(tmp_path):
    path = tmp_path / "birds.json"
    path.write_text(json.dumps(BIRDS))
    return load_tree(path)


@pytest.fixture
def flock(birds):
    """Balls whose size and HU tell the six leaves."""
    axis = np.arange(42) - 20.5
    r = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
    leaf = np.arange(24) % len(birds.leaves)
    hu = np.random.default_rng(0).normal(-850, 30, (24, 42, 42, 42))
    for cube, place in zip(hu, leaf, strict=True):
        cube[r < 4 + 3 * (place % 3)] = -500 if place < 3 else 50
    return Cubes(birds, hu.astype(np.int16), leaf, {}, np.arange(24))


def recipe_of(kind, tiny_settings, *changes):
    return recipes.load(
        "radpath-demo",
        [*tiny_settings, "preprocessing.shape=[32, 32, 32]", "epochs=2", f"network.kind={kind}", *changes],
    )


@pytest.mark.parametrize("kind", SYSTEMS)
def test_a_killed_run_on_any_tree_ends_like_one_that_was_not(kind, birds, flock, tiny_settings, tmp_path):
    recipe = recipe_of(kind, tiny_settings, "batch=12")
    whole = Trainer(recipe, birds, flock, flock, tmp_path / "a").fit()
    token = CancelToken()

    def stop_in_epoch_two(done, total, label):
        if label.startswith("Epoch 2"):
            token.cancel()

    with pytest.raises(Cancelled):
        Trainer(recipe, birds, flock, flock, tmp_path / "b").fit(stop_in_epoch_two, token)
    trainer = Trainer(recipe, birds, flock, flock, tmp_path / "b")
    resumed = trainer.fit()
    assert len(whole.history) == len(resumed.history) == 2
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    wanted = {"leaves"} if kind == "leaf-node" else {head.name for head in birds.heads}
    assert set(whole.history[0]["loss_by_head"]) == wanted
    scores = tree_scores(
        trainer.tree, infer(resumed.network, trainer.tree, flock, recipe.preprocessing).logits
    )
    np.testing.assert_allclose(scores.leaves().sum(axis=1), 1.0, atol=1e-9)
    assert set(scores.leak) == ({"perchers", "crows", "ravens"} if kind.startswith("leaky") else set())


@pytest.mark.parametrize("kind", ["leaf-node", "dense"])
def test_every_system_learns(kind, birds, flock, tiny_settings, tmp_path):
    recipe = recipe_of(
        kind, tiny_settings, "epochs=8", "batch=6", "optimisation.schedule=step", "optimisation.lr=0.02"
    )
    history = Trainer(recipe, birds, flock, flock, tmp_path).fit().history
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]


def test_phantoms_have_pulmonary_radpaths_classes_and_no_others():
    with pytest.raises(UsageError, match="give 'tree' with source: manifest"):
        recipes.load("radpath-demo", ["data.tree=birds.json"])


def test_frequencies_of_weighted_cases_by_hand():
    targets = np.array([0, 0, 1, -1, 2])
    np.testing.assert_allclose(class_frequencies(targets, 4), [0.5, 0.25, 0.25, 0.0])
    np.testing.assert_allclose(class_frequencies(targets, 4, [1.0, 2.0, 3.0, 9.0, 4.0]), [0.3, 0.3, 0.4, 0.0])
