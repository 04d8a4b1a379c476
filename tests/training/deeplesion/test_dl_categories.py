"""Categories of lesions: agreement by hand and by scikit-learn, clusters, crops, rounds, tables."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lesionscope.training.deeplesion.categories.agreement import contingency, named_as, nmi, purity
from lesionscope.training.deeplesion.categories.clusters import cluster
from lesionscope.training.deeplesion.categories.crops import Crops, cut, read_crops
from lesionscope.training.deeplesion.categories.pipeline import folder_of, lesanet_features, train
from lesionscope.training.deeplesion.categories.recipe import (
    CategoriesRecipe,
    Data,
    Loop,
    Optimisation,
    Start,
)
from lesionscope.training.deeplesion.categories.rounds import Rounds, split
from lesionscope.training.deeplesion.categories.table import read_categories, write_categories
from lesionscope.training.deeplesion.categories.truth import KINDS, coarse_truth, read_truth
from lesionscope.training.deeplesion.table import Table, read_table
from PIL import Image
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix
from test_dl_dataset import made_up, picture

from lesionscope import cli
from lesionscope.errors import Cancelled, InputError
from lesionscope.inference.label_predictor import LabelPredictor
from lesionscope.lesions.deeplesion import TABLE, write_dl_info, write_slice
from lesionscope.lesions.deeplesion_volume import lesion_of_row, read_volume, slices_of
from lesionscope.models.label_package import find_label_package
from lesionscope.models.lesanet.network import load_lesanet
from lesionscope.ontology.label_graph import load_labels
from lesionscope.phantom.clinic.blocks import BlockBody
from lesionscope.phantom.clinic.deeplesion import write_deeplesion
from lesionscope.phantom.clinic.patients import ClinicPatient
from lesionscope.progress import CancelToken

SIDE = 32


def labels(text: str) -> np.ndarray:
    return np.array([int(digit) for digit in text], dtype=np.int64)


def test_purity_by_hand() -> None:
    # Manning, Raghavan and Schütze, Introduction to Information Retrieval, figure 16.4: 12 of 17.
    clusters, classes = labels("00000011111122222"), labels("00000100111220222")
    assert purity(clusters, classes) == pytest.approx(12 / 17)
    assert purity(np.arange(5), labels("00111")) == 1
    assert purity(labels("00000"), labels("00111")) == 0.6


def test_nmi_by_hand() -> None:
    # The same figure; their NMI, over the mean of the entropies, is 0.36.
    clusters, classes = labels("00000011111122222"), labels("00000100111220222")
    assert nmi(clusters, classes) == pytest.approx(0.36, abs=5e-3)
    # Two halves that know nothing of each other, the same halves under other names, halves against quarters.
    assert nmi(labels("0011"), labels("0101")) == pytest.approx(0, abs=1e-12)
    assert nmi(labels("0011"), labels("1100")) == pytest.approx(1)
    assert nmi(labels("0011"), labels("0123")) == pytest.approx(math.log(2) / (1.5 * math.log(2)))
    assert nmi(labels("000"), labels("111")) == 1


@pytest.mark.parametrize("seed", range(8))
def test_agreement_as_scikit_learn_has_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 1 + seed, 200), rng.integers(0, 7, 200)
    other[::3] = one[::3]
    counts = contingency_matrix(one, other)
    np.testing.assert_array_equal(contingency(one, other), counts)
    assert purity(one, other) == pytest.approx(counts.max(axis=1).sum() / 200)
    assert nmi(one, other) == pytest.approx(normalized_mutual_info_score(one, other), abs=1e-9)


def test_clusters_keep_the_numbers_of_those_they_share_most_with() -> None:
    before = labels("000011112222")
    np.testing.assert_array_equal(named_as(before, labels("222200001111")), before)
    np.testing.assert_array_equal(named_as(before, labels("110000002222")), labels("001111112222"))
    # Fewer than before leave no gap, more go on.
    assert set(named_as(before, labels("111100000000"))) == {0, 1}
    assert set(named_as(before, labels("001122223333"))) == {0, 1, 2, 3}


def blobs(sizes: list[int], seed: int = 0, spread: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Points around orthogonal directions, of lengths that say nothing."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    points = np.eye(len(sizes), 12)[truth] + rng.normal(0, spread, (len(truth), 12))
    return (points * rng.uniform(1, 20, (len(truth), 1))).astype(np.float32), truth


def test_k_is_found_by_silhouette_and_directions_alone_count() -> None:
    features, truth = blobs([60, 50, 40, 30])
    found = cluster(features, 0, seed=1)
    assert found.sizes == [60, 50, 40, 30]
    assert nmi(found.labels, truth) == pytest.approx(1)
    assert found.silhouette > 0.7


def test_no_cluster_is_smaller_than_its_share() -> None:
    features, truth = blobs([60, 50, 6])
    assert cluster(features, 3, seed=1).sizes == [60, 50, 6]
    # 6 of 116 are more than 5 % but less than 6 %.
    fewer = cluster(features, 3, seed=1, least_share=0.06)
    assert len(fewer.sizes) == 2 and min(fewer.sizes) >= 0.06 * 116
    assert len(cluster(features, 0, seed=1, least_share=0.06).sizes) == 2
    assert purity(truth, fewer.labels) == 1


def test_lesions_that_are_all_alike_have_no_categories() -> None:
    with pytest.raises(InputError, match="don't part into two clusters"):
        cluster(np.ones((40, 3), dtype=np.float32), 3, seed=1)


def test_a_crop_holds_its_box_in_its_window() -> None:
    hu = np.full((64, 64), -1000, dtype=np.int16)
    hu[9:58, 3:56] = 50  # rows 10…58, columns 4…56 from 1: the box of the made-up lesion
    row = replace(made_up(1), window_hu=(-150.0, 250.0))
    # But for the rim, where what lies beyond shows through.
    assert (cut(hu, row, SIDE)[1:-1, 1:-1] == 128).all()
    hu[20:40, 20:30] = 250
    grey = cut(hu, row, 53)  # as wide as the box: columns as they are
    assert set(np.flatnonzero((grey > 200).any(axis=0))) == set(range(20 - 3, 30 - 3))
    assert (cut(hu, row, SIDE, window_hu=(300.0, 400.0)) == 0).all()


def test_lesions_are_cut_in_the_tables_order_whoever_cuts(tmp_path: Path) -> None:
    rows = [made_up(n, at=(24.0 + n, 34.0)) for n in range(1, 10)]
    rows.append(made_up(1, at=(40.0, 20.0)))  # on the first one's slice
    write_dl_info(tmp_path / TABLE, rows)
    for row in rows[:9]:
        row.slice_path(tmp_path).parent.mkdir(parents=True)
        write_slice(row.slice_path(tmp_path), picture(row.patient))
    table = read_table(tmp_path / TABLE)
    crops = read_crops(tmp_path, table, SIDE, workers=1)
    assert crops.numbers.tolist() == list(range(10)) and crops.names[9] == crops.names[0]
    for number, row in enumerate(rows):
        np.testing.assert_array_equal(crops.grey[number], cut(picture(row.patient), row, SIDE))
    np.testing.assert_array_equal(read_crops(tmp_path, table, SIDE, workers=2).grey, crops.grey)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        read_crops(tmp_path, table, SIDE, workers=1, cancel=token)


def test_truth_of_every_place_that_phantoms_have() -> None:
    graph = load_labels()

    def kind(family: str, *names: str) -> str:
        return KINDS[coarse_truth(family, graph.expand(names))]

    assert kind("lung", "left lower lobe") == kind("pleura", "pleura") == "lung"
    assert kind("node", "subcarinal lymph node") == "mediastinal node"
    assert kind("node", "mediastinum lymph node") == "mediastinal node"
    assert kind("liver", "liver") == "liver"
    assert kind("kidney", "left kidney") == kind("node", "retroperitoneum lymph node") == "other abdomen"
    assert kind("bone", "spine") == kind("wall", "abdomen", "soft tissue") == "the rest"
    assert kind("node", "axilla lymph node") == kind("pelvis", "pelvis") == "the rest"
    # Each of the clinic's own lesions is of one kind, lungs' by what lungs' lesions imply.
    for number in range(4):
        for lesion in ClinicPatient(number, body_of=BlockBody).lesions:
            is_lung = KINDS[coarse_truth(lesion.family, lesion.labels)] == "lung"
            assert is_lung == (lesion.family in ("lung", "pleura", "airway"))


def test_truth_is_read_where_there_is_one(tmp_path: Path) -> None:
    assert read_truth(tmp_path) == {}
    path = tmp_path / "truth" / "patients.jsonl"
    path.parent.mkdir()
    lesions = [
        {"lesion_idx": 0, "family": "liver", "labels": ["liver", "abdomen"]},
        {"lesion_idx": None, "family": "lung", "labels": ["lung"]},
    ]
    path.write_text(json.dumps({"lesions": lesions}) + "\n")
    assert read_truth(tmp_path) == {0: KINDS.index("liver")}
    path.write_text("{}\n")
    with pytest.raises(InputError, match=r"patients\.jsonl"):
        read_truth(tmp_path)


@pytest.fixture(scope="module")
def shapes() -> tuple[Crops, np.ndarray]:
    """Three kinds of pictures: a bright disc, stripes across, stripes along; noise on all."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SIDE, :SIDE]
    kinds = np.stack([np.hypot(x - 16, y - 16) < 10, y % 8 < 4, x % 8 < 4]) * 150.0
    truth = rng.permutation(np.repeat(np.arange(3), 40))
    grey = np.clip(kinds[truth] + rng.normal(50, 20, (120, SIDE, SIDE)), 0, 255).astype(np.uint8)
    return Crops(np.arange(120), tuple(f"{n:06d}_01_01_001.png" for n in range(120)), grey), truth


