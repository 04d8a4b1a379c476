"""Table 2: cells made small, claims judged on figures that are known, text beside the paper's."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from lesionscope.training.engine.cells import read_cells
from lesionscope.training.radpath import cells, cohort
from lesionscope.training.radpath.cells import RESAMPLES, Settings, Table, draws
from lesionscope.training.radpath.claims import HELD, MISSING, REVERSED, UNDECIDED, judge
from lesionscope.training.radpath.confusion import confusions, counts
from lesionscope.training.radpath.metrics import stratified_resamples
from lesionscope.training.radpath.published import COLUMNS, NODES, TABLE_2, TABLE_3, TITLES
from lesionscope.training.radpath.table_text import best_by_validation, report
from lesionscope.training.radpath.tables import main

from lesionscope.errors import InputError, UsageError
from lesionscope.models.probabilities import tree_scores
from lesionscope.models.systems import SYSTEMS
from lesionscope.ontology.tree import load_tree

TREE = load_tree()
SMALL = (
    "network.growth=4",
    "network.blocks=[1, 1, 1]",
    "network.bottleneck=4",
    "network.hidden=4",
    "device=cpu",
    "batch=11",
    "epochs=1",
)


def made_up(row, seed, shift):
    """A cell whose figures are 0.7 and ``shift`` by column, with shared noise in its resamples."""
    noise = np.random.default_rng(0).normal(0, 0.01, RESAMPLES)
    values = {c: [0.7 + shift.get(c, 0.0), *(0.7 + shift.get(c, 0.0) + noise)] for c in COLUMNS}
    return {"row": row, "seed": seed, "draws": {"weighted": values, "unweighted": values}}


def verdicts(shifts, seeds=(1, 2)):
    """What becomes of the claims where each row is so far above 0.7."""
    found = judge([made_up(row, seed, shift) for row, shift in shifts.items() for seed in seeds])
    return {one.claim.said: one for one in found}


def test_claims_are_held_reversed_or_undecided_by_the_deciding_pair():
    rows: dict[str, dict[str, float]] = {row: {} for row in SYSTEMS}
    rows["leaf-node"] = {"H4": -0.3, "H1": 0.05}
    rows["leaky-dense"] = {"H1": 0.1, "H3": -0.02}
    found = verdicts(rows)
    assert found["Leaf-Node is weakest at H4"].verdict == HELD
    at_h1 = found["some hierarchical system beats Leaf-Node at H1"]
    assert (at_h1.verdict, at_h1.pair) == (HELD, ("leaky-dense", "leaf-node"))
    assert at_h1.difference == pytest.approx(0.05) and at_h1.paper == pytest.approx(7.0)
    assert found["some hierarchical system beats Leaf-Node at H2"].verdict == UNDECIDED
    # One pair says so and the other says nothing: not all of them.
    assert found["the leak helps at H1"].verdict == UNDECIDED
    at_h3 = found["dense is at least as good as flattened at H3"]
    assert (at_h3.verdict, at_h3.pair) == (REVERSED, ("leaky-dense", "leaky-flattened"))
    assert at_h3.interval is not None and at_h3.interval[1] < 0
    rows["leaf-node"] = {"H1": 0.2}
    assert verdicts(rows)["some hierarchical system beats Leaf-Node at H1"].verdict == REVERSED


def test_claims_wait_for_the_cells_that_they_need():
    assert all(one.verdict == MISSING for one in judge([]))
    found = verdicts({"dense": {}, "flattened": {}})
    assert {one.verdict for one in found.values()} == {MISSING}


def test_the_papers_own_numbers_support_the_claims_but_the_one_on_h3():
    cells_of_the_paper = [
        {
            "row": row,
            "seed": 1,
            "draws": {"weighted": {c: [v / 100] * (RESAMPLES + 1) for c, v in TABLE_2[row].items()}},
        }
        for row in SYSTEMS
    ]
    found = {one.claim.said: one.verdict for one in judge(cells_of_the_paper)}
    against = [said for said, verdict in found.items() if verdict != HELD]
    assert against == ["the leak helps at H3 (the paper's words; its numbers say otherwise)"]
    assert found[against[0]] == REVERSED


def test_the_papers_tables_agree_where_they_must():
    """mAUC@H is the test-count-weighted mean of Table 3's AUCs, to what rounding leaves."""
    for head in TREE.heads[:3]:
        for row in ("leaf-node", "leaky-dense"):
            weights = [TREE.by_tag[tag].test for tag in head.nodes]
            mean = np.average([TABLE_3[row][tag] for tag in head.nodes], weights=weights)
            assert mean == pytest.approx(TABLE_2[row][head.name], abs=0.15), (row, head.name)
    assert set(TABLE_3["leaf-node"]) == set(NODES) == {node.tag for node in TREE.nodes}


