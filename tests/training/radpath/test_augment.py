"""Augmentation moves and turns cubes, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from lesionscope.training.radpath.augment import (
    NONE,
    PAD_HU,
    Augmentation,
    augment,
    centre_crop,
    pad_slabs,
)
from scipy.ndimage import rotate


@pytest.fixture(scope="module")
def cube():
    return np.random.default_rng(0).integers(-900, 100, (64, 64, 64)).astype(np.int16)


def test_no_augmentation_is_the_central_crop(cube):
    got = augment(cube, np.random.default_rng(1), NONE)
    np.testing.assert_array_equal(got, cube[8:56, 8:56, 8:56])


def test_translation_moves_by_whole_voxels(cube):
    settings = Augmentation(shift=8, flip=False, rotate90=False, pad=0)
    seen = set()
    for seed in range(60):
        got = augment(cube, np.random.default_rng(seed), settings)
        (start,) = np.argwhere((cube[:17, :17, :17] == got[0, 0, 0]) & _matches(cube, got))
        np.testing.assert_array_equal(got, centre_crop(cube, 48, tuple(start - 8)))
        seen.add(tuple(start))
    assert len(seen) > 50 and np.ptp(list(seen), axis=0).min() >= 12


def _matches(cube, crop):
    second = cube[47:64, 47:64, 47:64]
    return second == crop[-1, -1, -1]


def test_flips_and_quarter_turns_reach_all_48_symmetries():
    small = np.arange(4**3, dtype=np.int16).reshape(4, 4, 4)
    settings = Augmentation(shift=0, pad=0)
    seen = {augment(small, np.random.default_rng(s), settings, side=4).tobytes() for s in range(2000)}
    assert len(seen) == 48
    assert all(sorted(np.frombuffer(b, np.int16)) == list(range(64)) for b in seen)


def test_padding_is_slabs_at_one_face_or_two_opposite_ones():
    cube = np.zeros((48, 48, 48), dtype=np.int16)
    sides = []
    for seed in range(200):
        got = pad_slabs(cube, np.random.default_rng(seed), 16)
        padded = [np.all(got == PAD_HU, axis=tuple(a for a in range(3) if a != axis)) for axis in range(3)]
        (axis,) = [a for a in range(3) if padded[a].any()]
        low, high = padded[axis][:24].sum(), padded[axis][24:].sum()
        assert max(low, high) <= 16 and (got == PAD_HU).sum() == (low + high) * 48 * 48
        sides.append(int(low > 0) + int(high > 0))
    assert set(sides) == {1, 2} and cube.max() == cube.min() == 0


def test_a_free_rotation_equals_scipys_about_the_same_centre():
    grid = np.linspace(-1, 1, 64)
    square = grid[:, None, None] ** 2 + (grid[:, None] - 0.3) ** 2 + grid**2 * 3
    smooth = (500 * np.exp(-4 * square)).astype(np.int16)
    from lesionscope.training.radpath.augment import _rotated_crop

    angle = np.deg2rad(20)
    got = _rotated_crop(smooth, np.array([angle, 0, 0]), (0, 0, 0), 48)
    candidates = [
        rotate(smooth.astype(float), sign * 20, axes=(1, 2), reshape=False, order=1)[8:56, 8:56, 8:56]
        for sign in (-1, 1)
    ]
    assert min(np.abs(got - c).max() for c in candidates) <= 2
    assert (
        _rotated_crop(smooth, np.zeros(3), (2, -1, 0), 48).tolist()
        == centre_crop(smooth, 48, (2, -1, 0)).tolist()
    )


def test_the_same_generator_gives_the_same_cube(cube):
    settings = Augmentation(angle_deg=15, pad=0.5)
    a, b = (augment(cube, np.random.default_rng([3, 1, 4]), settings) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert a.shape == (48, 48, 48) and a.dtype == np.int16


@pytest.mark.parametrize(
    "bad", [{"shift": 9}, {"shift": -1}, {"pad": 1.5}, {"pad_voxels": 0}, {"angle_deg": 90}]
)
def test_impossible_settings_are_refused(bad):
    with pytest.raises(ValueError):
        Augmentation(**bad)


def test_a_crop_that_leaves_the_cube_is_refused(cube):
    with pytest.raises(ValueError, match="leaves a cube"):
        centre_crop(cube, 48, (9, 0, 0))
