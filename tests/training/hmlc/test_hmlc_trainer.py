"""Losses of every stage against NumPy, training in stages, a kill, and what the command line leaves."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training import evaluate, recipes, run
from lesionscope.training.hmlc.dataset import Images, inputs, load_split, tree_of
from lesionscope.training.hmlc.objective import OBJECTIVES
from lesionscope.training.hmlc.recipe import HmlcRecipe
from lesionscope.training.hmlc.trainer import Trainer, infer, initialise

from lesionscope.errors import Cancelled, InputError
from lesionscope.models.hmlc.forest import ROOT, Forest
from lesionscope.models.hmlc.network import XraySpec, load_xray_net, log_scores
from lesionscope.models.hmlc.package import open_xray_package
from lesionscope.progress import CancelToken, Progress

FOREST = Forest((ROOT, 0, 0, 1, 1, ROOT))
STAGES = [{"loss": "hlcp", "epochs": 2, "lr": 0.003}, {"loss": "hlup", "epochs": 1, "lr": 0.001}]


def by_hand(loss: str, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Each stage's loss of one image, node by node, in plain Python."""
    sigma = [1 / (1 + math.exp(-v)) for v in y]
    found = []
    for node in range(len(FOREST)):
        path = FOREST.path(node)
        if loss in ("br-leaf", "br-all", "hlcp"):
            p, counts = sigma[node], 1.0
            if loss == "br-leaf":
                counts = float(FOREST.is_leaf[node])
            if loss == "hlcp" and len(path) > 1:
                counts = float(z[path[-2]])
        else:
            floor = 0.02 if loss == "hlup-rescaled" else 0.0
            p, counts = math.prod(floor + (1 - floor) * sigma[step] for step in path), 1.0
        found.append(-counts * (z[node] * math.log(p) + (1 - z[node]) * math.log(1 - p)))
    return np.array(found)


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_every_stage_s_loss_is_that_by_hand(loss: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.normal(0, 2, (20, 6))
    z = FOREST.closed(rng.random((20, 6)) < 0.3)
    got = OBJECTIVES[loss].loss(torch.from_numpy(y), torch.from_numpy(z.astype(float)), FOREST)
    wanted = np.stack([by_hand(loss, a, b) for a, b in zip(y, z, strict=True)])
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("output", ["product", "rescaled", "independent"])
def test_probabilities_are_those_by_hand(output: str) -> None:
    y = np.random.default_rng(1).normal(0, 3, (9, 6))
    sigma = 1 / (1 + np.exp(-y))
    wanted = sigma.copy()
    if output != "independent":
        floor = 0.02 if output == "rescaled" else 0.0
        factors = floor + (1 - floor) * sigma
        wanted = np.stack([factors[:, list(FOREST.path(m))].prod(axis=1) for m in range(6)], axis=1)
    got = log_scores(torch.from_numpy(y), XraySpec(output=output), FOREST).exp()
    np.testing.assert_allclose(got.numpy(), wanted, rtol=1e-6)


def recipe(cache: Path, **changes: object) -> HmlcRecipe:
    own = {"data.train": 96, "data.validation": 48, "data.test": 64, "data.cache": str(cache)}
    own |= {"data.workers": 1, "threads": 1, "batch": 32, "stages": STAGES, "device": "cpu"}
    loaded = recipes.load("hmlc-hlup-finetune", own | changes)
    assert isinstance(loaded, HmlcRecipe)
    return loaded


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("projections")


def trainer(made: HmlcRecipe, out: Path) -> Trainer:
    tree = tree_of(made.data)
    return Trainer(
        made, tree, load_split(made.data, tree, "train"), load_split(made.data, tree, "validation"), out
    )


def weights(network: torch.nn.Module) -> bytes:
    return b"".join(t.numpy().tobytes() for t in network.state_dict().values())


def stopper(token: CancelToken, step: int) -> Progress:
    """Cancel once a step is done."""
    return lambda done, total, label: token.cancel() if done == step else None


def test_a_killed_run_ends_as_one_that_was_not_in_either_stage(cache: Path, tmp_path: Path) -> None:
    made = recipe(cache)
    whole = trainer(made, tmp_path / "whole").fit()
    assert [entry["stage"] for entry in whole.history] == [0, 0, 1]
    for epochs in (1, 2):
        token = CancelToken()
        with pytest.raises(Cancelled):
            trainer(made, tmp_path / f"killed{epochs}").fit(stopper(token, 3 * epochs + 1), token)
        again = trainer(made, tmp_path / f"killed{epochs}")
        assert weights(again.fit().network) == weights(whole.network)


def test_the_second_stage_starts_from_the_first_s_best_epoch(cache: Path, tmp_path: Path) -> None:
    made = recipe(cache)
    first = trainer(recipe(cache, stages=STAGES[:1]), tmp_path / "first")
    best = first.fit()
    slow = recipe(cache, stages=[STAGES[0], {"loss": "hlup", "epochs": 1, "lr": 1e-12}])
    both = trainer(slow, tmp_path / "both").fit()
    for name, tensor in both.network.named_parameters():
        assert torch.allclose(tensor, dict(best.network.named_parameters())[name], atol=1e-6)
    assert made.output == "product"


def test_another_recipe_does_not_go_on(cache: Path, tmp_path: Path) -> None:
    trainer(recipe(cache, stages=STAGES[:1]), tmp_path).fit()
    with pytest.raises(InputError, match="another recipe"):
        trainer(recipe(cache, seed=2, stages=STAGES[:1]), tmp_path).fit()


def test_training_lowers_the_loss_and_seeds_differ(cache: Path, tmp_path: Path) -> None:
    stages = [{"loss": "hlup", "epochs": 4, "lr": 0.003}]
    history = trainer(recipe(cache, stages=stages), tmp_path).fit().history
    assert history[-1]["loss"] < 0.95 * history[0]["loss"]
    tree = tree_of(recipe(cache).data)
    one, two = (initialise(recipe(cache, seed=seed), tree) for seed in (1, 2))
    assert weights(one) != weights(two)
    assert weights(one) == weights(initialise(recipe(cache), tree))


def test_inputs_are_standardised_and_moved_with_their_border_repeated() -> None:
    pixels = np.random.default_rng(0).integers(0, 3000, (3, 40, 40)).astype(np.int16)
    images = Images(pixels, np.zeros((3, 6), bool), np.arange(3))
    rows, cpu = np.array([2, 0]), torch.device("cpu")
    plain = inputs(images, rows, cpu)
    assert plain.shape == (2, 1, 40, 40)
    assert torch.allclose(plain.mean(dim=(2, 3)), torch.zeros(2, 1), atol=1e-5)
    assert torch.allclose(plain.std(dim=(2, 3), correction=0), torch.ones(2, 1), atol=1e-5)
    moved = inputs(images, rows, cpu, 3, np.random.default_rng(0))
    inner = moved[0, 0, 6:-6, 6:-6]
    fits = [
        bool(
            torch.corrcoef(torch.stack([inner.ravel(), plain[0, 0, 6 + a : 34 + a, 6 + b : 34 + b].ravel()]))[
                0, 1
            ]
            > 0.9999
        )
        for a in range(-3, 4)
        for b in range(-3, 4)
    ]
    assert sum(fits) == 1


def test_a_run_leaves_a_package_that_evaluation_scores(cache: Path, tmp_path: Path) -> None:
    changes = {"data.train": 96, "data.validation": 48, "data.test": 64, "data.cache": str(cache)}
    changes |= {"data.workers": 1, "threads": 1, "batch": 32, "stages": STAGES, "device": "cpu"}
    result = run("hmlc-hlup-finetune", changes, tmp_path)
    package = open_xray_package(result.package.folder)
    package.verify()
    assert package.card.training_data["positives"]["abnormality"] > 0
    figures = evaluate("hmlc-hlup-finetune", tmp_path, tmp_path, changes)
    assert json.loads((tmp_path / "metrics.json").read_text())["test"] == json.loads(json.dumps(figures))
    assert open_xray_package(tmp_path / "package").card.metrics["test"]["images"] == 64
    value = figures["means"]["leaf"]["auc"]
    assert value["interval"][0] <= value["value"] <= value["interval"][1]
    tree, network = package.tree, load_xray_net(package)
    test = load_split(recipe(cache).data, tree, "test")
    scores = infer(network, Forest.of_tree(tree), test)
    for number, node in enumerate(tree.nodes):
        if node.parent is not None:
            parent = [n.tag for n in tree.nodes].index(node.parent)
            assert (scores[:, number] <= scores[:, parent]).all()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("stages", [{"loss": "hinge", "epochs": 1, "lr": 0.1}], "loss must be one of"),
        ("stages", [], "stages must not be empty"),
        ("trunk", "vgg", "trunk must be one of"),
        ("data.source", "xrays", "CSV"),
        ("data.tree", "other.json", "bundled tree"),
        ("precision", "float8", "precision"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(key: str, value: object, said: str) -> None:
    with pytest.raises(Exception, match=said):
        recipes.load("hmlc-hlup", {key: value})
