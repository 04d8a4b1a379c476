"""Training is deterministic and survives a kill."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from lesionscope.training import recipes
from lesionscope.training.engine.checkpoints import CHECKPOINT, LOG
from lesionscope.training.engine.devices import pick_device
from lesionscope.training.engine.schedule import learning_rate, order_of_epoch
from lesionscope.training.radpath.augment import NONE
from lesionscope.training.radpath.dataset import batch
from lesionscope.training.radpath.recipe import Optimisation
from lesionscope.training.radpath.trainer import Trainer, infer, initialise

from lesionscope.errors import Cancelled, InputError
from lesionscope.ontology.tree import load_tree
from lesionscope.progress import CancelToken

TREE = load_tree()


@pytest.fixture
def recipe(tiny_settings):
    return recipes.load("radpath-demo", [*tiny_settings, "epochs=3", "optimisation.ema=0.9"])


def state(trained):
    return {k: v.clone() for k, v in trained.network.state_dict().items()}


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def test_a_killed_run_ends_like_one_that_was_not(recipe, small_cubes, tmp_path):
    whole = Trainer(recipe, TREE, small_cubes, small_cubes, tmp_path / "a").fit()

    token = CancelToken()

    def stop_in_epoch_two(done, total, label):
        if label.startswith("Epoch 2") and done % 2 == 0:
            token.cancel()

    with pytest.raises(Cancelled):
        Trainer(recipe, TREE, small_cubes, small_cubes, tmp_path / "b").fit(stop_in_epoch_two, token)
    assert len((tmp_path / "b" / LOG).read_text().splitlines()) == 1
    torch.manual_seed(99)  # whatever else has happened since must not matter
    resumed = Trainer(recipe, TREE, small_cubes, small_cubes, tmp_path / "b").fit()

    assert same(state(whole), state(resumed))
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert one["loss"] == other["loss"] and one["validation"] == other["validation"]
    lines = [json.loads(line) for line in (tmp_path / "b" / LOG).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]


def test_the_seed_decides_the_result(recipe, small_cubes, tmp_path):
    short = dataclasses.replace(recipe, epochs=1)
    runs = [
        state(Trainer(dataclasses.replace(short, seed=s), TREE, small_cubes, small_cubes, tmp_path / n).fit())
        for s, n in ((1, "x"), (1, "y"), (2, "z"))
    ]
    assert same(runs[0], runs[1]) and not same(runs[0], runs[2])


def test_it_learns_what_can_be_learnt(recipe, small_cubes, tmp_path):
    plain = dataclasses.replace(
        recipe, epochs=16, batch=4, augmentation=NONE, optimisation=Optimisation(lr=0.015)
    )
    history = Trainer(plain, TREE, small_cubes, small_cubes, tmp_path).fit().history
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    assert max(entry["validation"]["mAUC@L"] for entry in history) > 0.75


def test_real_cubes_that_were_corrected_are_not_resumed_on(recipe, small_cubes, tmp_path):
    """Real cases have no seeds: their order of classes alone doesn't say what was learnt from."""
    real = dataclasses.replace(small_cubes, seeds=np.zeros(0, np.int64))
    other = dataclasses.replace(real, hu=real.hu + np.int16(1))
    first = Trainer(recipe, TREE, real, real, tmp_path)
    first.save()
    same_again = dataclasses.replace(real, hu=real.hu.copy())
    assert Trainer(recipe, TREE, same_again, same_again, tmp_path).resume()
    for train, validation in ((other, real), (real, other)):
        with pytest.raises(InputError, match="another recipe or other data"):
            Trainer(recipe, TREE, train, validation, tmp_path).resume()


def test_phantoms_are_known_by_their_leaves_and_seeds_alone(recipe, small_cubes, tmp_path):
    """Checkpoints of long runs on phantoms stay good."""
    trainer = Trainer(recipe, TREE, small_cubes, small_cubes, tmp_path)
    assert trainer.learnt_from() == (small_cubes.leaf.tobytes(), small_cubes.seeds.tobytes())