RECIPE = CategoriesRecipe(
    name="t", title="t", start=Start("scratch"), width=0.125, threads=1,
    loop=Loop(k=3, rounds=4, epochs=4, batch=16),
    optimisation=Optimisation(lr=0.02, schedule="one-cycle"),
)  # fmt: skip


def test_rounds_find_kinds_that_can_be_seen_and_end_when_they_stay(
    shapes: tuple[Crops, np.ndarray], tmp_path: Path
) -> None:
    crops, truth = shapes
    found = Rounds(RECIPE, crops, None, truth, tmp_path).run()
    assert found.converged and 2 <= len(found.history) <= 4
    last = found.history[-1]
    assert last["purity"] >= 0.9 and last["nmi"] >= 0.9 and last["top1"] >= 0.9
    assert last["truth"]["purity"] >= 0.9
    assert purity(found.categories, truth) == pytest.approx(last["truth"]["purity"], abs=1e-4)
    assert last["sizes"] == np.bincount(found.categories).tolist() and last["tested"] == 18
    assert found.history[0]["purity"] is None and "truth" in found.history[0]
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert tuple(logged) == found.history
    # Nothing is left to do, and other lesions are another search.
    assert Rounds(RECIPE, crops, None, truth, tmp_path).run().history == found.history
    fewer = Crops(crops.numbers[:-1], crops.names[:-1], crops.grey[:-1])
    with pytest.raises(InputError, match="other data"):
        Rounds(RECIPE, fewer, None, None, tmp_path).run()


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not(
    shapes: tuple[Crops, np.ndarray], tmp_path: Path
) -> None:
    crops, _ = shapes
    strict = replace(RECIPE, loop=replace(RECIPE.loop, rounds=2, purity=1.0, nmi=1.0, epochs=1))
    first = np.random.default_rng(2).normal(size=(120, 5)).astype(np.float32)
    whole = Rounds(strict, crops, first, None, tmp_path / "whole").run()
    Rounds(replace(strict, loop=replace(strict.loop, rounds=1)), crops, first, None, tmp_path / "half").run()
    token = CancelToken()
    stopped = Rounds(strict, crops, first, None, tmp_path / "half")
    with pytest.raises(Cancelled):
        stopped.run(lambda done, total, label: token.cancel(), token)
    again = Rounds(strict, crops, first, None, tmp_path / "half").run()
    assert len(again.history) == 2

    def told(found: object) -> list[dict[str, object]]:
        return [{k: v for k, v in one.items() if k != "seconds"} for one in found.history]  # type: ignore[attr-defined]

    assert told(again) == told(whole)
    np.testing.assert_array_equal(again.categories, whole.categories)


