"""Chest projections: chords against sampled rays, every finding's mark, labels, splits, cache."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from lesionscope.ontology.tree import CHEST_XRAY, load_bundled_tree
from lesionscope.phantom.chest import Chest
from lesionscope.phantom.projections import LEAVES, projection, projections
from lesionscope.phantom.xray import profiles
from lesionscope.phantom.xray.chords import SIDE, Build, X, Z, body, cavity, lung, splat

Y = np.arange(-170, 190, 0.5)


def sampled(distance: object, row: int) -> np.ndarray:
    """Path inside a signed distance along each ray of a row, by counting samples."""
    x = np.broadcast_to(X.T, (SIDE, len(Y))).astype(np.float32)
    y = np.broadcast_to(Y, x.shape).astype(np.float32)
    return (distance(x, y, np.full_like(x, Z[row, 0])) < 0).sum(axis=1) * 0.5  # type: ignore[operator]


@pytest.mark.parametrize("seed", [3, 4])
def test_paths_are_those_through_the_implicit_chest(seed: int) -> None:
    p = Chest(seed).patient
    for row in range(2, SIDE, 11):
        assert np.abs(sampled(p.lung, row) - lung(Build(p))[row]).max() < 1.1
        assert np.abs(sampled(p.cavity, row) - 2 * cavity(p)[row]).max() < 1.1
        assert np.abs(sampled(p.body, row) - body(p)[0]).max() < 1.1


def test_a_larger_heart_and_a_higher_dome_leave_less_lung() -> None:
    p = Chest(5).patient
    whole = lung(Build(p)).sum()
    assert lung(Build(replace(p, heart=1.4 * p.heart))).sum() < 0.97 * whole
    assert lung(Build(replace(p, base_left=p.base_left + 25))).sum() < 0.97 * whole
    assert lung(Build(p, bow=0.5)).sum() != whole


def test_what_is_spread_over_pixels_is_all_there() -> None:
    rng = np.random.default_rng(0)
    x, z, volume = rng.uniform(-100, 100, 50), rng.uniform(-100, 100, 50), rng.uniform(1, 9, 50)
    assert np.isclose(splat(x, z, volume).sum() * 3.7**2, volume.sum())


def test_leaves_are_the_tree_s_and_chances_are_chances() -> None:
    assert load_bundled_tree(CHEST_XRAY).leaves == LEAVES
    assert np.isclose(sum(share for share, _ in profiles.PROFILES.values()), 1)
    for name in profiles.PROFILES:
        assert all(0 < chance < 1 for chance in profiles.chances(name).values())


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_finding_changes_the_picture(leaf: str) -> None:
    """Beyond what the detector's noise, which both pictures share, could explain."""
    changes = []
    for seed in range(6):
        without, shown = projection(seed, ()), projection(seed, (leaf,))
        assert (without.findings, shown.findings) == ((), (leaf,))
        changes.append(np.abs(shown.image.astype(int) - without.image).max() / 10)
    assert min(changes) > 1.0
    assert np.median(changes) > 4.0


def test_findings_that_go_together_do() -> None:
    drawn = [set(profiles.draw(np.random.default_rng([seed, 3]))) for seed in range(6000)]
    table = np.array([[leaf in one for leaf in LEAVES] for one in drawn])
    share = table.mean(axis=0)
    assert (share > 0.02).all() and (share < 0.25).all()
    expected = sum(
        part * np.array(list(profiles.chances(name).values()))
        for name, (part, _) in profiles.PROFILES.items()
    )
    np.testing.assert_allclose(share, expected, atol=4 * np.sqrt(0.25 * 0.25 / 6000))
    column = {leaf: table[:, number].astype(float) for number, leaf in enumerate(LEAVES)}
    assert pearsonr(column["mass"], column["hilar"]).statistic > 0.1
    assert pearsonr(column["cardiac"], column["pleural-fluid"]).statistic > 0.1
    assert pearsonr(column["copd"], column["cardiac"]).statistic < 0.05


def test_a_seed_gives_one_picture() -> None:
    first, again = projection(11), projection(11)
    assert first.image.tobytes() == again.image.tobytes() and first.findings == again.findings
    assert first.image.shape == (SIDE, SIDE) and first.image.dtype == np.int16
    assert first.image.tobytes() != projection(12).image.tobytes()


def test_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    program = (
        "import sys; from lesionscope.phantom.projections import projections\n"
        "if __name__ == '__main__': projections('test', 10, workers=2, cache=sys.argv[1])\n"
    )
    script = tmp_path / "make.py"
    script.write_text(program, encoding="utf-8")
    subprocess.run([sys.executable, str(script), str(tmp_path / "cache")], check=True)
    alone = projections("test", 10, workers=1)
    together = projections("test", 10, workers=1, cache=tmp_path / "cache")
    assert alone.images.tobytes() == together.images.tobytes()
    assert np.array_equal(alone.labels, together.labels)


def test_a_cache_serves_fewer_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    whole = projections("train", 5, workers=1, cache=tmp_path)
    some = projections("train", 3, workers=1, cache=tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 1
    assert np.array_equal(some.images, whole.images[:3]) and np.array_equal(some.seeds, whole.seeds[:3])
    next(tmp_path.glob("*.json")).write_text("[]", encoding="utf-8")
    with pytest.raises(Exception, match="delete them"):
        projections("train", 3, workers=1, cache=tmp_path)


def test_splits_share_no_patient() -> None:
    sets = {s: set(projections(s, 4, workers=1).seeds.tolist()) for s in ("train", "validation", "test")}
    assert len(set.union(*sets.values())) == 12