def scores_of(n=120):
    rng = np.random.default_rng(1)
    return tree_scores(TREE, {h.name: rng.normal(size=(n, h.width)) for h in TREE.heads}), rng.integers(
        len(TREE.leaves), size=n
    )


def test_draws_begin_with_the_figure_itself_and_pair_over_cells():
    scores, leaf = scores_of()
    found = draws(TREE, scores, leaf, 5)
    assert set(found) == {"weighted", "unweighted"} and set(found["weighted"]) == set(COLUMNS)
    first = cells.columns(TREE, scores, np.array(TREE.leaves)[leaf])
    for column in COLUMNS:
        assert len(found["weighted"][column]) == 6
        assert found["weighted"][column][0] == pytest.approx(first[column].weighted, abs=1e-5)
        assert found["unweighted"][column][0] == pytest.approx(first[column].unweighted, abs=1e-5)
    take = stratified_resamples(leaf, 5)[2]
    part = dataclasses.replace(
        scores, conditional=scores.conditional[take], probability=scores.probability[take], leak={}
    )
    wanted = cells.columns(TREE, part, np.array(TREE.leaves)[leaf[take]])["H2"].weighted
    assert found["weighted"]["H2"][3] == pytest.approx(wanted, abs=1e-5)


def test_confusion_matrices_are_scikit_learns():
    from sklearn.metrics import confusion_matrix

    scores, leaf = scores_of()
    found = confusions(TREE, scores, leaf)
    answer = scores.leaves().argmax(axis=1)
    wanted = confusion_matrix(leaf, answer, labels=range(len(TREE.leaves)))
    np.testing.assert_array_equal(found["leaves"]["counts"], wanted)
    np.testing.assert_array_equal(counts(leaf, answer, len(TREE.leaves)), wanted)
    tags = np.array(TREE.leaves)[leaf]
    for head in TREE.heads:
        matrix = np.array(found[head.name]["counts"])
        assert matrix.shape == (len(head.nodes),) * 2 and found[head.name]["classes"] == list(head.nodes)
        members = [sum(node in TREE.path(tag) for tag in tags) for node in head.nodes]
        assert matrix.sum(axis=1).tolist() == members


def test_the_cohort_has_the_papers_counts_in_every_subset():
    everybody = cohort.members(TREE)
    assert len(everybody) == 5134 and len({one.seed for one in everybody}) == 5134
    for tag in TREE.leaves:
        node = TREE.by_tag[tag]
        per_subset = np.bincount([one.subset for one in everybody if one.leaf == tag], minlength=5)
        assert per_subset[4] == node.test
        assert per_subset[:4].sum() == node.train_dev and np.ptp(per_subset[:4]) <= 1
    sizes = np.bincount([one.subset for one in everybody])
    assert np.ptp(sizes[:4]) <= 1 and abs(int(sizes[4]) - 1025) <= 2
    assert cohort.members(TREE) == everybody and cohort.members(TREE, seed=1) != everybody