def test_too_few_lesions_are_refused(shapes: tuple[Crops, np.ndarray], tmp_path: Path) -> None:
    crops, _ = shapes
    few = Crops(crops.numbers[:20], crops.names[:20], crops.grey[:20])
    with pytest.raises(InputError, match="20 lesions are too few"):
        Rounds(RECIPE, few, None, None, tmp_path)


def test_each_round_deals_75_10_15_anew() -> None:
    parts = split(200, np.random.default_rng(1))
    assert [len(part) for part in parts] == [150, 20, 30]
    assert sorted(np.concatenate(parts).tolist()) == list(range(200))
    assert set(parts[0]) != set(split(200, np.random.default_rng(2))[0])


def test_categories_belong_to_their_table(tmp_path: Path) -> None:
    rows = [made_up(patient) for patient in range(1, 6)]
    table = read_table(write_dl_info(tmp_path / TABLE, rows))
    names = tuple(row.file_name for row in rows)
    crops = Crops(np.arange(5), names, np.zeros((5, 2, 2), dtype=np.uint8))
    path = write_categories(tmp_path / "categories.csv", crops, labels("02110"))
    assert path.read_text().splitlines()[:2] == ["lesion,file_name,category", f"0,{names[0]},0"]
    assert read_categories(path, table) == {0: 0, 1: 2, 2: 1, 3: 1, 4: 0}
    other = read_table(write_dl_info(tmp_path / "other.csv", rows[::-1]))
    with pytest.raises(InputError, match="made for another table"):
        read_categories(path, other)
    longer = read_table(write_dl_info(tmp_path / "longer.csv", [*rows, made_up(9)]))
    with pytest.raises(InputError, match="lacks 1 of the table's lesions"):
        read_categories(path, longer)
    path.write_text("lesion,file_name\n0,x\n")
    with pytest.raises(InputError, match="can't be read as categories"):
        read_categories(path, table)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clinic") / "dl"
    return write_deeplesion(out, 16, matrix=64, around_mm=6.0, body_of=BlockBody, workers=1)


