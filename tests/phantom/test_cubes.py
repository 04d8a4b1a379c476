from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lesionscope.errors import InputError, UsageError
from lesionscope.ontology.tree import load_tree
from lesionscope.phantom.cubes import CubeSet, cubes
from lesionscope.phantom.radpath import LEAVES, SPLITS, case, cube, leaf_frequencies, leaf_of, scan, seeds


def test_leaves_are_the_trees() -> None:
    assert set(LEAVES) == set(load_tree().leaves)


def test_two_workers_make_the_bytes_that_one_makes(few_cubes: CubeSet, tmp_path: Path) -> None:
    shape = few_cubes.hu.shape[1:]
    other = cubes("train", len(few_cubes), workers=2, cache=tmp_path, shape=shape)
    assert other.hu.tobytes() == few_cubes.hu.tobytes()
    assert other.leaf == few_cubes.leaf
    assert all(np.array_equal(other.latents[k], few_cubes.latents[k]) for k in few_cubes.latents)
    files = sorted(path.suffix for path in tmp_path.iterdir())
    assert files == [".json", ".npy"]
    calls: list[int] = []
    again = cubes(
        "train", 22, workers=2, cache=tmp_path, shape=shape, progress=lambda done, *_: calls.append(done)
    )
    assert not calls, "a cached set is read, not made again"
    assert again.hu.tobytes() == few_cubes.hu.tobytes()


def test_a_damaged_cache_is_named(tmp_path: Path) -> None:
    cubes("train", 1, workers=1, cache=tmp_path, shape=(8, 8, 8))
    (table,) = tmp_path.glob("*.json")
    table.write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="radpath-train"):
        cubes("train", 1, workers=1, cache=tmp_path, shape=(8, 8, 8))


def test_balanced_counts_are_equal(few_cubes: CubeSet) -> None:
    assert {few_cubes.leaf.count(leaf) for leaf in LEAVES} == {2}
    for split in SPLITS:
        counts = [0] * len(LEAVES)
        for seed in seeds(split, 1100, 33):
            counts[LEAVES.index(leaf_of(seed))] += 1
        assert set(counts) == {100}


def test_splits_share_no_patient() -> None:
    ranges = [seeds(split, 100_000_000) for split in SPLITS]
    for number, one in enumerate(ranges):
        for other in ranges[number + 1 :]:
            assert one.stop <= other.start or other.stop <= one.start
    with pytest.raises(UsageError):
        seeds("train", 1, 100_000_000)
    with pytest.raises(UsageError, match="validation"):
        seeds("dev", 1)


def test_table_1_frequencies() -> None:
    chances = dict(zip(LEAVES, leaf_frequencies("table1"), strict=True))
    assert chances["H4a"] == pytest.approx(2088 / 5134, abs=1e-3)
    assert chances["H2d"] == pytest.approx(20 / 5134, abs=1e-3)
    drawn = [leaf_of(seed, "table1") for seed in range(2000)]
    assert drawn.count("H4a") / 2000 == pytest.approx(chances["H4a"], abs=0.04)
    with pytest.raises(UsageError, match="table1"):
        leaf_frequencies("real")


def test_cubes_look_like_lung(few_cubes: CubeSet) -> None:
    assert few_cubes.hu.dtype == np.int16
    assert few_cubes.hu.min() >= -1024 and few_cubes.hu.max() <= 3071
    assert (few_cubes.hu < -650).mean() > 0.2
    assert len({few_cubes.hu[i].tobytes() for i in range(22)}) == 22
    measured = few_cubes.latents["equivalent_diameter_mm"]
    assert np.corrcoef(measured, few_cubes.latents["diameter_mm"])[0, 1] > 0.6
    assert set(few_cubes.scanner) == {"pixel_mm", "slice_step_mm", "thickness_mm", "kernel", "noise_hu"}


def test_one_in_ten_is_padded_and_its_cube_shows_it() -> None:
    drawn = [case(seed) for seed in range(300)]
    padded = [c for c in drawn if c.padded is not None]
    assert 0.05 < len(padded) / len(drawn) < 0.16
    for of in padded[:3]:
        assert of.padded is not None
        axis, side, edge = of.padded
        array_axis = 2 - axis
        hu = np.moveaxis(cube(of, (48, 48, 48)), array_axis, 0)
        missing = (hu == -1024).all(axis=(1, 2))
        if side < 0:
            missing = missing[::-1]
        step = of.scanner.slice_step_mm if axis == 2 else of.scanner.pixel_mm
        # Sample n lies n - 23.5 mm from the centroid; a slice reaches half a step beyond its centre.
        assert missing[: int(23.5 + edge - step)].sum() == 0
        assert missing[int(np.ceil(23.5 + edge + 1.5 * step)) :].all()


def test_a_case_is_its_seeds() -> None:
    one, other = case(123), case(123)
    assert one == other
    assert case(123, "H3b").leaf == "H3b"
    assert np.array_equal(cube(one, (16, 16, 16)), cube(other, (16, 16, 16)))
    with pytest.raises(UsageError, match="H9"):
        case(1, "H9")


def test_scans_vary_and_noise_is_as_asked() -> None:
    drawn = [case(seed).scanner for seed in range(60)]
    assert len({s.kernel for s in drawn}) == 3
    assert {s.slice_step_mm for s in drawn} >= {1.0, 1.25, 2.0}
    of = case(3)
    one = scan(of, (12.0, 12.0, 12.0))
    assert one.volume.geometry.slice_thickness_mm == of.scanner.thickness_mm
