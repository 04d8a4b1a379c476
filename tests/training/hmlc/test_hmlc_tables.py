"""Tables of HMLC cell by cell, with tiny cells."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from lesionscope.training.engine.cells import read_cells
from lesionscope.training.engine.claims import HELD, MISSING
from lesionscope.training.hmlc import cells
from lesionscope.training.hmlc.cells import SET, Settings, Table
from lesionscope.training.hmlc.metrics import CONDITIONED, HIGH, LEAF
from lesionscope.training.hmlc.published import CLAIMS, PUBLISHED, TITLES
from lesionscope.training.hmlc.table_text import report
from lesionscope.training.hmlc.trainer import Trainer

from lesionscope.errors import InputError

TINY = Settings(train=128, validation=64, test=96, share=0.125)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, Path]:
    folder = tmp_path_factory.mktemp("hmlc")
    table = Table(folder / "cells", folder / "runs", dataclasses.replace(TINY, cache=str(folder / "cache")))
    for row in ("hmlc-br-leaf", "hmlc-br-all", "hmlc-hlup-finetune", "hmlc-hlup-finetune-rescaled"):
        table.cell(row, 1)
    table.figure_3(1)
    return table, folder


def test_a_cell_holds_a_value_and_resamples_of_each_figure(made: tuple[Table, Path]) -> None:
    table, _ = made
    cell = table.cell("hmlc-hlup-finetune", 1)
    draws = cell["draws"][SET]
    assert set(draws) == {LEAF, HIGH, CONDITIONED}
    assert all(len(values) == cells.RESAMPLES + 1 for group in draws.values() for values in group.values())
    assert [entry["stage"] for entry in cell["epochs"]] == [0, 0, 1]
    assert len(cell["node_auc"]) == 19
    leaves = [cell["node_auc"][leaf] for leaf in table.tree.leaves]
    assert np.nanmean(leaves) == pytest.approx(draws[LEAF]["auc"][0], abs=2e-4)
    assert HIGH not in table.cell("hmlc-br-leaf", 1)["draws"][SET]
    assert len(table.cell("hmlc-br-leaf", 1)["node_auc"]) == 14


def test_rows_share_their_first_stage_and_end_as_if_they_had_not(made: tuple[Table, Path]) -> None:
    table, folder = made
    assert (folder / "runs" / "hlcp-2-seed1" / "checkpoint.pt").exists()
    recipe = table.settings.recipe("hmlc-hlup-finetune", 1)
    whole = Trainer(recipe, table.tree, table.images("train"), table.images("validation"), folder / "alone")
    alone = whole.fit().network.state_dict()
    shared = torch.load(folder / "runs" / "hlcp-2-hlup-1-seed1" / "checkpoint.pt", weights_only=True)
    assert all(torch.equal(alone[name], tensor) for name, tensor in shared["best"].items())


def test_a_cell_is_made_once_and_never_mixed_with_other_settings(made: tuple[Table, Path]) -> None:
    table, folder = made
    again = Table(table.folder, folder / "elsewhere", table.settings)
    assert again.cell("hmlc-br-all", 1) == table.cell("hmlc-br-all", 1)
    assert not (folder / "elsewhere").exists()
    other = Table(table.folder, folder / "elsewhere", dataclasses.replace(table.settings, train=200))
    with pytest.raises(InputError, match="train 128 and not 200"):
        other.cell("hmlc-br-all", 1)


def test_the_report_shows_the_paper_beside_ours(made: tuple[Table, Path]) -> None:
    table, _ = made
    text = report(read_cells(table.folder), read_cells(table.folder, "figure3-*.json"))
    assert "| BR-leaf |" in text and "(0.871)" in text and "| HLUP-finetune |" in text
    assert "| HLCP |" not in text
    assert MISSING in text
    assert text.count("\n| ") == 1 + 4 + 1 + len(CLAIMS) + 1 + 19


def test_figure_3_compares_the_scores_of_its_two_rows(made: tuple[Table, Path]) -> None:
    table, _ = made
    nodes = table.figure_3(1)["nodes"]
    for row, place in (("hmlc-br-all", 0), ("hmlc-hlup-finetune", 1)):
        own = table.cell(row, 1)["node_auc"]
        assert all(nodes[tag][place] == pytest.approx(own[tag], abs=1e-4, nan_ok=True) for tag in nodes)


def test_a_claim_is_judged_on_the_figures_of_its_rows() -> None:
    from lesionscope.training.engine.claims import judge

    def cell(row: str, level: float) -> dict[str, object]:
        noise = np.random.default_rng(0).normal(0, 0.001, 50)
        return {"row": row, "seed": 1, "draws": {SET: {LEAF: {"auc": [level, *(level + noise)]}}}}

    (verdict,) = judge([cell("hmlc-hlup-finetune", 0.9), cell("hmlc-br-leaf", 0.8)], CLAIMS[:1], (SET,))
    assert (verdict.verdict, verdict.difference) == (HELD, 0.1)


def test_every_row_is_a_recipe_and_has_the_paper_s_figure() -> None:
    assert set(PUBLISHED) == set(TITLES)
    for row in TITLES:
        recipe = TINY.recipe(row, 1)
        assert recipe.name == row
        assert recipe.epochs == (3 if len(recipe.stages) == 2 else 2)
    assert {claim.more.row for claim in CLAIMS} | {claim.less.row for claim in CLAIMS} == set(TITLES)