def test_another_recipe_or_damage_is_not_resumed_from(recipe, small_cubes, tmp_path):
    short = dataclasses.replace(recipe, epochs=1)
    Trainer(short, TREE, small_cubes, small_cubes, tmp_path).fit()
    other = dataclasses.replace(short, seed=5)
    with pytest.raises(InputError, match="belongs to another recipe"):
        Trainer(other, TREE, small_cubes, small_cubes, tmp_path).fit()
    for rubbish in (b"", b"rubbish", (tmp_path / CHECKPOINT).read_bytes()[:5000]):
        (tmp_path / CHECKPOINT).write_bytes(rubbish)
        with pytest.raises(InputError, match="can't be read as a checkpoint"):
            Trainer(short, TREE, small_cubes, small_cubes, tmp_path).fit()


def test_too_few_cases_and_diverging_losses_get_a_sentence(recipe, small_cubes, tmp_path):
    big = dataclasses.replace(recipe, batch=64)
    with pytest.raises(InputError, match="fewer than one batch of 64"):
        Trainer(big, TREE, small_cubes, small_cubes, tmp_path)
    wild = Trainer(recipe, TREE, small_cubes, small_cubes, tmp_path)
    with torch.no_grad():
        wild.network.hierarchy.heads["H1"].logits.weight.fill_(float("nan"))
    with pytest.raises(InputError, match="lower the learning rate"):
        wild.fit()


def test_the_papers_schedule():
    paper = recipes.load("radpath-paper").optimisation
    rates = [learning_rate(paper, epoch * 10 + 9, 10, 200) for epoch in (0, 19, 20, 39, 40, 199)]
    np.testing.assert_allclose(rates, [0.01, 0.01, 0.01 / 3, 0.01 / 3, 0.01 / 9, 0.01 / 3**9])


def test_the_one_cycle_schedule_rises_then_falls():
    settings = Optimisation(lr=0.02, schedule="one-cycle", warm_up=0.25)
    rates = np.array([learning_rate(settings, step, 10, 10) for step in range(100)])
    assert rates[0] == pytest.approx(0.02 / 25) and rates[-1] == pytest.approx(0.02 / 1000)
    assert abs(int(rates.argmax()) - 25) <= 1 and rates.max() == pytest.approx(0.02, rel=0.01)
    assert (np.diff(rates[:25]) > 0).all() and (np.diff(rates[26:]) < 0).all()


def test_orders_are_permutations_that_differ_by_epoch():
    a, b = order_of_epoch(50, 0, 0), order_of_epoch(50, 0, 1)
    assert sorted(a) == sorted(b) == list(range(50)) and a.tolist() != b.tolist()


def test_a_case_is_augmented_alike_in_any_batch(recipe, small_cubes):
    settings, how = recipe.augmentation, recipe.preprocessing
    one = batch(small_cubes, np.array([3, 7, 9]), settings, how, (0, 1))
    other = batch(small_cubes, np.array([7]), settings, how, (0, 1))
    np.testing.assert_array_equal(one[1], other[0])
    assert one.shape == (3, 1, 32, 32, 32) and one.dtype == np.float32 and np.abs(one).max() <= 1


def test_inference_does_not_depend_on_the_batch_size(recipe, small_cubes):
    network = initialise(TREE, recipe)
    a, b = (infer(network, TREE, small_cubes, recipe.preprocessing, batch_size=n) for n in (4, 16))
    np.testing.assert_allclose(a.embedding, b.embedding, atol=1e-5)
    np.testing.assert_allclose(a.logits["H4"], b.logits["H4"], atol=1e-5)


def test_devices_are_picked_or_refused():
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(InputError, match="no device"):
        pick_device("toaster")
    with pytest.raises(InputError, match="no GPU 'cuda:99'"):
        pick_device("cuda:99")