def test_lesanets_features_are_those_that_reading_gives(clinic: Path) -> None:
    """In a window a lesion is read by another runtime, from a whole volume."""
    table = read_table(clinic / TABLE)
    some = Table({number: table.rows[number] for number in list(table.rows)[:3]}, ())
    features = lesanet_features(load_lesanet(find_label_package()), clinic, some)
    predictor = LabelPredictor(find_label_package(), device="cpu", threads=1)
    for (number, row), ours in zip(some.rows.items(), features, strict=True):
        read = predictor.read(read_volume(clinic, slices_of(row)), lesion_of_row(row, number))
        np.testing.assert_allclose(ours, read.embedding, atol=1e-3)


def test_phantoms_are_scanned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned = []

    def scan(out: Path, patients: int, *, around_mm: float, **more: object) -> None:
        scanned.append((patients, around_mm))
        out.mkdir(parents=True)
        (out / TABLE).write_text("")

    monkeypatch.setattr("lesionscope.phantom.clinic.deeplesion.write_deeplesion", scan)
    few = Data(patients=7, cache=str(tmp_path))
    assert folder_of(few) == folder_of(few) != folder_of(replace(few, patients=8))
    assert scanned == [(7, 2.0), (8, 2.0)]
    assert folder_of(Data("deeplesion", folder="there")) == Path("there")


def test_phantoms_come_with_their_truth(clinic: Path, tmp_path: Path) -> None:
    recipe = replace(
        RECIPE,
        data=Data("deeplesion", folder=str(clinic), side=32, workers=1),
        start=Start("lesanet"),
        loop=Loop(k=2, rounds=1, epochs=1, batch=8, least_share=0.01),
    )
    result = train(recipe, tmp_path)
    known = read_truth(clinic)
    found = read_categories(result.categories, read_table(clinic / TABLE))
    assert found.keys() == known.keys() and set(found.values()) == {0, 1}
    expected = contingency(np.array(list(found.values())), np.array([known[n] for n in found]))
    listed = result.metrics["categories"]
    assert [list(one.values()) for one in listed] == expected.tolist()
    assert set(listed[0]) <= set(KINDS)
    (entry,) = result.metrics["rounds"]
    assert entry["truth"]["purity"] == pytest.approx(expected.max(axis=1).sum() / expected.sum(), abs=1e-4)
    assert not result.metrics["converged"] and len(list((tmp_path / "sheets").iterdir())) == 2


def test_the_command_leaves_table_pictures_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of lungs with bright discs and of soft tissue with stripes; one picture is missing."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:64, :64]
    kinds = np.stack([np.hypot(x - 29, y - 33) < 12, y % 12 < 6]) * 250.0
    rows = [made_up(patient) for patient in range(1, 62)]
    write_dl_info(tmp_path / TABLE, rows)
    for row in rows[:-1]:
        path = row.slice_path(tmp_path)
        path.parent.mkdir(parents=True)
        write_slice(path, (kinds[row.patient % 2] + rng.normal(-50, 30, (64, 64))).astype(np.int16))
    out = tmp_path / "out"
    settings = {
        "data.source": "deeplesion", "data.folder": tmp_path, "data.side": 32, "data.workers": 1,
        "loop.k": 0, "loop.batch": 16, "loop.epochs": 1, "loop.rounds": 2, "threads": 1,
    }  # fmt: skip
    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    assert cli.main(["train", "deeplesion-categories", *changes, "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out / "categories.csv")
    whole = Table(dict(enumerate(rows[:-1])), ())
    found = read_categories(out / "categories.csv", whole)
    assert nmi(np.array(list(found.values())), np.arange(1, 61) % 2) == pytest.approx(1)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["lesions"] == 60 and len(metrics["left_out"]) == 1 and len(metrics["rounds"]) == 2
    assert "categories" not in metrics, "nobody knows the truth"
    with Image.open(out / "sheets" / "category-1.png") as sheet:
        assert sheet.size == (980, 294)
    assert cli.main(["evaluate", "deeplesion-categories", "--checkpoint", str(out)]) == 2
    assert "no test split" in capsys.readouterr().err
