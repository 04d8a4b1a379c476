"""The detector's training: stopped and resumed, from a table to a package, cell by cell."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training import recipes
from lesionscope.training.deeplesion import cells as cells_module
from lesionscope.training.deeplesion.categories.truth import KINDS
from lesionscope.training.deeplesion.cells import ROWS, Settings, Table
from lesionscope.training.deeplesion.detector_recipe import (
    Augmentation,
    CycledOptimisation,
    DetectorData,
    DetectorRecipe,
)
from lesionscope.training.deeplesion.slices import DetectionSlice, Lesions, Slices, load_slices
from lesionscope.training.deeplesion.table_text import report
from lesionscope.training.deeplesion.trainer import Trainer
from lesionscope.training.engine.cells import read_cells
from lesionscope.training.engine.schedule import learning_rate

from lesionscope import training
from lesionscope.errors import Cancelled, InputError, UsageError
from lesionscope.lesions.deeplesion import (
    SPLITS,
    TABLE,
    DeepLesionRow,
    measured_box,
    write_dl_info,
    write_slice,
)
from lesionscope.models.detector.inputs import DetectorInput
from lesionscope.models.detector.network import load_detector
from lesionscope.models.detector_package import open_detector_package
from lesionscope.progress import CancelToken

SIDE = 128


def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A slice of soft tissue with one bright lesion, and its extent."""
    rng = np.random.default_rng(number)
    hu = np.full((SIDE, SIDE), -1000, dtype=np.int16)
    hu[8:120, 8:120] = rng.normal(40, 15, (112, 112))
    x, y = rng.integers(40, 80, 2)
    a, b = rng.integers(4, 9, 2)
    hu[y - b : y + b + 1, x - a : x + a + 1] += 300
    return hu, np.array([x - a, y - b, x + a, y + b], dtype=np.float32)


