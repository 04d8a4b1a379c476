"""Tables as text from cells, whole or not; which cells there are; how cells are told from others."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from lesionscope.training.engine import precision
from lesionscope.training.lesanet import tables
from lesionscope.training.lesanet.cells import KEPT, Settings, Table
from lesionscope.training.lesanet.plans import ABOVE, FIRST, PLANS, searched_as
from lesionscope.training.lesanet.scoring import COMPLETE, MINED

from lesionscope.errors import InputError, UsageError
from lesionscope.models.lesanet.backbone import MultiscaleVGG
from lesionscope.models.lesanet.spec import LesaNetSpec

SPREAD = 0.002


def cell(row, seed, better=0.0, settings=None):
    """Make a cell whose figures are 0.5 + ``better``, patients' luck shared by all cells."""
    luck = np.concatenate([[0.0], np.random.default_rng(4).normal(0, 0.05, 200)])
    own = np.random.default_rng([seed, len(row)]).normal(0, SPREAD, 201)
    kept = KEPT | {f"above {count}": ("f1",) for count in ABOVE}
    groups = {
        group: {name: list(np.round(0.5 + better + luck + own, 4)) for name in names}
        for group, names in kept.items()
    }
    groups["all"]["ACG@5"] = groups["all"]["f1"]
    return {
        "row": row,
        "seed": seed,
        "rate": 0.05,
        "settings": (settings or Settings()).said(),
        "device": "cpu",
        "threads": 1,
        "seconds": 240.0,
        "best_epoch": 14,
        "epochs": [{"validation": {"f1": epoch / 100}} for epoch in range(1, 16)],
        "draws": {MINED: groups, COMPLETE: groups},
    }


def written(folder, name, *cells):
    for one in cells:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / f"{one['row']}-seed{one['seed']}.json").write_text(json.dumps(one))


def printed(folder, *more):
    out = folder / "table.md"
    tables.main(["print", "--folder", str(folder), "--out", str(out), *more])
    return out.read_text(encoding="utf-8")


def test_a_table_without_cells_says_which_there_should_be(tmp_path):
    text = printed(tmp_path)
    assert "No cells are made yet." in text and "lesanet-paper (1, 2, 3)" in text


def test_a_table_of_some_cells_shows_them_beside_the_papers_and_judges_what_it_can(tmp_path):
    written(
        tmp_path,
        "table1",
        cell(FIRST, 1, 0.10),
        cell(FIRST, 2, 0.12),
        cell("lesanet-no-spl", 1, 0.05),
        cell("lesanet-no-rhem", 1, 0.20),
    )
    reason = "The phantoms' negatives are all told apart already."
    (tmp_path / "table1" / tables.REASONS).write_text(json.dumps({"RHEM lifts precision (§5.5)": reason}))
    text = printed(tmp_path)
    assert "lesanet-paper (3), lesanet-no-spl (2, 3)" in text and "lesanet-warp (1, 2, 3)" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| LesaNet |") and "(0.9344)" in line]
    mean, deviation = row.split("|")[2].split("(")[0].split("±")
    assert float(mean) == pytest.approx(0.61, abs=0.005)
    assert float(deviation) == pytest.approx(0.02 / np.sqrt(2), abs=0.005)
    claims = {tuple(line.split(" | ")[:2]): line for line in text.splitlines() if line.count("|") == 7}
    assert "| held |" in claims["| score propagation lifts recall (§5.5)", MINED]
    assert "| reversed |" in claims["| RHEM lifts precision (§5.5)", COMPLETE]
    assert ("| label expansion lifts AUC (§5.5)", MINED) not in claims
    (unjudged,) = [line for line in text.splitlines() if line.startswith("Not judged yet: ")]
    assert "label expansion lifts AUC (§5.5)" in unjudged and "RHEM lifts precision" not in unjudged
    assert f"reversed on {MINED}; reversed on {COMPLETE}. {reason}" in text
    assert "| LesaNet less w/o RHEM |" in text
    # Learning curves: epochs 1, 2, 3, 5 …
    assert "| LesaNet | 0.010 | 0.020 | 0.030 | 0.050 |" in text


