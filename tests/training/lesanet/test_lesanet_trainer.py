"""Training is deterministic, survives a kill, and learns what every row is to learn."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from lesion_fakes import discs, tiny_recipe
from lesionscope.training import recipes
from lesionscope.training.engine.checkpoints import LOG
from lesionscope.training.lesanet.trainer import Trainer, infer, initialise

from lesionscope.errors import Cancelled, InputError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.progress import CancelToken

GRAPH = load_labels()
ROWS = [name for name in recipes.names() if name.startswith("lesanet-") and name != "lesanet-demo"]


@pytest.fixture(scope="module")
def lesions():
    return discs(24)


def state(trained):
    return {k: v.clone() for k, v in trained.network.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def test_a_killed_run_ends_like_one_that_was_not(lesions, tmp_path):
    recipe = tiny_recipe("epochs=3")
    whole = Trainer(recipe, GRAPH, lesions, lesions, tmp_path / "a").fit()
    token = CancelToken()

    def stop_in_epoch_two(done, total, label):
        if label.startswith("Epoch 2") and done % 2 == 0:
            token.cancel()

    with pytest.raises(Cancelled):
        Trainer(recipe, GRAPH, lesions, lesions, tmp_path / "b").fit(stop_in_epoch_two, token)
    assert len((tmp_path / "b" / LOG).read_text().splitlines()) == 1
    torch.manual_seed(99)  # whatever else has happened since must not matter
    resumed = Trainer(recipe, GRAPH, lesions, lesions, tmp_path / "b").fit()
    assert same(state(whole), state(resumed)) and whole.epoch == resumed.epoch
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert one["terms"] == other["terms"] and one["validation"] == other["validation"]
    other = dataclasses.replace(recipe, seed=5)
    with pytest.raises(InputError, match="belongs to another recipe"):
        Trainer(other, GRAPH, lesions, lesions, tmp_path / "b").fit()


def test_it_learns_what_can_be_learnt(lesions, tmp_path):
    # Far from the edge for any seed: processors round otherwise, and so few lesions make much of it.
    recipe = tiny_recipe("epochs=16", "optimisation.lr=0.03")
    history = Trainer(recipe, GRAPH, lesions, lesions, tmp_path).fit().history
    assert min(entry["loss"] for entry in history) < 0.6 * history[0]["loss"]
    assert max(entry["validation"]["auc"] for entry in history) > 0.8


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_tables_trains(row, lesions, tmp_path):
    changes = ["epochs=1", "labels.above=2"] if row == "lesanet-frequent" else ["epochs=1"]
    recipe = tiny_recipe(*changes, name=row)
    trainer = Trainer(recipe, GRAPH, lesions, lesions, tmp_path)
    (entry,) = trainer.fit().history
    losses, network = recipe.losses, recipe.network
    wanted = {losses.scores, losses.mining} | ({"spl"} if network.score_propagation else set())
    wanted |= {"sequence"} if network.kind == "lesion-embedding" else {"triplet"} if losses.triplet else set()
    assert set(entry["terms"]) == wanted - {"none"}
    assert all(np.isfinite(value) and value >= 0 for value in entry["terms"].values())
    assert json.loads((tmp_path / LOG).read_text())["epoch"] == 1


def test_the_best_epoch_is_kept(lesions, tmp_path, monkeypatch):
    trainer = Trainer(tiny_recipe("epochs=3"), GRAPH, lesions, lesions, tmp_path)
    scores, seen = iter([0.2, 0.6, 0.4]), []

    def validate():
        seen.append({k: v.clone() for k, v in trainer.network.state_dict().items()})
        return {"f1": next(scores)}

    monkeypatch.setattr(trainer, "validate", validate)
    trained = trainer.fit()
    assert trained.epoch == 2 and same(state(trained), seen[1]) and not same(seen[1], seen[2])


def test_biases_learn_twice_as_fast_and_do_not_decay(lesions, tmp_path):
    recipe = tiny_recipe("optimisation.lr=0.5")
    trainer = Trainer(recipe, GRAPH, lesions, lesions, tmp_path)
    weights, biases = trainer.optimiser.param_groups
    assert weights["weight_decay"] == 1e-4 and biases["weight_decay"] == 0
    assert all(p.ndim == 1 for p in biases["params"])
    named = dict(initialise(recipe).named_parameters())
    assert len(biases["params"]) == sum(name.endswith("bias") for name in named)
    assert len(weights["params"]) + len(biases["params"]) == len(named)
    assert (weights["rate"], biases["rate"]) == (1.0, 2.0)


def test_answers_do_not_depend_on_their_company(lesions):
    network = initialise(tiny_recipe())
    together = infer(network, lesions, np.arange(6))
    alone = infer(network, lesions, np.array([3]))
    np.testing.assert_allclose(together.refined[3], alone.refined[0], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together.embedding, axis=1), 1, atol=1e-5)


def test_bad_splits_and_losses_get_a_sentence(lesions, tmp_path):
    with pytest.raises(InputError, match="fewer than one batch of 64"):
        Trainer(tiny_recipe("batch=64"), GRAPH, lesions, lesions, tmp_path)
    wild = Trainer(tiny_recipe(), GRAPH, lesions, lesions, tmp_path)
    with torch.no_grad():
        wild.network.class_scores1.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="lower the learning rate"):
        wild.fit()
    with pytest.raises(InputError, match="lesion embedding"):
        tiny_recipe("losses.mining=rhem", name="lesanet-lesion-embedding")