def test_cubes_of_the_cohort_are_scanned_once_and_lie_around_the_lesion(tmp_path):
    three = cohort.members(TREE)[:3]
    assert cohort.side_at(1.0) == 64 and cohort.side_at(1.5) == 42
    hu = cohort.cubes(three, 1.5, tmp_path, workers=1)
    assert hu.shape == (3, 42, 42, 42) and hu.dtype == np.int16
    # The same lesion at 1 mm: the same tissue at the same place, resampled.
    fine = cohort.cubes(three[:1], 1.0, tmp_path, workers=1)
    assert abs(float(fine[0, 29:35, 29:35, 29:35].mean()) - float(hu[0, 19:23, 19:23, 19:23].mean())) < 60
    (path,) = [p for p in tmp_path.iterdir() if np.load(p, mmap_mode="r").shape == hu.shape]
    before = path.stat().st_mtime_ns
    np.testing.assert_array_equal(cohort.cubes(three, 1.5, tmp_path, workers=1), hu)
    assert path.stat().st_mtime_ns == before


@pytest.fixture
def small_cohort(monkeypatch):
    """A cohort of five lesions a leaf that are balls of the class's own size and HU."""
    few = tuple(
        cohort.Member(seed=100 * i + subset, leaf=tag, subset=subset)
        for i, tag in enumerate(TREE.leaves)
        for subset in range(5)
    )

    def balls(members, spacing_mm, *_):
        axis = np.arange(42) - 20.5
        r = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2)
        hu = np.random.default_rng(0).normal(-850, 30, (len(members), 42, 42, 42))
        for cube, one in zip(hu, members, strict=True):
            place = TREE.leaves.index(one.leaf)
            cube[r < 3 + place % 6] = -600 if place < 6 else 50
        return hu.astype(np.int16)

    monkeypatch.setattr(cohort, "members", lambda tree, seed=0: few)
    monkeypatch.setattr(cohort, "cubes", balls)
    monkeypatch.setattr(cells, "RESAMPLES", 3)


def test_cells_are_made_once_and_all_alike(small_cohort, tmp_path):
    settings = Settings(changes=SMALL)
    table = Table(tmp_path / "cells", tmp_path / "runs", settings)
    for row in ("leaf-node", "leaky-dense"):
        table.cell(row, 1)
    made = read_cells(tmp_path / "cells")
    assert [(cell["row"], cell["seed"]) for cell in made] == [("leaf-node", 1), ("leaky-dense", 1)]
    assert not list((tmp_path / "runs").iterdir())
    one = made[0]
    assert one["settings"]["phantom"] and one["settings"]["precision"] == "float32"
    assert sum(map(sum, one["confusion"]["leaves"]["counts"])) == 11
    assert len(one["averaged"]["L"]) == len(one["draws"]["weighted"]["L"]) == 4
    assert "Averaging weights" in report(made)
    assert one["test"]["mAUC@L"]["count"] == dict.fromkeys(TREE.leaves, 1)
    before = (tmp_path / "cells" / "leaf-node-seed1.json").stat().st_mtime_ns
    assert table.cell("leaf-node", 1) == one
    assert (tmp_path / "cells" / "leaf-node-seed1.json").stat().st_mtime_ns == before
    again = Table(tmp_path / "other", tmp_path / "runs", settings).cell("leaf-node", 1)
    assert again["draws"] == one["draws"], "a seed gives one result"
    with pytest.raises(InputError, match="all made alike"):
        Table(tmp_path / "cells", tmp_path / "runs", Settings(changes=(*SMALL, "epochs=2"))).cell(
            "leaf-node", 1
        )
    text = report(made)
    assert TITLES["leaf-node"] in text and "(68.9)" in text and "no cells" in text
    assert best_by_validation(made) in ("leaf-node", "leaky-dense")


def test_the_command_prints_what_there_is(tmp_path, capsys):
    assert main(["print", "--folder", str(tmp_path)]) == 0
    assert "No cells are made yet." in capsys.readouterr().out
    assert main(["print", "--folder", str(tmp_path), "--out", str(tmp_path / "table.md")]) == 0
    assert (tmp_path / "table.md").read_text().startswith("# Table 2")
    with pytest.raises(UsageError, match="no row vgg"):
        main(["run", "--rows", "vgg"])


def test_cells_are_plain_json(small_cohort, tmp_path):
    table = Table(tmp_path, tmp_path / "runs", Settings(changes=SMALL))
    table.cell("dense", 2)
    text = (tmp_path / "dense-seed2.json").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["row"] == "dense"