def test_table_3_counts_resplits_and_figure_5_takes_all_labels_from_table_1(tmp_path):
    resplit = Settings(resplit=True)
    written(tmp_path, "table3", *(cell(FIRST, k, 0.3, resplit) for k in (1, 2)))
    text = printed(tmp_path, "--table", "table3")
    assert "lesanet-paper (3, 4, 5, 6, 7, 8, 9, 10)" in text and "(0.9324)" in text
    written(tmp_path, "table1", cell(FIRST, 1, 0.1))
    written(tmp_path, "figure5", cell("lesanet-frequent-150", 1, 0.1))
    text = printed(tmp_path, "--table", "figure5")
    # What learnt labels above 150 is tested on those above 150 and 300.
    assert [line.split("|")[3].strip() != "" for line in text.splitlines() if line.startswith("| > ")] == [
        True, True, False, True, True, False,
    ]  # fmt: skip
    (judged,) = {
        line.split(" | ")[2] for line in text.splitlines() if "above 150" in line and line.count("|") == 7
    }
    assert judged == "held"


@pytest.mark.parametrize("name", PLANS)
def test_every_row_of_every_plan_has_a_recipe_and_a_search(name):
    plan = PLANS[name]
    settings = Settings(resplit=plan.resplit)
    for row in plan.rows:
        recipe = settings.recipe(row, plan.seeds[-1], 0.05, 15)
        assert recipe.data.resplit == (plan.seeds[-1] if plan.resplit else 0)
        assert recipe.labels.above == (int(row.rsplit("-", 1)[1]) if name == "figure5" else 0)
        assert searched_as(row) in PLANS["table1"].rows


def test_cells_made_in_another_way_are_refused(tmp_path):
    other = cell(FIRST, 1, settings=Settings(epochs=3, precision="bfloat16"))
    written(tmp_path, "table1", other)
    table = Table(tmp_path / "table1", tmp_path / "runs", Settings())
    with pytest.raises(InputError, match=r"precision bfloat16 and not float32, epochs 3 and not 15\)"):
        table.cell(FIRST, 1)
    assert (
        Table(tmp_path / "table1", tmp_path, Settings(epochs=3, precision="bfloat16")).cell(FIRST, 1) == other
    )


def test_a_row_that_is_none_is_refused():
    with pytest.raises(UsageError, match="no row lesanet-demo"):
        tables.main(["print", "--rows", "lesanet-demo"])


@pytest.mark.parametrize("has", [True, False])
def test_a_run_goes_seed_by_seed_and_begins_with_what_the_others_are_compared_with(
    has, monkeypatch, tmp_path
):
    asked = []

    def make(table, row, seed):
        asked.append((row, seed, table.settings.precision, table.folder.name))
        return cell(row, seed)

    monkeypatch.setattr(Table, "cell", make)
    monkeypatch.setattr(precision, "has_bfloat16", lambda device: has)
    rows = ["lesanet-warp", FIRST]
    tables.main(["run", "--rows", *rows, "--seeds", "1", "2", "--folder", str(tmp_path)])
    wanted = ("bfloat16" if has else "float32", "table1")
    assert asked == [(row, seed, *wanted) for seed in (1, 2) for row in reversed(rows)]


def test_bfloat16_is_refused_where_the_device_has_not_got_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    with pytest.raises(InputError, match="precision=float32"):
        precision.check_precision("bfloat16", torch.device("cpu"))
    precision.check_precision("float32", torch.device("cpu"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    precision.check_precision("bfloat16", torch.device("cpu"))


def test_bfloat16_changes_features_little_and_answers_in_float32():
    torch.manual_seed(0)
    network = MultiscaleVGG(LesaNetSpec(width=0.125)).to(memory_format=torch.channels_last)
    patches = torch.randn(3, 3, 120, 120).to(memory_format=torch.channels_last)
    boxes = torch.tensor([[40.0, 40.0, 80.0, 70.0]] * 3)
    exact = network(patches, boxes)
    network.bfloat16 = True
    found = network(patches, boxes)
    assert found.dtype == torch.float32
    apart = (found - exact).norm() / exact.norm()
    assert 0 < apart < 0.05
    found.square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in network.parameters())
