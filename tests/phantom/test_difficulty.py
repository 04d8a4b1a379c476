from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lesionscope.phantom.cases import VERSION
from lesionscope.phantom.cubes import cubes
from lesionscope.phantom.difficulty import auc, baseline_aucs, main, oracle_aucs, recorded
from lesionscope.phantom.latents import LEAVES


def test_auc_against_pair_counting() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.4
    score = np.round(rng.normal(size=60) + positive, 1)
    pairs = score[positive][:, None] - score[~positive][None, :]
    assert auc(positive, score) == pytest.approx(float((pairs > 0).mean() + 0.5 * (pairs == 0).mean()))


def test_recorded_difficulty_meets_the_promise() -> None:
    figures = recorded()
    assert figures["phantom_version"] == VERSION
    assert 0.92 <= figures["oracle"]["mean_leaf_auc"] <= 0.97
    assert figures["baseline"]["mean_leaf_auc"] <= 0.75
    assert set(figures["oracle"]["leaf_auc"]) == set(LEAVES)
    assert figures["test"]["n"] >= 2200


def test_oracle_recomputed_on_fewer_cases() -> None:
    aucs = oracle_aucs("test", 330)
    assert np.mean(list(aucs.values())) == pytest.approx(recorded()["oracle"]["mean_leaf_auc"], abs=0.025)


@pytest.mark.slow
def test_baseline_recomputed_on_fewer_cases() -> None:
    train, held_out = (cubes(split, 440, workers=2, shape=(48, 48, 48)) for split in ("train", "test"))
    mean = np.mean(list(baseline_aucs(train, held_out).values()))
    assert mean == pytest.approx(recorded()["baseline"]["mean_leaf_auc"], abs=0.04)
    assert mean <= 0.75


def test_command_writes_what_it_measures(tmp_path: Path) -> None:
    out = tmp_path / "difficulty.json"
    assert main(["--train", "22", "--test", "11", "--workers", "1", "--out", str(out)]) == 0
    assert '"oracle"' in out.read_text(encoding="utf-8")