def some(count: int, first: int = 0, categories: tuple[str, ...] = ("lesion",)) -> Slices:
    made = []
    for number in range(first, first + count):
        hu, extent = drawn(number)
        marks = Lesions(extent[None], np.array([number % len(categories)]))
        made.append(DetectionSlice(number // 2, (SIDE, SIDE), marks, marks, lambda hu=hu: np.stack([hu] * 3)))
    return Slices(tuple(made), categories)


def small(**changes: object) -> DetectorRecipe:
    recipe = recipes.load("deeplesion-single", {"epochs": 2, "threads": 1, "network.hidden": 256})
    assert isinstance(recipe, DetectorRecipe)
    return dataclasses.replace(recipe, augmentation=Augmentation(window=(128, 128)), **changes)


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a quarter of the size: boxes with 20 pixels around suit the anchors as they are."""
    monkeypatch.setattr(
        "lesionscope.training.deeplesion.trainer.DetectorInput", lambda: DetectorInput(longest=SIDE)
    )


def test_a_run_that_is_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    train, validation = some(8), some(3, 100)
    whole = Trainer(small(), train, validation, tmp_path / "whole").fit()
    token = CancelToken()

    def stop(done: int, total: int, label: str) -> None:
        if done == 3:  # in the second epoch
            token.cancel()

    with pytest.raises(Cancelled):
        Trainer(small(), train, validation, tmp_path / "cut").fit(stop, token)
    resumed = Trainer(small(), train, validation, tmp_path / "cut")
    assert resumed.resume() and resumed.epoch == 1
    again = Trainer(small(), train, validation, tmp_path / "cut").fit()
    for name, value in whole.detector.state_dict().items():
        assert torch.equal(value, again.detector.state_dict()[name]), name
    assert [entry["loss"] for entry in whole.history] == [entry["loss"] for entry in again.history]
    assert whole.epoch == again.epoch

    with pytest.raises(InputError, match="another recipe or other data"):
        Trainer(small(), some(8, 50), validation, tmp_path / "cut").fit()
    with pytest.raises(InputError, match="fewer than one batch"):
        Trainer(small(), some(3), validation, tmp_path / "few")


def test_a_cycle_begins_anew_and_the_last_may_be_shorter() -> None:
    plain = CycledOptimisation(schedule="one-cycle", lr=0.02)
    cycled = dataclasses.replace(plain, cycle_epochs=3)
    every = [cycled.rate(epoch, number, 5, 5) for epoch in range(5) for number in range(5)]
    first = [plain.rate(epoch, number, 5, 3) for epoch in range(3) for number in range(5)]
    second = [plain.rate(epoch, number, 5, 2) for epoch in range(2) for number in range(5)]
    assert every == [*first, *second]
    assert max(first) == pytest.approx(0.02, rel=0.02) and first[-1] == pytest.approx(0.02 / 1000)
    assert plain.rate(2, 3, 5, 5) == learning_rate(plain, 13, 5, 5)


def row(number: int) -> DeepLesionRow:
    _, (x0, y0, x1, y1) = drawn(number)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    ends = tuple(float(value) + 1 for value in (x0, y, x1, y, x, y0, x, y1))
    return DeepLesionRow(
        patient=number + 1,
        study=1,
        series=1,
        key_slice=5,
        measurement=ends,
        box=measured_box(ends),
        diameters_px=(12.0, 8.0),
        location=(0.5, 0.5, 0.5),
        coarse_type=-1,
        possibly_noisy=False,
        slice_range=(5, 5),
        spacing_mm=(0.8, 0.8, 5.0),
        image_size=(SIDE, SIDE),
        window_hu=(-175.0, 275.0),
        gender="F",
        age=60,
        split=("train", "train", "train", "validation", "test")[number % 5],
    )


def write_slice_of(one: DeepLesionRow, root: Path, number: int) -> None:
    one.slice_path(root).parent.mkdir(parents=True, exist_ok=True)
    write_slice(one.slice_path(root), drawn(number)[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset in DeepLesion's layout."""
    rows = [row(number) for number in range(10)]
    root = tmp_path / "deeplesion"
    for number, one in enumerate(rows):
        write_slice_of(one, root, number)
    write_dl_info(root / TABLE, rows)
    lines = [f"{number},{one.file_name},{number % 3}" for number, one in enumerate(rows)]
    (root / "categories.csv").write_text("lesion,file_name,category\n" + "\n".join(lines) + "\n")
    return root


def test_from_a_table_to_a_package_and_its_test_figures(folder: Path, tmp_path: Path) -> None:
    changes = {
        "data.source": "deeplesion",
        "data.folder": str(folder),
        "data.deal": 0,
        "data.categories": "file",
        "data.categories_file": str(folder / "categories.csv"),
        "data.workers": 1,
        "network.hidden": 256,
        "augmentation.window": [128, 128],
        "epochs": 1,
        "threads": 1,
    }
    out = tmp_path / "run"
    result = training.run("deeplesion-multi", changes, out)
    package = open_detector_package(out / "package")
    assert package.card == result.package.card
    assert package.card.categories == ("category 1", "category 2", "category 3")
    assert package.card.demonstration and package.card.training_data["train"] == 6
    assert package.card.input.longest == SIDE and 0 < package.card.rules.least < 1
    assert sum(path.stat().st_size for path in package.folder.iterdir()) < 4 * 2**20
    assert set(json.loads((out / "metrics.json").read_text())["validation"]) >= {"bookmarks", "slices"}
    assert load_detector(package).spec.categories == 3

    figures = training.evaluate("deeplesion-multi", out, tmp_path / "scores", changes)
    assert figures["slices"] == 2 and "truth" not in figures
    assert set(figures["bookmarks"]) >= {"all", "category 1", "accuracy by IoU", "average precision"}
    written = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert open_detector_package(out / "package").card.metrics["test"] == written["test"] == figures

    # Dealt anew, no patient is in two splits.
    recipe = recipes.load("deeplesion-multi", changes | {"data.deal": 3})
    parts = [set(load_slices(recipe.data, split).patients.tolist()) for split in SPLITS]
    assert sum(map(len, parts)) == 10 == len(set().union(*parts))


def test_a_patient_in_two_of_the_tables_splits_is_refused_unless_dealt_anew(folder: Path) -> None:
    rows = [row(number) for number in range(10)]
    # A test lesion of a training patient.
    rows[4] = dataclasses.replace(rows[4], patient=1, key_slice=6, slice_range=(6, 6))
    write_slice_of(rows[4], folder, 4)
    write_dl_info(folder / TABLE, rows)
    data = DetectorData(source="deeplesion", folder=str(folder), deal=0, workers=1)
    for split in SPLITS:
        with pytest.raises(InputError, match=r"rows 0 and 4, .* splits train and test: .* dealt anew"):
            load_slices(data, split)
    dealt = dataclasses.replace(data, deal=1)
    assert sum(len(load_slices(dealt, split)) for split in SPLITS) == 10
    # Where the row can't be used, nobody is torn.
    rows[4].slice_path(folder).unlink()
    assert len(load_slices(data, "test")) == 1


def test_a_real_slice_is_seen_with_the_neighbours_that_lie_about_three_millimetres_away(folder: Path) -> None:
    one = dataclasses.replace(row(0), key_slice=5, slice_range=(1, 9), spacing_mm=(0.8, 0.8, 1.25))
    write_dl_info(folder / TABLE, [one])
    for number in range(1, 10):
        write_slice(one.slice_path(folder, number), np.full((SIDE, SIDE), number, dtype=np.int16))
    data = DetectorData(source="deeplesion", folder=str(folder), deal=0, workers=1)
    (seen,) = load_slices(data, "train").slices
    assert seen.hu()[:, 0, 0].tolist() == [3, 5, 7]  # 2.5 mm on either side
    np.testing.assert_allclose(seen.bookmarks.extents[0], drawn(0)[1], atol=1e-4)
    assert seen.truth is None


def test_cells_are_made_once_and_printed_beside_the_papers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def phantoms(data: object, split: str, **_: object) -> Slices:
        told = getattr(data, "categories", "") == "truth"
        first = {"train": 0, "validation": 100, "test": 200}[split]
        return some(6 if split == "train" else 10, first, KINDS if told else ("lesion",))

    monkeypatch.setattr(cells_module, "load_slices", phantoms)
    settings = Settings(train=6, validation=10, test=10, epochs=1)
    table = Table(tmp_path / "cells", tmp_path / "runs", settings)
    for name in ROWS[:2]:
        made = table.cell(name, 1)
        assert made["draws"]["bookmarks"]["lung"].keys() == {"accuracy"}
        assert len(made["draws"]["truth"]["all"]["mean sensitivity"]) == cells_module.RESAMPLES + 1
    monkeypatch.setattr(cells_module, "load_slices", None)
    assert table.cell(ROWS[0], 1)["epochs"] and not (tmp_path / "runs" / f"{ROWS[0]}-seed1").exists()
    text = report(read_cells(tmp_path / "cells"))
    assert "(0.6430)" in text and "| Five categories |" in text
    assert "five categories lift accuracy" in text and "pool4" not in text
    with pytest.raises(InputError, match="another way"):
        Table(tmp_path / "cells", tmp_path / "runs", dataclasses.replace(settings, epochs=2)).cell(ROWS[0], 1)


@pytest.mark.parametrize("name", [*ROWS, "deeplesion-detector-demo", "deeplesion-paper"])
def test_recipes_that_ship_can_be_read(name: str) -> None:
    assert isinstance(recipes.load(name), DetectorRecipe)


@pytest.mark.parametrize(
    "changes",
    [
        {"data.source": "deeplesion"},
        {"data.categories": "file"},
        {"data.categories_file": "x.csv"},
        {"augmentation.window": [100, 128]},
        {"augmentation.scale": 0.5},
        {"precision": "float8"},
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        recipes.load("deeplesion-single", changes)
