"""From a recipe to a scored package, through the two public functions."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
from lesion_fakes import discs
from lesionscope.training.engine.cells import read_cells
from lesionscope.training.lesanet import pipeline
from lesionscope.training.lesanet.cells import Settings, Table
from lesionscope.training.lesanet.labels import ancestor_matrix
from lesionscope.training.lesanet.metrics import decide
from lesionscope.training.lesanet.onnx_answers import OnnxAnswers
from lesionscope.training.lesanet.scoring import COMPLETE, MINED, sets_of
from lesionscope.training.lesanet.table_text import report
from lesionscope.training.recipes import load as load_recipe

from lesionscope import training
from lesionscope.errors import InputError
from lesionscope.models.label_package import open_label_package
from lesionscope.models.lesanet.network import load_lesanet
from lesionscope.models.lesanet.texture import WIDTH, patch_texture
from lesionscope.ontology.label_graph import load_labels

SETTINGS = ["batch=8", "threads=1", "device=cpu", "epochs=1", "losses.triplets=50", "losses.samples=500"]
GRAPH = load_labels()


@pytest.fixture(scope="module")
def splits():
    return {"train": discs(24, 1), "validation": discs(16, 2), "test": discs(16, 3)}


@pytest.fixture
def phantoms(monkeypatch, splits):
    def load_split(data, graph, split, **_):
        return splits[split]

    for module in ("pipeline", "evaluate", "cells"):
        monkeypatch.setattr(f"lesionscope.training.lesanet.{module}.load_split", load_split)


@pytest.fixture(scope="module")
def made(splits, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "load_split", lambda data, graph, split, **_: splits[split])
        return training.run("lesanet-demo", SETTINGS, out)


def test_the_package_holds_what_the_card_says(made, splits):
    card = made.package.card
    assert card.labels == GRAPH.core and len(card.thresholds) == 171
    assert all(0 < value <= 1 for value in card.thresholds)
    made.package.verify()
    rows = np.arange(5)
    graph = OnnxAnswers(made.package).of(splits["test"], rows)
    with torch.no_grad():
        network = load_lesanet(made.package)(*splits["test"].inputs(rows, torch.device("cpu")))
    np.testing.assert_allclose(graph.refined, network.refined.numpy(), atol=1e-4)
    np.testing.assert_allclose(graph.embedding, network.embedding.numpy(), atol=1e-4)
    answers = OnnxAnswers(made.package)
    textures = answers.familiar(splits["validation"])
    assert textures.shape == (16, WIDTH)
    patches, _ = splits["validation"].inputs(np.arange(16), torch.device("cpu"))
    np.testing.assert_allclose(textures, patch_texture(patches).numpy(), atol=1e-3)
    assert made.package.familiarity(textures).min() >= 1 / 17 - 1e-9
    smooth = np.zeros_like(splits["validation"].hu[:1])
    strange = dataclasses.replace(splits["validation"], hu=smooth, boxes=splits["validation"].boxes[:1])
    assert made.package.familiarity(answers.familiar(strange))[0] == pytest.approx(1 / 17)
    assert made.metrics["validation"]["lesions"] == 16
    assert json.loads((made.out / "metrics.json").read_text()) == made.metrics


def test_a_threshold_can_be_kept_from_firing_too_often():
    probabilities = np.random.default_rng(0).random((200, 3))
    thresholds = pipeline.rarest(probabilities, np.array([0.1, 0.5, 3.0]))
    shares = (probabilities >= thresholds).mean(axis=0)
    assert shares.tolist() == pytest.approx([0.1, 0.5, 1.0], abs=0.006)
    assert (pipeline.rarest(probabilities, np.zeros(3)) == probabilities.max(axis=0)).all()


def test_evaluation_scores_both_test_sets_and_writes_the_card(made, phantoms, tmp_path):
    figures = training.evaluate("lesanet-demo", made.out, tmp_path, SETTINGS)
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["test"] == figures
    assert open_label_package(made.package.folder).card.metrics["test"] == figures
    for name in (MINED, COMPLETE):
        part = figures[name]
        assert part["lesions"] == 16 and part["patients"] == 7
        low, high = part["labels"]["all"]["auc"]["interval"]
        assert 0 <= low <= part["labels"]["all"]["auc"]["value"] <= high <= 1
        assert 0 <= part["ACG@5"]["value"] <= 10
        assert written["labels"][name]["liver"]["positives"] == 4
    with pytest.raises(InputError, match="neither a model package"):
        training.evaluate("lesanet-demo", tmp_path, tmp_path, SETTINGS)


def test_complete_labels_make_a_second_test_set(splits):
    both = sets_of(splits["test"], GRAPH)
    assert both[COMPLETE].targets.known.all() and not both[MINED].targets.known.all()
    fired = decide(np.eye(171), np.full(171, 0.5), ancestor_matrix(GRAPH))
    assert fired[GRAPH.core.index("liver"), GRAPH.core.index("abdomen")]


def test_cells_are_made_once_go_on_where_they_were_and_are_printed_beside_the_papers(
    phantoms, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "lesionscope.training.lesanet.cells.recipes.load",
        lambda row, changes: load_recipe(
            row, {**changes, "batch": 8, "device": "cpu", "losses.samples": 100}
        ),
    )

    def stopped(done, total, label):
        if label.startswith("Epoch 2 of 2") and search_made.exists():
            raise KeyboardInterrupt

    folder, runs, settings = tmp_path / "cells", tmp_path / "runs", Settings(epochs=2)
    search_made, half_made = folder / "lesanet-paper-search.json", runs / "lesanet-paper-seed1"
    with pytest.raises(KeyboardInterrupt):
        Table(folder, runs, settings, rates=(0.02,), progress=stopped).cell("lesanet-paper", 1)
    assert len((half_made / "log.jsonl").read_text().splitlines()) == 1
    table = Table(folder, runs, settings, rates=(0.02,))
    for row in ("lesanet-paper", "lesanet-no-spl"):
        cell = table.cell(row, 1)
        assert cell["rate"] == 0.02 and len(cell["draws"][MINED]["all"]["auc"]) == 201
        assert len(cell["epochs"]) == 2 and cell["settings"]["precision"] == "float32"
    assert not half_made.exists()
    assert table.cell("lesanet-paper", 1) == read_cells(tmp_path / "cells")[1]
    text = report(read_cells(tmp_path / "cells"))
    assert "| LesaNet |" in text and "(0.9344)" in text and "| w/o score propagation layer |" in text
    assert "score propagation lifts recall (§5.5) | text-mined |" in text
