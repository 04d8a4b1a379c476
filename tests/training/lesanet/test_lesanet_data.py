"""Splits and recipes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lesion_fakes import discs
from lesionscope.training import recipes
from lesionscope.training.lesanet import dataset
from lesionscope.training.lesanet.recipe import Data

from lesionscope.errors import InputError, UsageError
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.cohort import cohort

GRAPH = load_labels()


def test_resplits_deal_whole_patients_and_lose_none(monkeypatch):
    parts = {"train": discs(40, 1, patients=11), "validation": discs(16, 2, patients=5)}
    monkeypatch.setattr(dataset, "_read", lambda data, graph, split, progress, cancel: parts[split])
    seen = []
    for number in (1, 2):
        train, validation = (dataset.load_split(Data(resplit=number), GRAPH, s) for s in parts)
        assert len(train) + len(validation) == 56 and 6 <= len(validation) <= 16
        assert not set(train.patients) & set(validation.patients)
        pixels = np.concatenate([train.hu, validation.hu])[:, 0, 0, :4]
        wanted = np.concatenate([part.hu for part in parts.values()])[:, 0, 0, :4]
        assert sorted(map(tuple, pixels)) == sorted(map(tuple, wanted))
        seen.append(tuple(sorted(set(validation.patients))))
    assert seen[0] != seen[1]


def test_the_clinics_lesions_come_with_what_reports_say(monkeypatch, tmp_path):
    def small(split, lesions, **settings):
        return cohort(split, lesions, body_of=BlockBody, **settings)

    monkeypatch.setattr("lesionscope.phantom.clinic.cohort.cohort", small)
    lesions = dataset.load_split(Data(train=6, workers=1, cache=str(tmp_path)), GRAPH, "train")
    assert lesions.hu.shape == (6, 3, 120, 120) and lesions.truth.shape == (6, 171)
    assert set(lesions.columns["kernel"]) <= {"soft", "standard", "lung"}
    assert all(0 <= value <= 1 for value in lesions.columns["location_z"])
    said = [one.relevant | one.uncertain | one.irrelevant for one in lesions.said]
    assert sum(map(len, said)) > 6
    patches, boxes = lesions.inputs(np.array([2, 0]), torch.device("cpu"))
    assert patches.shape == (2, 3, 120, 120) and float(patches.min()) >= -50 / 255 - 1e-6
    np.testing.assert_array_equal(boxes.numpy(), lesions.boxes[[2, 0]])


def test_a_recipe_says_only_what_differs_from_its_base(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("base: lesanet-paper\nname: mine\ndata: {labels: other.json}\n")
    mine, paper = recipes.load(path), recipes.load("lesanet-paper")
    assert (mine.data.labels, mine.data.folder) == ("other.json", paper.data.folder)
    assert mine.network == paper.network and mine.title == paper.title
    path.write_text(f"base: {path}\nname: mine\n")
    with pytest.raises(InputError, match="is its own base"):
        recipes.load(path)
    path.write_text("base: nobody\nname: mine\n")
    with pytest.raises(InputError, match="no recipe named 'nobody'"):
        recipes.load(path)


def test_the_papers_recipe_is_the_papers():
    paper = recipes.load("lesanet-paper")
    assert (paper.epochs, paper.batch, paper.network.width) == (15, 128, 1.0)
    assert (paper.optimisation.lr, paper.optimisation.step_epochs, paper.optimisation.clip) == (0.01, 10, 10)
    losses = paper.losses
    assert (losses.samples, losses.gamma, losses.triplets, losses.threshold) == (10_000, 2, 5000, 1)
    assert (losses.margin, losses.triplet) == (0.1, 5)
    with pytest.raises(UsageError, match="mining one of"):
        recipes.load("lesanet-paper", ["losses.mining=deep"])
